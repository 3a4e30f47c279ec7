//go:build unix

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// report prints the results, and knows which tests run.
type report struct {
	out io.Writer
	// began has the tests and programs that run, by name, and the time of the last event of each.
	began map[string]time.Time
	// waits has the parallel tests that wait for their turn.
	waits map[string]bool
	// printed is the output of each test so far. It is shown if the test or its program fails.
	printed map[string]*strings.Builder
}

func newReport(out io.Writer) *report {
	return &report{out: out, began: map[string]time.Time{}, waits: map[string]bool{}, printed: map[string]*strings.Builder{}}
}

// name returns the name of a test, or of a test program: "pkg", "pkg:TestA", "pkg:TestA/sub".
func (e event) name() string {
	if e.Test == "" {
		return e.Package
	}
	return e.Package + ":" + e.Test
}

// parent returns the name of the test or program that waits for this one, or "".
func parent(name string) string {
	program, test, found := strings.Cut(name, ":")
	if !found {
		return ""
	}
	if i := strings.LastIndexByte(test, '/'); i >= 0 {
		return program + ":" + test[:i]
	}
	return program
}

// add takes the next event.
func (r *report) add(e event, now time.Time) {
	name := e.name()
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		r.print(e, name)
	case "pause":
		r.waits[name] = true
	case "cont":
		delete(r.waits, name)
	}
	switch e.Action {
	case "start", "run", "cont":
		r.began[name] = now
	case "pass", "skip", "fail":
		r.end(e, name)
	}
	for ; name != ""; name = parent(name) {
		if _, runs := r.began[name]; runs {
			r.began[name] = now
		}
	}
}

// print keeps the output of a test, and shows the result of a program: the line that begins with
// "ok" or "FAIL", or "?" if there is no test.
func (r *report) print(e event, name string) {
	if e.Test == "" {
		if e.Output != "PASS\n" && e.Output != "FAIL\n" {
			fmt.Fprint(r.out, e.Output)
		}
		return
	}
	if r.printed[name] == nil {
		r.printed[name] = &strings.Builder{}
	}
	if !strings.HasPrefix(e.Output, "=== ") {
		r.printed[name].WriteString(e.Output)
	}
}

// end shows the output of a test that failed. If a program failed, its unfinished tests did.
func (r *report) end(e event, name string) {
	delete(r.began, name)
	for other, printed := range r.printed {
		mine := other == name || e.Test == "" && strings.HasPrefix(other, name+":")
		if !mine {
			continue
		}
		if e.Action == "fail" {
			fmt.Fprint(r.out, printed)
		}
		delete(r.printed, other)
		delete(r.began, other)
	}
}

// hung returns the name of a test that had its last event before this time, or "". It is not
// one that waits for its turn or for its subtests: of those the subtest is named.
func (r *report) hung(before time.Time) string {
	waits := map[string]bool{}
	for name := range r.began {
		waits[parent(name)] = true
	}
	for name, last := range r.began {
		if last.Before(before) && !waits[name] && !r.waits[name] {
			return name
		}
	}
	return ""
}
