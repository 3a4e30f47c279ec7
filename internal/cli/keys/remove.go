package keys

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/wholefile"
)

func newRemove(env cli.Environment) *cobra.Command {
	s := settings{facts: cli.Facts{Out: env.Stdout}}
	dryRun := false
	c := &cobra.Command{
		Use:   "remove NAME|KNOWN... --keys-file FILE",
		Short: "Remove lines from a keys file",
		Long:  help,
		RunE: env.Run(nil, func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("remove whom? Want a name, or sha256:DIGITS, address:NETWORK or certificate:NAME, as key list shows it")
			}
			if err := s.remove(args, dryRun); err != nil || dryRun {
				return err
			}
			_, err := fmt.Fprintf(env.Stderr, "Removed from %s. A running server refuses the keys after SIGHUP.\n", s.keysFile)
			return err
		}),
	}
	c.Flags().StringVar(&s.keysFile, "keys-file", "", "the `file` (required)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show which lines would be removed, and remove none")
	s.facts.AddFlag(c.Flags())
	return c
}

// remove removes each line that an element of whom names, and reports these lines. It fails if an
// element names no line. Everything else in the file stays as it is.
func (s settings) remove(whom []string, dryRun bool) error {
	if _, err := s.entries(); err != nil {
		return err
	}
	text, err := os.ReadFile(s.keysFile)
	if err != nil {
		return fmt.Errorf("--keys-file: %w", err)
	}
	var kept bytes.Buffer
	var gone []access.Entry
	found := map[string]int{} // number of lines, by the element of whom that names them
	for line := range bytes.Lines(text) {
		entries, _ := access.Parse(bytes.NewReader(line)) // s.entries has checked every line
		if len(entries) == 0 || !named(entries[0], whom, found) {
			kept.Write(line)
			continue
		}
		gone = append(gone, entries[0])
	}
	for _, w := range whom {
		switch n := found[w]; {
		case n == 0:
			return fmt.Errorf("%s has no line for %q (torrentcache key list shows its lines)", s.keysFile, w)
		case n > 1 && isDigits(w):
			return fmt.Errorf("%s has %d lines that begin with %s: write more digits (key list --json has all)", s.keysFile, n, w)
		}
	}
	if !dryRun {
		if err := replaceFile(s.keysFile, kept.Bytes()); err != nil {
			return fmt.Errorf("--keys-file: %w", err)
		}
	}
	return s.tell(gone)
}

// named reports whether an element of whom names e, and counts these elements in found.
func named(e access.Entry, whom []string, found map[string]int) bool {
	matches := false
	for _, w := range whom {
		if w == e.Name || w == e.Known() || isDigits(w) && strings.HasPrefix(e.Known(), w) {
			found[w]++
			matches = true
		}
	}
	return matches
}

// isDigits reports whether w can be the beginning of a key's digest in the form of key list.
func isDigits(w string) bool {
	digits, ok := strings.CutPrefix(w, access.ByKey)
	return ok && len(digits) >= shownDigits
}

// replaceFile replaces the content of a file by b, whole or not at all. Mode and owner stay.
func replaceFile(name string, b []byte) (err error) {
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	before, err := os.Stat(name)
	if err != nil {
		return err
	}
	return wholefile.Write(name, b, func(f *os.File) error {
		return errors.Join(f.Chmod(before.Mode().Perm()), keepOwner(f, before), f.Sync())
	})
}
