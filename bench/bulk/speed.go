package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/torrentcache/torrentcache/internal/progress"
)

// speeds maps a peer to its torrents a second, one figure for each round.
type speeds map[string][]float64

// The peers.
const (
	storeAlone   = "the store alone, batches of 256 from 4 writers"
	firstPush    = "push, server empty"
	pushAgain    = "the same push again, with its --resume journal"
	pushRehashed = "the same push again, without a journal (reads and hashes all)"
	curlParallel = "curl -Z --parallel-max 16 to autoupload.php (one process)"
	curlProcess  = "xargs -P 16 curl to autoupload.php (a process per file)"
)

func (b *bench) measureSpeed() error {
	paths, err := makeFiles(b.torrents(), b.count)
	if err != nil {
		return err
	}
	measured := speeds{}
	for round := range b.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, b.rounds)
		if err := b.round(measured, paths); err != nil {
			return err
		}
	}
	measured.print()
	return nil
}

func (b *bench) round(measured speeds, paths []string) error {
	note := func(peer string, speed float64, err error) error {
		if err == nil {
			fmt.Fprintf(os.Stderr, "  %s: %.0f/s\n", peer, speed)
			measured[peer] = append(measured[peer], speed)
		}
		return err
	}
	speed, err := b.storeSpeed(paths)
	if err := note(storeAlone, speed, err); err != nil {
		return err
	}
	if err := b.pushes(note); err != nil {
		return err
	}
	some := paths[:min(b.curlCount, len(paths))]
	speed, err = b.curlSpeed(some, curlOnce)
	if err := note(curlParallel, speed, err); err != nil {
		return err
	}
	speed, err = b.curlSpeed(some, curlEach)
	return note(curlProcess, speed, err)
}

// pushes measures three pushes of the same torrents to one server: the first one, and two more,
// with and without its journal.
func (b *bench) pushes(note func(string, float64, error) error) error {
	return b.withServer(func(s *server) error {
		journal := filepath.Join(s.dir, "journal")
		folder := b.torrents()
		for _, push := range []struct {
			peer    string
			args    []string
			new     int
			already int
		}{
			{firstPush, []string{"--resume", journal, folder}, b.count, 0},
			{pushAgain, []string{"--resume", journal, folder}, 0, b.count},
			{pushRehashed, []string{folder}, 0, b.count},
		} {
			result, err := b.push(s, push.args...)
			if err == nil {
				err = result.expect(push.new, push.already)
			}
			if err := note(push.peer, float64(b.count)/result.seconds, err); err != nil {
				return err
			}
		}
		return nil
	})
}

// expect returns an error with the output of push unless it reports created new and already
// cached torrents. A torrent that is sent again after a broken stream counts as already cached.
func (r pushResult) expect(created, already int) error {
	want := fmt.Sprintf("%s new, %s already cached", progress.Number(int64(created)), progress.Number(int64(already)))
	if !strings.Contains(r.summary, want) {
		return fmt.Errorf("push: want %s, got %s%s", want, r.summary, r.log)
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (s speeds) print() {
	fmt.Println("| | torrents/s (median) | rounds |")
	fmt.Println("|---|---|---|")
	for _, peer := range []string{storeAlone, firstPush, pushAgain, pushRehashed, curlParallel, curlProcess} {
		fmt.Printf("| %s | %.0f | %.0f |\n", peer, median(s[peer]), s[peer])
	}
	fmt.Println("\n| ratio | measured | floor | target |")
	fmt.Println("|---|---|---|---|")
	ratio := func(a, b string) float64 { return median(s[a]) / median(s[b]) }
	fmt.Printf("| push : the store alone | %.2f | 0.6 | 0.8 |\n", ratio(firstPush, storeAlone))
	fmt.Printf("| push : curl, a process per file, 16 parallel | %.1f | 5 | |\n", ratio(firstPush, curlProcess))
	fmt.Printf("| push : curl, one process, 16 parallel | %.1f | | |\n", ratio(firstPush, curlParallel))
	fmt.Printf("| push again with journal : push | %.1f | 20 | |\n", ratio(pushAgain, firstPush))
	fmt.Printf("| push again without journal : push | %.1f | | |\n", ratio(pushRehashed, firstPush))
}
