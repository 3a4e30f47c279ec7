//go:build unix

package budget

import "golang.org/x/sys/unix"

// openFiles returns how many files and connections the process may have open. Go raises the soft
// limit to the hard limit at start.
func openFiles() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // the usual limit
	}
	return int64(min(uint64(limit.Cur), 1<<30))
}
