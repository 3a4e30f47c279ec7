//go:build e2e

package test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestClientGuideShowsCodeThatRuns checks that each block of code in docs/clients.md is part of a
// program in test/clients. TestGRPCClientsOfEveryLanguage runs those programs.
func TestClientGuideShowsCodeThatRuns(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]string{"go": "client.go", "python": "client.py", "js": "client.js", "json": "client.go", "cpp": "cpp/client.cc", "ruby": "client.rb"}
	blocks := regexp.MustCompile("(?s)```(go|python|js|json|cpp|ruby)\n(.*?)```").FindAllStringSubmatch(string(guide), -1)
	if len(blocks) < 8 {
		t.Fatalf("only %d blocks found", len(blocks))
	}
	for _, block := range blocks {
		program, err := os.ReadFile("clients/" + programs[block[1]])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(program), strings.TrimSpace(block[2])) {
			t.Errorf("%s does not have this block:\n%s", programs[block[1]], block[2])
		}
	}
}
