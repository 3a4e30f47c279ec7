// Package keys has the command key, which edits the keys file of a server (--keys-file).
package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/cli"
)

const help = `Make keys for a server that runs with --keys-file, list the lines of that file, and
remove lines.

  torrentcache key new --name site1 --role write --keys-file keys
  torrentcache key new --name me --role read,write,sync,admin
  torrentcache key list --keys-file keys
  torrentcache key remove site1 --keys-file keys

The file has a line for each key: NAME ROLES sha256:DIGEST. The key itself is shown
once, when it is made, and stored nowhere. Write two other kinds of line by hand:

  office  write       address:192.0.2.0/24
  edge1   read,sync   certificate:edge1.example.org

Roles: read gets torrents, write caches them and asks which are missing, sync follows
the feed of all changes, admin makes the operator's calls. No role implies another.
Everybody also has the roles of serve --anonymous.

A running server reads the file again on SIGHUP. To replace a key, make a second one
with the same name, give it to its user, then remove the old line. key remove takes
what key list shows: a name for all its lines, or sha256:DIGITS for one line.`

type settings struct {
	name, role, keysFile string
	facts                cli.Facts
}

// keyFact is a line of a keys file for programs. Key is set only for a key that was just made.
type keyFact struct {
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
	Known string   `json:"known"`
	Key   string   `json:"key,omitempty"`
	Line  string   `json:"line,omitempty"` // to add to the file by hand, if no file was given
}

func factOf(e access.Entry) keyFact {
	return keyFact{Name: e.Name, Roles: strings.Split(e.Roles.String(), ","), Known: e.Known()}
}

// entryText returns a line of a keys file for people, usually within 80 columns. It shortens a
// digest to shownDigits digits.
func entryText(e access.Entry) string {
	known := e.Known()
	if strings.HasPrefix(known, access.ByKey) {
		known = known[:len(access.ByKey)+shownDigits]
	}
	return fmt.Sprintf("%-20s %-22s %s\n", e.Name, e.Roles, known)
}

// shownDigits is how many hex digits of a digest are shown: 48 bits. One in five hundred files with
// a million keys has two keys that agree in these bits.
const shownDigits = 12

// NewKey returns the command key.
func NewKey(env cli.Environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Make, list and remove keys",
		Long:  help,
		Args:  cli.NoArguments,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newNew(env), newList(env), newRemove(env))
	return c
}

func newNew(env cli.Environment) *cobra.Command {
	s := settings{facts: cli.Facts{Out: env.Stdout}}
	c := &cobra.Command{
		Use:   "new --name NAME --role ROLES",
		Short: "Make a key; add its line to a keys file, or show the line",
		Long:  help,
		Args:  cli.NoArguments,
		RunE: env.Run(nil, func(*cobra.Command, []string) error {
			return s.make(env)
		}),
	}
	c.Flags().StringVar(&s.name, "name", "", "name of the key's user, for the file and the logs (required)")
	c.Flags().StringVar(&s.role, "role", "", "roles of the key: a list of read, write, sync and admin (required)")
	c.Flags().StringVar(&s.keysFile, "keys-file", "", "`file` to add the line to, created if missing; without it the line is shown")
	s.facts.AddFlag(c.Flags())
	return c
}

func newList(env cli.Environment) *cobra.Command {
	s := settings{facts: cli.Facts{Out: env.Stdout}}
	c := &cobra.Command{
		Use:   "list --keys-file FILE",
		Short: "List the lines of a keys file, and check it",
		Args:  cli.NoArguments,
		RunE: env.Run(nil, func(*cobra.Command, []string) error {
			entries, err := s.entries()
			if err != nil {
				return err
			}
			return s.tell(entries)
		}),
	}
	c.Flags().StringVar(&s.keysFile, "keys-file", "", "the `file` (required)")
	s.facts.AddFlag(c.Flags())
	return c
}

// make makes a key. If its line goes to the file, standard output has the key alone, so that a
// script can take it from there.
func (s settings) make(env cli.Environment) error {
	roles, err := access.ParseRoles(s.role)
	if err == nil && roles == 0 {
		err = errors.New("want at least one of read, write, sync and admin")
	}
	if err != nil {
		return fmt.Errorf("--role: %w", err)
	}
	if err := access.CheckName(s.name); err != nil {
		return fmt.Errorf("--name: %w", err)
	}
	key := access.NewKey()
	e := access.Entry{Name: s.name, Roles: roles, Key: access.DigestOf(key)}
	fact, line := factOf(e), e.String()
	fact.Key = key
	if s.keysFile == "" {
		fact.Line = line
		return s.facts.Print(fact, key+"\n"+line+"\n")
	}
	if err := appendLine(s.keysFile, line); err != nil {
		return fmt.Errorf("--keys-file: %w", err)
	}
	if err := s.facts.Print(fact, key+"\n"); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stderr, "Added to %s. Keep the key: it is not shown again. A running server accepts it after SIGHUP.\n", s.keysFile)
	return err
}

// appendLine adds a line to a keys file, unless the file has a mistake.
func appendLine(name, line string) (err error) {
	if _, err := access.ParseFile(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	before, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if len(before) > 0 && !bytes.HasSuffix(before, []byte("\n")) {
		line = "\n" + line
	}
	if _, err := io.WriteString(f, line+"\n"); err != nil {
		return err
	}
	return f.Sync()
}

// entries returns the lines of the file.
func (s settings) entries() ([]access.Entry, error) {
	if s.keysFile == "" {
		return nil, errors.New("--keys-file is missing")
	}
	entries, err := access.ParseFile(s.keysFile)
	if err != nil {
		return nil, fmt.Errorf("--keys-file: %w", err)
	}
	return entries, nil
}

// tell writes entries.
func (s settings) tell(entries []access.Entry) error {
	for _, e := range entries {
		if err := s.facts.Print(factOf(e), entryText(e)); err != nil {
			return err
		}
	}
	return nil
}
