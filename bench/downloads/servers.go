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

// bench is the state of a measurement.
type bench struct {
	options
	binary  string
	cores   string         // of each server
	sets    map[set]filled // the torrents that the servers hold
	running []*server      // torrentcache, nginx, nginx with tcp_nopush
	cache   int64          // size in bytes of the running torrentcache's cache
	held    bool           // holders keep the servers' files in memory
	holders []*side.Process
}

type server struct {
	*side.Process
	name string
	addr string // without TLS
	over string // address with TLS
}

func newBench(o options) (*bench, error) {
	b := &bench{options: o, cores: "0", sets: map[set]filled{}, binary: filepath.Join(o.dir, "torrentcache")}
	build := exec.Command("go", "build", "-trimpath", "-o", b.binary, "./cmd/torrentcache")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	return b, errors.Join(b.certificate(), os.WriteFile(filepath.Join(o.dir, "wrk.lua"), []byte(script), 0o644))
}

func (b *bench) store() string { return filepath.Join(b.dir, "store") }
func (b *bench) files() string { return filepath.Join(b.dir, "files", "torrent") }

func (b *bench) stop() {
	b.stopServers()
	for _, p := range b.holders {
		p.Stop()
	}
}

func (b *bench) stopServers() {
	for _, s := range b.running {
		s.Stop()
	}
	b.running = nil
}

// targets starts the servers that r measures, and warms them up.
func (b *bench) targets(r row) ([]side.Target, error) {
	if err := b.start(r); err != nil {
		return nil, err
	}
	if err := b.writePaths(r); err != nil {
		return nil, err
	}
	if r.over == http2 {
		if err := b.writeOrders(r); err != nil {
			return nil, err
		}
	}
	if r.tenth {
		if err := b.hold(); err != nil {
			return nil, err
		}
	}
	var targets []side.Target
	for _, s := range b.running {
		if err := b.warm(r, s); err != nil {
			return nil, fmt.Errorf("warming up %s: %w", s.name, err)
		}
		run := func() (side.Load, error) { return b.load(r, s, b.time) }
		targets = append(targets, side.Target{Name: s.name, Run: run, Process: s.Process})
	}
	return targets, nil
}

// start starts the servers that r measures, unless those of the last row can serve r, too.
func (b *bench) start(r row) error {
	cache := int64(1 << 30) // more than the torrents of any row that the cache must answer
	if r.tenth {
		cache = b.sets[r.set].bytes / 10
	}
	if b.running != nil && b.cache == cache {
		return nil
	}
	b.stopServers()
	b.cache = cache
	err := b.startServer("torrentcache", func(addr, over string) ([]string, error) {
		return []string{b.binary, "serve", "--http-addr", addr, "--https-addr", over, "--tls-cert", b.certFile(), "--tls-key", b.keyFile(),
			"--grpc-addr", "off", "--admin-addr", "off", "--data-dir", b.store(), "--cache-size", strconv.FormatInt(cache, 10)}, nil
	})
	for _, nopush := range []string{"off", "on"} {
		err = errors.Join(err, b.startServer("nginx, tcp_nopush "+nopush, func(addr, over string) ([]string, error) {
			conf, err := b.nginxConf(addr, over, nopush)
			return []string{"nginx", "-p", b.dir, "-c", conf}, err
		}))
	}
	return err
}

// startServer starts a server on its cores and waits until it listens. command returns the
// server's command line for its addresses without and with TLS.
func (b *bench) startServer(name string, command func(addr, over string) ([]string, error)) error {
	addr, err := side.FreeAddress()
	if err != nil {
		return err
	}
	over, err := side.FreeAddress()
	if err != nil {
		return err
	}
	args, err := command(addr, over)
	if err != nil {
		return err
	}
	log := filepath.Join(b.dir, name+".log")
	p, err := side.Start(b.cores, log, args...)
	if err != nil {
		return err
	}
	b.running = append(b.running, &server{Process: p, name: name, addr: addr, over: over})
	if err := side.Await(addr); err != nil {
		return fmt.Errorf("%s does not come up: %w; see %s", name, err, log)
	}
	return nil
}

// warm requests each torrent of r twice, because the product caches a torrent after its second
// request. Then it runs the load of the row once.
func (b *bench) warm(r row, s *server) error {
	for asked := 0; asked <= 2*r.set.n; {
		done, err := b.wrk(r, "http://"+s.addr, 2*time.Second)
		if err != nil {
			return err
		}
		asked += done.Requests
	}
	_, err := b.load(r, s, time.Second)
	return err
}

// load runs the load of r against s once.
func (b *bench) load(r row, s *server, took time.Duration) (side.Load, error) {
	switch r.over {
	case http2:
		return b.h2load(r, s.over, took)
	case http1:
		return b.wrk(r, "https://"+s.over, took)
	}
	return b.wrk(r, "http://"+s.addr, took)
}
