//go:build unix

// Hang runs go test with the arguments that follow --, and tells which test hangs: when a test
// has neither ended nor printed anything for a while, hang ends all test programs with the stacks
// of their goroutines. The timeout of go test itself bounds all tests of a package together, so
// it would have to be as long as the longest package takes on a busy machine.
//
// It prints the same output as go test without -v.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	quiet := flag.Duration("quiet", 2*time.Minute, "how long a test may print nothing")
	flag.Parse()
	err := run(flag.Args(), *quiet)
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		os.Exit(ended.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hang:", err)
		os.Exit(1)
	}
}

// run runs go test with these arguments. The error is an *exec.ExitError if a test failed.
func run(args []string, quiet time.Duration) error {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	// A process group of its own, so that the test programs get signals and make gets none.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	events := make(chan event)
	go func() {
		defer close(events)
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			events <- parse(line)
		}
	}()
	follow(events, quiet, func(s syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, s) })
	return cmd.Wait()
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// parse takes a line that is no JSON as output.
func parse(line []byte) (e event) {
	if json.Unmarshal(line, &e) != nil {
		return event{Action: "output", Output: string(line)}
	}
	return e
}

// follow passes events to a report until they end, and signals on to the test programs. It
// sends SIGQUIT once if a test hangs: the go command leaves that signal to test programs, which
// print their stacks.
func follow(events <-chan event, quiet time.Duration, send func(syscall.Signal)) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	tick := time.NewTicker(min(quiet, time.Second))
	defer tick.Stop()
	r := newReport(os.Stdout)
	for told := false; ; {
		select {
		case e, more := <-events:
			if !more {
				return
			}
			r.add(e, time.Now())
		case s := <-signals:
			send(s.(syscall.Signal))
		case now := <-tick.C:
			hung := r.hung(now.Add(-quiet))
			if hung == "" || told {
				continue
			}
			told = true
			fmt.Printf("\n*** %s has not ended and printed nothing for %s. The goroutines follow.\n", hung, quiet)
			send(syscall.SIGQUIT)
		}
	}
}
