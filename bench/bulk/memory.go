package main

import (
	"archive/tar"
	"bufio"
	"fmt"
	"os"
	"path/filepath"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// measureMemory pushes a tar archive of n tiny torrents twice, the second time with a journal of
// n lines, and prints the peak resident size of the client.
func (b *bench) measureMemory(n int) error {
	archive := filepath.Join(b.dir, fmt.Sprintf("tiny-%d.tar", n))
	if err := makeTar(archive, n); err != nil {
		return err
	}
	return b.withServer(func(s *server) error {
		fmt.Println("| push of a tar archive with tiny torrents | torrents | seconds | largest RSS, MB |")
		fmt.Println("|---|---|---|---|")
		journal := filepath.Join(s.dir, "journal")
		for _, which := range []string{"first", "again, with its journal"} {
			r, err := b.push(s, "--resume", journal, archive)
			if err != nil {
				return err
			}
			fmt.Printf("| %s | %d | %.0f | %.0f |\n", which, n, r.seconds, float64(r.maxRSS)/1e6)
		}
		return nil
	})
}

func makeTar(path string, n int) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	w := tar.NewWriter(buffered)
	for i := range n {
		torrent := torrenttest.Random(uint64(i), 300)
		header := &tar.Header{Name: fmt.Sprintf("torrents/%03d/%08d.torrent", i%1000, i), Size: int64(len(torrent)), Mode: 0o644}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(torrent); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}
