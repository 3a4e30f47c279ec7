package main

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
)

const keyHelp = `Make keys for a server started with --keys-file, list who is in that file, and take
lines out.

  torrentcache key new --name site1 --role write --keys-file keys
  torrentcache key new --name me --role read,write,sync,admin
  torrentcache key list --keys-file keys
  torrentcache key remove site1 --keys-file keys

The file has a line for each key: NAME ROLES sha256:DIGEST. The key itself is shown
once, when it is made, and kept nowhere. Two other kinds of line are written by hand:

  office  write       address:192.0.2.0/24
  edge1   read,sync   certificate:edge1.example.org

Roles: read gets torrents, write caches them and asks which are missing, sync follows
the feed of all changes, admin makes the operator's calls. No role implies another;
everybody has those of serve --anonymous besides.

A running server reads the file again on SIGHUP. To replace a key make a second one
of the same name, give it to its user, then take the old line out: key remove takes
what key list shows, a name for all its lines, or sha256:DIGITS for one.`

type keySettings struct {
	name, role, keysFile string
	facts                facts
}

// keyFact is a line of a keys file for programs; Key is of one that was just made.
type keyFact struct {
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
	Known string   `json:"known"`
	Key   string   `json:"key,omitempty"`
	Line  string   `json:"line,omitempty"` // for the file, if it was not written there
}

func factOf(e access.Entry) keyFact {
	return keyFact{Name: e.Name, Roles: strings.Split(e.Roles.String(), ","), Known: e.Known()}
}

// entryText is a line of a keys file for people, within 80 columns as a rule: of a digest it has
// as much as tells it from others.
func entryText(e access.Entry) string {
	known := e.Known()
	if strings.HasPrefix(known, access.ByKey) {
		known = known[:len(access.ByKey)+shownDigits]
	}
	return fmt.Sprintf("%-20s %-22s %s\n", e.Name, e.Roles, known)
}

// shownDigits is how many digits of a digest are shown: 48 bits, in which two of a million keys
// agree once in five hundred files.
const shownDigits = 12

func newKey(env environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Make, list and remove keys",
		Long:  keyHelp,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return wrongCommand(c, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeyNew(env), newKeyList(env), newKeyRemove(env))
	return c
}

func newKeyNew(env environment) *cobra.Command {
	s := keySettings{facts: facts{out: env.stdout}}
	c := &cobra.Command{
		Use:   "new --name NAME --role ROLES",
		Short: "Make a key; add it to a keys file, or show the line for it",
		Long:  keyHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings(c, env, func() error { return nil }); err != nil {
				return err
			}
			return s.make(env)
		},
	}
	c.Flags().StringVar(&s.name, "name", "", "whose key it is, for the file and the logs (required)")
	c.Flags().StringVar(&s.role, "role", "", "what it is for: a list of read, write, sync and admin (required)")
	c.Flags().StringVar(&s.keysFile, "keys-file", "", "`file` to add it to, made if it is not there; without it the line is shown")
	s.facts.addFlag(c.Flags())
	return c
}

func newKeyList(env environment) *cobra.Command {
	s := keySettings{facts: facts{out: env.stdout}}
	c := &cobra.Command{
		Use:   "list --keys-file FILE",
		Short: "List who is in a keys file, which also checks it",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings(c, env, func() error { return nil }); err != nil {
				return err
			}
			return s.list()
		},
	}
	c.Flags().StringVar(&s.keysFile, "keys-file", "", "the `file` (required)")
	s.facts.addFlag(c.Flags())
	return c
}

// make makes a key. On standard output is the key alone if its line goes to the
// file, so that a script can take it from there.
func (s keySettings) make(env environment) error {
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
		return s.facts.tell(fact, key+"\n"+line+"\n")
	}
	if err := appendLine(s.keysFile, line); err != nil {
		return fmt.Errorf("--keys-file: %w", err)
	}
	if err := s.facts.tell(fact, key+"\n"); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stderr, "Added to %s. Keep the key, it is not shown again. A running server knows it after SIGHUP.\n", s.keysFile)
	return err
}

// appendLine adds a line to a keys file, if what it has is right.
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

func (s keySettings) list() error {
	if s.keysFile == "" {
		return errors.New("--keys-file is missing")
	}
	entries, err := access.ParseFile(s.keysFile)
	if err != nil {
		return fmt.Errorf("--keys-file: %w", err)
	}
	for _, e := range entries {
		if err := s.facts.tell(factOf(e), entryText(e)); err != nil {
			return err
		}
	}
	return nil
}
