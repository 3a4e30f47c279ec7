//go:build e2e && linux

package diskstore

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ext4Shutdown is EXT4_IOC_SHUTDOWN of linux/fs/ext4/ext4.h, and noLogFlush its
// flag that makes the file system stop at once: nothing in memory, not even its
// own journal, reaches the disk any more. That is what a power cut leaves.
const (
	ext4Shutdown = 0x8004587D
	noLogFlush   = 2
)

// TestPowerCut cuts the power of a real file system under a writing process,
// again and again on the same store, and reads back all that it acknowledged.
// It needs root and a loop device; where it has none it says so.
func TestPowerCut(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	dir := filepath.Join(t.TempDir(), "mount")
	if err := prepareDisk(image, dir); err != nil {
		fmt.Fprintf(os.Stderr, "\n*** THE POWER CUT TEST DID NOT RUN: %v\n\n", err)
		return
	}
	var acknowledged []uint64
	for round := range rounds(6) {
		mount(t, image, dir)
		acknowledged = append(acknowledged, writeAndCut(t, dir, 40+50*(round%5))...)
		unmount(t, dir)
		mount(t, image, dir)
		s, err := Open(onDisk(vfs.Default, filepath.Join(dir, "store")))
		if err != nil {
			t.Fatal(err)
		}
		wantAcknowledged(t, s, round, acknowledged)
		mustClose(t, s)
		unmount(t, dir)
	}
	t.Logf("%d torrents were acknowledged", len(acknowledged))
}

// prepareDisk makes a file system in a file and sees that it can be mounted.
func prepareDisk(image, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"truncate", "-s", "512M", image},
		{"mkfs.ext4", "-q", "-F", image},
		{"mount", "-o", "loop", image, dir},
		{"umount", dir},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", command, err, out)
		}
	}
	return nil
}

func mount(t *testing.T, image, dir string) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() }) // if the test ends early
}

func unmount(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
		t.Fatalf("umount: %v: %s", err, out)
	}
}

// writeAndCut runs a writer until it has acknowledged n torrents, cuts the power
// of its file system, and returns all that it acknowledged.
func writeAndCut(t *testing.T, dir string, n int) (seeds []uint64) {
	t.Helper()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), killDir+"="+filepath.Join(dir, "store"))
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		seed, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if seeds = append(seeds, seed); len(seeds) == n {
			cutPower(t, dir)
		}
	}
	if err := writer.Wait(); err == nil || len(seeds) < n {
		t.Fatalf("the writer ended by itself after %d torrents: %v", len(seeds), err)
	}
	return seeds
}

func cutPower(t *testing.T, dir string) {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	flags := uint32(noLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, d.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		t.Fatalf("shutting the file system down: %v", errno)
	}
}
