package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/mirror"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// patience bounds every wait for something that surely happens.
const patience = 30 * time.Second

// node is a server over a store in memory.
type node struct {
	t     *testing.T
	store store.Store
	srv   *server.Server
	sync  torrentcachev1.SyncServiceClient
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, store: memstore.New()}
	n.srv = server.New(server.Options{Store: n.store, MaxTorrentSize: 1_000_000, Logger: silent})
	n.sync = torrentcachev1.NewSyncServiceClient(rpc.InProcess(rpc.Chain{}, 10_000_000, n.srv.RegisterPublic))
	return n
}

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// put stores a torrent as anyone would, and returns its id.
func (n *node) put(torrent []byte) infohash.ID {
	n.t.Helper()
	parsed := parse(n.t, torrent)
	offset, length := parsed.InfoSpan()
	item := store.Item{IDs: parsed.IDs(), Torrent: torrent, InfoOffset: offset, InfoLength: length, Rank: store.RankAnonymous}
	if r := n.store.Put(context.Background(), []store.Item{item})[0]; r.Err != nil {
		n.t.Fatal(r.Err)
	}
	return parsed.IDs().Primary()
}

func parse(t *testing.T, torrent []byte) *metainfo.Torrent {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// fill stores n torrents that no other fill with another seed has.
func (n *node) fill(seed, count int) (ids []infohash.ID) {
	for i := range count {
		ids = append(ids, n.put(torrenttest.V1(fmt.Sprintf("torrent %d of %d", i, seed))))
	}
	return ids
}

func (n *node) has(id infohash.ID) bool {
	n.t.Helper()
	held, err := n.store.Has(context.Background(), []infohash.ID{id})
	if err != nil {
		n.t.Fatal(err)
	}
	return held[0].Found()
}

// gets waits until all of ids are there; they come in any order.
func (n *node) gets(ids ...infohash.ID) {
	n.t.Helper()
	for _, id := range ids {
		eventually(n.t, "all are here", func() bool { return n.has(id) })
	}
}

// hasAll fails the test unless all of ids are there.
func (n *node) hasAll(ids []infohash.ID) {
	n.t.Helper()
	for _, id := range ids {
		if !n.has(id) {
			n.t.Errorf("%s is gone", id)
		}
	}
}

// removal returns the removal that is in force, nil if there is none.
func (n *node) removal(id infohash.ID) *store.Removal {
	_, err := n.store.Get(context.Background(), id, nil)
	if removed, ok := err.(*store.RemovedError); ok {
		return &removed.Removal
	}
	return nil
}

func (n *node) remove(ids ...infohash.ID) {
	n.t.Helper()
	for _, r := range n.store.Remove(context.Background(), ids, store.Removal{Reason: "by hand"}) {
		if r.Err != nil {
			n.t.Fatal(r.Err)
		}
	}
}

func (n *node) restore(ids ...infohash.ID) {
	n.t.Helper()
	for _, r := range n.store.Restore(context.Background(), ids) {
		if r.Err != nil {
			n.t.Fatal(r.Err)
		}
	}
}

// follow has n follow a source until the test ends.
func (n *node) follow(name string, source mirror.Source, change ...func(*mirror.Options)) *mirror.Follower {
	n.t.Helper()
	f, stop := n.run(name, source, change...)
	n.t.Cleanup(stop)
	return f
}

// run has n follow a source until stop is called.
func (n *node) run(name string, source mirror.Source, change ...func(*mirror.Options)) (f *mirror.Follower, stop func()) {
	o := mirror.Options{Name: name, Source: source, Target: n.srv.Copies(), Logger: silent}
	for _, c := range change {
		c(&o)
	}
	f = mirror.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		f.Run(ctx)
		close(ended)
	}()
	return f, func() {
		cancel()
		<-ended
	}
}

// eventually waits until is says so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begun := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// Changes and ReadTorrents make a node a [mirror.Source]: they answer as its SyncService does.
func (n *node) Changes(ctx context.Context, after string) iter.Seq2[*torrentcachev1.WatchChangesResponse, error] {
	return func(yield func(*torrentcachev1.WatchChangesResponse, error) bool) {
		cursor, _ := store.ParseCursor(after)
		for {
			changes, next, err := n.store.Changes(ctx, cursor, 100)
			if err != nil {
				yield(nil, err)
				return
			}
			news := &torrentcachev1.WatchChangesResponse{Cursor: next.String(), Restarted: cursor != store.Cursor{} && cursor.Epoch != next.Epoch}
			for _, c := range changes {
				news.Changes = append(news.Changes, &torrentcachev1.Change{
					Kind: torrentcachev1.ChangeKind(c.Kind), InfoHash: c.IDs.Primary().String(),
					InfoHashV1: c.IDs.V1.String(), InfoHashV2: c.IDs.V2.String(), ChangeTime: timestamppb.New(c.Time),
				})
			}
			cursor = next
			if !yield(news, nil) {
				return
			}
			if len(changes) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}
}

func (n *node) ReadTorrents(ctx context.Context, ids []infohash.ID) iter.Seq2[*torrentcachev1.ReadTorrentsResponse, error] {
	return func(yield func(*torrentcachev1.ReadTorrentsResponse, error) bool) {
		request := &torrentcachev1.ReadTorrentsRequest{}
		for _, id := range ids {
			request.InfoHashes = append(request.InfoHashes, id.String())
		}
		answers, err := n.sync.ReadTorrents(ctx, request)
		for err == nil {
			var answer *torrentcachev1.ReadTorrentsResponse
			if answer, err = answers.Recv(); err == nil && !yield(answer, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}

// script is a source whose answers a test decides.
type script struct {
	changes func(after string, yield func(*torrentcachev1.WatchChangesResponse, error) bool)
	read    func(id infohash.ID) *torrentcachev1.ReadTorrentsResponse

	mu    sync.Mutex
	asked []infohash.ID
}

func (s *script) Changes(_ context.Context, after string) iter.Seq2[*torrentcachev1.WatchChangesResponse, error] {
	return func(yield func(*torrentcachev1.WatchChangesResponse, error) bool) { s.changes(after, yield) }
}

func (s *script) ReadTorrents(_ context.Context, ids []infohash.ID) iter.Seq2[*torrentcachev1.ReadTorrentsResponse, error] {
	return func(yield func(*torrentcachev1.ReadTorrentsResponse, error) bool) {
		for _, id := range ids {
			s.mu.Lock()
			s.asked = append(s.asked, id)
			s.mu.Unlock()
			if !yield(s.read(id), nil) {
				return
			}
		}
	}
}

// change is a change of one torrent.
func change(kind torrentcachev1.ChangeKind, id infohash.ID) *torrentcachev1.Change {
	return &torrentcachev1.Change{Kind: kind, InfoHash: id.String(), InfoHashV1: id.String()}
}

const (
	added    = torrentcachev1.ChangeKind_CHANGE_KIND_ADDED
	removed  = torrentcachev1.ChangeKind_CHANGE_KIND_REMOVED
	restored = torrentcachev1.ChangeKind_CHANGE_KIND_RESTORED
)
