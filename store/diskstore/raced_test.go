//go:build race

package diskstore

// raced says that the race detector is on, which makes tests five times slower. Tests that
// go through very many states with one goroutine have nothing to tell it: they return at
// once. make unit runs all tests of this package without it, too.
const raced = true
