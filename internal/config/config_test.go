package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestSize(t *testing.T) {
	cases := []struct {
		text string
		want Size
		back string
	}{
		{"0", 0, "0"},
		{"1", 1, "1B"},
		{"1500", 1500, "1500B"},
		{"500kB", 500_000, "500kB"},
		{"500KB", 500_000, "500kB"},
		{"10MB", 10_000_000, "10MB"},
		{"10mb", 10_000_000, "10MB"},
		{"10 MB", 10_000_000, "10MB"},
		{"16MiB", 16 << 20, "16MiB"},
		{"1024KiB", 1 << 20, "1MiB"},
		{"3GB", 3_000_000_000, "3GB"},
		{"2TiB", 2 << 40, "2TiB"},
		{"7b", 7, "7B"},
	}
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			var got Size
			if err := got.Set(c.text); err != nil || got != c.want || got.String() != c.back {
				t.Errorf("got %d (%s), %v; want %d (%s)", int64(got), got, err, int64(c.want), c.back)
			}
			var again Size
			if err := again.Set(got.String()); err != nil || again != got {
				t.Errorf("%s is read back as %d, %v", got, int64(again), err)
			}
		})
	}
}

func TestSizeRefuses(t *testing.T) {
	for _, text := range []string{"", "MB", "ten", "10XB", "10M", "-1", "1.5MB", "0x10", "10MB10", "9999999TB", "99999999999999999999", "1e6"} {
		got := Size(42)
		if err := got.Set(text); err == nil || got != 42 {
			t.Errorf("%q: got %d, %v; want an error and no change", text, int64(got), err)
		}
	}
}

func TestEnvName(t *testing.T) {
	if got := EnvName("max-torrent-size"); got != "TORRENTCACHE_MAX_TORRENT_SIZE" {
		t.Errorf("got %s", got)
	}
}

func parseServe(t *testing.T, environ []string, args ...string) (Serve, error) {
	t.Helper()
	var s Serve
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	s.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s, Fill(flags, environ)
}

func TestFlagWinsOverEnvironmentWinsOverDefault(t *testing.T) {
	s, err := parseServe(t, []string{
		"TORRENTCACHE_HTTP_ADDR=:1", "TORRENTCACHE_GRPC_ADDR=:2", "TORRENTCACHE_MIN_FREE_SPACE=1GB",
		"TORRENTCACHE_DOWNLOAD_MAX_AGE=1h", "TORRENTCACHE_DATA_DIR=", "HTTP_ADDR=:3",
	}, "--grpc-addr", ":4")
	if err != nil {
		t.Fatal(err)
	}
	if s.HTTPAddr != ":1" || s.GRPCAddr != ":4" || s.MinFreeSpace != 1_000_000_000 || s.DownloadMaxAge != time.Hour || s.DataDir != "./torrentcache-data" {
		t.Errorf("got %+v", s)
	}
}

func TestDefaultsAreThePromisedOnes(t *testing.T) {
	s, err := parseServe(t, nil)
	if err != nil || s.Validate() != nil {
		t.Fatalf("%v, %v", err, s.Validate())
	}
	if s.HTTPAddr != "127.0.0.1:8080" || s.GRPCAddr != "127.0.0.1:9090" || s.AdminAddr != "127.0.0.1:9091" || s.HTTPSAddr != Off ||
		s.DataDir != "./torrentcache-data" || s.PublicURL != "" || s.MaxTorrentSize != 10_000_000 || s.DownloadMaxAge != 24*time.Hour {
		t.Errorf("got %+v", s)
	}
}

func TestBadVariableIsNamed(t *testing.T) {
	for _, entry := range []string{"TORRENTCACHE_MAX_TORRENT_SIZE=big", "TORRENTCACHE_SHUTDOWN_TIMEOUT=soon"} {
		name, value, _ := strings.Cut(entry, "=")
		if _, err := parseServe(t, []string{entry}); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	var s Serve
	var g Gateway
	serve, gateway := pflag.NewFlagSet("serve", pflag.ContinueOnError), pflag.NewFlagSet("gateway", pflag.ContinueOnError)
	s.AddFlags(serve)
	g.AddFlags(gateway)
	got := UnknownVariables([]string{"TORRENTCACHE_Z=1", "TORRENTCACHE_BACKEND=b", "PATH=/bin", "TORRENTCACHE_HTTP_ADDR=:1", "TORRENTCACHE_PORT=tcp://10.0.0.1"},
		[]*pflag.FlagSet{serve, gateway})
	if want := []string{"TORRENTCACHE_PORT", "TORRENTCACHE_Z"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestServeValidate(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Serve)
		says   string // empty: valid
	}{
		{"all addresses of the machine", func(s *Serve) { s.HTTPAddr = ":8080" }, ""},
		{"IPv6", func(s *Serve) { s.HTTPAddr = "[::1]:8080" }, ""},
		{"no gRPC", func(s *Serve) { s.GRPCAddr = Off }, ""},
		{"HTTPS alone", func(s *Serve) { s.HTTPAddr, s.HTTPSAddr, s.TLSCert, s.TLSKey = Off, ":443", "c", "k" }, ""},
		{"URL with a slash at the end", func(s *Serve) { s.PublicURL = "https://example.org/" }, ""},
		{"no caching", func(s *Serve) { s.DownloadMaxAge = 0 }, ""},
		{"port alone", func(s *Serve) { s.GRPCAddr = "9090" }, `--grpc-addr "9090"`},
		{"port too high", func(s *Serve) { s.AdminAddr = ":65536" }, "--admin-addr"},
		{"named port", func(s *Serve) { s.HTTPAddr = ":http" }, "--http-addr"},
		{"no address", func(s *Serve) { s.HTTPAddr = "" }, "--http-addr"},
		{"no folder", func(s *Serve) { s.DataDir = "" }, "--data-dir"},
		{"both web doors off", func(s *Serve) { s.HTTPAddr = Off }, "both off"},
		{"key without certificate", func(s *Serve) { s.HTTPSAddr, s.TLSKey = ":443", "k" }, "--tls-cert"},
		{"half a certificate", func(s *Serve) { s.HTTPSAddr, s.TLSCert = ":443", "c" }, "--tls-key"},
		{"certificate without a use", func(s *Serve) { s.TLSCert, s.TLSKey = "c", "k" }, "--grpc-tls"},
		{"certificate for gRPC alone", func(s *Serve) { s.GRPCTLS, s.TLSCert, s.TLSKey = "on", "c", "k" }, ""},
		{"gRPC without certificate", func(s *Serve) { s.GRPCTLS = "on" }, "--grpc-tls on needs"},
		{"clients' authorities alone", func(s *Serve) { s.TLSClientCA = "ca" }, "--tls-client-ca needs"},
		{"public gRPC", func(s *Serve) { s.PublicGRPCAddr = "grpc.example.org:443" }, ""},
		{"public gRPC over TLS", func(s *Serve) { s.PublicGRPCAddr = "tls://[::1]:443" }, ""},
		{"public gRPC without a port", func(s *Serve) { s.PublicGRPCAddr = "grpc.example.org" }, "--public-grpc-addr"},
		{"public gRPC with markup", func(s *Serve) { s.PublicGRPCAddr = "a'b:443" }, "--public-grpc-addr"},
		{"ACME", func(s *Serve) { s.ACME, s.HTTPSAddr, s.PublicURL = "on", ":443", "https://example.org" }, ""},
		{"ACME without a use", func(s *Serve) { s.ACME, s.PublicURL = "on", "https://example.org" }, "--https-addr"},
		{"ACME and files", func(s *Serve) { s.ACME, s.HTTPSAddr, s.TLSCert, s.TLSKey = "on", ":443", "c", "k" }, "want one"},
		{"ACME without a name", func(s *Serve) { s.ACME, s.HTTPSAddr = "on", ":443" }, "--public-url"},
		{"ACME for an address", func(s *Serve) { s.ACME, s.HTTPSAddr, s.PublicURL = "on", ":443", "https://192.0.2.1" }, "--public-url"},
		{"ACME without TLS", func(s *Serve) {
			s.ACME, s.HTTPSAddr, s.PublicURL, s.ACMEDirectory = "on", ":443", "https://example.org", "http://ca"
		}, "--acme-directory"},
		{"URL with a path", func(s *Serve) { s.PublicURL = "https://example.org/cache" }, "--public-url"},
		{"URL of another kind", func(s *Serve) { s.PublicURL = "ftp://example.org" }, "--public-url"},
		{"URL with a query", func(s *Serve) { s.PublicURL = "https://example.org?x" }, "--public-url"},
		{"torrents too small", func(s *Serve) { s.MaxTorrentSize = 999 }, "--max-torrent-size 999B"},
		{"torrents too large", func(s *Serve) { s.MaxTorrentSize = 1 << 30 }, "--max-torrent-size 1GiB"},
		{"memory", func(s *Serve) { s.MemoryLimit = 64 << 20 }, ""},
		{"too little memory", func(s *Serve) { s.MemoryLimit = 10_000_000 }, "--memory-limit 10MB: want 64MiB or more"},
		{"negative age", func(s *Serve) { s.DownloadMaxAge = -1 }, "--download-max-age"},
		{"negative age of what is missing", func(s *Serve) { s.MissingMaxAge = -1 }, "--missing-max-age"},
		{"no time to shut down", func(s *Serve) { s.ShutdownTimeout = 0 }, "--shutdown-timeout"},
		{"no bound, no compaction", func(s *Serve) { s.MaxStoreSize, s.CompactionRate = 0, 0 }, ""},
		{"index without memory", func(s *Serve) { s.IndexCacheSize = 0 }, "--index-cache-size 0:"},
		{"one port twice", func(s *Serve) { s.HTTPAddr, s.GRPCAddr = "127.0.0.1:9000", ":9000" }, "--http-addr 127.0.0.1:9000 and --grpc-addr :9000 take the same port"},
		{"one port by two names", func(s *Serve) { s.AdminAddr, s.GRPCAddr = "localhost:9000", "127.0.0.1:9000" }, "--admin-addr localhost:9000"},
		{"one port of two addresses", func(s *Serve) { s.HTTPAddr, s.GRPCAddr = "127.0.0.1:9000", "127.0.0.2:9000" }, ""},
		{"any ports", func(s *Serve) { s.HTTPAddr, s.GRPCAddr = ":0", ":0" }, ""},
		{"contact", func(s *Serve) { s.Contact = "abuse@example.org" }, ""},
		{"contact by a page", func(s *Serve) { s.Contact = "https://example.org/contact?of=cache" }, ""},
		{"contact that is neither", func(s *Serve) { s.Contact = "the admin" }, "--contact \"the admin\": want an e-mail address"},
		{"contact with a name", func(s *Serve) { s.Contact = "Admin <abuse@example.org>" }, "want an e-mail address"},
		{"contact of another kind", func(s *Serve) { s.Contact = "ftp://example.org" }, "want an e-mail address"},
		{"contact without a host", func(s *Serve) { s.Contact = "https:///contact" }, "want an e-mail address"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := parseServe(t, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.change(&s)
			err = s.Validate()
			if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if strings.HasSuffix(s.PublicURL, "/") {
				t.Errorf("public URL %s", s.PublicURL)
			}
		})
	}
}

func TestGatewayValidate(t *testing.T) {
	for backend, ok := range map[string]bool{"": false, "host": false, ":9090": false, "host:": false, "host:9090": true, "[::1]:9090": true} {
		var g Gateway
		g.AddFlags(pflag.NewFlagSet("gateway", pflag.ContinueOnError))
		g.Backend = backend
		if err := g.Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", backend, err)
		}
	}
}

// TestGatewayHasNoLimitsOfCalls checks that the limits that a gateway holds nobody to
// are flags of serve alone.
func TestGatewayHasNoLimitsOfCalls(t *testing.T) {
	gateway, serve := pflag.NewFlagSet("gateway", pflag.ContinueOnError), pflag.NewFlagSet("serve", pflag.ContinueOnError)
	new(Gateway).AddFlags(gateway)
	new(Serve).AddFlags(serve)
	for _, name := range []string{"max-streams", "streams-per-address", "upload-rate", "key-upload-rate", "new-bytes-per-hour", "new-bytes-per-day"} {
		if gateway.Lookup(name) != nil || serve.Lookup(name) == nil {
			t.Errorf("--%s is a flag of gateway (%v) or none of serve (%v)", name, gateway.Lookup(name) != nil, serve.Lookup(name) == nil)
		}
	}
	for _, name := range []string{"max-uploads", "uploads-per-address", "download-rate", "connections-per-address"} {
		if gateway.Lookup(name) == nil {
			t.Errorf("--%s is none of gateway", name)
		}
	}
}

// TestOneStoreIsNamed names the store twice, or not, by flags, the environment and the
// file that `torrentcache config` writes, where unset settings are empty.
func TestOneStoreIsNamed(t *testing.T) {
	written := filepath.Join(t.TempDir(), "torrentcache.yaml")
	if err := os.WriteFile(written, []byte("store: s3://torrents\ndata-dir: \"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		environ []string
		args    []string
		dir     string
		refused bool
	}{
		{nil, nil, defaultDataDir, false},
		{nil, []string{"--store", "s3://torrents"}, "", false},
		{nil, []string{"--store", "disk:here"}, "here", false},
		{nil, []string{"--store", "disk:"}, "", true},
		{nil, []string{"--store", "s3://torrents", "--data-dir", "here"}, "", true},
		{nil, []string{"--store", "s3://torrents", "--data-dir", defaultDataDir}, "", true},
		{nil, []string{"--store", "disk:here", "--data-dir", defaultDataDir}, "", true},
		{[]string{"TORRENTCACHE_DATA_DIR=" + defaultDataDir}, []string{"--store", "s3://torrents"}, "", true},
		{nil, []string{"--config", written}, "", false},
	} {
		var s Serve
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		s.AddFlags(flags)
		if err := flags.Parse(test.args); err != nil {
			t.Fatal(err)
		}
		if err := Fill(flags, test.environ); err != nil {
			t.Fatal(err)
		}
		err := s.Validate()
		if (err != nil) != test.refused || err == nil && s.DataDir != test.dir {
			t.Errorf("%v %v: folder %q, %v; want folder %q, refused %v", test.environ, test.args, s.DataDir, err, test.dir, test.refused)
		}
		if err == nil && s.Validate() != nil {
			t.Errorf("%v %v: valid once only: %v", test.environ, test.args, s.Validate())
		}
	}
}

// TestUnusedSettingsAreRefused gives settings that the store has no use for, by
// flags, the environment and a file. A file that lists every setting is taken.
func TestUnusedSettingsAreRefused(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "torrentcache.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	new(Serve).AddFlags(flags)
	all, err := Format(flags)
	if err != nil {
		t.Fatal(err)
	}
	const bucket = "--store=s3://torrents"
	for _, c := range []struct {
		environ []string
		args    []string
		says    string // empty: valid
	}{
		{nil, []string{"--local-cache-dir=c"}, "--local-cache-dir is for --store s3://"},
		{nil, []string{"--local-cache-size=1GiB"}, "--local-cache-size is for --store s3://"},
		{nil, []string{"--local-cache-max-stale=1s"}, "--local-cache-max-stale is for --store s3://"},
		{[]string{"TORRENTCACHE_LOCAL_CACHE_SIZE=1GiB"}, []string{"--store=disk:here"}, "--local-cache-size is for --store s3://"},
		{nil, []string{bucket, "--local-cache-size=1GiB"}, "--local-cache-size needs --local-cache-dir"},
		{nil, []string{bucket, "--local-cache-size=10GiB"}, "--local-cache-size needs --local-cache-dir"},
		{nil, []string{bucket, "--config", file("local-cache-size: 1GiB")}, "--local-cache-size needs --local-cache-dir"},
		{nil, []string{bucket, "--max-store-size=1GiB"}, "--max-store-size is for a store on a disk"},
		{nil, []string{bucket, "--drop-unread-after=180d"}, "--drop-unread-after is for a store on a disk"},
		{nil, []string{bucket, "--when-full=evict"}, "--when-full is for a store on a disk"},
		{nil, []string{bucket, "--evict-keyed"}, "--evict-keyed is for a store on a disk"},
		{nil, []string{bucket, "--min-free-space=1GiB"}, "--min-free-space is for a store on a disk"},
		{nil, []string{bucket, "--compaction-rate=0"}, "--compaction-rate is for a store on a disk"},
		{nil, []string{bucket, "--index-cache-size=1GiB"}, "--index-cache-size is for a store on a disk"},
		{nil, []string{bucket, "--local-cache-dir=c", "--local-cache-size=1GiB", "--local-cache-max-stale=1s"}, ""},
		{nil, []string{bucket, "--local-cache-max-stale=1s"}, ""}, // of copies in memory, too
		{nil, []string{"--max-store-size=1GiB", "--min-free-space=1GiB"}, ""},
		{nil, []string{"--config", file(all)}, ""},
		{nil, []string{"--config", file(strings.Replace(strings.ReplaceAll(all, defaultDataDir, `""`), `store: ""`, "store: s3://torrents", 1))}, ""},
	} {
		s, err := parseServe(t, c.environ, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Validate()
		if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v %v: got %v, want %q", c.environ, c.args, err, c.says)
		}
	}
}

// Sections have the flags in the order in which they were added, in any order of the
// calls that add to one section, and every flag once.
func TestSections(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.Bool("untitled", false, "")
	addSection(flags, "B", func(f *pflag.FlagSet) { f.Bool("z", false, ""); f.Bool("a", false, "") })
	addSection(flags, "A", func(f *pflag.FlagSet) { f.Bool("m", false, "") })
	addSection(flags, "B", func(f *pflag.FlagSet) { f.Bool("c", false, "") })
	var got []string
	for _, s := range Sections(flags) {
		got = append(got, s.Title+":")
		s.Flags.VisitAll(func(f *pflag.Flag) { got = append(got, f.Name) })
	}
	if want := "B: z a c A: m : untitled"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
	var sorted []string
	flags.VisitAll(func(f *pflag.Flag) { sorted = append(sorted, f.Name) })
	if !slices.IsSorted(sorted) {
		t.Errorf("the flags themselves come in the order %v, which Format would show", sorted)
	}
}

// A flag's value that cannot be is named in our words, not in strconv's.
func TestFlagErrorSaysWhatToWrite(t *testing.T) {
	for _, c := range []struct{ arg, says string }{
		{"--upload-rate=x", `--upload-rate "x": want a number`},
		{"--max-uploads=x", `--max-uploads "x": want a whole number`},
		{"--body-timeout=5", `--body-timeout "5": want a duration such as 500ms, 30s, 10m, 24h or 7d`},
		{"--max-torrent-size=x", `--max-torrent-size "x": want a size such as 500kB, 10MB or 16MiB`},
		{"--log-level=loud", `--log-level "loud": want one of info, debug, warn, error`},
		{"--grpc-tls=perhaps", `--grpc-tls "perhaps": want one of off, on`},
		{"--nonsense", "unknown flag: --nonsense"},
	} {
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		new(Serve).AddFlags(flags)
		if err := FlagError(flags.Parse([]string{c.arg})); err == nil || err.Error() != c.says {
			t.Errorf("%s: got %v, want %q", c.arg, err, c.says)
		}
	}
}

// TestRetention says which settings of dropping torrents cannot be.
func TestRetention(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string // empty: valid
	}{
		{[]string{"--drop-unread-after=180d"}, ""},
		{[]string{"--drop-unread-after=7d"}, ""},
		{[]string{"--drop-unread-after=167h"}, "want at least 7d"},
		{[]string{"--drop-unread-after=7d", "--download-max-age=43h"}, "want at most 42h"},
		{[]string{"--download-max-age=8760h"}, ""},
		{[]string{"--when-full=evict", "--max-store-size=1GiB"}, ""},
		{[]string{"--when-full=evict"}, "needs --max-store-size"},
		{[]string{"--when-full=evict", "--max-store-size=1MB"}, "at least 64MiB"},
		{[]string{"--evict-keyed"}, "needs --drop-unread-after or"},
		{[]string{"--evict-keyed", "--drop-unread-after=30d"}, ""},
	} {
		s, err := parseServe(t, nil, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Validate()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v; want %q", c.args, err, c.says)
		}
	}
}
