package commit

import (
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// writeChunk is how many bytes of the log one write gathers, few enough to be still in the
// processor's cache when the kernel copies them.
const writeChunk = 256 << 10

// Group is a set of changes that one sync makes durable.
type Group struct {
	*ChangeSet
	committer *Committer
	changes   []*Change
	results   []store.Result // of changes
	bytes     int64          // of records, including those in log
	log       []byte         // records that are not written yet
	err       error          // of a failed write; nothing is written after it
	// noRoom and noRoomAtAll say why nothing may be appended: noRoom by changes that must keep
	// MinFreeSpace free, noRoomAtAll by the others.
	noRoom, noRoomAtAll error
	crowded             *bool // whether there is room for uploads only; nil until asked
	noRoll              error // why the active segment could not be sealed, if a change asked for that
}

// full reports whether the group takes no more changes.
func (g *Group) full() bool {
	return g.bytes >= MaxGroupBytes || len(g.changes) >= MaxGroupChanges
}

// isEmpty reports whether the group changes nothing in the index.
func (g *Group) isEmpty() bool {
	return g.bytes == 0 && g.Batch.IsEmpty()
}

// take decides one change.
func (g *Group) take(change *Change) {
	var result store.Result
	if g.err == nil {
		result = change.decide(g)
	}
	g.changes = append(g.changes, change)
	g.results = append(g.results, result)
	if len(g.log) >= writeChunk {
		_ = g.write() // g.err keeps the error
	}
}

// decide runs the change unless its caller is gone.
func (change *Change) decide(g *Group) store.Result {
	change.Call.mu.Lock()
	defer change.Call.mu.Unlock()
	if change.Call.abandoned {
		return store.Result{}
	}
	outcome, err := change.Run(g)
	return store.Result{Outcome: outcome, Err: err}
}

// write writes the gathered records to the file.
func (g *Group) write() error {
	if g.err == nil && len(g.log) > 0 {
		g.err = files.WriteRecords(g.committer.active.File, g.log, g.State.Offset-int64(len(g.log)))
	}
	g.log = g.log[:0]
	return g.err
}

// append adds a new record to the log and to the changes of the index, or to neither if it
// returns an error.
func (g *Group) append(h *format.Header, body []byte, removal store.Removal) error {
	h.Sequence = g.State.Sequence + 1
	h.Time = g.committer.options.Clock().Unix()
	h.Length = uint32(len(body))
	if err := g.Apply(h, g.next(h), removal); err != nil {
		return err
	}
	g.add(h, body)
	return nil
}

// next returns the place that the record h will have.
func (g *Group) next(h *format.Header) format.Place {
	return format.Place{Segment: g.State.Segment, Offset: g.State.Offset, Length: h.Length}
}

// add adds a record to the log.
func (g *Group) add(h *format.Header, body []byte) {
	h.Store = g.State.Store
	h.Segment = g.State.Segment
	h.Synced = uint64(g.committer.durable)
	g.log = format.AppendRecord(g.log, h, body)
	g.bytes += h.Size()
	g.State.Offset += h.Size()
}

// put is the change of a candidate.
func (g *Group) put(p *Candidate) (store.Outcome, error) {
	d, err := g.decide(p)
	if err == nil && !d.write && !p.item.IsUnasked() {
		// Record the access before the answer, so that nothing drops the torrent meanwhile.
		g.committer.accesses.Note(p.item.IDs, g.committer.options.Clock())
	}
	if err != nil || !d.write {
		return d.outcome, err
	}
	if g.noRoom != nil {
		return 0, g.noRoom
	}
	if p.item.IsUnasked() && d.outcome == store.Created { // healing replaces a stored torrent
		if err := g.refuseUnasked(); err != nil {
			return 0, err
		}
	}
	h := &format.Header{
		Kind:       store.ChangeReplaced,
		Names:      format.NamesOf(p.item.IDs),
		Rank:       d.rank,
		IDs:        p.item.IDs,
		InfoOffset: uint32(p.item.InfoOffset),
		InfoLength: uint32(p.item.InfoLength),
		Version:    p.version,
		BodySum:    p.sum,
	}
	if d.outcome == store.Created {
		h.Kind = store.ChangeAdded
	}
	return d.outcome, g.append(h, p.item.Torrent, store.Removal{})
}
