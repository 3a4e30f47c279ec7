package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// script makes wrk request the paths in a file, in order or at random, with random pauses of up
// to twice the given milliseconds. Its last line of output has the requests, the duration in
// microseconds, the 99th and the 99.9th percentile of latency in microseconds, the number of
// answers with a status above 399, and the number of socket errors.
const script = `
local requests, i = {}, 0
init = function(args)
  for path in io.lines(args[1]) do requests[#requests + 1] = wrk.format("GET", path) end
  random = args[2] == "random"
  math.randomseed(os.time())
  local pause = tonumber(args[3])
  if pause > 0 then delay = function() return math.random(0, 2 * pause) end end
end
request = function()
  if random then return requests[math.random(#requests)] end
  i = i % #requests + 1
  return requests[i]
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("%d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(99),
    latency:percentile(99.9), e.status, e.connect + e.read + e.write + e.timeout))
end
`

// wrk loads the server at the URL base once.
func (b *bench) wrk(r row, base string, took time.Duration) (side.Load, error) {
	args := []string{"-c", "1", "wrk", "-t", "1", "-c", strconv.Itoa(b.clients), "-d", seconds(took) + "s", "--timeout", "10s"}
	for _, h := range r.header {
		args = append(args, "-H", h)
	}
	order := "in order"
	if r.random {
		order = "random"
	}
	args = append(args, "-s", filepath.Join(b.dir, "wrk.lua"), base, "--", b.pathsFile(r), order, strconv.FormatInt(r.pause.Milliseconds(), 10))
	out, err := exec.Command("taskset", args...).CombinedOutput()
	if err != nil {
		return side.Load{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var done side.Load
	var us, p99, p999 int64
	var refused, failed int
	if _, err := fmt.Sscan(string(lines[len(lines)-1]), &done.Requests, &us, &p99, &p999, &refused, &failed); err != nil {
		return side.Load{}, fmt.Errorf("wrk said %s", out)
	}
	expected := 0
	if r.absent {
		expected = done.Requests
	}
	if done.Requests == 0 || failed > 0 || refused != expected {
		return side.Load{}, fmt.Errorf("of %d requests %d were answered by an error, %d sockets failed: %s", done.Requests, refused, failed, out)
	}
	done.Took = time.Duration(us) * time.Microsecond
	done.P99, done.P999 = time.Duration(p99)*time.Microsecond, time.Duration(p999)*time.Microsecond
	return done, nil
}

// seconds returns d in the format of the load generators: whole seconds, at least one.
func seconds(d time.Duration) string { return strconv.Itoa(max(1, int(d.Seconds()))) }

// paths returns the paths that a row requests.
func (b *bench) paths(r row) []string {
	var paths []string
	for _, hash := range b.sets[r.set].hashes {
		if r.absent {
			hash = strings.Repeat("F", len(hash))
		}
		paths = append(paths, "/torrent/"+hash+".torrent")
	}
	return paths
}

// pathsFile returns the name of the file with the paths of r.
func (b *bench) pathsFile(r row) string { return filepath.Join(b.dir, "paths-"+r.key) }

func (b *bench) writePaths(r row) error {
	return os.WriteFile(b.pathsFile(r), []byte(strings.Join(b.paths(r), "\n")+"\n"), 0o644)
}
