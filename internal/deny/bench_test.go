package deny

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
)

// numbered is the n-th of many ids.
func numbered(n int) infohash.ID {
	return infohash.V1(sha1.Sum(binary.BigEndian.AppendUint64(nil, uint64(n))))
}

// writeMany writes a list of n lines.
func writeMany(tb testing.TB, n int, line func(infohash.ID) string) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "list")
	file, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(file)
	for i := range n {
		fmt.Fprintln(w, line(numbered(i)))
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
	return name
}

func hashed(id infohash.ID) string { return fmt.Sprintf("//%x", digestOf(id)) }

func BenchmarkRead(b *testing.B) {
	const lines = 1_000_000
	for name, line := range map[string]func(infohash.ID) string{"hashes": infohash.ID.String, "digests": hashed} {
		b.Run(name, func(b *testing.B) {
			file := writeMany(b, lines, line)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := read(file); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	for name, line := range map[string]func(infohash.ID) string{"hashes": infohash.ID.String, "digests": hashed} {
		b.Run(name, func(b *testing.B) {
			l, err := Open(Options{Files: []string{writeMany(b, 1_000_000, line)}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.Find(numbered(i))
			}
		})
	}
}
