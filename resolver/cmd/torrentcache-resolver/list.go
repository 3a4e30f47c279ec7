package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/resolver/internal/dhtnode"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
	"github.com/torrentcache/torrentcache/resolver/internal/swarm"
	"github.com/torrentcache/torrentcache/resolver/internal/tracker"
	"github.com/torrentcache/torrentcache/resolver/internal/work"
)

// house holds the parts that look for torrents.
type house struct {
	client   *client.Client
	worker   *work.Worker
	finder   *swarm.Finder
	trackers *tracker.Client
	dht      *dhtnode.Node // nil if the DHT is off
	close    []func()
}

// open returns a house. The caller must close it.
func open(s settings) (*house, error) {
	cl, err := s.dial()
	if err != nil {
		return nil, err
	}
	rule := reach.Rule{Local: s.localPeers}
	dialer := reach.NewDialer(rule)
	h := &house{client: cl, trackers: tracker.New(dialer)}
	h.close = append(h.close, func() { _ = cl.Close() }, h.trackers.Close)
	o := swarm.Options{Dialer: dialer, Trackers: h.trackers, Always: s.trackers, MaxTorrentSize: int64(s.maxTorrentSize)}
	if s.dhtAddr != config.Off {
		if h.dht, err = dhtnode.New(dhtnode.Options{Address: s.dhtAddr, Bootstrap: s.dhtBootstrap, Rule: rule}); err != nil {
			h.Close()
			return nil, fmt.Errorf("--dht-addr %s: %w", s.dhtAddr, err)
		}
		o.DHT = h.dht
		h.close = append(h.close, h.dht.Close)
	}
	h.finder = swarm.New(o)
	h.worker = &work.Worker{Finder: h.finder, Server: cl}
	return h, nil
}

// Close stops all work that is under way.
func (h *house) Close() {
	for _, end := range h.close {
		end()
	}
}

// list looks for the torrents that standard input names.
func list(ctx context.Context, s settings, env environment) error {
	h, err := open(s)
	if err != nil {
		return err
	}
	defer h.Close()
	r := report{environment: env, json: s.json, counts: map[work.Outcome]int{}}
	err = h.worker.List(ctx, env.stdin, r.tell)
	if err := r.end(); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("did not get to the end of the list: %w", err)
	}
	return r.status()
}

// report writes the result of each torrent, and their counts.
type report struct {
	environment
	json   bool
	counts map[work.Outcome]int
	failed error // the last write error
}

// fact is a result as a JSON line.
type fact struct {
	InfoHash string       `json:"info_hash,omitempty"` // upper-case hex
	Input    string       `json:"input"`
	Result   work.Outcome `json:"result"`
	Size     int          `json:"size,omitempty"` // bytes
	Seconds  float64      `json:"seconds"`
	Error    string       `json:"error,omitempty"`
}

func (r *report) tell(result work.Result) {
	r.counts[result.Outcome]++
	why := ""
	if result.Err != nil {
		why = result.Err.Error()
	}
	seconds := math.Round(1000*result.Took.Seconds()) / 1000
	if r.json {
		r.write(fact{result.ID.String(), result.Text, result.Outcome, result.Size, seconds, why})
		return
	}
	name := result.ID.String()
	if result.ID.IsZero() {
		name = result.Text
	}
	line := fmt.Sprintf("%-9s %s (%.1f s)", result.Outcome, progress.OneLine(name), seconds)
	if why != "" {
		line += ": " + progress.OneLine(why)
	}
	r.line(r.stdout, line)
}

// write writes v as one line of JSON.
func (r *report) write(v any) {
	text, err := progress.JSON(v)
	if err == nil {
		_, err = r.stdout.Write(text)
	}
	if err != nil {
		r.failed = err
	}
}

func (r *report) line(out io.Writer, text string) {
	if _, err := fmt.Fprintln(out, text); err != nil {
		r.failed = err
	}
}

func (r *report) total() (all, found int) {
	for n := range maps.Values(r.counts) {
		all += n
	}
	return all, r.counts[work.Found] + r.counts[work.Cached]
}

// end writes the counts.
func (r *report) end() error {
	if r.json {
		counts := map[work.Outcome]int{}
		for _, outcome := range work.Outcomes() {
			counts[outcome] = r.counts[outcome]
		}
		r.write(counts)
		return r.failed
	}
	all, found := r.total()
	r.line(r.stderr, fmt.Sprintf("%s, of which %d found and %d cached before", progress.Count(int64(all), "torrent"), found-r.counts[work.Cached], r.counts[work.Cached]))
	return r.failed
}

// status returns the error that sets the exit status, or nil if every torrent was found.
func (r *report) status() error {
	switch all, found := r.total(); {
	case r.counts[work.Failed] > 0:
		return errors.New("the server did not answer for all of them")
	case found == all:
		return nil
	case found == 0:
		return &exitError{exitNone, "none was found"}
	default:
		return &exitError{exitSome, fmt.Sprintf("%d of %d were not found", all-found, all)}
	}
}
