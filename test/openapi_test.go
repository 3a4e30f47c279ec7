//go:build e2e

package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// TestOpenAPIDocument checks a server's document with other projects' tools. redocly finds no
// error in it. The client that openapi-typescript generates from it compiles and calls every
// route.
func TestOpenAPIDocument(t *testing.T) {
	s := startServer(t)
	dir := t.TempDir()
	document := mustFetch(t, "http://"+s.HTTP+"/api/openapi.json")
	writeFile(t, dir, "openapi.json", document)
	if err := os.Symlink(mustAbs(t, "../.tools/node/node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	t.Run("redocly", func(t *testing.T) {
		t.Setenv("REDOCLY_TELEMETRY", "off")
		t.Setenv("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
		run(t, dir, "node_modules/.bin/redocly", "lint", "--extends", "recommended", "openapi.json")
	})
	t.Run("client in TypeScript", func(t *testing.T) {
		program, err := os.ReadFile("clients/openapi.mts")
		if err != nil {
			t.Fatal(err)
		}
		wantEveryRoute(t, document, string(program))
		writeFile(t, dir, "openapi.mts", program)
		run(t, dir, "node_modules/.bin/openapi-typescript", "openapi.json", "--output", "api.d.ts")
		run(t, dir, "node_modules/.bin/tsc", "--strict", "--skipLibCheck", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext", "--types", "node", "openapi.mts")
		data := torrenttest.Random(77, 20_000)
		writeFile(t, dir, "my.torrent", data)
		want := parse(t, data).IDs().Primary().String()
		if got := run(t, dir, "node", "openapi.mjs", "http://"+s.HTTP, "my.torrent"); got != want+"\n" {
			t.Errorf("it prints %q, want %s", got, want)
		}
	})
}

// wantEveryRoute checks that a program calls every operation of the document.
func wantEveryRoute(t *testing.T, document []byte, program string) {
	t.Helper()
	var described struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(document, &described); err != nil {
		t.Fatal(err)
	}
	for path, operations := range described.Paths {
		for method := range operations {
			if call := `api.` + strings.ToUpper(method) + `("` + path + `"`; !strings.Contains(program, call) {
				t.Errorf("the client does not call %s", call)
			}
		}
	}
}
