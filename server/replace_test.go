package server_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// outerKeys returns the torrent with one outer key more, a comment, and with its
// piece layers only if it shall have them.
func outerKeys(t *testing.T, torrent []byte, comment string, layers bool) []byte {
	t.Helper()
	parsed := parse(t, torrent)
	offset, length := parsed.InfoSpan()
	keys := torrenttest.Dict{"comment": comment, "info": torrenttest.Raw(torrent[offset : offset+length])}
	if at := bytes.Index(torrent, []byte("12:piece layers")); layers && at >= 0 {
		keys["piece layers"] = torrenttest.Raw(torrent[at+len("12:piece layers") : len(torrent)-1])
	}
	return torrenttest.Bencode(keys)
}

func parse(t *testing.T, torrent []byte) *metainfo.Torrent {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// itemOf is the torrent as another server stores it.
func itemOf(t *testing.T, torrent []byte, rank store.Rank) store.Item {
	t.Helper()
	parsed := parse(t, torrent)
	offset, length := parsed.InfoSpan()
	return store.Item{IDs: parsed.IDs(), Torrent: torrent, InfoOffset: offset, InfoLength: length, Rank: rank}
}

func putDirectly(t *testing.T, h *servertest.Harness, it store.Item) {
	t.Helper()
	if err := h.Store.Store.Put(t.Context(), []store.Item{it})[0].Err; err != nil {
		t.Error(err)
	}
}

func storedOf(t *testing.T, h *servertest.Harness, torrent []byte) store.Torrent {
	t.Helper()
	got, err := h.Store.Store.Get(t.Context(), parse(t, torrent).IDs().Primary(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// overKeyed runs test against servers to which everybody may upload, with a
// context of a writer with a key.
func overKeyed(t *testing.T, test func(t *testing.T, h *servertest.Harness, keyed context.Context)) {
	t.Helper()
	servertest.OverGated(t, access.Read|access.Write, func(t *testing.T, h *servertest.Harness, _ *access.Gate, key func(access.Roles) context.Context) {
		test(t, h, key(access.Write))
	})
}

// The file with the higher rank ends with its own other keys, and with the piece layers that either
// file has.
func TestReplacingByRank(t *testing.T) {
	const replaced, already = torrentcachev1.Outcome_OUTCOME_REPLACED, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED
	v1, v2, hybrid := torrenttest.V1("a"), torrenttest.V2("b"), torrenttest.Hybrid("c")
	large := strings.Repeat("x", servertest.MaxSize-len(outerKeys(t, v2, "", false))-10) // no room for layers
	for name, c := range map[string]struct {
		before, upload []byte
		want           torrentcachev1.Outcome
		after          []byte
		rank           store.Rank
	}{
		"v1": {outerKeys(t, v1, "1", true), outerKeys(t, v1, "2", true), replaced, outerKeys(t, v1, "2", true), store.RankKeyed},
		"layers in both": {
			outerKeys(t, hybrid, "1", true), outerKeys(t, hybrid, "2", true), replaced, outerKeys(t, hybrid, "2", true), store.RankKeyed},
		"layers in the stored one": {
			outerKeys(t, hybrid, "1", true), outerKeys(t, hybrid, "2", false), replaced, outerKeys(t, hybrid, "2", true), store.RankKeyed},
		"layers in the upload": {
			outerKeys(t, v2, "1", false), outerKeys(t, v2, "2", true), replaced, outerKeys(t, v2, "2", true), store.RankKeyed},
		"layers in neither": {
			outerKeys(t, v2, "1", false), outerKeys(t, v2, "2", false), replaced, outerKeys(t, v2, "2", false), store.RankKeyed},
		"the stored one but for its layers": {
			outerKeys(t, v2, "1", true), outerKeys(t, v2, "1", false), already, outerKeys(t, v2, "1", true), store.RankKeyed},
		"the same": {
			outerKeys(t, v2, "1", true), outerKeys(t, v2, "1", true), already, outerKeys(t, v2, "1", true), store.RankKeyed},
		"no room for the layers": {
			outerKeys(t, v2, "1", true), outerKeys(t, v2, large, false), already, outerKeys(t, v2, "1", true), store.RankAnonymous},
	} {
		t.Run(name, func(t *testing.T) {
			overKeyed(t, func(t *testing.T, h *servertest.Harness, keyed context.Context) {
				h.Put(t, c.before)
				answer, err := h.Cache.CacheTorrent(keyed, &torrentcachev1.CacheTorrentRequest{Torrent: c.upload})
				if err != nil || answer.GetOutcome() != c.want {
					t.Errorf("%v, %v; want %s", answer, err, c.want)
				}
				got := storedOf(t, h, c.before)
				if !bytes.Equal(got.Bytes, c.after) || got.Rank != c.rank {
					t.Errorf("stored are %d bytes of rank %d, want %d of rank %d", len(got.Bytes), got.Rank, len(c.after), c.rank)
				}
			})
		})
	}
}

// A file that was stored under older rules need not be a torrent by the rules of today.
func TestReplacingWhatDoesNotParse(t *testing.T) {
	torrent := torrenttest.V2("a")
	overKeyed(t, func(t *testing.T, h *servertest.Harness, keyed context.Context) {
		old := itemOf(t, torrent, store.RankAnonymous)
		old.Torrent, old.InfoOffset = append([]byte("?"), torrent...), old.InfoOffset+1
		putDirectly(t, h, old)
		answer, err := h.Cache.CacheTorrent(keyed, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		if err != nil || answer.GetOutcome() != torrentcachev1.Outcome_OUTCOME_REPLACED {
			t.Errorf("%v, %v", answer, err)
		}
		if got := storedOf(t, h, torrent); !bytes.Equal(got.Bytes, torrent) {
			t.Errorf("stored is %.20q", got.Bytes)
		}
	})
}

// A change between the look at the stored file and the put loses nothing either.
func TestReplacingRetriesWhenTheRecordChanges(t *testing.T) {
	whole := torrenttest.Hybrid("a")
	upload := outerKeys(t, whole, "by key", false)
	for name, change := range map[string]func(t *testing.T, h *servertest.Harness, current store.Version){
		"completed": func(t *testing.T, h *servertest.Harness, current store.Version) {
			it := itemOf(t, outerKeys(t, whole, "by anyone", true), store.RankAnonymous)
			it.Replaces = current
			putDirectly(t, h, it)
		},
		"gone and back": func(t *testing.T, h *servertest.Harness, _ store.Version) {
			id := parse(t, whole).IDs().Primary()
			if err := storetest.Remove(t.Context(), h.Store, id, store.Removal{Erase: true}); err != nil {
				t.Error(err)
			}
			if err := storetest.Restore(t.Context(), h.Store, id); err != nil {
				t.Error(err)
			}
			putDirectly(t, h, itemOf(t, outerKeys(t, whole, "by anyone", true), store.RankAnonymous))
		},
	} {
		t.Run(name, func(t *testing.T) {
			overKeyed(t, func(t *testing.T, h *servertest.Harness, keyed context.Context) {
				h.Put(t, outerKeys(t, whole, "by anyone", false))
				raced := 0
				h.Store.SetPut(func(ctx context.Context, items []store.Item) []store.Result {
					if items[0].Replaces != (store.Version{}) && raced == 0 {
						raced++
						change(t, h, items[0].Replaces)
					}
					return h.Store.Store.Put(ctx, items)
				})
				answer, err := h.Cache.CacheTorrent(keyed, &torrentcachev1.CacheTorrentRequest{Torrent: upload})
				if err != nil || answer.GetOutcome() != torrentcachev1.Outcome_OUTCOME_REPLACED || raced != 1 {
					t.Errorf("%v, %v; raced %d times", answer, err, raced)
				}
				if got := storedOf(t, h, whole); !bytes.Equal(got.Bytes, outerKeys(t, whole, "by key", true)) {
					t.Errorf("stored is %.60q", got.Bytes)
				}
			})
		})
	}
}

// Of two uploads with a key the first one stays. The second may meet it when it has found that it
// outranks the stored file, or when it is about to take that file's place.
func TestReplacingMeetsItsEqual(t *testing.T) {
	whole := torrenttest.V1("a")
	stored, second := outerKeys(t, whole, "stored", false), outerKeys(t, whole, "second", false)
	for name, test := range map[string]struct {
		first       []byte
		conditional bool // it comes before the put that is conditional, else after the one that is not
	}{
		"found": {outerKeys(t, whole, "first", false), false}, "confirmed, found": {stored, false}, "confirmed": {stored, true},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in a stream %t", name, stream), func(t *testing.T) {
				overKeyed(t, func(t *testing.T, h *servertest.Harness, keyed context.Context) {
					h.Put(t, stored)
					first := itemOf(t, test.first, store.RankKeyed)
					first.Replaces = store.VersionOf(stored)
					var once sync.Once
					h.Store.SetPut(func(ctx context.Context, items []store.Item) []store.Result {
						if conditional := items[0].Replaces != (store.Version{}); conditional && test.conditional {
							once.Do(func() { putDirectly(t, h, first) })
						}
						results := h.Store.Store.Put(ctx, items)
						if !test.conditional {
							once.Do(func() { putDirectly(t, h, first) })
						}
						return results
					})
					request := &torrentcachev1.CacheTorrentRequest{Torrent: second}
					if stream {
						cacheAllAs(t, h, keyed, &torrentcachev1.CacheTorrentsRequest{Torrent: second})
					} else if _, err := h.Cache.CacheTorrent(keyed, request); err != nil {
						t.Error(err)
					}
					if got := storedOf(t, h, whole); !bytes.Equal(got.Bytes, test.first) || got.Rank != store.RankKeyed {
						t.Errorf("stored is %.60q, rank %d", got.Bytes, got.Rank)
					}
				})
			})
		}
	}
}

// An upload that meets a change each time gives up.
func TestReplacingGivesUp(t *testing.T) {
	overKeyed(t, func(t *testing.T, h *servertest.Harness, keyed context.Context) {
		h.Put(t, withOuterKey("x0"))
		h.Store.SetPut(func(ctx context.Context, items []store.Item) []store.Result {
			if items[0].Replaces != (store.Version{}) {
				return []store.Result{{Err: store.ErrChanged}}
			}
			return h.Store.Store.Put(ctx, items)
		})
		_, err := h.Cache.CacheTorrent(keyed, &torrentcachev1.CacheTorrentRequest{Torrent: withOuterKey("x1")})
		if err == nil || !strings.Contains(err.Error(), "being changed") {
			t.Errorf("got %v", err)
		}
	})
}

// An upload that outranks the stored file replaces it in a stream, too.
func TestReplacingInAStream(t *testing.T) {
	overKeyed(t, func(t *testing.T, h *servertest.Harness, keyed context.Context) {
		var want [][]byte
		var items []*torrentcachev1.CacheTorrentsRequest
		for n := range 21 {
			name := fmt.Sprint(n)
			torrent := [][]byte{torrenttest.V1(name), torrenttest.V2(name), torrenttest.Hybrid(name)}[n%3]
			h.Put(t, outerKeys(t, torrent, "1", true))
			want = append(want, outerKeys(t, torrent, "2", true))
			items = append(items, &torrentcachev1.CacheTorrentsRequest{Torrent: outerKeys(t, torrent, "2", n%2 == 0)})
		}
		for i, result := range cacheAllAs(t, h, keyed, items...) {
			if told(result) != "OUTCOME_REPLACED" {
				t.Errorf("item %d: %s", i, told(result))
			}
		}
		for i, torrent := range want {
			if got := storedOf(t, h, torrent); !bytes.Equal(got.Bytes, torrent) || got.Rank != store.RankKeyed {
				t.Errorf("item %d: stored is %.60q", i, got.Bytes)
			}
		}
	})
}

// An upload with a key replaces an anonymous one, not the other way round.
func TestWriterWithAKeyOutranksOthers(t *testing.T) {
	servertest.OverGated(t, access.Read|access.Write, func(t *testing.T, h *servertest.Harness, _ *access.Gate, key func(access.Roles) context.Context) {
		anonymous, keyed, late := withOuterKey("x1"), withOuterKey("x2"), withOuterKey("x3")
		upload := func(ctx context.Context, torrent []byte, want torrentcachev1.Outcome) string {
			t.Helper()
			answer, err := h.Cache.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
			if err != nil || answer.GetOutcome() != want {
				t.Fatalf("%v, %v", answer, err)
			}
			return answer.GetInfoHash()
		}
		upload(t.Context(), anonymous, torrentcachev1.Outcome_OUTCOME_CREATED)
		hash := upload(key(access.Write), keyed, torrentcachev1.Outcome_OUTCOME_REPLACED)
		upload(t.Context(), late, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED)
		upload(key(access.Write), late, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED)
		got, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		if err != nil || !bytes.Equal(got.GetTorrent(), keyed) {
			t.Errorf("the writer's torrent is not what is stored: %v", err)
		}
	})
}

// withOuterKey returns one torrent, always of the same info hash, with that key of
// two letters beside the info dictionary.
func withOuterKey(key string) []byte {
	return fmt.Appendf(bytes.TrimSuffix(torrenttest.V1("a"), []byte("e")), "2:%s1:xe", key)
}
