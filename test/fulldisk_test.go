//go:build e2e

package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// smallDisks mount file systems that can be filled to the last block.
var smallDisks = map[string]func(t *testing.T, dir string) error{
	"tmpfs": func(_ *testing.T, dir string) error {
		return shell("mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", dir)
	},
	"ext4": func(t *testing.T, dir string) error {
		image := filepath.Join(t.TempDir(), "image")
		return errors.Join(shell("truncate", "-s", "64M", image), shell("mkfs.ext4", "-q", "-F", "-m", "0", image),
			shell("mount", "-o", "loop", image, dir))
	},
}

func shell(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// TestLastBlock fills a disk to its last block with foreign data. All acknowledged torrents are
// served and removals work, also after a kill. When space is free, everything works again.
func TestLastBlock(t *testing.T) {
	t.Parallel()
	for name, mount := range smallDisks {
		t.Run(name, func(t *testing.T) {
			disk := t.TempDir()
			if err := mount(t, disk); err != nil {
				// Say so, because a run without this test proves less.
				fmt.Fprintf(os.Stderr, "\n*** TestLastBlock/%s did NOT run: %v ***\n\n", name, err)
				return
			}
			t.Cleanup(func() {
				if err := shell("umount", disk); err != nil {
					t.Error(err)
				}
			})
			l := startLedger(t, filepath.Join(disk, "data"), "--min-free-space", "1MiB", "--log-level", "warn")
			l.fill(t)
			junk := filepath.Join(disk, "junk")
			fillDisk(t, junk)
			l.removeOnFullDisk(t, junk)
			l.startOnFullDisk(t, junk)
			if err := os.Remove(junk); err != nil {
				t.Fatal(err)
			}
			l.restart(t, syscall.SIGKILL)
			l.check(t)
			l.awaitUpload(t)
			l.reindexAndCheck(t)
		})
	}
}

// fill uploads torrents until neither a large nor a small one fits, so that next to nothing is
// left of the space that the store has reserved.
func (l *ledger) fill(t *testing.T) {
	t.Helper()
	for refused := 0; refused < 40; refused++ {
		if l.upload(t) {
			refused = 0
		}
	}
	if len(l.all(isThere)) < 12 {
		t.Fatalf("only %d torrents fit", len(l.all(isThere)))
	}
	l.downloadAll(t)
}

// fillDisk writes a file until the disk has no free block.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 20; size > 0; {
		n, err := file.Write(make([]byte, size))
		if err == nil {
			err = file.Sync() // ext4 allocates blocks when it writes them
		}
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		if err != nil || n < size {
			size /= 2
		}
	}
	var free syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &free); err != nil || free.Bavail > 0 {
		t.Fatalf("%d blocks are free yet (%v)", free.Bavail, err)
	}
}

// removeOnFullDisk removes and restores torrents, for which the store reserves the last space.
func (l *ledger) removeOnFullDisk(t *testing.T, junk string) {
	t.Helper()
	for n := range 6 {
		victim := l.some(t, 2*n)
		fillDisk(t, junk)
		switch {
		case !l.remove(t, victim, false):
			t.Errorf("removal %d on a full disk is refused", n)
		case n%2 == 0 && !l.restore(t, victim):
			t.Errorf("restoration %d on a full disk is refused", n)
		}
	}
	victim := l.some(t, 1)
	_, err := l.admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: l.hashes[victim], Erase: true})
	l.may[victim] = []int{isRemoved}
	// The bytes may have to stay, because there is no room to move the others, but the torrent is
	// removed.
	if err != nil && !strings.Contains(err.Error(), "removed") {
		t.Errorf("of a torrent that is removed, but not erased, the server says: %v", err)
	}
	l.downloadAll(t)
}

// startOnFullDisk kills the server and starts it where it cannot write a block. It serves reads,
// and reports what it cannot do.
func (l *ledger) startOnFullDisk(t *testing.T, junk string) {
	t.Helper()
	l.server.stop(t, syscall.SIGKILL)
	fillDisk(t, junk)
	l.server.launch(l.owner, l.server.cmd.Args[1:])
	l.server.await(t, "/livez")
	l.connect()
	l.downloadAll(t)
	ready, _ := fetch(t, "http://"+l.server.Admin+"/readyz")
	if said := regexp.MustCompile(`level=(WARN|ERROR)[^\n]*(no space|no room|full)`).FindString(l.server.logged()); ready != 200 && said == "" {
		t.Error("the server is not ready, and its log does not say that the disk is full")
	}
	l.upload(t) // which may be refused
}
