package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// uploaders is how many uploads are under way at a time.
const uploaders = 64

// fill puts the torrents of s into the product at addr and, as files, before
// its peers, unless they are there.
func (b *bench) fill(s set, addr string) error {
	if b.sets[s] != nil {
		return nil
	}
	dir := filepath.Join(b.dir, "files", "torrent")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	hashes := make([]string, s.n)
	errs := make(chan error, uploaders)
	var next atomic.Int64
	var all sync.WaitGroup
	for range uploaders {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < s.n; i = int(next.Add(1)) - 1 {
				hash, err := put(torrenttest.Random(uint64(s.size)<<32|uint64(i), s.size), dir, addr)
				if err != nil {
					errs <- err
					return
				}
				hashes[i] = hash
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		b.sets[s] = hashes
		return nil
	}
}

func put(torrent []byte, dir, addr string) (string, error) {
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		return "", err
	}
	hash := parsed.IDs().Primary().String()
	if err := os.WriteFile(filepath.Join(dir, hash+".torrent"), torrent, 0o644); err != nil {
		return "", err
	}
	resp, err := client.Post("http://"+addr+"/v1/torrents", "application/x-bittorrent", bytes.NewReader(torrent))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("the upload of %s was answered %s", hash, resp.Status)
	}
	return hash, nil
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: uploaders}}
