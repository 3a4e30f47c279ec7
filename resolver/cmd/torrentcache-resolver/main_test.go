package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
)

// end runs the program to its end.
func end(t *testing.T, stdin string, environ []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, environment{environ, strings.NewReader(stdin), &out, &errs})
	return status, out.String(), errs.String()
}

// docs/resolver.md names only existing flags of the resolver and of the server.
func TestDocumentationNamesFlagsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../../../docs/resolver.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(config.Serve).AddFlags(flags)
	own := newCommand(environment{}).Flags()
	others := map[string]bool{"help": true, "now": true, "name": true, "role": true} // systemctl --now; key new
	seen := 0
	for _, m := range regexp.MustCompile(`(?:^|[\s\x60(])--([a-z][a-z0-9-]+)`).FindAllStringSubmatch(string(text), -1) {
		if seen++; own.Lookup(m[1]) == nil && flags.Lookup(m[1]) == nil && !others[m[1]] {
			t.Errorf("there is no flag --%s", m[1])
		}
	}
	if seen < 10 {
		t.Errorf("only %d flags are named", seen)
	}
	for _, metric := range []string{"torrents_total", "_running", "_waiting", "server_reachable", "peers_asked_total", "_peers_wrong_total", "dht_nodes"} {
		if !strings.Contains(string(text), metric) {
			t.Errorf("the metric %s is not named", metric)
		}
	}
}

// The settings file that the package installs is valid.
func TestPackagedSettings(t *testing.T) {
	text, err := os.ReadFile("../../../packaging/resolver/resolver.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^#([a-z-]+:)`).ReplaceAllString(string(text), "$1") // include the lines that are commented out
	file := t.TempDir() + "/resolver.yaml"
	if err := os.WriteFile(file, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCommand(environment{})
	if err := c.ParseFlags([]string{"--config", file}); err != nil {
		t.Fatal(err)
	}
	if err := config.Fill(c.Flags(), nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"server": "127.0.0.1:9090", "dht-addr": ":0", "metrics-addr": "127.0.0.1:9099", "trackers": "udp://tracker.example:6969,https://tracker.example/announce"} {
		if got := c.Flags().Lookup(name).Value.String(); got != want {
			t.Errorf("--%s is %q, want %q", name, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, args := range map[string][]string{
		"want nothing, or -": {"x"},
		"--server":           {"--server", "http://x"},
		"--trackers":         {"--trackers", "http://x/0123456789abcdef0123456789abcdef/announce"},
		"--dht-addr":         {"--dht-addr", "x"},
		"--dht-bootstrap":    {"--dht-bootstrap", "x"},
		"--max-torrent-size": {"--max-torrent-size", "0"},
		"--token and":        {"--token", "x", "--token-file", "y"},
		"TORRENTCACHE":       {"-", "--dht-addr", "off"},
	} {
		environ := []string{"TORRENTCACHE_JSON=maybe"}
		if want != "TORRENTCACHE" {
			environ = nil
		}
		if status, _, stderr := end(t, "", environ, args...); status != 1 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: %d, %q", args, status, stderr)
		}
	}
}

// An empty list succeeds, and a line that names no torrent is reported.
func TestLists(t *testing.T) {
	args := []string{"--dht-addr", "off", "--server", "127.0.0.1:1", "-"}
	if status, stdout, stderr := end(t, "\n\n", nil, args...); status != 0 || stdout != "" || !strings.Contains(stderr, "0 torrents") {
		t.Errorf("%d, %q, %q", status, stdout, stderr)
	}
	status, stdout, _ := end(t, "what?\n", nil, append(args, "--json")...)
	if lines := strings.Split(stdout, "\n"); status != exitNone || len(lines) != 3 || !strings.Contains(lines[0], `"result":"invalid"`) || !strings.Contains(lines[1], `"invalid":1`) {
		t.Errorf("%d, %q", status, stdout)
	}
}
