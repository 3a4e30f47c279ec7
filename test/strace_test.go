//go:build e2e

package test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tracer is strace attached to a running server. Its log marks the calls into which strace
// injected an error.
type tracer struct {
	cmd    *exec.Cmd
	log    string
	exited chan error
}

// attach attaches strace to s until the test ends or detach is called. It returns when strace
// traces all threads of s.
func (s *server) attach(t *testing.T, args ...string) *tracer {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	args = append([]string{"-f", "-y", "-o", log, "-p", strconv.Itoa(s.cmd.Process.Pid)}, args...)
	r := &tracer{cmd: exec.Command("strace", args...), log: log, exited: make(chan error, 1)}
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("%v (test/install-prerequisites installs it)", err)
	}
	t.Cleanup(func() { r.detach(t) })
	select {
	case <-r.follow(t, stderr):
	case err := <-r.exited:
		r.exited <- err
		t.Fatalf("strace ended before it was attached: %v", err)
	case <-time.After(patience):
		t.Fatal("strace did not attach")
	}
	return r
}

// follow reads the output of strace until it ends. The channel gets a token when strace traces
// all threads.
func (r *tracer) follow(t *testing.T, stderr io.Reader) (attached chan bool) {
	attached = make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			switch line := lines.Text(); {
			case strings.HasSuffix(line, "threads"): // strace: Process 7 attached with 9 threads
				attached <- true
			case strings.Contains(line, "tached"), strings.Contains(line, "ptrace_syscall_info.op"): // of single threads
			default:
				t.Log(line)
			}
		}
		r.exited <- r.cmd.Wait()
	}()
	return attached
}

// detach ends the tracing. Detaching twice does nothing.
func (r *tracer) detach(t *testing.T) {
	t.Helper()
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-r.exited:
		r.exited <- err
	case <-time.After(patience):
		_ = r.cmd.Process.Kill()
		t.Error("strace did not end on SIGTERM")
	}
}

// lines returns the log.
func (r *tracer) lines(t *testing.T) []string {
	t.Helper()
	log, err := os.ReadFile(r.log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(log), "\n")
}

// injected returns the lines of calls into which strace injected an error.
func (r *tracer) injected(t *testing.T, call string) (calls []string) {
	t.Helper()
	for _, line := range r.lines(t) {
		if strings.Contains(line, "(INJECTED)") && (strings.Contains(line, " "+call+"(") || strings.Contains(line, " "+call+" resumed")) {
			calls = append(calls, line)
		}
	}
	return calls
}
