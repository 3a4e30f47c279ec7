package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// program is a torrentcache process that is started again and again.
type program struct {
	name, log   string
	args        []string
	http, admin string // addresses
	process     *side.Process
	samples     []sample
}

// sample is the figures of a process at one moment.
type sample struct {
	resident, goroutines float64 // the first in bytes
	// Segments are files that stay open, one for each 128 MB of content, so they grow with the
	// content. Other descriptors must not grow.
	segments, descriptors float64
}

func newProgram(s *soak, name string, args ...string) (*program, error) {
	p := &program{name: name, log: filepath.Join(s.dir, name+".log")}
	for _, address := range []*string{&p.http, &p.admin} {
		var err error
		if *address, err = side.FreeAddress(); err != nil {
			return nil, err
		}
	}
	p.args = append(append([]string{s.binary}, args...), "--http-addr", p.http, "--admin-addr", p.admin,
		"--memory-limit", "512MiB", "--cache-size", "64MiB", "--log-level", "error")
	return p, nil
}

// start starts the process and returns when it is ready.
func (p *program) start() (err error) {
	if p.process, err = side.Start("0-1023", p.log, p.args...); err != nil {
		return err
	}
	for range 3000 {
		if resp, err := http.Get("http://" + p.admin + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	text, _ := os.ReadFile(p.log) // for the error message
	return fmt.Errorf("the %s does not become ready\n%s", p.name, text)
}

// stop ends the process, if it was started.
func (p *program) stop() {
	if p.process != nil {
		p.process.Stop()
	}
}

// kill ends the process at once.
func (p *program) kill() error {
	if err := syscall.Kill(p.process.PID(), syscall.SIGKILL); err != nil {
		return err
	}
	p.process.Stop()
	p.process = nil
	return nil
}

// sample records the current figures of the process.
func (p *program) sample() error {
	proc := fmt.Sprintf("/proc/%d/", p.process.PID())
	status, err := os.Open(proc + "status")
	if err != nil {
		return err
	}
	defer status.Close()
	kib, err := figure(bufio.NewScanner(status), "VmRSS:")
	if err != nil {
		return err
	}
	segments, descriptors, err := countOpen(proc + "fd")
	if err != nil {
		return err
	}
	resp, err := http.Get("http://" + p.admin + "/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	goroutines, err := figure(bufio.NewScanner(resp.Body), "go_goroutines ")
	p.samples = append(p.samples, sample{kib * 1024, goroutines, segments, descriptors})
	return err
}

// countOpen counts the open descriptors in a folder of /proc: those of segment files, and all
// others.
func countOpen(folder string) (segments, others float64, err error) {
	list, err := os.ReadDir(folder)
	for _, fd := range list {
		// A descriptor that was closed meanwhile has no target.
		if target, _ := os.Readlink(filepath.Join(folder, fd.Name())); strings.Contains(target, "/segments/") {
			segments++
		} else {
			others++
		}
	}
	return segments, others, err
}

// figure returns the number in the line that begins with name.
func figure(lines *bufio.Scanner, name string) (value float64, err error) {
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			_, err := fmt.Sscan(rest, &value)
			return value, err
		}
	}
	return 0, errors.Join(fmt.Errorf("no line begins with %q", name), lines.Err())
}
