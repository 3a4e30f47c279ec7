// Package lists reads what people give to commands: info hashes and magnet links, paths, and
// lists of them in files and on standard input.
package lists

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/torrentcache/torrentcache/infohash"
)

// Help says what commands take for HASH, for their --help.
const Help = `HASH is what people paste: an info hash (40 or 64 hex digits, 32 base32 digits), a
magnet link, urn:btih:HASH, HASH.torrent, or the URL of a download on any host. In a
list white space around it, empty lines and such that begin with # do not matter.
`

// UnreadableMark follows the info hash of a torrent that cannot be read in what verify reports.
const UnreadableMark = " unreadable"

// ParseID reads what people paste for a torrent, and returns the v1 id if there is
// one, else the v2 id. It also takes a line of what verify reports.
func ParseID(text string) (infohash.ID, error) {
	ids, err := infohash.ParsePasted(strings.TrimSuffix(text, UnreadableMark))
	if err != nil {
		return infohash.ID{}, fmt.Errorf("%q: %w", text, err)
	}
	return ids.Primary(), nil
}

// HashLines yields those of the lines that may name a torrent, without what is around
// them: not those that are empty, or comments, which begin with #.
func HashLines(all iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range all {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}
}

// errNothingRead is why a command whose list on standard input has no line fails: then
// what should have made the list has failed more likely than not.
var errNothingRead = errors.New("standard input is empty: want a list there")

// ExpandStdin yields args, and in place of each `-` what stands before each end
// in in. An error of reading, also if there is nothing to read, goes to failed.
func ExpandStdin(args []string, in io.Reader, end byte, failed *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, arg := range args {
			if arg != "-" {
				if !yield(arg) {
					return
				}
				continue
			}
			for line := range SomeLines(in, end, failed) {
				if !yield(line) {
					return
				}
			}
		}
	}
}

// SomeLines yields what stands between ends in in, empty lines left out. An error of reading,
// or of a line over 1 MiB, goes to failed, and so does that there is no line.
func SomeLines(in io.Reader, end byte, failed *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		some := false
		for line := range lines(in, "standard input", end, failed) {
			if some = true; !yield(line) {
				return
			}
		}
		if !some && *failed == nil {
			*failed = errNothingRead
		}
	}
}

// Expand yields args, and in place of - and of each file the lines in it, but
// not such that begin with #. What could be an info hash or a magnet link is one,
// also where a file has that name. An error of reading goes to failed.
func Expand(args []string, stdin io.Reader, failed *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, arg := range args {
			in, isList, err := openList(arg, stdin)
			if err != nil {
				*failed = err
				return
			}
			if !isList {
				if !yield(arg) {
					return
				}
				continue
			}
			defer in.Close() // a few at most
			all := lines(in, arg, '\n', failed)
			if arg == "-" {
				all = SomeLines(in, '\n', failed)
			}
			for line := range HashLines(all) {
				if !yield(line) {
					return
				}
			}
		}
	}
}

// openList opens the list that arg names, if it names one.
func openList(arg string, stdin io.Reader) (in io.ReadCloser, isList bool, err error) {
	if arg == "-" {
		return io.NopCloser(stdin), true, nil
	}
	if _, err := ParseID(arg); err == nil {
		return nil, false, nil
	}
	in, err = os.Open(arg)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil // parsing it says what is wrong
	}
	return in, err == nil, err
}

// maxLine is how long a line of a list may be, in bytes; longer ones are no list's.
const maxLine = 1 << 20

// lines yields what stands between ends in in, empty lines left out. A byte order mark may
// be before it, also that of UTF-16, which PowerShell writes. An error of reading, or of a
// line over 1 MiB, goes to failed; it names in by name, and the line.
func lines(in io.Reader, name string, end byte, failed *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		scanner := bufio.NewScanner(transform.NewReader(in, unicode.BOMOverride(transform.Nop)))
		scanner.Buffer(nil, maxLine)
		scanner.Split(splitAt(end))
		number := 1
		for ; scanner.Scan(); number++ {
			text := scanner.Text()
			if end == '\n' {
				text = strings.TrimSuffix(text, "\r")
			}
			if text != "" && !yield(text) {
				return
			}
		}
		switch err := scanner.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			*failed = fmt.Errorf("%s: line %d is longer than 1 MiB: want a list, one entry a line", name, number)
		case err != nil:
			*failed = fmt.Errorf("reading the list: %w", err)
		}
	}
}

// splitAt cuts what a scanner reads at each end, and takes what stands behind the last one, too.
func splitAt(end byte) bufio.SplitFunc {
	return func(data []byte, atEOF bool) (int, []byte, error) {
		if at := bytes.IndexByte(data, end); at >= 0 {
			return at + 1, data[:at], nil
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	}
}
