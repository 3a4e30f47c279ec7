//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// hangs are tests of which one hangs, in a subtest, after parallel ones were waiting.
const hangs = `package hangs

import ("testing"; "time")

func TestPasses(t *testing.T) { t.Log("passed") }

func TestHangs(t *testing.T) {
	t.Run("beside", func(t *testing.T) { t.Parallel() })
	t.Run("here", func(t *testing.T) { t.Log("last words"); time.Sleep(time.Hour) })
}
`

// hang returns this program, compiled.
func hang(t *testing.T) string {
	program := filepath.Join(t.TempDir(), "hang")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// module makes a module with this test file.
func module(t *testing.T, tests string) string {
	dir := t.TempDir()
	for name, content := range map[string]string{"go.mod": "module hangs\n\ngo 1.26\n", "a_test.go": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestHang: a test that hangs is named, and the stacks say where. Tests that passed are not shown.
func TestHang(t *testing.T) {
	cmd := exec.Command(hang(t), "-quiet", "1s", "--", "./...")
	cmd.Dir = module(t, hangs)
	out, err := cmd.CombinedOutput()
	if ended := (*exec.ExitError)(nil); !errors.As(err, &ended) || ended.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	for _, want := range []string{`\*\*\* hangs:TestHangs/here `, `a_test.go:9: last words\n`, `a_test.go:9 \+0x`, `FAIL\thangs\t`} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("not printed: %s", want)
		}
	}
	if bytes.Contains(out, []byte("TestPasses")) {
		t.Error("a test that passed is shown")
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}

// TestResults: results and failures are shown as go test shows them.
func TestResults(t *testing.T) {
	program := hang(t)
	for _, c := range []struct{ tests, want string }{
		{"package a; import \"testing\"; func TestA(t *testing.T) { t.Log(1) }", "^ok  \thangs\t[0-9.]+s\n$"},
		{"package a; import \"testing\"; func TestA(t *testing.T) { t.Error(`no`) }", "^    a_test.go:1: no\n--- FAIL: TestA .*\nFAIL\thangs\t[0-9.]+s\n$"},
		{"package a; func f() { nothing() }", "undefined: nothing"},
	} {
		cmd := exec.Command(program, "--", "-count=1", "./...")
		cmd.Dir = module(t, c.tests)
		out, err := cmd.CombinedOutput()
		if passes := strings.HasPrefix(c.want, "^ok"); passes != (err == nil) || !regexp.MustCompile(c.want).Match(out) {
			t.Errorf("%s: %v, %s", c.tests, err, out)
		}
	}
}

// TestHung: a test that waits for its turn or for its subtests does not hang.
func TestHung(t *testing.T) {
	begin := time.Now()
	r := newReport(&bytes.Buffer{})
	for i, e := range []event{
		{Action: "start", Package: "p"},
		{Action: "run", Package: "p", Test: "TestA"},
		{Action: "run", Package: "p", Test: "TestA/a"},
		{Action: "pause", Package: "p", Test: "TestA/a"},
		{Action: "run", Package: "p", Test: "TestA/b"},
		{Action: "output", Package: "p", Test: "TestA/b", Output: "beside\n"},
	} {
		r.add(e, begin.Add(time.Duration(i)*time.Second))
	}
	for after, want := range map[int]string{5: "", 6: "p:TestA/b"} {
		if got := r.hung(begin.Add(time.Duration(after) * time.Second)); got != want {
			t.Errorf("after %d s %q hangs, want %q", after, got, want)
		}
	}
	r.add(event{Action: "pass", Package: "p", Test: "TestA/b"}, begin.Add(6*time.Second))
	if got := r.hung(begin.Add(time.Hour)); got != "" {
		t.Errorf("%s hangs, and only waits for its turn", got)
	}
}
