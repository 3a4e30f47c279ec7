package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// flagsOfOthers are the flags of other programs that the documentation calls.
var flagsOfOthers = []string{
	"data-binary", "http1", // curl
	"grpc_out", "plugin", "python_out", "cpp_out", "csharp_out", "go_out", "go-grpc_out", "java_out", "objc_out", "php_out", "ruby_out", // protoc
	"display-name", "uid", // radosgw-admin
	"link-dest",                               // rsync
	"unbuffered",                              // jq
	"now",                                     // systemctl
	"follow-tags",                             // git
	"ignore-missing",                          // sha256sum
	"dht-addr", "local-peers", "metrics-addr", // torrentcache-resolver, whose own test knows them all
}

// The documentation names only flags, commands and environment variables that exist.
func TestDocumentationNamesWhatThereIs(t *testing.T) {
	flags, commands := map[string]*pflag.Flag{}, map[string]bool{}
	everyCommand(newRoot(cli.Environment{Stdout: io.Discard, Stderr: io.Discard}), func(c *cobra.Command) {
		commands[c.Name()] = true
		c.Flags().VisitAll(func(f *pflag.Flag) { flags[f.Name] = f })
	})
	flags["help"] = nil
	variables := map[string]bool{}
	for name := range flags {
		variables[config.EnvName(name)] = true
	}
	seen := 0
	for name, text := range documentation(t) {
		for _, m := range regexp.MustCompile(`(?:^|[\s\x60(|])--([a-z][a-z0-9_-]+)`).FindAllStringSubmatch(text, -1) {
			seen++
			if _, ok := flags[m[1]]; !ok && !slices.Contains(flagsOfOthers, m[1]) {
				t.Errorf("%s: there is no flag --%s", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`(?m)^(?:\w+\$ +)?torrentcache ([a-z-]+)`).FindAllStringSubmatch(code(text), -1) {
			if !commands[m[1]] {
				t.Errorf("%s: there is no command torrentcache %s", name, m[1])
			}
		}
		for _, variable := range regexp.MustCompile(`TORRENTCACHE_[A-Z0-9_]+`).FindAllString(text, -1) {
			ofTests := strings.HasPrefix(variable, "TORRENTCACHE_TEST_") || strings.HasPrefix(variable, "TORRENTCACHE_BENCH_")
			if !variables[variable] && !ofTests {
				t.Errorf("%s: there is no variable %s", name, variable)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d flags found", seen)
	}
}

// code returns the code in a Markdown text, in lines.
func code(text string) string {
	blocks := regexp.MustCompile("(?s)```\\w*\n(.*?)```|`([^`\n]+)`").FindAllStringSubmatch(text, -1)
	var b strings.Builder
	for _, m := range blocks {
		b.WriteString(m[1] + m[2] + "\n")
	}
	return b.String()
}

// The defaults in the documentation's tables, `--flag` | 10 MB |, are the flags'.
func TestDocumentationHasTheDefaults(t *testing.T) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	new(config.Serve).AddFlags(flags)
	seen := 0
	for name, text := range documentation(t) {
		for _, m := range regexp.MustCompile("`--([a-z-]+)` \\| ([0-9][^|,]*)[|,]").FindAllStringSubmatch(text, -1) {
			flag, value := flags.Lookup(m[1]), strings.ReplaceAll(m[2], " ", "")
			if flag == nil {
				continue // of another command
			}
			seen++
			same := value == flag.DefValue
			if flag.Value.Type() == "duration" {
				err := flag.Value.Set(strings.TrimSuffix(value, "in"))
				same = err == nil && flag.Value.String() == flag.DefValue
			}
			if !same {
				t.Errorf("%s: the default of --%s is %s, not %s", name, m[1], flag.DefValue, m[2])
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d defaults found", seen)
	}
}

// documentation returns the texts by the names of their files.
func documentation(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files (%v)", pattern, len(names), err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = string(text)
		}
	}
	return texts
}

// The guide for clients says what to do on each reason.
func TestClientGuideKnowsEveryReason(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reason.All() {
		if !strings.Contains(string(guide), "`"+string(r)+"`") {
			t.Errorf("docs/clients.md does not say what to do on %s", r)
		}
	}
}
