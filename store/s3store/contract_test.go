package s3store

import (
	"fmt"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

func TestContract(t *testing.T) {
	e := newEngine(t)
	options := map[store.Store]Options{}
	openAs := func(t *testing.T, o Options) store.Store {
		o.RequestTimeout = patience // the contract has no deadlines, and the machine may be busy
		if e.handler != nil {
			o.Transport = direct{e.handler}
		}
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		s.callTime = 10 * patience
		options[s] = o
		return s
	}
	storetest.Run(t, storetest.Opener{
		Open: func(t *testing.T, clock func() time.Time) store.Store {
			return openAs(t, e.options(fmt.Sprintf("contract/%d/", prefixes.Add(1)), clock))
		},
		Reopen: func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openAs(t, options[s])
		},
		Damage: func(t *testing.T, s store.Store, id infohash.ID) {
			overwriteRaw(t, s.(*Store), objectKey(id), func(body []byte) []byte {
				body[len(body)-1] ^= 1
				return body
			})
		},
	})
}
