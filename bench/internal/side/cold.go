package side

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// DropFromMemory has the kernel drop from the page cache what it has of files, which takes
// no rights beyond those to read them and lets the rest of the machine be. The file system keeps
// what it knows of where their blocks are.
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
	if err := f.Sync(); err != nil { // pages that are not written yet would stay
		return err
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// DeviceReads returns how many reads the device of path has served since the machine
// started, by whatever process: two that follow on one another may count as one.
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
