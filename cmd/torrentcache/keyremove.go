package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/access"
)

func newKeyRemove(env environment) *cobra.Command {
	s := keySettings{facts: facts{out: env.stdout}}
	dryRun := false
	c := &cobra.Command{
		Use:   "remove NAME|KNOWN... --keys-file FILE",
		Short: "Take lines out of a keys file",
		Long:  keyHelp,
		RunE: func(c *cobra.Command, args []string) error {
			if err := settings(c, env, func() error { return nil }); err != nil {
				return err
			}
			if len(args) == 0 {
				return errors.New("remove whom? Want a name, or sha256:DIGITS, address:NETWORK or certificate:NAME, as key list shows it")
			}
			if err := s.remove(args, dryRun); err != nil || dryRun {
				return err
			}
			_, err := fmt.Fprintf(env.stderr, "Taken out of %s. A running server knows it after SIGHUP.\n", s.keysFile)
			return err
		},
	}
	c.Flags().StringVar(&s.keysFile, "keys-file", "", "the `file` (required)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say which lines would go and take none out")
	s.facts.addFlag(c.Flags())
	return c
}

// remove takes the lines out that whom names, and tells which; all of whom must be there.
// Everything else in the file stays as it is.
func (s keySettings) remove(whom []string, dryRun bool) error {
	if s.keysFile == "" {
		return errors.New("--keys-file is missing")
	}
	if _, err := access.ParseFile(s.keysFile); err != nil {
		return fmt.Errorf("--keys-file: %w", err)
	}
	text, err := os.ReadFile(s.keysFile)
	if err != nil {
		return fmt.Errorf("--keys-file: %w", err)
	}
	var kept bytes.Buffer
	var gone []access.Entry
	found := map[string]int{} // lines, by what of whom names them
	for line := range bytes.Lines(text) {
		entries, _ := access.Parse(bytes.NewReader(line)) // it is right, as all of the file is
		if len(entries) == 0 || !named(entries[0], whom, found) {
			kept.Write(line)
			continue
		}
		gone = append(gone, entries[0])
	}
	for _, w := range whom {
		switch n := found[w]; {
		case n == 0:
			return fmt.Errorf("%s has no line for %q (torrentcache key list shows whom it has)", s.keysFile, w)
		case n > 1 && isDigits(w):
			return fmt.Errorf("%s has %d lines that begin with %s: write more digits (key list --json has all)", s.keysFile, n, w)
		}
	}
	if !dryRun {
		if err := replaceFile(s.keysFile, kept.Bytes()); err != nil {
			return fmt.Errorf("--keys-file: %w", err)
		}
	}
	for _, e := range gone {
		if err := s.facts.tell(factOf(e), entryText(e)); err != nil {
			return err
		}
	}
	return nil
}

// named reports whether one of whom names e, and counts that in found.
func named(e access.Entry, whom []string, found map[string]int) bool {
	is := false
	for _, w := range whom {
		if w == e.Name || w == e.Known() || isDigits(w) && strings.HasPrefix(e.Known(), w) {
			found[w]++
			is = true
		}
	}
	return is
}

// isDigits reports whether w may be the beginning of a key's digest, as key list shows it.
func isDigits(w string) bool {
	digits, ok := strings.CutPrefix(w, access.ByKey)
	return ok && len(digits) >= shownDigits
}

// replaceFile puts b in the place of a file's content, whole or not at all. Mode and owner stay.
func replaceFile(name string, b []byte) (err error) {
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	before, err := os.Stat(name)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+strings.TrimPrefix(filepath.Base(name), ".")+"-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(b)
	err = errors.Join(err, temp.Chmod(before.Mode().Perm()), keepOwner(temp, before), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
