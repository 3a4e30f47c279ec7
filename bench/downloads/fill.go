package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/torrentcache/torrentcache/bench/internal/side"
	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/metainfo"
)

// filled is a set that the servers hold.
type filled struct {
	hashes []string
	bytes  int64 // of all its torrents
}

// fill puts the torrents of rows into the product's store, by its bulk client, and writes them as
// files for the peers. The server that stores them stops before the measurement, so that its
// later background work is in no figure.
func (b *bench) fill(rows []row) error {
	grpc, err := side.FreeAddress()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.files(), 0o755); err != nil {
		return err
	}
	log := filepath.Join(b.dir, "fill.log")
	p, err := side.Start("0,1", log, b.binary, "serve", "--data-dir", b.store(),
		"--grpc-addr", grpc, "--http-addr", "127.0.0.1:0", "--admin-addr", "off")
	if err != nil {
		return err
	}
	defer p.Stop()
	if err := side.Await(grpc); err != nil {
		return fmt.Errorf("torrentcache does not come up: %w; see %s", err, log)
	}
	c, err := client.Dial(grpc, client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	for _, r := range rows {
		if _, done := b.sets[r.set]; done {
			continue
		}
		if err := b.fillSet(c, r.set); err != nil {
			return err
		}
	}
	return flush(b.dir)
}

// fillSet puts the torrents of s into the server of c, and into files.
func (b *bench) fillSet(c *client.Client, s set) error {
	if err := b.room(s); err != nil {
		return err
	}
	begin := time.Now()
	done := filled{hashes: make([]string, s.n)}
	sizes, lengths := s.sizes(), make([]int64, s.n)
	load := func(i int) ([]byte, error) {
		torrent := s.torrent(i, sizes[i])
		hash, err := b.writeFile(torrent)
		done.hashes[i], lengths[i] = hash, int64(len(torrent))
		return torrent, err
	}
	items := func(yield func(client.Item) bool) {
		for i, size := range sizes {
			if !yield(client.Item{Size: int64(size), Load: func() ([]byte, error) { return load(i) }}) {
				return
			}
		}
	}
	if err := push(c, items); err != nil {
		return fmt.Errorf("filling the store: %w", err)
	}
	for _, length := range lengths {
		done.bytes += length
	}
	b.sets[s] = done
	fmt.Fprintf(os.Stderr, "%d torrents, %d MB, in %s\n", s.n, done.bytes/1_000_000, time.Since(begin).Round(time.Second))
	return nil
}

// push sends items to the server of c. It returns an error if the server lacks one afterwards.
func push(c *client.Client, items iter.Seq[client.Item]) error {
	var failed error
	result := func(r client.Result) {
		if r.Status != client.New && r.Status != client.Already {
			failed = fmt.Errorf("a torrent is %s: %s", r.Status, r.Message)
		}
	}
	if err := c.Push(context.Background(), items, client.PushOptions{Result: result}); err != nil {
		return err
	}
	return failed
}

// writeFile returns the info hash of a torrent, and writes the torrent to the file that nginx
// looks for. It skips the write if the file exists or no nginx is measured.
func (b *bench) writeFile(torrent []byte) (string, error) {
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		return "", err
	}
	hash := parsed.IDs().Primary().String()
	if b.busy {
		return hash, nil
	}
	name := filepath.Join(b.files(), hash+".torrent")
	if info, err := os.Stat(name); err == nil && info.Size() == int64(len(torrent)) {
		return hash, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return hash, os.WriteFile(name, torrent, 0o644)
}

// flush writes the dirty pages of dir's file system to disk, so that no figure includes that
// work.
func flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}
