// Package lists reads the arguments that people give to commands: info hashes and magnet links,
// paths, and lists of them in files and on standard input.
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

// Help describes the argument HASH for the --help of commands.
const Help = `HASH is what people paste: an info hash (40 or 64 hex digits, 32 base32 digits), a
magnet link, urn:btih:HASH, HASH.torrent, or the URL of a download on any host. Lists may
have white space around a hash, empty lines, and lines that begin with #.
`

// UnreadableMark follows the info hash of an unreadable torrent in the report of verify.
const UnreadableMark = " unreadable"

// ParseID reads the text that people paste for a torrent, and returns the v1 id if there is one,
// else the v2 id. It also accepts a line of the report of verify.
func ParseID(text string) (infohash.ID, error) {
	ids, err := infohash.ParsePasted(strings.TrimSuffix(text, UnreadableMark))
	if err != nil {
		return infohash.ID{}, fmt.Errorf("%q: %w", text, err)
	}
	return ids.Primary(), nil
}

// HashLines yields the lines that may name a torrent, without surrounding characters. It omits
// empty lines and comments, which begin with #.
func HashLines(all iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range all {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}
}

// errNothingRead says that a list on standard input has no line: then the program that should
// have made the list has probably failed.
var errNothingRead = errors.New("standard input is empty: want a list there")

// ExpandStdin yields args, with each `-` replaced by the texts in in that the byte end
// separates. A read error goes to failed, and so does an empty list.
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

// SomeLines yields the texts in in that the byte end separates, without empty ones. A read
// error, a line over 1 MiB, or a list without lines goes to failed.
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

// Expand yields args, with - and each file replaced by its lines, except those that begin with
// #. An argument that could be an info hash or a magnet link is one, even if a file has that
// name. A read error goes to failed.
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
		return nil, false, nil // parsing it reports the error
	}
	return in, err == nil, err
}

// maxLine is the maximum length of a line in bytes; a file with a longer line is not a list.
const maxLine = 1 << 20

// lines yields the texts in in that the byte end separates, without empty ones. A byte order
// mark may precede them, also that of UTF-16, which PowerShell writes. A read error, or a line
// over 1 MiB, goes to failed, with name and the number of the line.
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

// splitAt splits the input of a scanner at each end, and returns the rest after the last one,
// too.
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
