package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// roles are the functions that this program runs as a child of itself: servers, which get an
// address, the size of the torrents and a folder of their own, and loads.
var roles = map[string]func(args []string) error{
	"grpc-torrentcache": profiled("grpc-torrentcache", serveProduct),
	"grpc-default":      profiled("grpc-default", serveDefault),
	"json-torrentcache": profiled("json-torrentcache", serveProductJSON),
	"http-torrentcache": serveBinary("--http-addr"),
	"grpc-serve":        serveBinary("--grpc-addr"),
	"json-default":      profiled("json-default", serveDefaultJSON),
	"raw":               serveRaw,
	"load-get":          loadRole(getTorrents),
	"load-cache":        loadRole(cacheTorrents),
	"load-json":         loadRole(getJSON),
	"load-form":         loadRole(uploadForms),
	"load-raw":          loadRole(loadRaw),
}

// loadOnce runs the load of a role against addr on core 1. It returns the number of requests that
// were answered, and the time that they took.
func loadOnce(o options, load string, size int, self, addr string, length time.Duration) (side.Load, error) {
	out, err := exec.Command("taskset", "-c", "1", self, load, addr, strconv.Itoa(size),
		strconv.Itoa(o.clients), strconv.Itoa(o.conns), length.String()).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return side.Load{}, fmt.Errorf("%s: %s", load, exit.Stderr)
	}
	if err != nil {
		return side.Load{}, err
	}
	var done side.Load
	if _, err := fmt.Sscan(string(out), &done.Requests, (*int64)(&done.Took)); err != nil {
		return side.Load{}, fmt.Errorf("%s said %q", load, out)
	}
	return done, nil
}

// binaryName is the name of the file that build makes.
const binaryName = "torrentcache"

// build builds the product into dir.
func build(dir string) error {
	c := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(dir, binaryName), "github.com/torrentcache/torrentcache/cmd/torrentcache")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}
