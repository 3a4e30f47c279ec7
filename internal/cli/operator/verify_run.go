package operator

import (
	"context"
	"fmt"
	"sync"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// verifyRun is one run through all torrents of a store.
type verifyRun struct {
	begin  time.Time
	giveUp bool

	mu                    sync.Mutex
	checked, total, bytes int64
	cleared, healed       int64
	damaged, unreadable   []string // info hashes
	missing               []*segment
}

func (r *verifyRun) counts() progress.Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return progress.Counts{
		Files: r.checked, TotalFiles: r.total, Bytes: r.bytes,
		Refused: int64(len(r.damaged)), Unreadable: int64(len(r.unreadable)),
	}
}

// note adds a server's progress to the run.
func (r *verifyRun) note(a *torrentcachev1.VerifyStoreResponse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked, r.total, r.bytes = a.GetCheckedCount(), a.GetTotalCount(), a.GetCheckedBytes()
	r.cleared, r.healed = a.GetClearedCount(), a.GetHealedCount()
	r.damaged = append(r.damaged, a.GetDamagedInfoHashes()...)
	r.unreadable = append(r.unreadable, a.GetUnreadableInfoHashes()...)
	r.missing = append(r.missing, a.GetMissingSegments()...)
}

// store verifies st. The run reports it as it reports a server's store.
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

// report writes a line for each torrent that is not well. For programs it also writes the counts,
// and whether the run got to its end.
func (r *verifyRun) report(out cli.Facts, complete bool) error {
	for _, hash := range r.damaged {
		if err := out.Print(cli.Item{InfoHash: hash, Status: "damaged"}, hash+"\n"); err != nil {
			return err
		}
	}
	for _, hash := range r.unreadable {
		if err := out.Print(cli.Item{InfoHash: hash, Status: "unreadable"}, hash+lists.UnreadableMark+"\n"); err != nil {
			return err
		}
	}
	return out.Print(cli.Summary(verifyFact{
		Torrents: r.checked, Bytes: r.bytes, Damaged: len(r.damaged), Unreadable: len(r.unreadable), Cleared: r.cleared, Healed: r.healed,
		MissingSegments: segmentFacts(r.missing), Seconds: time.Since(r.begin).Seconds(), Complete: complete,
	}), "")
}

type verifyFact struct {
	Torrents        int64         `json:"torrents"`
	Bytes           int64         `json:"bytes"`
	Damaged         int           `json:"damaged"`
	Unreadable      int           `json:"unreadable"`
	Cleared         int64         `json:"marks_taken_away"`
	Healed          int64         `json:"healed"`
	MissingSegments []segmentFact `json:"missing_segments"`
	Seconds         float64       `json:"seconds"`
	Complete        bool          `json:"complete"`
}

// repairedText counts the torrents that were fetched anew and the wrong marks that were removed.
// It returns nothing if there were none.
func (r *verifyRun) repairedText() []string {
	var repaired []string
	if r.healed > 0 {
		repaired = append(repaired, progress.Count(r.healed, "damaged or unreadable torrent")+" fetched anew from a mirror or upstream")
	}
	if r.cleared > 0 {
		repaired = append(repaired, progress.Count(r.cleared, "wrong mark")+" of damage removed")
	}
	return repaired
}

// faults returns a phrase with the number of damaged torrents, of unreadable ones and of missing
// segments, if there are any. The first two end with the texts damaged and unreadable.
func (r *verifyRun) faults(damaged, unreadable string) []string {
	var faults []string
	if n := int64(len(r.damaged)); n > 0 {
		faults = append(faults, fmt.Sprintf("%s of %s torrents are damaged%s", progress.Number(n), progress.Number(r.checked), damaged))
	}
	if n := int64(len(r.unreadable)); n > 0 {
		faults = append(faults, progress.Count(n, "torrent")+" cannot be read"+unreadable)
	}
	if len(r.missing) > 0 {
		faults = append(faults, describeAllMissing(r.missing))
	}
	return faults
}
