package httpx_test

import (
	"bytes"
	"io"
	"sync"
	"testing"

	"github.com/torrentcache/torrentcache/internal/httpx"
)

// Bodies that are read at the same time do not share memory, also after others were given back.
// Under the race detector this also finds memory that is given back while somebody reads it.
func TestReuse(t *testing.T) {
	var all sync.WaitGroup
	for reader := range 8 {
		all.Go(func() {
			for round := range 200 {
				want := bytes.Repeat([]byte{byte(reader)}, round*100)
				got, err := httpx.ReadAll(bytes.NewReader(want), int64(len(want)+round%3*50))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
				}
				httpx.Reuse(got)
			}
		})
	}
	all.Wait()
}

// Memory that is given back is of the size that the next body expects.
func TestReuseTakesBackOnlyWhatWasRead(t *testing.T) {
	for _, b := range [][]byte{nil, {}, make([]byte, 5000), make([]byte, 1<<20), bytes.Repeat([]byte("x"), 1<<13)[1:]} {
		httpx.Reuse(b)
	}
	for _, n := range []int{0, 4095, 4096, 8191, 8192, 100_000} {
		got, err := httpx.ReadAll(io.LimitReader(zeros{}, int64(n)), int64(n))
		if err != nil || len(got) != n {
			t.Errorf("%d bytes of %d, %v", len(got), n, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
