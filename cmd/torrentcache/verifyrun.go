package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// verifyRun is one run through all torrents of a store.
type verifyRun struct {
	begin  time.Time
	giveUp bool

	mu                             sync.Mutex
	checked, total, bytes, cleared int64
	damaged, unreadable            []string // info hashes
	missing                        []*segment
}

func (r *verifyRun) counts() progress.Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return progress.Counts{
		Files: r.checked, TotalFiles: r.total, Bytes: r.bytes,
		Refused: int64(len(r.damaged)), Unreadable: int64(len(r.unreadable)),
	}
}

// note takes in what a server tells.
func (r *verifyRun) note(a *torrentcachev1.VerifyStoreResponse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked, r.total, r.bytes, r.cleared = a.GetCheckedCount(), a.GetTotalCount(), a.GetCheckedBytes(), a.GetClearedCount()
	r.damaged = append(r.damaged, a.GetDamagedInfoHashes()...)
	r.unreadable = append(r.unreadable, a.GetUnreadableInfoHashes()...)
	r.missing = append(r.missing, a.GetMissingSegments()...)
}

// store verifies st, of which the run tells what a server would.
func (r *verifyRun) store(ctx context.Context, st *diskstore.Store, o diskstore.VerifyOptions) error {
	o.Progress = func(p diskstore.VerifyProgress) {
		r.note(&torrentcachev1.VerifyStoreResponse{
			CheckedCount: p.Checked, TotalCount: p.Total, CheckedBytes: p.Bytes, ClearedCount: p.Cleared,
			DamagedInfoHashes: hashesOf(p.Damaged), UnreadableInfoHashes: hashesOf(p.Unreadable),
		})
	}
	_, err := st.Verify(ctx, o)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missing = missingOf(st.Missing())
	return err
}

func hashesOf(ids []infohash.ID) []string {
	var hashes []string
	for _, id := range ids {
		hashes = append(hashes, id.String())
	}
	return hashes
}

// report writes a line for each torrent that is not well.
func (r *verifyRun) report(out io.Writer) error {
	for _, hash := range r.damaged {
		if _, err := fmt.Fprintln(out, hash); err != nil {
			return err
		}
	}
	for _, hash := range r.unreadable {
		if _, err := fmt.Fprintln(out, hash+lists.UnreadableMark); err != nil {
			return err
		}
	}
	return nil
}

// clearedText tells of marks of damage that are gone; it is nothing if there were
// none.
func (r *verifyRun) clearedText() []string {
	if r.cleared == 0 {
		return nil
	}
	return []string{progress.Count(r.cleared, "wrong mark") + " of damage taken away"}
}
