package diskstore

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestFaultsEverywhere fails the file operations of the script one after the other,
// once each and each with all that follow: the store never ends the process, never
// hangs, and acknowledged changes are there when the disk works.
func TestFaultsEverywhere(t *testing.T) {
	if raced {
		return // see raced
	}
	failEach(t, 11, scriptWithFault)
}

func scriptWithFault(t *testing.T, at int, forever bool) int {
	t.Helper()
	fs := vfs.NewMem()
	broken, count := failingAt(fs, at, forever)
	l := newLedger()
	backups := map[string]*ledger{}
	script(t, scriptOptions(broken), l, func(dir string) { backups[dir] = l.copy() })
	settleLoosely(t, scriptOptions(fs), l)
	for dir, then := range backups {
		o := scriptOptions(fs)
		o.Dir = dir
		settleLoosely(t, o, then)
	}
	if t.Failed() {
		t.Fatalf("fault %d (forever: %v)", at, forever)
	}
	return int(count.Load())
}

// settleLoosely is settle for a ledger in which steps failed: a torrent with a
// step that is open may be anything that was ever asked for, but in one piece.
func settleLoosely(t *testing.T, o Options, l *ledger) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatalf("opening afterwards: %v", err)
	}
	defer mustClose(t, s)
	for seed, f := range l.fates {
		is, err := observe(t.Context(), s, crashTorrent(seed, 0))
		if err != nil || is != f.acknowledged && f.pending == none {
			t.Errorf("torrent %d is %d, %v; want %d", seed, is, err, f.acknowledged)
		}
	}
	feedAgrees(t, s)
	hasNoMarks(t, s)
}

// hasNoMarks fails if anything is marked as damaged.
func hasNoMarks(t *testing.T, s *Store) {
	t.Helper()
	for _, id := range s.segments.IDs() {
		if n := s.index.Account(id).Damaged; n != 0 {
			t.Errorf("%d torrents in segment %d are marked as damaged", n, id)
		}
	}
	if missing := s.Missing(); len(missing) > 0 {
		t.Errorf("%+v is missing", missing)
	}
}

// TestShortReadsEverywhere has the reads of the script, those of the index included,
// give half of the bytes that they could, one after the other: everything goes on, or
// says that it could not read.
func TestShortReadsEverywhere(t *testing.T) {
	if raced {
		return // see raced
	}
	scriptWithShortReads := func(at int64, err error) int64 {
		fs := vfs.NewMem()
		disk := &shortReads{FS: fs, at: at, err: err}
		l := newLedger()
		script(t, scriptOptions(disk), l, func(string) {})
		settleLoosely(t, scriptOptions(fs), l)
		if t.Failed() {
			t.Fatalf("read %d, %v", at, err)
		}
		return disk.count.Load()
	}
	total := scriptWithShortReads(-1, nil)
	t.Logf("%d reads", total)
	for at := range total {
		scriptWithShortReads(at, nil)
		scriptWithShortReads(at, io.EOF)
	}
}

// shortReads is a file system of which one read gives half, and an error.
type shortReads struct {
	vfs.FS
	at    int64
	err   error
	count atomic.Int64
}

func (d *shortReads) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.Open(name, options...)
	return d.wrap(f), err
}

func (d *shortReads) OpenReadWrite(name string, c vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, options...)
	return d.wrap(f), err
}

func (d *shortReads) wrap(f vfs.File) vfs.File {
	if f == nil {
		return nil
	}
	return &shortFile{f, d}
}

type shortFile struct {
	vfs.File
	disk *shortReads
}

func (f *shortFile) ReadAt(b []byte, offset int64) (int, error) {
	if f.disk.count.Add(1)-1 != f.disk.at {
		return f.File.ReadAt(b, offset)
	}
	n, err := f.File.ReadAt(b[:len(b)/2], offset)
	return n, errors.Join(err, f.disk.err)
}
