package config_test

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
)

func TestFiles(t *testing.T) {
	var files config.Files
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.Var(&files, "deny-list", "")
	if err := flags.Parse([]string{"--deny-list", "a,b", "--deny-list", " c ", "--deny-list=a", "--deny-list="}); err != nil {
		t.Fatal(err)
	}
	if got := files.String(); got != "a,b,c" {
		t.Errorf("got %q", got)
	}
	for _, text := range []string{",", "d,", " "} {
		if err := files.Set(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
