//go:build e2e

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// injections are the calls that the store makes on its files, by what it does
// meanwhile and by the files: TestInjectionTable sees that none is missing.
var injections = []struct {
	phase, files string
	reads        []string
	writes       []string
}{
	{"serve", "segments", []string{"pread64", "preadv2"}, []string{"pwrite64", "fdatasync", "fallocate"}},
	{"serve", "tables", []string{"pread64"}, nil},
	{"rest", "mark", nil, []string{"openat", "pwrite64", "fdatasync", "sync_file_range"}},
	{"compact", "segments", []string{"pread64", "preadv2"}, []string{"pwrite64", "fdatasync", "fallocate", "ftruncate", "unlinkat"}},
	{"compact", "next segments", []string{"pread64", "preadv2"}, []string{"openat", "pwrite64", "fdatasync", "fsync", "fallocate", "ftruncate", "sync_file_range", "unlinkat"}},
	{"compact", "segments folder", nil, []string{"openat", "fsync"}},
	{"compact", "tables", []string{"pread64"}, []string{"openat", "write", "fdatasync", "sync_file_range", "unlinkat"}},
	{"compact", "manifest", nil, []string{"write", "fsync"}},
	{"verify", "segments", []string{"pread64", "preadv2"}, nil},
	{"verify", "tables", []string{"pread64"}, nil},
	{"backup", "segments", []string{"openat", "pread64", "sync_file_range"}, []string{"linkat"}},
	{"backup", "backup", nil, []string{"mkdirat", "openat", "write", "pwrite64", "fsync", "fdatasync", "renameat", "sync_file_range"}},
	{"stop", "tables", []string{"pread64"}, []string{"openat", "write", "fdatasync", "sync_file_range"}},
	{"stop", "manifest", nil, []string{"write", "fsync", "fdatasync"}},
	{"stop", "mark", nil, []string{"openat", "pwrite64", "fdatasync", "sync_file_range"}},
}

// fault is one kind of call that fails for a while.
type fault struct {
	phase, files, call, errno string
	// nth is which call fails, of those of a thread, as strace counts them; 0: each.
	nth int
}

func (f fault) String() string {
	if f.nth == 0 {
		return fmt.Sprintf("%s %s each", f.call, f.errno)
	}
	return fmt.Sprintf("%s %s call %d", f.call, f.errno, f.nth)
}

// faultsOf returns the faults of one row of injections: all in a long run, else
// each call with each error.
func faultsOf(phase, files string, reads, writes []string) (faults []fault) {
	add := func(call, errno string) {
		for _, nth := range []int{0, 1, 2, 3, 5, 8} {
			if nth == 0 || longRun() {
				faults = append(faults, fault{phase, files, call, errno, nth})
			}
		}
	}
	for _, call := range reads {
		add(call, "EIO")
	}
	for _, call := range writes {
		for _, errno := range []string{"EIO", "ENOSPC", "EDQUOT"} {
			add(call, errno)
		}
	}
	return faults
}

func longRun() bool { return os.Getenv("TORRENTCACHE_TEST_LONG") != "" }

// TestInjectedErrors has the kernel answer the store's calls with the errors of a
// failing and of a full disk. Nothing that was acknowledged is lost by that, nor
// marked as damaged, since nothing on the disk is.
func TestInjectedErrors(t *testing.T) {
	for _, row := range injections {
		t.Run(row.phase+"/"+row.files, func(t *testing.T) {
			if row.phase == "rest" && !longRun() {
				return // it waits a second for each
			}
			var l *ledger
			for _, f := range faultsOf(row.phase, row.files, row.reads, row.writes) {
				if l == nil {
					l = startInjected(t)
				}
				if !t.Run(f.String(), func(t *testing.T) { l.suffer(t, f) }) {
					l.server.stop(t, syscall.SIGKILL)
					l = nil // what is lost here shall not be told of the next fault, too
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

// mostRounds is how often a phase is done at most until a call was answered with an error.
const mostRounds = 10

// suffer has the server live through one fault, and checks it then, and again when
// it was started anew.
func (l *ledger) suffer(t *testing.T, f fault) {
	inject := fmt.Sprintf("inject=%s:error=%s", f.call, f.errno)
	if f.nth > 0 {
		inject += fmt.Sprintf(":when=%d", f.nth)
	}
	args := []string{"-e", "trace=" + f.call, "-e", inject}
	if f.call == "pread64" { // what is in memory is else read by preadv2
		args = []string{"-e", "trace=pread64,preadv2", "-e", inject, "-e", "inject=preadv2:error=EAGAIN"}
	}
	for _, path := range l.files(t, f.files) {
		args = append(args, "-P", path)
	}
	r := l.server.attach(t, args...)
	l.hits = func() int { return len(r.injected(t, f.call)) }
	for round := 0; l.hits() == 0 && round < mostRounds; round++ {
		phases[f.phase](l, t, round)
	}
	r.detach(t)
	for _, call := range r.injected(t, f.call) {
		t.Log(call)
	}
	if f.nth <= 1 && l.hits() == 0 {
		t.Errorf("there was no such call of %s on the %s to %s", f.call, f.files, f.phase)
	}
	if f.phase != "stop" {
		l.downloadAll(t)
	}
	l.restart(t, [...]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[l.faults%2])
	l.faults++
	l.check(t)
	l.checkBackups(t)
}

// downloadAll checks all torrents on the server that the errors befell: reads go on.
func (l *ledger) downloadAll(t *testing.T) {
	t.Helper()
	for n := range l.next {
		l.download(t, n)
	}
}

// reindexAndCheck checks what the segments say without an index.
func (l *ledger) reindexAndCheck(t *testing.T) {
	l.server.stopInOrder(t)
	l.reindex(t)
	l.restart(t, syscall.SIGTERM)
	l.check(t)
}

// TestInjectionTable sees that injections knows each call.
func TestInjectionTable(t *testing.T) {
	known := map[string]bool{}
	for _, row := range injections {
		for _, call := range append(row.reads, row.writes...) {
			known[row.phase+", "+strings.TrimPrefix(row.files, "next ")+": "+call] = true
		}
	}
	l := startInjected(t)
	for name, phase := range phases {
		if name == "rest" {
			continue
		}
		r := l.server.attach(t, "-e", "trace=file,desc")
		for round := range 3 {
			phase(l, t, round)
		}
		r.detach(t)
		for _, line := range r.lines(t) {
			call, files, ok := l.storeCall(line)
			if ok && !known[name+", "+files+": "+call] && !known["serve, "+files+": "+call] {
				t.Errorf("no row of the table has %s, %s: %s", name, files, line)
			}
		}
		l.restart(t, syscall.SIGKILL)
		l.check(t)
		l.checkBackups(t)
	}
}
