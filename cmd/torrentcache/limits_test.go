package main

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// The table in docs/limits.md names the flags and metrics that there are, and all
// of them.
func TestLimitsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	var l config.Limits
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	l.AddFlags(own)
	documented := func(pattern string) map[string]bool {
		found := map[string]bool{}
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			found[match[1]] = true
		}
		return found
	}
	flags := documented("`--([a-z-]+)")
	own.VisitAll(func(f *pflag.Flag) {
		if !flags[f.Name] {
			t.Errorf("--%s is not documented", f.Name)
		}
	})
	serve := newServe(cli.Environment{}).Flags()
	for name := range flags {
		if serve.Lookup(name) == nil {
			t.Errorf("--%s is no flag of serve", name)
		}
	}
	if row := regexp.MustCompile(`(?m)^\|[^|]*\| *-? *\|.*`).FindString(string(text)); row != "" {
		t.Errorf("a limit without a counter: %s", row)
	}
	limits := documented("\\| `([a-z_]+)` \\|")
	for name := range limit.New(limit.Settings{}).Stats().Refused {
		if !limits[name] {
			t.Errorf("limit %s is not documented", name)
		}
		delete(limits, name)
	}
	if len(limits) > 0 {
		t.Errorf("these are no limits: %v", limits)
	}
}

// A rate of downloads holds for every way to read by HTTP, also for downloads that the fast path
// would answer otherwise.
func TestDownloadRateOfEachRead(t *testing.T) {
	torrent := torrenttest.V1("much wanted")
	hash, absent := hashOf(t, torrent), strings.Repeat("0", 40)
	for name, read := range map[string]struct{ method, path, body string }{
		"download":           {http.MethodGet, "torrent/" + hash + ".torrent", ""},
		"download, not here": {http.MethodGet, "torrent/" + absent + ".torrent", ""},
		"raw":                {http.MethodGet, "v1/torrents/" + hash, ""},
		"find missing":       {http.MethodPost, "v1/torrents:findMissing", `{"info_hashes":["` + hash + `"]}`},
		"page of a torrent":  {http.MethodGet, "info/" + hash, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := startServe(t, t.TempDir(), "--trusted-writers", "none", "--download-rate", "0.001")
			body, contentType := form(t, torrent)
			if code, _, text := httpDo(t, http.MethodPost, p.http+"autoupload.php", contentType, body); code != http.StatusOK {
				t.Fatalf("upload: %d %s", code, text)
			}
			call := func() (int, http.Header, []byte) {
				return httpDo(t, read.method, p.http+read.path, "application/json", []byte(read.body))
			}
			if code, _, text := call(); code != http.StatusOK && code != http.StatusNotFound {
				t.Fatalf("first: %d %s", code, text)
			}
			for range 2 {
				if code, header, text := call(); code != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
					t.Errorf("next: %d %s, Retry-After %q, want 429 with one", code, text, header.Get("Retry-After"))
				}
			}
			if _, _, metrics := httpGet(t, p.admin+"metrics"); !strings.Contains(string(metrics), `torrentcache_refusals_total{limit="download_rate"} 2`) {
				t.Error("the refusals are not counted")
			}
		})
	}
}
