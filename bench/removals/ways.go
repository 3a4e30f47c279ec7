package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// page is how many info hashes go into one call.
const page = 1000

// way is a way to remove or to restore torrents.
type way struct {
	name   string
	hashes int // that one run removes or restores
	run    func(round int) error
}

// figures are the results of a way.
type figures struct {
	rate []float64 // info hashes a second, of each round
	cpu  []float64 // CPU time of the server per info hash in microseconds, of each round
}

// measure runs w once against s, and adds the results to f.
func (w way) measure(round int, s *server, f *figures) error {
	before, err := s.process.CPU()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := w.run(round); err != nil {
		return err
	}
	took := time.Since(begin)
	after, err := s.process.CPU()
	f.rate = append(f.rate, float64(w.hashes)/took.Seconds())
	f.cpu = append(f.cpu, float64((after-before).Microseconds())/float64(w.hashes))
	return err
}

// ways returns all ways. After each way that removes comes one that restores the same torrents.
func (b *bench) ways(s *server, hashes []string) []way {
	some, all := hashes[:b.single], len(hashes)
	list := filepath.Join(b.dir, "list")
	command := func(name string) func(round int) error {
		return func(round int) error {
			return s.command(name, "--resume", filepath.Join(b.dir, fmt.Sprint(name, round)), list)
		}
	}
	return []way{
		{"RemoveTorrent, one after the other", len(some), func(int) error { return each(some, s.remove) }},
		{"RestoreTorrent, one after the other", len(some), func(int) error { return each(some, s.restore) }},
		{"RemoveTorrents", all, func(int) error { return pages(hashes, s.removeMany) }},
		{"RestoreTorrents", all, func(int) error { return pages(hashes, s.restoreMany) }},
		{"torrentcache remove --resume FILE LIST", all, command("remove")},
		{"torrentcache restore --resume FILE LIST", all, command("restore")},
	}
}

func each(hashes []string, do func(hash string) error) error {
	for _, hash := range hashes {
		if err := do(hash); err != nil {
			return err
		}
	}
	return nil
}

func pages(hashes []string, do func(hashes []string) error) error {
	for chunk := range slices.Chunk(hashes, page) {
		if err := do(chunk); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) remove(hash string) error {
	answer, err := s.admin.RemoveTorrent(context.Background(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hash, Reference: reference})
	if err == nil && !answer.GetWasCached() {
		return fmt.Errorf("%s was not there", hash)
	}
	return err
}

func (s *server) restore(hash string) error {
	answer, err := s.admin.RestoreTorrent(context.Background(), &torrentcachev1.RestoreTorrentRequest{InfoHash: hash, Reference: reference})
	if err == nil && !answer.GetCached() {
		return fmt.Errorf("%s is not back", hash)
	}
	return err
}

func (s *server) removeMany(hashes []string) error {
	answer, err := s.admin.RemoveTorrents(context.Background(), &torrentcachev1.RemoveTorrentsRequest{InfoHashes: hashes, Reference: reference})
	for i, r := range answer.GetResults() {
		if !r.GetRemoved().GetWasCached() {
			return fmt.Errorf("%s: %v", hashes[i], r)
		}
	}
	return err
}

func (s *server) restoreMany(hashes []string) error {
	answer, err := s.admin.RestoreTorrents(context.Background(), &torrentcachev1.RestoreTorrentsRequest{InfoHashes: hashes, Reference: reference})
	for i, r := range answer.GetResults() {
		if !r.GetRestored().GetCached() {
			return fmt.Errorf("%s: %v", hashes[i], r)
		}
	}
	return err
}

// command runs an operator's command to its end.
func (s *server) command(args ...string) error {
	cmd := exec.Command(s.binary, append([]string{args[0], "--admin", s.address, "--reference", reference}, args[1:]...)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Run(); err != nil {
		return errors.Join(err, errors.New(strings.TrimSpace(log.String())))
	}
	return nil
}
