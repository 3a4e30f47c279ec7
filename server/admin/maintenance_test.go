package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

// scripted is a Maintenance that calls the functions of a test.
type scripted struct {
	verify  func(ctx context.Context, o admin.VerifyOptions) error
	backup  func(ctx context.Context, dir string, progress func(copied, total int64)) error
	unread  func(ctx context.Context, age time.Duration) ([]store.Unread, error)
	missing []admin.Missing
}

func (s *scripted) Unread(ctx context.Context, age time.Duration) ([]store.Unread, error) {
	return s.unread(ctx, age)
}

func (s *scripted) Missing() []admin.Missing { return s.missing }

func (s *scripted) Verify(ctx context.Context, o admin.VerifyOptions) error { return s.verify(ctx, o) }

func (s *scripted) Backup(ctx context.Context, dir string, progress func(copied, total int64)) error {
	return s.backup(ctx, dir, progress)
}

// maintained runs test over the network and in process against a server with m.
func maintained(t *testing.T, m *scripted, test func(t *testing.T, h *servertest.Harness)) {
	t.Helper()
	for name, connect := range servertest.Both() {
		t.Run(name, func(t *testing.T) {
			test(t, servertest.New(t, connect, func(o *servertest.Options) { o.Admin.Maintenance = m }))
		})
	}
}

func receiveAll[T any](t *testing.T, stream grpc.ServerStreamingClient[T], err error) ([]*T, error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var all []*T
	for {
		answer, err := stream.Recv()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, answer)
	}
}

func TestVerifyStore(t *testing.T) {
	const damaged = 25_000 // more than one answer may hold
	var ids []infohash.ID
	for i := range damaged {
		id, err := infohash.Parse(fmt.Sprintf("%040x", i+1))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	m := &scripted{verify: func(_ context.Context, o admin.VerifyOptions) error {
		if o.BytesPerSecond != 1000 {
			t.Errorf("%d bytes a second", o.BytesPerSecond)
		}
		for i, id := range ids {
			o.Progress(admin.VerifyProgress{Checked: int64(i) + 1, Total: damaged, Bytes: int64(i) * 10, Damaged: []infohash.ID{id}})
		}
		return nil
	}}
	maintained(t, m, func(t *testing.T, h *servertest.Harness) {
		stream, err := h.Admin.VerifyStore(t.Context(), &torrentcachev1.VerifyStoreRequest{MaxBytesPerSecond: 1000})
		answers, err := receiveAll(t, stream, err)
		if err != nil || len(answers) < 3 {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		var found []string
		for _, a := range answers {
			found = append(found, a.GetDamagedInfoHashes()...)
		}
		want := make([]string, damaged)
		for i, id := range ids {
			want[i] = id.String()
		}
		last := answers[len(answers)-1]
		if !slices.Equal(found, want) || last.GetCheckedCount() != damaged || last.GetTotalCount() != damaged || last.GetCheckedBytes() != (damaged-1)*10 {
			t.Errorf("%d damaged; the last answer says %d of %d", len(found), last.GetCheckedCount(), last.GetTotalCount())
		}
	})
}

// VerifyStore also reports unreadable torrents, wrong marks that it cleared, and missing segments.
func TestVerifyStoreTellsMoreThanDamage(t *testing.T) {
	const unreadable = 12_000 // more than one answer may hold
	m := &scripted{missing: []admin.Missing{{File: "segments/a", Torrents: 3, Removed: 1, Counted: true}, {File: "segments/b", From: 4096}}}
	for _, giveUp := range []bool{false, true} {
		m.verify = func(_ context.Context, o admin.VerifyOptions) error {
			if o.GiveUp != giveUp {
				t.Errorf("gives up: %v, want %v", o.GiveUp, giveUp)
			}
			for i := range unreadable {
				id := infohash.V1([20]byte{byte(i >> 8), byte(i)})
				o.Progress(admin.VerifyProgress{Checked: int64(i), Unreadable: []infohash.ID{id}, Cleared: int64(i / 1000)})
			}
			return nil
		}
		maintained(t, m, func(t *testing.T, h *servertest.Harness) {
			stream, err := h.Admin.VerifyStore(t.Context(), &torrentcachev1.VerifyStoreRequest{GiveUp: giveUp})
			answers, err := receiveAll(t, stream, err)
			if err != nil || len(answers) < 2 {
				t.Fatalf("%d answers, %v", len(answers), err)
			}
			found := 0
			for _, a := range answers[:len(answers)-1] {
				found += len(a.GetUnreadableInfoHashes())
				if len(a.GetMissingSegments()) > 0 {
					t.Error("what is missing is not in the last answer only")
				}
			}
			last := answers[len(answers)-1]
			if found += len(last.GetUnreadableInfoHashes()); found != unreadable || last.GetClearedCount() != 11 {
				t.Errorf("%d unreadable, %d cleared", found, last.GetClearedCount())
			}
			wantMissing(t, last.GetMissingSegments())
			stats, err := h.Admin.GetStats(t.Context(), &torrentcachev1.GetStatsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			wantMissing(t, stats.GetMissingSegments())
		})
	}
}

// healEven repairs the torrents whose info hashes begin with an even byte.
func healEven(_ context.Context, ids []infohash.ID) (left []infohash.ID) {
	for _, id := range ids {
		if id.String()[1]%2 == 1 {
			left = append(left, id)
		}
	}
	return left
}

// A torrent that another server has is healed. It is reported neither as damaged nor as unreadable.
func TestVerifyStoreHeals(t *testing.T) {
	id := func(n byte) infohash.ID { return infohash.V1([20]byte{n}) }
	m := &scripted{verify: func(_ context.Context, o admin.VerifyOptions) error {
		o.Progress(admin.VerifyProgress{Checked: 3, Damaged: []infohash.ID{id(1), id(2)}, Unreadable: []infohash.ID{id(3), id(4), id(6)}})
		o.Progress(admin.VerifyProgress{Checked: 4, Unreadable: []infohash.ID{id(8)}})
		return nil
	}}
	h := servertest.New(t, servertest.OverNetwork, func(o *servertest.Options) { o.Admin.Maintenance, o.Admin.Repair = m, healEven })
	stream, err := h.Admin.VerifyStore(t.Context(), &torrentcachev1.VerifyStoreRequest{})
	answers, err := receiveAll(t, stream, err)
	if err != nil || len(answers) != 1 {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	a := answers[0]
	if a.GetHealedCount() != 4 || !slices.Equal(a.GetDamagedInfoHashes(), []string{id(1).String()}) || !slices.Equal(a.GetUnreadableInfoHashes(), []string{id(3).String()}) {
		t.Errorf("%v", a)
	}
}

func wantMissing(t *testing.T, got []*torrentcachev1.MissingSegment) {
	t.Helper()
	want := []*torrentcachev1.MissingSegment{
		{File: "segments/a", TorrentCount: 3, RemovalCount: 1, Counted: true},
		{File: "segments/b", FromOffset: 4096},
	}
	if !slices.EqualFunc(got, want, func(a, b *torrentcachev1.MissingSegment) bool { return proto.Equal(a, b) }) {
		t.Errorf("missing are %v, want %v", got, want)
	}
}

func TestCheckTorrent(t *testing.T) {
	torrent := torrenttest.Hybrid("a")
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	other, err := metainfo.Parse(torrenttest.V1("b"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(torrent)
	at, _ := parsed.InfoSpan()
	flipped[at+20] ^= 1
	cases := map[string]struct {
		torrent store.Torrent
		ok      bool
	}{
		"whole":          {store.Torrent{IDs: parsed.IDs(), Bytes: torrent}, true},
		"of another id":  {store.Torrent{IDs: other.IDs(), Bytes: torrent}, false},
		"of an id less":  {store.Torrent{IDs: infohash.Set{V1: parsed.IDs().V1}, Bytes: torrent}, false},
		"a bit flipped":  {store.Torrent{IDs: parsed.IDs(), Bytes: flipped}, false},
		"something else": {store.Torrent{IDs: parsed.IDs(), Bytes: []byte("x")}, false},
	}
	for name, c := range cases {
		if err := admin.CheckTorrent(c.torrent); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyStoreChecksTorrents(t *testing.T) {
	m := &scripted{verify: func(_ context.Context, o admin.VerifyOptions) error {
		if o.Check(store.Torrent{Bytes: []byte("x")}) == nil {
			t.Error("the check accepts everything")
		}
		return nil
	}}
	maintained(t, m, func(t *testing.T, h *servertest.Harness) {
		stream, err := h.Admin.VerifyStore(t.Context(), &torrentcachev1.VerifyStoreRequest{})
		if answers, err := receiveAll(t, stream, err); err != nil || len(answers) != 1 {
			t.Errorf("%d answers, %v", len(answers), err)
		}
	})
}

func TestMaintenanceEndsWithItsClient(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error)
	wait := func(ctx context.Context) error {
		began <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	m := &scripted{
		verify: func(ctx context.Context, _ admin.VerifyOptions) error { return wait(ctx) },
		backup: func(ctx context.Context, _ string, _ func(int64, int64)) error { return wait(ctx) },
	}
	maintained(t, m, func(t *testing.T, h *servertest.Harness) {
		calls := map[string]func(context.Context) error{
			"VerifyStore": func(ctx context.Context) error {
				stream, err := h.Admin.VerifyStore(ctx, &torrentcachev1.VerifyStoreRequest{})
				return servertest.FirstError(stream, err)
			},
			"BackupStore": func(ctx context.Context) error {
				stream, err := h.Admin.BackupStore(ctx, &torrentcachev1.BackupStoreRequest{Directory: "/backup"})
				return servertest.FirstError(stream, err)
			},
		}
		for name, call := range calls {
			ctx, cancel := context.WithCancel(t.Context())
			over := make(chan error, 1)
			go func() { over <- call(ctx) }()
			<-began
			servertest.WantReason(t, call(t.Context()), reason.Overloaded) // once at a time
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
			if err := <-over; err == nil {
				t.Errorf("%s succeeded", name)
			}
		}
	})
}

func TestBackupStore(t *testing.T) {
	m := &scripted{backup: func(_ context.Context, dir string, progress func(int64, int64)) error {
		if dir != "/somewhere/new" {
			t.Errorf("dir %q", dir)
		}
		progress(10, 30)
		progress(30, 30)
		return nil
	}}
	maintained(t, m, func(t *testing.T, h *servertest.Harness) {
		stream, err := h.Admin.BackupStore(t.Context(), &torrentcachev1.BackupStoreRequest{Directory: "/somewhere/new"})
		answers, err := receiveAll(t, stream, err)
		if err != nil || len(answers) == 0 {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		if last := answers[len(answers)-1]; last.GetCopiedBytes() != 30 || last.GetTotalBytes() != 30 {
			t.Errorf("the last answer is %v", last)
		}
		for _, dir := range []string{"", "relative"} {
			stream, err := h.Admin.BackupStore(t.Context(), &torrentcachev1.BackupStoreRequest{Directory: dir})
			servertest.WantReason(t, servertest.FirstError(stream, err), reason.RequestInvalid)
		}
	})
}

func TestBackupStoreFails(t *testing.T) {
	cases := map[string]struct {
		err    error
		reason reason.Reason
		says   string
	}{
		"no such parent": {&fs.PathError{Op: "mkdir", Path: "/b", Err: fs.ErrNotExist}, reason.RequestInvalid, "/b"},
		"not empty":      {fmt.Errorf("%w: /b is not empty", store.ErrInvalid), reason.RequestInvalid, "/b is not empty"},
		"no room":        {fmt.Errorf("copying: %w", store.ErrFull), reason.StorageFull, "copying"},
		"closed":         {store.ErrUnavailable, reason.Overloaded, "try again"},
		"not foreseen":   {errors.New("secret"), reason.Internal, "log"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := &scripted{backup: func(context.Context, string, func(int64, int64)) error { return c.err }}
			maintained(t, m, func(t *testing.T, h *servertest.Harness) {
				stream, err := h.Admin.BackupStore(t.Context(), &torrentcachev1.BackupStoreRequest{Directory: "/b"})
				err = servertest.FirstError(stream, err)
				servertest.WantReason(t, err, c.reason)
				if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestDrain(t *testing.T) {
	var drained atomic.Int64
	h := servertest.New(t, servertest.OverNetwork, func(o *servertest.Options) { o.Admin.OnDrain = func() { drained.Add(1) } })
	for range 2 {
		if _, err := h.Admin.Drain(t.Context(), &torrentcachev1.DrainRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if drained.Load() != 2 {
		t.Errorf("the hook was called %d times", drained.Load())
	}
	h.Put(t, torrenttest.V1("still served"))
}
