package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// script makes wrk ask for the paths in a file, in order or at random.
const script = `
local requests, i = {}, 0
init = function(args)
  for path in io.lines(args[1]) do requests[#requests + 1] = wrk.format("GET", path) end
  random = args[2] == "random"
  math.randomseed(os.time())
end
request = function()
  if random then return requests[math.random(#requests)] end
  i = i % #requests + 1
  return requests[i]
end
`

var (
	requestsLine = regexp.MustCompile(`(\d+) requests in ([0-9.]+)(m?s|m)`)
	badLine      = regexp.MustCompile(`(?m)^\s*(Socket errors|Non-2xx).*$`)
)

// load runs wrk once against the server at addr.
func (b *bench) load(r row, addr string, took time.Duration) (int, time.Duration, error) {
	cores, threads := "1", "1"
	if r.twoCores {
		cores, threads = "0,1", "2"
	}
	args := []string{"-c", cores, "wrk", "-t", threads, "-c", strconv.Itoa(b.clients), "-d", fmt.Sprintf("%ds", max(1, int(took.Seconds())))}
	for _, h := range r.header {
		args = append(args, "-H", h)
	}
	order := "in order"
	if r.random {
		order = "random"
	}
	args = append(args, "-s", filepath.Join(b.dir, "wrk.lua"), "http://"+addr, "--", b.pathsFile(r), order)
	out, err := exec.Command("taskset", args...).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if bad := badLine.Find(out); bad != nil && !(r.absent && strings.Contains(string(bad), "Non-2xx")) {
		return 0, 0, fmt.Errorf("wrk: %s", bad)
	}
	m := requestsLine.FindSubmatch(out)
	if m == nil {
		return 0, 0, fmt.Errorf("wrk said %s", out)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0, 0, err
	}
	d, err := time.ParseDuration(string(m[2]) + string(m[3]))
	return n, d, err
}

// pathsFile writes what a row asks for and returns the file's name.
func (b *bench) pathsFile(r row) string {
	return filepath.Join(b.dir, fmt.Sprintf("paths-%d-%d-%t", r.set.size, r.files, r.absent))
}

func (b *bench) writePaths(r row, hashes []string) error {
	var text strings.Builder
	for _, h := range hashes[:r.files] {
		if r.absent {
			h = strings.Repeat("F", len(h))
		}
		fmt.Fprintf(&text, "/torrent/%s.torrent\n", h)
	}
	return os.WriteFile(b.pathsFile(r), []byte(text.String()), 0o644)
}
