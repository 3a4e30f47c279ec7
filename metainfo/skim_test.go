package metainfo

import (
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// FuzzSkim holds that skimming changes nothing of what is found or said.
func FuzzSkim(f *testing.F) {
	file := torrenttest.File{Path: "a/b", Data: torrenttest.Data(1, 100)}
	for _, seed := range [][]byte{torrenttest.V1("v1", file, file), torrenttest.V2("v2", file, file), torrenttest.Hybrid("hybrid"),
		[]byte("d4:infod5:filesld1:ai-1e1:bi00000000000000000000001e1:cl0:00:e1:dd1:eleeee4:name1:aee"), []byte("d4:infod5:filesld1:aeeee"),
		[]byte("d4:infod5:filesld1:a9999999999999999:eeee"), []byte("d4:infod5:filesldi1ei1eeeee"), []byte("d4:infod5:filesll"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		quick, slow := scanner{b: b}, scanner{b: b}
		got, want := quick.scan(), slow.scanByToken()
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Fatalf("%v, token by token: %v", got, want)
		}
		if quick.marks != slow.marks || quick.pos != slow.pos || quick.tokens != slow.tokens {
			t.Errorf("%+v, token by token: %+v", quick.marks, slow.marks)
		}
	})
}

// scanByToken is scan without skim.
func (s *scanner) scanByToken() *Error {
	if err := s.checkStart(); err != nil {
		return err
	}
	for {
		if err := s.token(); err != nil {
			return err
		}
		if s.depth == 0 {
			return nil
		}
	}
}
