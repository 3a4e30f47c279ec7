package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/journal"
	"github.com/torrentcache/torrentcache/internal/progress"
)

// tally counts what became of the files.
type tally struct {
	new, already, missing, private, passkey, refused, unreadable atomic.Int64
	skipped                                                      atomic.Int64 // no torrents
	bytes                                                        atomic.Int64 // of input gone through
	sent                                                         atomic.Int64 // bytes of torrents
}

// of returns the count of a status.
func (t *tally) of(s client.Status) *atomic.Int64 {
	switch s {
	case client.New:
		return &t.new
	case client.Already:
		return &t.already
	case client.Missing:
		return &t.missing
	case client.Private:
		return &t.private
	case client.Passkey:
		return &t.passkey
	case client.Refused:
		return &t.refused
	default:
		return &t.unreadable
	}
}

func (t *tally) files() int64 {
	return t.new.Load() + t.already.Load() + t.missing.Load() + t.private.Load() + t.passkey.Load() + t.refused.Load() + t.unreadable.Load()
}

func (r *run) progress() progress.Counts {
	t := &r.tally
	return progress.Counts{
		Files: t.files(), Bytes: t.bytes.Load(), TotalBytes: r.total.Load(),
		New: t.new.Load(), Already: t.already.Load(), Missing: t.missing.Load(),
		Refused: t.refused.Load() + t.unreadable.Load() + t.passkey.Load(),
	}
}

// result notes what became of one file. The journal gets what the server
// acknowledged, and nothing else.
func (r *run) result(result client.Result) error {
	r.tally.of(result.Status).Add(1)
	r.tally.sent.Add(result.Sent)
	acknowledged := result.Status == client.New || result.Status == client.Already
	if id := result.IDs.Primary(); acknowledged && r.journal != nil && result.Item.Known != id.Short() {
		if err := r.journal.Add(result.Item.Tag.(journal.Key), id); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
	}
	if result.Reason == "" && !r.settings.JSON {
		return nil // what went well is only counted
	}
	return r.tell(Outcome{
		Name: result.Item.Name, Status: result.Status.String(), InfoHash: hashes(result.IDs),
		Reason: result.Reason, Message: result.Message,
	})
}

// problem notes what could not be read at all.
func (r *run) problem(name string, err error) error {
	r.tally.unreadable.Add(1)
	return r.tell(Outcome{Name: name, Status: client.Unreadable.String(), Reason: "TORRENT_MISSING", Message: err.Error()})
}

// skipped notes what is left out because it is no torrent.
func (r *run) skipped(name string) error {
	r.tally.skipped.Add(1)
	return r.report.add(Outcome{Name: name, Status: "skipped"})
}

// hashes is the id that answers lead with, empty if none is known.
func hashes(ids infohash.Set) string { return ids.Primary().String() }

// tell writes an outcome to where it is wanted.
func (r *run) tell(o Outcome) error {
	if o.Reason != "" && !r.settings.JSON {
		r.display.Print(fmt.Sprintf("%s: %s: %s: %s", o.Status, progress.Printable(o.Name), o.Reason, progress.OneLine(o.Message)))
	}
	return r.report.add(o)
}

// Summary is the counts at the end, for machines.
type Summary struct {
	Files      int64   `json:"files"`
	New        int64   `json:"new"`
	Already    int64   `json:"already"`
	Missing    int64   `json:"missing"` // of a dry run
	Private    int64   `json:"private_skipped"`
	Passkeys   int64   `json:"passkeys_skipped"`
	Refused    int64   `json:"refused"`
	Unreadable int64   `json:"unreadable"`
	Skipped    int64   `json:"no_torrents_skipped"`
	SentBytes  int64   `json:"sent_bytes"`
	Seconds    float64 `json:"seconds"`
	Complete   bool    `json:"complete"` // push got to the end
}

// LackingError says that a run came to its end, and that not all is cached.
type LackingError struct{ Lacking, Files int64 }

// Error implements error.
func (e *LackingError) Error() string {
	return fmt.Sprintf("%s of %s files are not cached", progress.Number(e.Lacking), progress.Number(e.Files))
}

// conclude writes the summary and returns the command's error.
func (r *run) conclude(ctx context.Context, pushed error) error {
	failed := errors.Join(pushed, r.listed)
	if r.settings.Watch && ctx.Err() != nil && errors.Is(pushed, context.Canceled) {
		failed = nil // the only way for it to end
	}
	t := &r.tally
	s := Summary{
		Files: t.files(), New: t.new.Load(), Already: t.already.Load(), Missing: t.missing.Load(), Private: t.private.Load(),
		Passkeys: t.passkey.Load(), Refused: t.refused.Load(), Unreadable: t.unreadable.Load(), Skipped: t.skipped.Load(),
		SentBytes: t.sent.Load(), Seconds: time.Since(r.begin).Seconds(), Complete: failed == nil,
	}
	if err := r.writeSummary(s); err != nil {
		return err
	}
	switch {
	case failed != nil && ctx.Err() != nil:
		return errors.New("interrupted: run it again to go on" + r.resumeHint())
	case failed != nil:
		return fmt.Errorf("stopped before the end: %w", failed)
	}
	if lacking := s.Missing + s.Passkeys + s.Refused + s.Unreadable; lacking > 0 {
		return &LackingError{lacking, s.Files}
	}
	return nil
}

func (r *run) resumeHint() string {
	if r.settings.Resume == "" {
		return ""
	}
	return ", with the same --resume"
}

func (r *run) writeSummary(s Summary) error {
	if r.settings.JSON {
		return r.report.end(s)
	}
	_, err := fmt.Fprintln(r.settings.Stdout, s.text(r.settings.DryRun))
	return err
}

// text is the summary for people.
func (s Summary) text(dryRun bool) string {
	parts := []string{progress.Number(s.New) + " new"}
	if dryRun {
		parts = []string{progress.Number(s.Missing) + " missing"}
	}
	parts = append(parts, progress.Number(s.Already)+" already cached")
	for _, part := range []struct {
		count int64
		what  string
	}{
		{s.Private, "private (skipped)"}, {s.Passkeys, "with passkeys (left out)"}, {s.Refused, "refused"}, {s.Unreadable, "unreadable"}, {s.Skipped, "no torrents (skipped)"},
	} {
		if part.count > 0 {
			parts = append(parts, progress.Number(part.count)+" "+part.what)
		}
	}
	took := time.Duration(s.Seconds * float64(time.Second)).Round(100 * time.Millisecond)
	return fmt.Sprintf("%s in %s: %s; %s sent", progress.Count(s.Files, "file"), took, strings.Join(parts, ", "), progress.Bytes(s.SentBytes))
}

// open opens what the run writes to.
func (r *run) open() (err error) {
	if r.settings.Resume != "" {
		if r.journal, err = journal.Open(r.settings.Resume); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
	}
	var stdout io.Writer
	if r.settings.JSON {
		stdout = r.settings.Stdout
	}
	r.report, err = newReport(stdout, r.settings.Report)
	return err
}

func (r *run) close() error {
	err := r.report.close()
	if r.journal != nil {
		err = errors.Join(err, r.journal.Close())
	}
	return err
}
