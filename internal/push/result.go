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

// tally counts the outcomes of files.
type tally struct {
	files   [client.Passkey + 1]atomic.Int64 // by their status
	skipped atomic.Int64                     // files that are no torrents
	bytes   atomic.Int64                     // of input processed
	sent    atomic.Int64                     // bytes of torrents
}

// of returns how many files have one of statuses.
func (t *tally) of(statuses ...client.Status) (n int64) {
	for _, s := range statuses {
		n += t.files[s].Load()
	}
	return n
}

// all returns how many files have any status.
func (t *tally) all() (n int64) {
	for i := range t.files {
		n += t.files[i].Load()
	}
	return n
}

func (r *run) progress() progress.Counts {
	t := &r.tally
	return progress.Counts{
		Files: t.all(), Bytes: t.bytes.Load(), TotalBytes: r.total.Load(),
		New: t.of(client.New), Already: t.of(client.Already), Missing: t.of(client.Missing),
		Refused: t.of(client.Refused, client.Unreadable, client.Passkey),
	}
}

// result notes the outcome of one file. The journal gets only files that the server acknowledged.
func (r *run) result(result client.Result) error {
	r.tally.files[result.Status].Add(1)
	r.tally.sent.Add(result.Sent)
	acknowledged := result.Status == client.New || result.Status == client.Already
	if id := result.IDs.Primary(); acknowledged && r.journal != nil && result.Item.Known != id.Short() {
		if err := r.journal.Add(result.Item.Tag.(journal.Key), id); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
	}
	if result.Reason == "" && !r.settings.JSON {
		return nil // a success is only counted
	}
	return r.tell(Outcome{
		Name: result.Item.Name, Status: result.Status.String(), InfoHash: hashes(result.IDs),
		Reason: result.Reason, Message: result.Message,
	})
}

// problem notes a file, folder or archive that could not be read.
func (r *run) problem(name string, err error) error {
	r.tally.files[client.Unreadable].Add(1)
	return r.tell(Outcome{Name: name, Status: client.Unreadable.String(), Reason: "TORRENT_MISSING", Message: err.Error()})
}

// skipped notes a file that is left out because it is no torrent.
func (r *run) skipped(name string) error {
	r.tally.skipped.Add(1)
	return r.report.add(Outcome{Name: name, Status: "skipped"})
}

// hashes returns the primary id of ids as text; "" if no id is known.
func hashes(ids infohash.Set) string { return ids.Primary().String() }

// tell writes an outcome to the display and the report, as the settings ask.
func (r *run) tell(o Outcome) error {
	if o.Reason != "" && !r.settings.JSON {
		r.display.Print(fmt.Sprintf("%s: %s: %s: %s", o.Status, progress.Printable(o.Name), o.Reason, progress.OneLine(o.Message)))
	}
	return r.report.add(o)
}

// Summary is the counts at the end, for programs.
type Summary struct {
	Files      int64   `json:"files"`
	New        int64   `json:"new"`
	Already    int64   `json:"already"`
	Missing    int64   `json:"missing"` // in a dry run
	Private    int64   `json:"private_skipped"`
	Passkeys   int64   `json:"passkeys_skipped"`
	Refused    int64   `json:"refused"`
	Unreadable int64   `json:"unreadable"`
	Skipped    int64   `json:"no_torrents_skipped"`
	SentBytes  int64   `json:"sent_bytes"`
	Seconds    float64 `json:"seconds"`
	Complete   bool    `json:"complete"` // the run came to its end
}

// LackingError says that a run came to its end but not all files are cached.
type LackingError struct{ Lacking, Files int64 }

// Error implements error.
func (e *LackingError) Error() string {
	return fmt.Sprintf("%s of %s files are not cached", progress.Number(e.Lacking), progress.Number(e.Files))
}

// conclude writes the summary and returns the command's error.
func (r *run) conclude(ctx context.Context, pushed error) error {
	failed := errors.Join(pushed, r.listed)
	if r.settings.Watch && ctx.Err() != nil && errors.Is(pushed, context.Canceled) {
		failed = nil // cancellation is how --watch ends
	}
	t := &r.tally
	s := Summary{
		Files: t.all(), New: t.of(client.New), Already: t.of(client.Already), Missing: t.of(client.Missing), Private: t.of(client.Private),
		Passkeys: t.of(client.Passkey), Refused: t.of(client.Refused), Unreadable: t.of(client.Unreadable), Skipped: t.skipped.Load(),
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

// text returns the summary for people.
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

// open opens the files to which the run writes.
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
