//go:build e2e

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// calls are the calls that the store makes on files of a kind in a phase. TestInjectionTable
// checks that none is missing.
type calls struct {
	phase, files string
	reads        []string // and other calls for which EIO represents all errors
	writes       []string
	chance       []string // writes that the store does not make each time
}

var injections = []calls{
	{"serve", "segments", []string{"pread64"}, []string{"pwrite64", "fdatasync", "fallocate"}, nil},
	{"serve", "tables", []string{"pread64"}, nil, nil},
	{"rest", "mark", []string{"sync_file_range"}, []string{"openat", "pwrite64", "fdatasync"}, []string{"fsync"}},
	{"compact", "segments", []string{"pread64"}, []string{"pwrite64", "fdatasync", "fallocate", "ftruncate", "unlinkat"}, nil},
	{"compact", "next segments", []string{"pread64", "sync_file_range"},
		[]string{"openat", "pwrite64", "fdatasync", "fsync", "fallocate", "ftruncate", "unlinkat"}, nil},
	{"compact", "segments folder", nil, []string{"openat", "fsync"}, nil},
	{"compact", "tables", []string{"pread64", "sync_file_range"}, []string{"openat", "write", "fdatasync", "unlinkat"}, nil},
	{"compact", "manifest", nil, []string{"write", "fsync"}, nil},
	{"verify", "segments", []string{"pread64"}, nil, nil},
	{"verify", "tables", []string{"pread64"}, nil, nil},
	{"backup", "segments", []string{"openat", "pread64", "sync_file_range"}, []string{"linkat"}, nil},
	{"backup", "backup", []string{"sync_file_range"}, []string{"mkdirat", "openat", "write", "pwrite64", "fsync", "fdatasync", "renameat"}, nil},
	{"stop", "tables", []string{"pread64", "sync_file_range"}, []string{"openat", "write", "fdatasync"}, []string{"unlinkat"}},
	{"stop", "manifest", nil, []string{"write", "fsync", "fdatasync"}, nil},
	{"stop", "mark", []string{"sync_file_range"}, []string{"openat", "pwrite64", "fdatasync"}, []string{"fsync"}},
}

// fault is a call that fails for a while.
type fault struct {
	phase, files, call, errno string
	// nth is the number of the failing call within a thread, as strace counts; 0 means each call.
	nth    int
	chance bool // the call may not happen
}

func (f fault) String() string {
	if f.nth == 0 {
		return fmt.Sprintf("%s %s each", f.call, f.errno)
	}
	return fmt.Sprintf("%s %s call %d", f.call, f.errno, f.nth)
}

// faults returns the faults that a run injects into calls: each error into each call, and in a
// long run each error into many of them.
func (c calls) faults() (faults []fault) {
	add := func(call, errno string, nth ...int) {
		if longRun() {
			nth = []int{0, 1, 2, 3, 5, 8}
		}
		for _, n := range nth {
			faults = append(faults, fault{c.phase, c.files, call, errno, n, n > 1 || slices.Contains(c.chance, call)})
		}
	}
	for _, call := range c.reads {
		add(call, "EIO", 0, 1)
	}
	for _, call := range slices.Concat(c.writes, c.chance) {
		add(call, "ENOSPC", 0)
		add(call, "EIO", 1)
		add(call, "EDQUOT", later(call))
	}
	return faults
}

// later returns the number of a later call that a short run also fails; 0 means each call. A
// second call of a rare kind would take too long to come.
func later(call string) int {
	if slices.Contains([]string{"openat", "write", "pwrite64", "fsync", "fdatasync"}, call) {
		return 2
	}
	return 0
}

func longRun() bool { return os.Getenv("TORRENTCACHE_TEST_LONG") != "" }

// TestInjectedErrors makes the store's calls fail with the errors of a failing and of a full
// disk. No acknowledged torrent may be lost, nor marked as damaged, because nothing on the disk
// is damaged.
func TestInjectedErrors(t *testing.T) {
	t.Parallel()
	for _, row := range injections {
		t.Run(row.phase+"/"+row.files, func(t *testing.T) {
			if row.phase == "rest" && !longRun() {
				return // each fault takes a second
			}
			var l *ledger
			for _, f := range row.faults() {
				if l == nil {
					l = startInjected(t)
				}
				if !t.Run(f.String(), func(t *testing.T) { l.suffer(t, f) }) {
					l.server.stop(t, syscall.SIGKILL)
					l = nil // a loss by this fault must not be reported for the next one
				}
			}
			if l != nil {
				t.Run("reindex", l.reindexAndCheck)
			}
		})
	}
}

// startInjected starts a server with a few torrents, and two segments.
func startInjected(t *testing.T) *ledger {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "backups"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := startLedger(t, filepath.Join(dir, "data"))
	for range 6 {
		l.upload(t)
	}
	l.restart(t, syscall.SIGKILL)
	for range 6 {
		l.upload(t)
	}
	l.remove(t, 3, false)
	l.restart(t, syscall.SIGTERM)
	return l
}

// mostRounds bounds the rounds of a phase until a call fails.
const mostRounds = 4

// suffer runs the server through one fault. It checks the server afterwards, and again after a
// restart.
func (l *ledger) suffer(t *testing.T, f fault) {
	if f.call == "fallocate" {
		// The last start may have recorded what it verified, and so have reserved space already.
		// This start has nothing to record.
		l.restart(t, syscall.SIGTERM)
	}
	r := l.server.attach(t, l.straceArgs(t, f)...)
	l.hits = func() int { return len(r.injected(t, f.call)) }
	for round := 0; l.hits() == 0 && round < mostRounds; round++ {
		phases[f.phase](l, t, round)
	}
	r.detach(t)
	for n, call := range r.injected(t, f.call) {
		if n < 3 {
			t.Log(call)
		}
	}
	if l.hits() == 0 && !f.chance {
		t.Errorf("there was no %s of the %s to %s", f.call, f.files, f.phase)
	}
	if f.phase != "stop" {
		l.downloadAll(t)
		l.checkBackups(t)
		l.goesOn(t, f)
	}
	l.restart(t, [...]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[l.faults%2])
	l.faults++
	l.check(t)
}

// straceArgs returns the arguments with which strace injects a fault.
func (l *ledger) straceArgs(t *testing.T, f fault) (args []string) {
	inject := fmt.Sprintf("inject=%s:error=%s", f.call, f.errno)
	if f.nth > 0 {
		inject += fmt.Sprintf(":when=%d", f.nth)
	}
	args = append(args, "-e", "trace="+f.call, "-e", inject)
	for _, path := range l.files(t, f.files) {
		args = append(args, "-P", path)
	}
	return args
}

// downloadAll downloads all torrents from the server after the fault, which must still serve
// reads.
func (l *ledger) downloadAll(t *testing.T) {
	t.Helper()
	for n := range l.next {
		l.download(t, n)
	}
}

// goesOn checks that uploads succeed again without a restart after the faults for which
// docs/storage.md promises it: in reads, in reservations, in the index's tables, and in the
// writes of a backup.
func (l *ledger) goesOn(t *testing.T, f fault) {
	t.Helper()
	if f.phase != "backup" && f.files != "tables" && f.call != "fallocate" && !strings.HasPrefix(f.call, "pread") {
		return
	}
	l.awaitUpload(t)
}

// reindexAndCheck rebuilds the index from the segments and checks the result.
func (l *ledger) reindexAndCheck(t *testing.T) {
	l.server.stopInOrder(t)
	l.reindex(t)
	l.restart(t, syscall.SIGTERM)
	l.check(t)
	if out := mustCommand(t, "verify", "--admin", l.server.Admin); verified(t, out) != len(l.all(isThere)) {
		t.Errorf("%d torrents are there, verify says %q", len(l.all(isThere)), out)
	}
}
