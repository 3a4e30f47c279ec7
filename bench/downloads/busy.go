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
	// hotTorrents are requested again and again, so that the server's cache has them.
	hotTorrents = 10_000

	// pause is the average time between an answer and the next request on a connection. With it
	// the server is not saturated, and the latency is that of answers and not of a queue.
	pause = 20 * time.Millisecond

	// eraseEach is how many torrents a call erases. They are spread over the store, so that each
	// call compacts all of it.
	eraseEach = 200
)

// busy measures the latency of downloads while the server does other work.
type busy struct {
	*bench
	self, grpc, admin string // this program; addresses of the server
	server            *server
	cold, erase       []string // info hashes to request at most once, and to erase
}

// work is work that the server does beside downloads.
type work struct {
	name string
	// command is run again and again while the load lasts; nil for no work.
	command func() ([]string, error)
	// whole lets the last command finish, because a compaction that is cut short would continue
	// later.
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

// serve starts the server and fills its cache with the torrents of row hot.
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
