package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/limit"
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
	serve := newServe(environment{}).Flags()
	for name := range flags {
		if serve.Lookup(name) == nil {
			t.Errorf("--%s is no flag of serve", name)
		}
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
