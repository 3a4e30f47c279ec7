package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// row is one line of the table: two servers under the same load.
type row struct {
	name          string
	load          string   // the role of the load generator
	peerLoad      string   // of the peer's load generator, if it differs
	size          int      // of a torrent, in bytes
	product, peer []string // roles of the servers, followed by arguments
	perSecond     bool     // compare requests a second, not CPU time
	floor, target string
}

func rows() []row {
	const kB = 1000
	mem, plain := []string{"grpc-torrentcache"}, []string{"grpc-default"}
	get := func(size int, floor, target string) row {
		return row{name: fmt.Sprintf("gRPC GetTorrent %d KB", size/kB), load: "load-get", size: size, product: mem, peer: plain, floor: floor, target: target}
	}
	return []row{
		get(20*kB, "1.0", "0.9"),
		get(100*kB, "0.7", "0.5"),
		get(1000*kB, "0.65", "0.5"),
		{name: "gRPC CacheTorrent 20 KB, memory store", load: "load-cache", size: 20 * kB, product: mem, peer: plain, floor: "1.3", target: "1.0"},
		{name: "JSON GetTorrent 20 KB, memory store", load: "load-json", size: 20 * kB, product: []string{"json-torrentcache"}, peer: []string{"json-default"}, floor: "0.9", target: "0.7"},
		{name: "JSON GetTorrent 20 KB, torrentcache serve", load: "load-json", size: 20 * kB, product: []string{"http-torrentcache"}, peer: []string{"json-default"}, floor: "0.9", target: "0.7"},
		{name: "form upload 20 KB, durable, requests/s", load: "load-form", peerLoad: "load-raw", size: 20 * kB, product: []string{"http-torrentcache"}, peer: []string{"raw"}, perSecond: true, floor: "0.4", target: "0.6"},
		{name: "gRPC GetTorrent 20 KB, from the disk store", load: "load-get", size: 20 * kB, product: []string{"grpc-serve"}, peer: plain, floor: "-", target: "-"},
	}
}

// measure measures r and returns its line of the table.
func measure(o options, r row) ([]string, error) {
	product, err := start(o, r.load, r.size, "product", r.product)
	if err != nil {
		return nil, err
	}
	defer product.Stop()
	peer, err := start(o, cmp.Or(r.peerLoad, r.load), r.size, "peer", r.peer)
	if err != nil {
		return nil, err
	}
	defer peer.Stop()
	figures, err := side.Rounds(o.rounds, []side.Target{product.Target, peer.Target})
	if err != nil {
		return nil, err
	}
	a, b := figures[0], figures[1]
	rates := fmt.Sprintf("%.2f", a.PerSecond/b.PerSecond)
	if r.perSecond {
		return []string{r.name, fmt.Sprintf("%.0f/s", a.PerSecond), fmt.Sprintf("%.0f/s", b.PerSecond), rates, r.floor, r.target, rates}, nil
	}
	cost := func(f side.Figures) string { return fmt.Sprintf("%.1f us", float64(f.CPU)/float64(time.Microsecond)) }
	return []string{r.name, cost(a), cost(b), fmt.Sprintf("%.2f", float64(a.CPU)/float64(b.CPU)), r.floor, r.target, rates}, nil
}

// target is a server and the load on it.
type target struct {
	side.Target
}

func (t target) Stop() { t.Process.Stop() }

// start starts the server of a role on core 0, and warms it up with the load.
func start(o options, load string, size int, name string, role []string) (target, error) {
	self, err := os.Executable()
	if err != nil {
		return target{}, err
	}
	addr, err := side.FreeAddress()
	if err != nil {
		return target{}, err
	}
	dir, err := os.MkdirTemp(o.dir, name)
	if err != nil {
		return target{}, err
	}
	args := append([]string{self}, append(role, addr, strconv.Itoa(size), dir)...)
	process, err := side.Start("0", filepath.Join(o.dir, name+".log"), args...)
	if err != nil {
		return target{}, err
	}
	t := target{side.Target{Name: name, Process: process}}
	t.Run = func() (side.Load, error) { return loadOnce(o, load, size, self, addr, o.time) }
	err = side.Await(addr)
	if err == nil {
		_, err = loadOnce(o, load, size, self, addr, o.time/2)
	}
	if err != nil {
		t.Stop()
		log, _ := os.ReadFile(filepath.Join(o.dir, name+".log"))
		return target{}, fmt.Errorf("%s: %w: %s", strings.Join(role, " "), err, log)
	}
	return t, nil
}
