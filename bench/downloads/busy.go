package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

const (
	// hotTorrents are asked for again and again and are in the server's cache.
	hotTorrents = 10_000

	// pause is how long a connection rests between an answer and its next request: so the
	// server is not loaded to the full, and latency is that of answers and not of a queue.
	pause = 20 * time.Millisecond

	// eraseEach is how many torrents a call erases. They lie all over the store, so that each
	// call compacts all of it.
	eraseEach = 200
)

// busy measures how long downloads take while the server does something else.
type busy struct {
	*bench
	self, grpc, admin string // this program; addresses of the server
	server            *server
	cold, erase       []string // info hashes that are asked for once at most, and those to be erased
}

// work is what the server has to do beside downloads.
type work struct {
	name string
	// command is run again and again for as long as the load lasts; nil for nothing.
	command func() ([]string, error)
	// whole has the last command come to its end: a compaction that is cut short goes on later.
	whole bool
}

func (b *busy) works() []work {
	operator := func(args ...string) func() ([]string, error) {
		return func() ([]string, error) { return append([]string{b.binary}, append(args, "--admin", b.admin)...), nil }
	}
	return []work{
		{name: "nothing else"},
		{name: "a push of new torrents", command: func() ([]string, error) { return []string{b.self, "push", b.grpc}, nil }},
		{name: "`remove --erase`, which compacts everything", command: b.eraseSome, whole: true},
		{name: "`verify --rate 20MB`", command: operator("verify", "--rate", "20MB")},
		{name: "`verify`", command: operator("verify")},
	}
}

// measureBusy prints the table of latencies beside other work.
func measureBusy(o options) error {
	servers, err := newBench(o)
	if err != nil {
		return err
	}
	defer servers.stop()
	servers.cores = "0,1"
	b := &busy{bench: servers}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	hot := row{key: "hot", name: "10,000 torrents, in the cache", set: set{n: hotTorrents}, random: true}
	all := row{key: "cold", name: fmt.Sprintf("%d torrents, each once, from the disk", o.distinct), set: set{n: o.distinct}}
	if err := b.fill([]row{hot, all}); err != nil {
		return err
	}
	for i, hash := range b.sets[all.set].hashes[hotTorrents:] {
		if i%10 == 0 {
			b.erase = append(b.erase, hash)
		} else {
			b.cold = append(b.cold, hash)
		}
	}
	rand.Shuffle(len(b.erase), func(i, j int) { b.erase[i], b.erase[j] = b.erase[j], b.erase[i] })
	if err := b.serve(hot); err != nil {
		return err
	}
	hot.pause, all.pause = pause, pause
	return b.table([]row{hot, all})
}

// serve starts the server and fills its cache with the torrents of the hot row.
func (b *busy) serve(hot row) error {
	var err error
	for _, address := range []*string{&b.grpc, &b.admin} {
		if *address, err = side.FreeAddress(); err != nil {
			return err
		}
	}
	err = b.startServer("torrentcache", func(addr, _ string) ([]string, error) {
		return []string{b.binary, "serve", "--http-addr", addr, "--grpc-addr", b.grpc, "--admin-addr", b.admin,
			"--data-dir", b.store(), "--cache-size", "1GiB"}, nil
	})
	if err != nil {
		return err
	}
	b.server = b.running[0]
	return errors.Join(b.writePaths(hot), b.warm(hot, b.server))
}
