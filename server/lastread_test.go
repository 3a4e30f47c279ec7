package server_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// The server tells the day of the last read to the role sync only.
func TestLastRead(t *testing.T) {
	roles := []access.Roles{access.Read, access.Read | access.Write, access.Read | access.Sync, access.Read | access.Admin}
	keys := map[access.Roles]string{}
	var entries []access.Entry
	for _, r := range roles {
		keys[r] = access.NewKey()
		entries = append(entries, access.Entry{Name: r.String(), Roles: r, Key: access.DigestOf(keys[r])})
	}
	st, err := diskstore.Open(diskstore.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	gate := access.NewGate(access.New(access.Read|access.Write, entries))
	h := servertest.NewGated(t, servertest.OverNetwork, gate, func(o *servertest.Options) {
		o.Store, o.Usage, o.OnRead = st, st, st.NoteRead
	})
	hash := h.Put(t, torrenttest.V1("a")).GetInfoHash()
	lastRead := func(ctx context.Context) time.Time {
		t.Helper()
		answer, err := h.Cache.DescribeTorrent(ctx, &torrentcachev1.DescribeTorrentRequest{InfoHash: hash})
		if err != nil {
			t.Fatal(err)
		}
		if answer.GetLastReadTime() == nil {
			return time.Time{}
		}
		return answer.GetLastReadTime().AsTime()
	}
	with := func(r access.Roles) context.Context {
		return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+keys[r])
	}
	if at := lastRead(with(access.Read | access.Sync)); !at.IsZero() {
		t.Errorf("what nobody read was read on %v", at)
	}
	before := time.Now()
	if _, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash}); err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		at := lastRead(with(r))
		if r.Has(access.Sync) && (at.Before(before.Add(-25*time.Hour)) || at.After(time.Now()) || at.Unix()%86400 != 0) {
			t.Errorf("%s: the last read is %v", r, at)
		}
		if !r.Has(access.Sync) && !at.IsZero() {
			t.Errorf("%s sees that the last read is %v", r, at)
		}
	}
	if at := lastRead(t.Context()); !at.IsZero() {
		t.Errorf("without a key the last read is %v", at)
	}
}
