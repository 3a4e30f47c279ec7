package deny

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// rewrite puts a finished file in the place of another, with a later time than that had.
func rewrite(tb testing.TB, name, text string) {
	tb.Helper()
	when := time.Now()
	if info, err := os.Stat(name); err == nil {
		when = info.ModTime().Add(time.Second)
	}
	fresh := name + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chtimes(fresh, when, when); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(fresh, name); err != nil {
		tb.Fatal(err)
	}
}

func newFile(tb testing.TB, text string) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "list")
	rewrite(tb, name, text)
	return name
}

func open(tb testing.TB, texts ...string) *Lists {
	tb.Helper()
	o := Options{Logger: slog.New(slog.DiscardHandler)}
	for _, text := range texts {
		o.Files = append(o.Files, newFile(tb, text))
	}
	l, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// Any id of a torrent matches, however the line names it.
func TestFindMatchesEveryID(t *testing.T) {
	v1, v2 := mustParse(t, hexV1), mustParse(t, hexV2)
	digests := func(id infohash.ID) string { return fmt.Sprintf("//%x", digestOf(id)) }
	hybrid := infohash.Set{V1: v1, V2: v2}
	for name, text := range map[string]string{
		"v1": hexV1, "v2": hexV2, "short v2": hexV2[:40], "magnet": hybrid.Magnet(),
		"digest of v1": digests(v1), "digest of v2": digests(v2), "digest of short v2": digests(v2.Short()),
	} {
		l := open(t, "# first\n"+text+"\n")
		if line, ok := l.Find(hybrid.All()...); !ok || line.Number != 2 || line.String() != line.File+":2" {
			t.Errorf("%s: got %v, %v", name, line, ok)
		}
		if _, ok := l.Find(mustParse(t, strings.Repeat("5", 40)), mustParse(t, strings.Repeat("5", 64))); ok {
			t.Errorf("%s: another torrent is listed", name)
		}
	}
	if _, ok := open(t, hexV2).Find(v2.Short()); !ok {
		t.Error("the short form of a listed v2 id is not listed")
	}
	if _, ok := open(t, digests(v2.Short())).Find(v2); !ok {
		t.Error("the v2 id whose short form's digest is listed is not listed")
	}
	var none *Lists
	if none.Denies(v1) {
		t.Error("no lists list something")
	}
}

func TestOpenCountsEntriesOnce(t *testing.T) {
	l := open(t, "\uFEFF"+hexV1+"\r\n"+strings.ToLower(hexV1)+"\r\n\r\n"+digest+"\n"+digest, hexV1+"\n"+hexV2)
	if s := l.Stats(); s.Entries != 4 || s.LastRead.IsZero() || s.Hits != 0 {
		t.Errorf("got %+v", s)
	}
	if line, _ := l.Find(mustParse(t, hexV1)); line.Number != 1 {
		t.Errorf("got line %d of the duplicates", line.Number)
	}
	if !l.Denies(mustParse(t, hexV2)) || l.Denies(mustParse(t, strings.Repeat("5", 40))) || l.Stats().Hits != 1 {
		t.Errorf("%d hits", l.Stats().Hits)
	}
}

func TestOpenRefusesEveryKindOfBadLine(t *testing.T) {
	for line, want := range badLines {
		name := newFile(t, hexV1+"\n\n"+line+"\n")
		_, err := Open(Options{Files: []string{name}})
		if err == nil || !strings.Contains(err.Error(), name+": line 3: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v", line, err)
		}
	}
	long := newFile(t, hexV1+"\n# "+strings.Repeat("x", MaxLine))
	if _, err := Open(Options{Files: []string{long}}); err == nil || !strings.Contains(err.Error(), "line 2: it has more than") {
		t.Errorf("a long line: %v", err)
	}
	if _, err := Open(Options{Files: []string{"absent"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Open(Options{Files: []string{t.TempDir()}}); err == nil {
		t.Error("a folder is taken for a list")
	}
}

// A list that goes bad stays as it was; another one changes nevertheless.
func TestReloadKeepsWhatCannotBeRead(t *testing.T) {
	one, two := newFile(t, hexV1), newFile(t, hexV2)
	changes := 0
	l, err := Open(Options{Files: []string{one, two}, OnChange: func() { changes++ }})
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("5", 40)
	rewrite(t, one, "bad")
	rewrite(t, two, other)
	if err := l.Reload([]string{one, two}); err == nil || !strings.Contains(err.Error(), one+": line 1: ") {
		t.Errorf("got %v", err)
	}
	for hash, want := range map[string]bool{hexV1: true, hexV2: false, other: true} {
		if _, ok := l.Find(mustParse(t, hash)); ok != want {
			t.Errorf("%s is listed: %v", hash, ok)
		}
	}
	if err := l.Reload([]string{two}); err != nil || changes != 2 || l.Stats().Entries != 1 {
		t.Errorf("without the bad list: %v, %d changes, %+v", err, changes, l.Stats())
	}
}

// follower is lists that are followed with ticks of a test.
type follower struct {
	*Lists
	now     time.Time
	changed atomic.Int64
	log     strings.Builder
}

func follow(t *testing.T, name string) *follower {
	t.Helper()
	f := &follower{now: time.Now()}
	var err error
	f.Lists, err = Open(Options{
		Files: []string{name}, OnChange: func() { f.changed.Add(1) }, Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// after looks at the files when d has gone by.
func (f *follower) after(d time.Duration) {
	f.now = f.now.Add(d)
	f.look(f.now)
}

func TestFollowReadsWhatHasBeenStill(t *testing.T) {
	name := newFile(t, hexV1)
	f := follow(t, name)
	listed := func(hash string) bool { _, ok := f.Find(mustParse(t, hash)); return ok }
	f.after(time.Hour)
	rewrite(t, name, hexV2)
	f.after(time.Second)
	f.after(Still - 1)
	rewrite(t, name, hexV2+"\n"+strings.Repeat("5", 40)) // somebody still writes
	f.after(1)
	f.after(Still - 1)
	if !listed(hexV1) || f.changed.Load() != 0 {
		t.Fatal("a list was read while somebody wrote it")
	}
	f.after(1)
	if listed(hexV1) || !listed(hexV2) || f.changed.Load() != 1 || f.Stats().Entries != 2 {
		t.Fatalf("a list that has been still is not in force: %+v", f.Stats())
	}
	f.after(time.Hour)
	f.after(time.Hour)
	if f.changed.Load() != 1 {
		t.Error("a list was read again that did not change")
	}
}

// The old list stays in force while the file is bad or gone, which the log says once.
func TestFollowKeepsTheOldList(t *testing.T) {
	name := newFile(t, hexV1)
	f := follow(t, name)
	still := func() {
		for range 5 {
			f.after(Still)
		}
	}
	rewrite(t, name, "\nbad")
	still()
	if log := f.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, name+": line 2: ") {
		t.Errorf("the log says %q", log)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	still()
	if log := f.log.String(); strings.Count(log, "\n") != 2 {
		t.Errorf("the log says %q", log)
	}
	if _, ok := f.Find(mustParse(t, hexV1)); !ok || f.changed.Load() != 0 {
		t.Error("the old list is not in force any more")
	}
	rewrite(t, name, hexV2)
	still()
	if _, ok := f.Find(mustParse(t, hexV2)); !ok || f.changed.Load() != 1 {
		t.Error("the list is not read when it is there again")
	}
}

// Each reader sees the lists as they were before or after a change, and nothing else.
func TestReplacingWhileThousandReadersRead(t *testing.T) {
	const readers, rounds = 1000, 20
	name := newFile(t, hexV1+"\n"+hexV2)
	l, err := Open(Options{Files: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	always, never := mustParse(t, hexV1), mustParse(t, strings.Repeat("5", 40))
	var group sync.WaitGroup
	done := make(chan struct{})
	for range readers {
		group.Go(func() {
			for ; ; runtime.Gosched() {
				if _, ok := l.Find(always); !ok {
					t.Error("what is in both lists is not listed")
					return
				}
				if _, ok := l.Find(never); ok {
					t.Error("what is in no list is listed")
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range rounds {
		text := hexV1
		if i%2 == 1 {
			text += "\n" + hexV2
		}
		rewrite(t, name, text)
		if err := l.Reload([]string{name}); err != nil {
			t.Error(err)
		}
		if _, ok := l.Find(mustParse(t, hexV2)); ok != (i%2 == 1) {
			t.Errorf("round %d: the list before is in force after the new one was read", i)
		}
	}
	close(done)
	group.Wait()
}

// A table grows when lines are shorter than expected, and shrinks when most are comments.
func TestTableFitsItsRows(t *testing.T) {
	table := newTable(0)
	if _, ok := table.find(numbered(0).AppendTo(nil)); ok {
		t.Error("something is in an empty table")
	}
	const n = 10_000
	for i := range n {
		table.add(numbered(i).AppendTo(nil), uint32(i+1))
		table.add(numbered(i).AppendTo(nil), n+1)
	}
	for i := range 2 * n {
		if line, ok := table.find(numbered(i).AppendTo(nil)); ok != (i < n) || ok && line != uint32(i+1) {
			t.Fatalf("row %d: got %d, %v", i, line, ok)
		}
	}
	if table.used != n || len(table.rows) < n+n/8 || len(table.rows) > 3*n {
		t.Errorf("%d of %d rows are used", table.used, len(table.rows))
	}
	l, err := read(newFile(t, hexV1+"\n"+strings.Repeat("# a comment\n", 10_000)))
	if err != nil || len(l.ids.rows) > 4 {
		t.Errorf("one hash takes %d rows (%v)", len(l.ids.rows), err)
	}
}
