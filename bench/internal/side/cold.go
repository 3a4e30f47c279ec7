package side

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// DropFromMemory drops files from the page cache. It needs only the right to read them, and
// leaves the rest of the page cache alone. The file system keeps its cached metadata.
func DropFromMemory(files []string) error {
	for _, name := range files {
		if err := drop(name); err != nil {
			return err
		}
	}
	return nil
}

func drop(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // the kernel would keep dirty pages
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// DeviceReads returns how many reads the device of path has served since the machine started, for
// all processes. The kernel may merge adjacent reads into one.
func DeviceReads(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	device := info.Sys().(*syscall.Stat_t).Dev
	file := fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(device), unix.Minor(device))
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("%s is on no block device: %w", path, err)
	}
	return strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
}
