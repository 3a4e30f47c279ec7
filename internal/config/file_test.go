package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "torrentcache.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFlagWinsOverEnvironmentWinsOverFile(t *testing.T) {
	name := writeFile(t, `# the server
http-addr: :1
grpc-addr: :1
admin-addr: off # no false
max-torrent-size: 1MB
trusted-proxies: [10.0.0.0/8, "::1"]
download-max-age: 1h
public-url: ""
`)
	s, err := parseServe(t, []string{"TORRENTCACHE_CONFIG=" + name, "TORRENTCACHE_GRPC_ADDR=:2", "TORRENTCACHE_HTTP_ADDR=:2"}, "--http-addr", ":3")
	if err != nil {
		t.Fatal(err)
	}
	if s.HTTPAddr != ":3" || s.GRPCAddr != ":2" || s.AdminAddr != Off || s.MaxTorrentSize != 1_000_000 ||
		s.TrustedProxies.String() != "10.0.0.0/8,::1/128" || s.DownloadMaxAge.String() != "1h0m0s" || s.PublicURL != "" {
		t.Errorf("%+v", s)
	}
}

func TestBadFileIsRefused(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"http-addr: :1\nhtp-addr: :2\n", `line 2: unknown setting "htp-addr"`},
		{"config: other.yaml", "line 1: unknown setting"},
		{"help: true", "line 1: unknown setting"},
		{"http-addr: :1\n\nhttp-addr: :2\n", "line 3: http-addr stands on line 1 already"},
		{"max-torrent-size: 10XB", `line 1: max-torrent-size: "10XB": want a size`},
		{"max-uploads: many", `line 1: max-uploads: "many": want a whole number`},
		{"upload-rate: fast", `line 1: upload-rate: "fast": want a number`},
		{"http-addr:", "line 1: http-addr: no value"},
		{"http-addr: ~", "line 1: http-addr: no value"},
		{"http-addr: {a: b}", "line 1: http-addr: want a value or a list"},
		{"trusted-proxies: [[a]]", "line 1: trusted-proxies: want a list of values"},
		{"- http-addr", "line 1: want lines of NAME: VALUE"},
		{"http-addr", "line 1: want lines of NAME: VALUE"},
		{"http-addr: :1\n\tgrpc-addr: :2", "line 2"},
		{"a: &a b\nhttp-addr: *a", "want"},
		{"http-addr: :1\n---\ngrpc-addr: :1\n", "more than one YAML document"},
	} {
		name := writeFile(t, c.text)
		_, err := parseServe(t, nil, "--config", name)
		if err == nil || !strings.Contains(err.Error(), name+": ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.text, err, c.says)
		}
	}
	if _, err := parseServe(t, nil, "--config", "no/such/file"); err == nil || !strings.Contains(err.Error(), "--config") {
		t.Errorf("no file: %v", err)
	}
	for _, empty := range []string{"", "\n", "# nothing\n"} {
		if _, err := parseServe(t, nil, "--config", writeFile(t, empty)); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

// The settings are shown as a file that says the same, with where they come from and
// without secrets.
func TestFormatIsAFile(t *testing.T) {
	show := func(environ []string, args ...string) (Serve, string) {
		t.Helper()
		var s Serve
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		s.AddFlags(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		given := Given(flags)
		if err := Fill(flags, environ); err != nil {
			t.Fatal(err)
		}
		text, err := Format(flags)
		if err != nil {
			t.Fatal(err)
		}
		var again Serve
		if changed, err := Again(&again, flags, given, environ); err != nil || len(changed) > 0 {
			t.Errorf("read again %q differ, %v", changed, err)
		}
		return s, text
	}
	file := writeFile(t, "\nmax-store-size: 7GB\n")
	s, text := show([]string{"TORRENTCACHE_GRPC_ADDR=off"}, "--config", file, "--http-addr", ":1", "--trusted-proxies", "10.0.0.0/8,::1")
	for _, line := range []string{
		"http-addr: :1 # flag\n", "grpc-addr: off # environment, TORRENTCACHE_GRPC_ADDR\n", "max-store-size: 7GB # " + file + ", line 2\n",
		"data-dir: ./torrentcache-data # default\n", `keys-file: "" # default`, "trusted-proxies: 10.0.0.0/8,::1/128 # flag\n",
	} {
		if !strings.Contains("\n"+text, "\n"+line) {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	if strings.Contains(text, "\nconfig:") {
		t.Errorf("the file names itself:\n%s", text)
	}
	again, _ := show(nil, "--config", writeFile(t, text))
	s.File, again.File, s.flags, again.flags = "", "", nil, nil
	if s.TrustedProxies.String() != again.TrustedProxies.String() {
		t.Errorf("proxies %v, %v", s.TrustedProxies, again.TrustedProxies)
	}
	s.TrustedProxies, again.TrustedProxies = nil, nil
	if fmt.Sprintf("%+v", s) != fmt.Sprintf("%+v", again) {
		t.Errorf("read back\n%+v\nwant\n%+v", again, s)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.String("token", "", "")
	flags.String("other-token", "", "")
	MarkSecret(flags.Lookup("token"))
	MarkSecret(flags.Lookup("other-token"))
	if err := flags.Parse([]string{"--token", "tc_secret"}); err != nil {
		t.Fatal(err)
	}
	if text, err := Format(flags); err != nil || strings.Contains(text, "secret") || !strings.Contains(text, "token: '********'") || !strings.Contains(text, `other-token: ""`) {
		t.Errorf("%q, %v", text, err)
	}
}

// The file that the guide shows is one.
func TestDocumentedFile(t *testing.T) {
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(guide), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("the guide shows no file")
	}
	s, err := parseServe(t, nil, "--config", writeFile(t, text))
	if err != nil || s.Validate() != nil || s.HTTPAddr != ":8080" {
		t.Errorf("%+v, %v, %v", s, err, s.Validate())
	}
}

func FuzzFile(f *testing.F) {
	f.Add("http-addr: :1\ntrusted-proxies: [10.0.0.0/8]\n# x\n")
	f.Add("a: &a [b]\nc: *a\n<<: *a")
	f.Add("? [a]\n: b")
	f.Add("---\n...\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := parseFile([]byte(text))
		if err == nil {
			for _, s := range settings {
				if s.line < 1 {
					t.Errorf("%q: setting %+v", text, s)
				}
			}
		}
	})
}

func TestReadSecret(t *testing.T) {
	if got, err := ReadSecret(writeFile(t, " tc_key\r\n\n")); err != nil || got != "tc_key" {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", " \n", "tc_a\ntc_b\n", "tc_\u00e9"} {
		if got, err := ReadSecret(writeFile(t, text)); err == nil || strings.Contains(err.Error(), "tc_") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ReadSecret("no/such/file"); err == nil {
		t.Error("no file, and no error")
	}
}
