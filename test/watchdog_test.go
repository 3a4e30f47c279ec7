//go:build e2e

package test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"testing"
	"time"
)

// longest is how long a test may take; then it counts as hanging.
const longest = 2 * time.Minute

// longer is that of tests that take longer.
var longer = map[string]time.Duration{
	"TestGRPCClientsOfEveryLanguage":     5 * time.Minute, // compiles one in C++
	"TestLegacyClients":                  5 * time.Minute, // runs thirty programs a dozen times each
	"TestLegacyClientsWithAKeyInThePath": 5 * time.Minute,
	"TestProxies":                        5 * time.Minute,
	"TestPagesInABrowser":                5 * time.Minute, // looks at every page in four ways

	"TestBucket":      10 * time.Minute, // starts a replicated object store, and waits for it in its outages
	"TestPackages":    10 * time.Minute, // builds the tools that make packages
	"TestMemoryLimit": 5 * time.Minute,  // raids two servers in many ways, and each of them may hang for a minute
}

func TestMain(m *testing.M) {
	if os.Getenv("TORRENTCACHE_TEST_LONG") == "" {
		go watch()
	}
	os.Exit(m.Run())
}

// watch ends the tests when one of them hangs, and says where all goroutines are. The
// time-out of go test, which does that too, is for all tests together.
func watch() {
	begun := map[string]time.Time{}
	for now := range time.Tick(5 * time.Second) {
		stacks := allStacks()
		before := begun
		begun = map[string]time.Time{}
		for goroutine := range bytes.SplitSeq(stacks, []byte("\n\n")) {
			found := inTest.FindSubmatch(goroutine)
			if found == nil {
				continue
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

// inTest matches the stack of a goroutine that runs a test of this package, and finds its
// number and the name of the test. Subtests have goroutines of their own.
var inTest = regexp.MustCompile(`(?s)^goroutine (\d+) .*\ngithub\.com/torrentcache/torrentcache/test\.(Test\w+)\(.*\ntesting\.tRunner\(`)

// allStacks returns the stacks of all goroutines.
func allStacks() []byte {
	for size := 1 << 20; ; size *= 2 {
		buffer := make([]byte, size)
		if n := runtime.Stack(buffer, true); n < size {
			return buffer[:n]
		}
	}
}
