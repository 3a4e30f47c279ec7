package diskstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// benchSize is the size in bytes of the torrents in benchmarks, the mean of
// real ones.
const benchSize = 32 << 10

// benchOptions returns options as in production, in a folder on the real disk.
func benchOptions(b *testing.B) Options {
	o := onDisk(vfs.Default, b.TempDir())
	o.SegmentSize, o.CacheSize, o.MinFreeSpace = 0, 0, 0
	return o
}

// share runs b.N calls of do in so many goroutines.
func share(b *testing.B, goroutines int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range goroutines {
		group.Go(func() {
			for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
				do(i)
			}
		})
	}
	group.Wait()
	b.StopTimer()
}

// BenchmarkPut measures durable puts, one torrent a call.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := mustOpen(b, benchOptions(b))
			items := make([]store.Item, b.N+1)
			for i := range items {
				items[i] = storetest.Torrent(storetest.V1, rand.Uint64(), benchSize, 0)
			}
			b.SetBytes(benchSize)
			share(b, writers, func(i int) {
				if r := s.Put(b.Context(), items[i:i+1])[0]; r.Err != nil {
					b.Error(r.Err)
				}
			})
		})
	}
}

// BenchmarkRawAppend is the yardstick of BenchmarkPut: the same bytes in the
// same groups, appended and synced with nothing around it.
func BenchmarkRawAppend(b *testing.B) {
	for _, group := range []int{1, 64, 128} {
		b.Run(fmt.Sprintf("group=%d", group), func(b *testing.B) {
			f, err := vfs.Default.OpenReadWrite(filepath.Join(b.TempDir(), "log"), files.WriteCategory)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			buffer := make([]byte, group*benchSize)
			for i := range buffer {
				buffer[i] = byte(rand.Uint32())
			}
			b.SetBytes(benchSize)
			b.ResetTimer()
			offset := int64(0)
			for done := 0; done < b.N; done += group {
				n := min(group, b.N-done) * benchSize
				if err := errors.Join(files.WriteRecords(f, buffer[:n], offset), files.SyncRecords(f)); err != nil {
					b.Fatal(err)
				}
				offset += int64(n)
			}
		})
	}
}

// BenchmarkGet measures reads from the page cache.
func BenchmarkGet(b *testing.B) {
	const torrents = 4000
	s := mustOpen(b, benchOptions(b))
	ids := make([]infohash.ID, torrents)
	items := make([]store.Item, torrents)
	for i := range items {
		items[i] = storetest.Torrent(storetest.V1, uint64(i), benchSize, 0)
		ids[i] = items[i].IDs.V1
	}
	for _, r := range s.Put(b.Context(), items) {
		if r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	for _, readers := range []int{1, 64} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			b.SetBytes(benchSize)
			share(b, readers, func(int) {
				if _, err := s.Get(b.Context(), ids[rand.IntN(torrents)], nil); err != nil {
					b.Error(err)
				}
			})
		})
	}
	b.Run("unknown", func(b *testing.B) {
		unknown := storetest.Torrent(storetest.V1, 1<<40, 1, 0).IDs.All()
		for range b.N {
			if has, err := s.Has(b.Context(), unknown); err != nil || has[0].Found() {
				b.Fatal(has, err)
			}
		}
	})
}

// BenchmarkPlainFiles is the yardstick of BenchmarkGet: the same bytes in a file
// each, in folders of 256 by 256, opened, read and closed.
func BenchmarkPlainFiles(b *testing.B) {
	const torrents = 4000
	dir := b.TempDir()
	names := make([]string, torrents)
	for i := range names {
		item := storetest.Torrent(storetest.V1, uint64(i), benchSize, 0)
		name := item.IDs.V1.String()
		names[i] = filepath.Join(dir, name[:2], name[2:4], name+".torrent")
		if err := os.MkdirAll(filepath.Dir(names[i]), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(names[i], item.Torrent, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, readers := range []int{1, 64} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			b.SetBytes(benchSize)
			share(b, readers, func(int) {
				if _, err := os.ReadFile(names[rand.IntN(torrents)]); err != nil {
					b.Error(err)
				}
			})
		})
	}
}
