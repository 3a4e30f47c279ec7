//go:build e2e

package test

import (
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// testKeyInThePath makes scripts of the last fifteen years upload to a server that requires a
// key. Only the host name in the scripts changes: it ends in /k/KEY. With a wrong key they get no
// info hash.
func testKeyInThePath(t *testing.T, clients []legacyClient) {
	keys := t.TempDir() + "/keys"
	key := strings.TrimSpace(run(t, ".", binary(t), "key", "new", "--name", "site", "--role", "write", "--keys-file", keys))
	s := startServer(t, "--keys-file", keys)
	for i, client := range clients {
		if client.name == "PHP, answer taken apart by hand" {
			continue // it dials the host name itself and has the path separately
		}
		t.Run(client.name, func(t *testing.T) {
			data := torrenttest.Random(uint64(5000+i), 20_000)
			file := tempFile(t, data)
			want := parse(t, data).IDs().Legacy().String()
			if got := client.upload(t, &server{HTTP: s.HTTP + "/k/" + key}, file); got != want {
				t.Errorf("answered %q, want %s", got, want)
			}
		})
	}
	refused := tempFile(t, torrenttest.Random(6000, 20_000))
	for _, client := range clients {
		if client.name == "curl" || client.name == "Perl LWP" {
			if got := client.upload(t, &server{HTTP: s.HTTP + "/k/wrong"}, refused); !strings.HasPrefix(got, "Error 113") {
				t.Errorf("%s with a wrong key: %q", client.name, got)
			}
		}
	}
}
