package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// server is a running `torrentcache serve` over an empty store.
type server struct {
	dir               string
	http, grpc, admin string
	log               bytes.Buffer
}

// withServer runs use against a new server, and stops the server.
func (b *bench) withServer(use func(*server) error) error {
	dir, err := b.scratch()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &server{dir: dir}
	for _, address := range []*string{&s.http, &s.grpc, &s.admin} {
		if *address, err = side.FreeAddress(); err != nil {
			return err
		}
	}
	cmd := exec.Command(b.binary, "serve", "--data-dir", dir+"/data", "--http-addr", s.http, "--grpc-addr", s.grpc, "--admin-addr", s.admin)
	cmd.Stderr = &s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}()
	if err := s.awaitReady(); err != nil {
		return err
	}
	return use(s)
}

func (s *server) awaitReady() error {
	for range 500 {
		if resp, err := http.Get("http://" + s.admin + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("the server did not become ready")
}

// pushResult is the result of a push.
type pushResult struct {
	seconds float64
	maxRSS  int64  // bytes
	summary string // the last output of push
	log     string // the output before
}

// push runs `torrentcache push` to its end.
func (b *bench) push(s *server, args ...string) (pushResult, error) {
	cmd := exec.Command(b.binary, append([]string{"push", "--server", s.grpc}, args...)...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return pushResult{}, fmt.Errorf("push: %w\n%s", err, log.String())
	}
	r := pushResult{seconds: time.Since(begin).Seconds(), summary: out.String(), log: log.String()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.maxRSS = usage.Maxrss * 1024 // Linux counts in KiB
	}
	fmt.Fprintf(os.Stderr, "  %s", out.String())
	return r, nil
}
