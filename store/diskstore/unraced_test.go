//go:build !race

package diskstore

const raced = false
