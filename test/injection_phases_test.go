//go:build e2e

package test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// phases are the work that a server does while calls fail. Each function does one round of it.
var phases = map[string]func(l *ledger, t *testing.T, round int){
	"serve":   (*ledger).serveSome,
	"compact": (*ledger).compactSome,
	"verify":  (*ledger).verifySome,
	"backup":  (*ledger).backupSome,
	"stop":    (*ledger).stopOnce,
	"rest":    (*ledger).restAWhile,
}

// serveSome makes every kind of client request.
func (l *ledger) serveSome(t *testing.T, round int) {
	for n := range 4 {
		l.download(t, l.some(t, round+n), http.StatusServiceUnavailable)
	}
	l.upload(t)
	l.uploadAgain(t, l.some(t, round))
	victim := l.some(t, round+3)
	if l.remove(t, victim, false) && round%2 == 0 {
		l.restore(t, victim)
	}
	for n := range 4 {
		l.download(t, l.some(t, round+n), http.StatusServiceUnavailable)
	}
}

// compactSome erases a torrent, which compacts the torrent's segment.
func (l *ledger) compactSome(t *testing.T, round int) {
	l.remove(t, l.some(t, round), true)
	l.download(t, l.some(t, round), http.StatusServiceUnavailable)
	l.upload(t)
}

// verifySome makes the server verify its store. The verification may fail, but must not report
// damage.
func (l *ledger) verifySome(t *testing.T, _ int) {
	checked, damaged, err := l.verify(t)
	if len(damaged) > 0 {
		t.Errorf("verify calls damaged what cannot be read now: %q", damaged)
	}
	t.Logf("verify: %d (%v)", checked, err)
}

// backupSome makes the server write a backup.
func (l *ledger) backupSome(t *testing.T, _ int) {
	dir := filepath.Join(l.backupsDir(), fmt.Sprint(l.backups))
	l.backups++
	stream, err := l.admin.BackupStore(t.Context(), &torrentcachev1.BackupStoreRequest{Directory: dir})
	for err == nil {
		_, err = stream.Recv()
	}
	t.Logf("backup %s: %v", filepath.Base(dir), err)
	if _, noteErr := os.Stat(filepath.Join(dir, "backup")); noteErr != nil && err.Error() == "EOF" {
		t.Errorf("a backup that was acknowledged is none: %v", noteErr)
	}
}

// stopOnce stops the server in order.
func (l *ledger) stopOnce(t *testing.T, round int) {
	if round > 0 {
		return // the server has ended
	}
	l.upload(t)
	t.Logf("the server ended: %v", l.server.stop(t, syscall.SIGTERM))
}

// restAWhile waits a second without changes, after which the store records how far it is synced,
// or fails to.
func (l *ledger) restAWhile(t *testing.T, _ int) {
	mark := filepath.Join(l.server.DataDir, "synced")
	before, _ := os.ReadFile(mark) // there may be none yet
	l.upload(t)
	for deadline := time.Now().Add(patience); l.hits() == 0; <-time.After(20 * time.Millisecond) {
		if now, _ := os.ReadFile(mark); !bytes.Equal(now, before) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the store noted nothing")
		}
	}
}

func (l *ledger) backupsDir() string { return filepath.Join(filepath.Dir(l.server.DataDir), "backups") }

// checkBackups checks the folders that are marked as backups, and deletes all folders.
func (l *ledger) checkBackups(t *testing.T) {
	t.Helper()
	notes, err := filepath.Glob(filepath.Join(l.backupsDir(), "*", "backup"))
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range notes {
		out := mustCommand(t, "verify", "--data-dir", filepath.Dir(note))
		if n := verified(t, out); n != len(l.all(isThere)) {
			t.Errorf("%d torrents are there, a backup has %d", len(l.all(isThere)), n)
		}
	}
	if err := os.RemoveAll(l.backupsDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(l.backupsDir(), 0o755); err != nil {
		t.Fatal(err)
	}
}
