//go:build race

package diskstore

// raced says that the race detector is on, which makes tests five times slower: those that
// go through every crash and every fault then take fewer of them. make unit runs all of
// them without it.
const raced = true
