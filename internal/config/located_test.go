package config

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/spf13/pflag"
)

// A message about settings says where they stand, unless that is the command line.
func TestLocated(t *testing.T) {
	name := writeFile(t, "# mine\nhttp-addr: 9090\npublic-url: https://example.org\n")
	var s Serve
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	s.AddFlags(flags)
	if err := flags.Parse([]string{"--config", name, "--admin-addr", ":1"}); err != nil {
		t.Fatal(err)
	}
	if err := Fill(flags, []string{"TORRENTCACHE_GRPC_ADDR=:2"}); err != nil {
		t.Fatal(err)
	}
	if err, want := Located(flags, s.Validate()),
		`--http-addr "9090": want host:port or :port with a port from 0 to 65535, or off (--http-addr stands in `+name+`, line 2)`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	for text, want := range map[string]string{
		"--grpc-addr :2: in use":              "--grpc-addr :2: in use (--grpc-addr is set by the variable TORRENTCACHE_GRPC_ADDR)",
		"--admin-addr :1: in use":             "--admin-addr :1: in use",
		"--data-dir: full":                    "--data-dir: full",
		"--nonsense -- ---":                   "--nonsense -- ---",
		"--grpc-addr, --grpc-addr":            "--grpc-addr, --grpc-addr (--grpc-addr is set by the variable TORRENTCACHE_GRPC_ADDR)",
		"--public-url and --grpc-addr: which": "--public-url and --grpc-addr: which (--public-url stands in " + name + ", line 3; --grpc-addr is set by the variable TORRENTCACHE_GRPC_ADDR)",
	} {
		if got := Located(flags, errors.New(text)); got.Error() != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if err := Located(flags, nil); err != nil {
		t.Error(err)
	}
	if err := Located(flags, fs.ErrNotExist); err != fs.ErrNotExist { //nolint:errorlint // it is the same
		t.Error(err)
	}
}
