//go:build e2e

package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"
)

// longest is the time after which a test counts as hung.
const longest = 4 * time.Minute

// longer has the times for tests that take longer.
var longer = map[string]time.Duration{
	"TestGRPCClientsOfEveryLanguage": 5 * time.Minute,  // compiles one in C++
	"TestLegacyClients":              10 * time.Minute, // runs thirty programs a dozen times each
	"TestProxies":                    5 * time.Minute,
	"TestPagesInABrowser":            5 * time.Minute, // looks at every page in four ways

	"TestBucket":      10 * time.Minute, // starts a replicated object store, and waits for it in its outages
	"TestPackages":    10 * time.Minute, // builds the tools that make packages
	"TestMemoryLimit": 5 * time.Minute,  // raids two servers in many ways, and each of them may hang for a minute
}

func TestMain(m *testing.M) {
	if os.Getenv("TORRENTCACHE_TEST_LONG") == "" {
		go watch()
	}
	if err := findNodeModules(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// findNodeModules makes node find the modules that test/install-prerequisites installed.
func findNodeModules() error {
	modules, err := filepath.Abs("../.tools/node/node_modules")
	if err != nil {
		return err
	}
	return os.Setenv("NODE_PATH", modules)
}

// watch ends the tests when one of them hangs, and prints the stacks of all goroutines. The
// timeout of go test applies to all tests together.
func watch() {
	begun := map[string]time.Time{}
	for now := range time.Tick(5 * time.Second) {
		stacks := allStacks()
		before := begun
		begun = map[string]time.Time{}
		for goroutine := range bytes.SplitSeq(stacks, []byte("\n\n")) {
			found := inTest.FindSubmatch(goroutine)
			if found == nil || bytes.Contains(goroutine, []byte("testing.(*T).Parallel(")) {
				continue // the test waits for its turn
			}
			number, name := string(found[1]), string(found[2])
			since, ok := before[number]
			if !ok {
				since = now
			}
			begun[number] = since
			most, ok := longer[name]
			if !ok {
				most = longest
			}
			if now.Sub(since) > most {
				fmt.Fprintf(os.Stderr, "\n*** %s has not ended in %s. The goroutines:\n\n%s\n", name, most, stacks)
				os.Exit(2)
			}
		}
	}
}

// inTest matches the stack of a goroutine that runs a test of this package, and captures the
// goroutine's number and the test's name. Subtests have goroutines of their own; parallel
// subtests outlive the function of their test.
var inTest = regexp.MustCompile(`(?s)^goroutine (\d+) .*\ngithub\.com/torrentcache/torrentcache/test\.(Test\w+)(?:\.[\w.]+)?\(.*\ntesting\.tRunner\(`)

// allStacks returns the stacks of all goroutines.
func allStacks() []byte {
	for size := 1 << 20; ; size *= 2 {
		buffer := make([]byte, size)
		if n := runtime.Stack(buffer, true); n < size {
			return buffer[:n]
		}
	}
}
