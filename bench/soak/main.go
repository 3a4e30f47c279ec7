// Command soak loads a server by all its doors for an hour and kills it every minute with
// SIGKILL. It prints whether the memory, the goroutines or the descriptors of the server grow,
// and those of a gateway in front of it that is never killed. At the end every torrent whose
// upload was acknowledged must be in the server, undamaged.
//
//	go run ./bench/soak                                  an hour; a fifth of a core, 2 GB of disk
//	go run ./bench/soak -time 5m -kill 20s -rate 300     something shorter
//
// It prints Markdown. It needs Linux.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

func main() {
	var s soak
	flag.DurationVar(&s.time, "time", time.Hour, "how long the load goes on")
	flag.DurationVar(&s.kill, "kill", time.Minute, "how long the server lives each time, on average")
	flag.IntVar(&s.rate, "rate", 150, "calls a second")
	parent := flag.String("dir", os.TempDir(), "folder for the store, which is gone afterwards")
	flag.Parse()
	if err := s.run(*parent); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// soak is one run.
type soak struct {
	time, kill      time.Duration
	rate            int
	dir, binary     string
	grpc            string // address of the server
	server, gateway *program
	kills           int
	away            []float64 // seconds from a kill until the server is ready again
	cpu             time.Duration
}

func (s *soak) run(parent string) (err error) {
	if s.dir, err = os.MkdirTemp(parent, "torrentcache-bench-soak-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := s.start(); err != nil {
		return err
	}
	defer s.server.stop()
	defer s.gateway.stop()
	before := side.LoadAverage()
	l, err := newLoad(s)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := s.mix(l); err != nil {
		return err
	}
	took := time.Since(begin)
	if err := s.check(l); err != nil {
		return err
	}
	fmt.Printf("%s; load average before %s, after %s\n\n%s\n", side.Machine(), before, side.LoadAverage(), side.Table(s.rows()))
	fmt.Printf("%s, %d kills, ready again after %.2f s (median; at most %.2f s); the server took %.2f of a core.\n%s\n",
		took.Round(time.Second), s.kills, side.Median(s.away), slices.Max(append(s.away, 0)), s.cpu.Seconds()/took.Seconds(), l)
	return l.verdict()
}

// start builds the program, and starts the server and the gateway. Both have so little memory for
// torrents that it soon fills up.
func (s *soak) start() error {
	s.binary = filepath.Join(s.dir, "torrentcache")
	build := exec.Command("go", "build", "-trimpath", "-o", s.binary, "github.com/torrentcache/torrentcache/cmd/torrentcache")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	var err error
	if s.grpc, err = side.FreeAddress(); err != nil {
		return err
	}
	if s.server, err = newProgram(s, "server", "serve", "--grpc-addr", s.grpc, "--data-dir", filepath.Join(s.dir, "data")); err != nil {
		return err
	}
	if s.gateway, err = newProgram(s, "gateway", "gateway", "--backend", s.grpc); err != nil {
		return err
	}
	if err := s.server.start(); err != nil {
		return err
	}
	return s.gateway.start()
}

// sampleEvery is the interval of the samples of memory, goroutines and descriptors.
const sampleEvery = 5 * time.Second

// mix runs the load, samples the processes, and kills the server again and again. A wrong answer
// ends it early.
func (s *soak) mix(l *load) error {
	stop := l.start(s.rate)
	defer stop()
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	end, nextKill := time.Now().Add(s.time), time.Now().Add(s.life())
	for now := range ticker.C {
		for _, p := range []*program{s.server, s.gateway} {
			if err := p.sample(); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		if now.After(end) || l.verdict() != nil {
			return s.count()
		}
		if now.After(nextKill) {
			if err := s.again(); err != nil {
				return err
			}
			nextKill = now.Add(s.life())
		}
	}
	return nil
}

// life returns how long the server lives until its next kill. The first compaction comes after a
// minute, so some lives include one and some do not.
func (s *soak) life() time.Duration { return s.kill/2 + rand.N(s.kill) }

// again kills the server and starts it again.
func (s *soak) again() error {
	if err := s.count(); err != nil {
		return err
	}
	begin := time.Now()
	if err := s.server.kill(); err != nil {
		return err
	}
	if err := s.server.start(); err != nil {
		return err
	}
	s.kills++
	s.away = append(s.away, time.Since(begin).Seconds())
	return nil
}

// count adds the CPU time of the server to the total, before a kill.
func (s *soak) count() error {
	used, err := s.server.process.CPU()
	s.cpu += used
	return err
}

// check returns an error unless every acknowledged torrent is in the store, and every stored
// torrent is undamaged.
func (s *soak) check(l *load) error {
	if err := l.checkMissing(); err != nil {
		return err
	}
	verify := exec.Command(s.binary, "verify", "--admin", s.server.admin)
	if out, err := verify.CombinedOutput(); err != nil {
		return fmt.Errorf("verify: %w: %s", err, out)
	}
	return nil
}
