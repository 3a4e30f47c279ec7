//go:build e2e

package histories

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// lateness is how old an answer may be, counted back from the sending of its call.
type lateness struct {
	fresh time.Duration // of a read that a copy may answer
	stale time.Duration // of an answer that says that it is stale
	// untold is for a read from a copy after a change of the torrent that had no answer. Such a
	// change may be in force at the bucket before it is in the feed, from which copies learn of
	// it.
	untold time.Duration
}

// maxStale and the values below are promises of docs/distributed.md for nodes over a bucket and
// for edges in front of them. A node or an edge gives no answer that it could not confirm for
// maxStale.
const maxStale = 3 * time.Second

var (
	atNodes = lateness{fresh: 2 * time.Second, stale: maxStale, untold: time.Minute + maxStale}
	atEdges = lateness{fresh: 3 * time.Second, stale: 3*time.Second + maxStale, untold: time.Minute + 2*maxStale}
)

// event is a call and its answer.
type event struct {
	call
	answer
	sent, answered time.Duration // since the recorder's start
	late           lateness      // zero if no copy may answer
	staleFlag      bool
}

// recorder records the history of one torrent.
type recorder struct {
	torrent *torrent
	start   time.Time
	mu      sync.Mutex
	events  []event
}

// record makes a call and records its result. It drops reads without an answer, because they tell
// nothing.
func (r *recorder) record(c call, late lateness, do func() reply) {
	sent := time.Since(r.start)
	got := do()
	e := event{call: c, answer: got.answer, sent: sent, answered: time.Since(r.start), late: late, staleFlag: got.stale}
	if got.unsent || got.effect == unknown && (c.kind == get || c.kind == missing) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// operations returns the history in the form that Porcupine takes: first the calls that one order
// must explain together, then each read that a copy may have answered. Copies at different nodes
// need not agree, so each of those reads must be explained with the first calls alone.
func (r *recorder) operations() (together, copies []porcupine.Operation) {
	untold := time.Duration(math.MaxInt64)
	for _, e := range r.events {
		if e.effect == unknown {
			untold = min(untold, e.sent)
		}
	}
	for i, e := range r.events {
		op := porcupine.Operation{ClientId: i, Input: e.call, Call: int64(e.sent), Output: e.answer, Return: int64(e.answered)}
		switch {
		case e.effect == unknown:
			op.Return = math.MaxInt64
		case e.kind == get:
			op.Call = int64(r.quiet(e.sent) - e.lateBy(untold))
		}
		if e.kind == get && e.late != (lateness{}) {
			copies = append(copies, op)
		} else {
			together = append(together, op)
		}
	}
	return together, copies
}

// lateBy returns how old the answer of a read may be. untold is when the first change without an
// answer was sent.
func (e event) lateBy(untold time.Duration) time.Duration {
	switch {
	case e.late != lateness{} && e.answered > untold:
		return e.late.untold
	case e.staleFlag:
		return e.late.stale
	}
	return e.late.fresh
}

// quiet returns when the oldest change was sent that was unanswered at the given time, or that
// time if there was none.
func (r *recorder) quiet(at time.Duration) time.Duration {
	from := at
	for _, e := range r.events {
		if e.kind != get && e.kind != missing && e.sent < from && e.answered > at {
			from = e.sent
		}
	}
	return from
}

// check fails the test if no order of the calls explains the history, and then writes the history
// to files.
func (r *recorder) check(t *testing.T) {
	t.Helper()
	together, copies := r.operations()
	if !r.explained(t, together) {
		return
	}
	for _, read := range copies {
		if !r.explained(t, append(together[:len(together):len(together)], read)) {
			return
		}
	}
}

// explained reports whether one order of the calls explains their answers.
func (r *recorder) explained(t *testing.T, calls []porcupine.Operation) bool {
	t.Helper()
	overBucket := slices.ContainsFunc(r.events, func(e event) bool { return e.late != lateness{} })
	m := model(len(r.torrent.hashes), overBucket)
	switch porcupine.CheckOperationsTimeout(m, calls, time.Minute) {
	case porcupine.Unknown:
		t.Errorf("whether an order of these %d calls explains them was not found out in a minute", len(calls))
	case porcupine.Illegal:
		_, info := porcupine.CheckOperationsVerbose(m, calls, 0)
		t.Errorf("no order of these %d calls explains what they answered: %s", len(calls), r.writeOut(t, m, info, calls))
	default:
		return true
	}
	return false
}

// writeOut writes a history as a page and as text, and returns the path.
func (r *recorder) writeOut(t *testing.T, m porcupine.Model, info porcupine.LinearizationInfo, calls []porcupine.Operation) string {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "torrentcache-histories")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%s", strings.ReplaceAll(t.Name(), "/", "-"), r.torrent.hashes[0]))
	if err := porcupine.VisualizePath(m, info, name+".html"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name+".txt", []byte(r.text(calls, longest(info))), 0o644); err != nil {
		t.Fatal(err)
	}
	return name + ".txt"
}

// longest returns the calls of the longest order that explains a part of a history.
func longest(info porcupine.LinearizationInfo) map[int]bool {
	var most []int
	for _, order := range info.PartialLinearizations()[0] {
		if len(order) > len(most) {
			most = order
		}
	}
	in := map[int]bool{}
	for _, i := range most {
		in[i] = true
	}
	return in
}

// text lists all calls about the torrent in the order in which they were sent. A star marks those
// of calls that the order does not explain. A dot marks those that are not in calls.
func (r *recorder) text(calls []porcupine.Operation, explained map[int]bool) string {
	marks := make([]string, len(r.events))
	order := make([]int, len(r.events))
	for i := range order {
		order[i], marks[i] = i, "."
	}
	for i, op := range calls {
		marks[op.ClientId] = " "
		if !explained[i] {
			marks[op.ClientId] = "*"
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(r.events[a].sent, r.events[b].sent) })
	var text strings.Builder
	for _, i := range order {
		e, mark := r.events[i], marks[i]
		fmt.Fprintf(&text, "%s %12s to %12s  %s\n", mark, e.sent.Round(time.Microsecond), e.answered.Round(time.Microsecond), describe(e.call, e.answer))
	}
	return text.String()
}
