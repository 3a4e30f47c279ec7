package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// runHere runs a command in this process, without a server.
func runHere(t *testing.T, environ []string, args ...string) finished {
	t.Helper()
	var stdout, stderr strings.Builder
	status := run(t.Context(), args, cli.Environment{Environ: environ, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	return finished{status, stdout.String(), stderr.String()}
}

func TestMisspeltCommands(t *testing.T) {
	for command, says := range map[string]string{
		"sevre":         `unknown command "sevre" for "torrentcache": did you mean serve? (torrentcache --help lists the commands)`,
		"upload":        "did you mean push?",
		"delete":        "did you mean remove?",
		"nonsense":      `unknown command "nonsense" for "torrentcache" (torrentcache --help lists the commands)`,
		"key lsit":      `torrentcache key has no command "lsit": did you mean list?`,
		"key nonsense":  "want list or new or remove",
		"config gatway": "did you mean gateway?",
		"help sevre":    `unknown command "sevre" for "torrentcache": did you mean serve?`,
		"help key lsit": `torrentcache key has no command "lsit": did you mean list?`,
		"help push now": `torrentcache push has no command "now" (torrentcache push --help says more)`,
	} {
		got := runHere(t, nil, strings.Fields(command)...)
		if got.want(t, 1, says); strings.Count(got.stderr, "\n") != 1 || got.stdout != "" {
			t.Errorf("%s: %q, %q", command, got.stdout, got.stderr)
		}
	}
}

// The command help prints the same text as --help.
func TestHelpOfACommand(t *testing.T) {
	for _, command := range []string{"", "serve", "key new"} {
		flag := runHere(t, nil, append(strings.Fields(command), "--help")...)
		got := runHere(t, nil, append([]string{"help"}, strings.Fields(command)...)...)
		if got != flag || got.status != 0 || !strings.Contains(got.stdout, "--help") {
			t.Errorf("help %s: %+v, want %+v", command, got, flag)
		}
	}
}

func TestVersionByFlagAndCommand(t *testing.T) {
	flag, command := runHere(t, nil, "--version"), runHere(t, nil, "version")
	if flag.status != 0 || flag.stdout != command.stdout {
		t.Errorf("%+v, %+v", flag, command)
	}
	var b versionFact
	if err := json.Unmarshal([]byte(runHere(t, nil, "version", "--json").stdout), &b); err != nil || b.Go == "" || b.Version == "" {
		t.Errorf("%+v, %v", b, err)
	}
}

// The error for a bad setting says where the setting is, even if only its use finds it bad.
func TestBadSettingsNameTheirPlace(t *testing.T) {
	file := writeFile(t, t.TempDir(), "settings.yaml", []byte("# mine\ngrpc-addr: 9090\n"))
	runHere(t, nil, "serve", "--config", file).want(t, 1, `--grpc-addr "9090"`, "(--grpc-addr stands in "+file+", line 2)")
	runHere(t, []string{"TORRENTCACHE_GRPC_ADDR=9090"}, "serve").want(t, 1, "(--grpc-addr is set by the variable TORRENTCACHE_GRPC_ADDR)")
	runHere(t, []string{"TORRENTCACHE_KEYS_FILE=absent"}, "serve", "--data-dir", t.TempDir()).want(t, 1, "--keys-file absent", "TORRENTCACHE_KEYS_FILE")
	if got := runHere(t, nil, "serve", "--grpc-addr", "9090"); strings.Contains(got.stderr, "(--grpc-addr") {
		t.Errorf("a flag needs no place: %s", got.stderr)
	}
}

// A command without the key that it needs says once how to give one.
func TestWantedKeysAreNamed(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	runHere(t, nil, "key", "new", "--name", "me", "--role", "sync", "--keys-file", keys).want(t, 0)
	p := startServe(t, t.TempDir(), "--keys-file", keys, "--anonymous", "none")
	torrent := writeFile(t, t.TempDir(), "a.torrent", torrenttest.V1("a"))
	hash, admin := strings.Repeat("ab", 20), strings.Trim(strings.TrimPrefix(p.admin, "http://"), "/")
	environ := []string{"TORRENTCACHE_SERVER=" + p.grpc, "TORRENTCACHE_ADMIN=" + admin}
	for _, args := range [][]string{
		{"push", torrent}, {"get", "--out-dir", t.TempDir(), hash, hash}, {"get", "-o", "x", hash}, {"info", hash},
		{"stats"}, {"verify"}, {"remove", hash}, {"remove", "--denied"}, {"drain"}, {"changes"}, {"info", "--all"},
		{"migrate", "--from", "server:" + admin, "--to", "disk:" + t.TempDir(), "--state", filepath.Join(t.TempDir(), "s")},
	} {
		got := runHere(t, environ, args...)
		got.want(t, 1, "UNAUTHENTICATED", "--token-file FILE or in TORRENTCACHE_TOKEN")
		if strings.Count(got.stderr, "UNAUTHENTICATED") != 1 || strings.Contains(got.stderr, "rpc error") {
			t.Errorf("%v: %s", args, got.stderr)
		}
	}
}

// A shell completes file names where a file is wanted, and the values of flags that have few.
func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"serve --log-level ":    "info\ndebug\nwarn\nerror\n:4\n",
		"serve --grpc-tls ":     "off\non\n:4\n",
		"serve --tls-cert ":     ":0\n",
		"serve --data-dir ":     ":16\n",
		"serve --max-uploads ":  ":4\n",
		"serve ":                ":4\n",
		"help ke":               "key\n:4\n",
		"help key n":            "new\n:4\n",
		"key new --role w":      "read\nwrite\nsync\nadmin\nread,write\nread,write,sync,admin\n:4\n",
		"push ":                 ":0\n",
		"get ":                  ":4\n",
		"remove ":               ":0\n",
		"backup ":               ":16\n",
		"key remove ":           ":4\n",
		"get --token ":          ":4\n",
		"get --out-dir ":        ":16\n",
		"stats --data-dir ":     ":16\n",
		"migrate --state ":      ":0\n",
		"verify --rate ":        ":4\n",
		"push --resume ":        ":0\n",
		"key list --keys-file ": ":0\n",
	} {
		got := runHere(t, nil, append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Split(args, " ")...)...)
		if got.stdout != want {
			t.Errorf("%s: %q, want %q", args, got.stdout, want)
		}
	}
}

// Each command that prints facts has a flag --json.
func TestCommandsThatTellFactsHaveJSON(t *testing.T) {
	without := map[string]bool{
		"torrentcache": true, "torrentcache key": true, "torrentcache mirror": true, // have commands
		"torrentcache serve": true, "torrentcache gateway": true, // have a log
		"torrentcache export": true, "torrentcache package-files": true, // write files
		"torrentcache changes": true, // writes nothing but JSON, or hashes
	}
	everyCommand(newRoot(cli.Environment{}), func(c *cobra.Command) {
		if has := c.Flags().Lookup("json") != nil; has == without[c.CommandPath()] {
			t.Errorf("%s has --json: %t", c.CommandPath(), has)
		}
	})
}

// Every flag that is a duration accepts days.
func TestDurationsHaveDays(t *testing.T) {
	seen := 0
	everyCommand(newRoot(cli.Environment{}), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "duration" {
				return
			}
			seen++
			if err := f.Value.Set("2d"); err != nil || f.Value.String() != "2d" {
				t.Errorf("%s --%s 2d: %v, %s", c.CommandPath(), f.Name, err, f.Value)
			}
		})
	})
	if seen < 20 {
		t.Errorf("only %d flags", seen)
	}
}

func TestKeyRemove(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	for _, name := range []string{"site1", "site2", "site1"} {
		runHere(t, nil, "key", "new", "--name", name, "--role", "read,write", "--keys-file", keys).want(t, 0)
	}
	text, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	rewrite(t, keys, "# mine\n\n"+lines[0]+"office write address:192.0.2.0/24\n"+lines[1]+strings.TrimSuffix(lines[2], "\n"))
	if err := os.Chmod(keys, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(keys, link); err != nil {
		t.Fatal(err)
	}
	remove := func(whom ...string) finished {
		return runHere(t, nil, append([]string{"key", "remove", "--keys-file", link}, whom...)...)
	}
	remove("site1", "nobody").want(t, 1, `no line for "nobody"`)
	remove().want(t, 1, "remove whom?")
	remove("site1", "--dry-run").want(t, 0, "site1")
	wantFile := func(want string) {
		t.Helper()
		got, err := os.ReadFile(keys)
		if err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	known := strings.Fields(lines[0])[2]
	remove(known[:len("sha256:")+11]).want(t, 1, "no line for")
	if got := runHere(t, nil, "key", "list", "--keys-file", keys); !strings.Contains(got.stdout, known[:19]) || strings.Contains(got.stdout, known[:20]) {
		t.Errorf("key list shows not twelve digits: %s", got.stdout)
	}
	remove(known[:19], "--dry-run").want(t, 0, known[:19])
	remove(known, "192.0.2.0/24").want(t, 1, "192.0.2.0/24")
	if got := remove(known, "address:192.0.2.0/24", "--json"); !strings.Contains(got.stdout, `{"name":"site1","roles":["read","write"],"known":"`+known+`"}`) {
		t.Errorf("%+v", got)
	}
	wantFile("# mine\n\n" + lines[1] + strings.TrimSuffix(lines[2], "\n"))
	remove("site1").want(t, 0, "SIGHUP")
	wantFile("# mine\n\n" + lines[1])
	if info, err := os.Stat(keys); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	runHere(t, nil, "key", "list", "--keys-file", keys, "--json").want(t, 0, `"name":"site2"`)
}
