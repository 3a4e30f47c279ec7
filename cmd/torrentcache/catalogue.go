package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
)

// catalogueBatch is how many torrents are read together.
const catalogueBatch = 1000

// catalogueEntry is a torrent as a line of JSON.
type catalogueEntry struct {
	InfoHash    string     `json:"info_hash"`
	InfoHashV1  string     `json:"info_hash_v1,omitempty"`
	InfoHashV2  string     `json:"info_hash_v2,omitempty"`
	Name        string     `json:"name"`
	SizeBytes   int64      `json:"size_bytes"`
	FileCount   int64      `json:"file_count"`
	CreatedTime *time.Time `json:"created_time,omitempty"`
	CachedTime  time.Time  `json:"cached_time"`
	Trackers    []string   `json:"trackers,omitempty"`
}

// cached is a torrent that is to be described, or why it cannot be.
type cached struct {
	id     infohash.ID
	bytes  []byte
	stored time.Time
	err    error
}

// catalogue writes a line for each torrent of a server, or of a folder.
type catalogue struct {
	out      *bufio.Writer
	trackers bool
	seen     map[infohash.ID]bool
	left     int // torrents that could not be read
}

// writeCatalogue writes what is in s's server or folder. What cannot be read is told and left out.
func writeCatalogue(ctx context.Context, s infoSettings, env environment) error {
	c := &catalogue{out: bufio.NewWriter(env.stdout), trackers: s.trackers, seen: map[infohash.ID]bool{}}
	err := c.source(ctx, s, env, func(torrents iter.Seq2[cached, error]) error {
		for t, err := range torrents {
			if err == nil {
				err = c.write(t, env)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, c.out.Flush()); err != nil {
		return err
	}
	if c.left > 0 {
		return &exitError{exitSomeFailed, progress.Count(int64(c.left), "torrent") + " could not be read"}
	}
	return nil
}

// source hands the torrents of s's server or folder to write, batch by batch.
func (c *catalogue) source(ctx context.Context, s infoSettings, env environment, write func(iter.Seq2[cached, error]) error) (err error) {
	if s.dataDir != "" {
		st, err := stores.ReadFolder(s.dataDir, stores.FolderLogger(env.stderr))
		if err != nil {
			return err
		}
		return errors.Join(c.folder(ctx, st, write), stores.Close(st))
	}
	cl, err := s.dial()
	if err != nil {
		return err
	}
	defer cl.Close()
	cursor := ""
	for {
		news, err := nextChanges(ctx, cl, cursor)
		if err != nil || len(news.GetChanges()) == 0 {
			return err // the first answer without changes is the end
		}
		cursor = news.GetCursor()
		var sets []infohash.Set
		for _, change := range news.GetChanges() {
			sets = append(sets, infohash.SetOf(change.GetInfoHashV1(), change.GetInfoHashV2()))
		}
		if err := write(readFrom(ctx, cl, c.news(sets))); err != nil {
			return err
		}
	}
}

// nextChanges returns the first answer after a cursor. The feed is asked for anew each time: a
// server does not wait for long until its answers are taken.
func nextChanges(ctx context.Context, cl *client.Client, cursor string) (*torrentcachev1.WatchChangesResponse, error) {
	for news, err := range cl.Changes(ctx, cursor) {
		return news, err
	}
	return nil, errors.New("the server ended the feed")
}

// folder is source for a store.
func (c *catalogue) folder(ctx context.Context, st store.Store, write func(iter.Seq2[cached, error]) error) error {
	var cursor store.Cursor
	for {
		changes, next, err := st.Changes(ctx, cursor, catalogueBatch)
		if err != nil || len(changes) == 0 {
			return err
		}
		cursor = next
		var sets []infohash.Set
		for _, change := range changes {
			sets = append(sets, change.IDs)
		}
		if err := write(readOf(ctx, st, c.news(sets))); err != nil {
			return err
		}
	}
}

// news returns the ids that were not met before.
func (c *catalogue) news(sets []infohash.Set) []infohash.ID {
	var ids []infohash.ID
	for _, set := range sets {
		if id := set.Primary(); !id.IsZero() && !c.seen[id] {
			c.seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// readFrom reads torrents of a server. Those that it does not have any more are left out.
func readFrom(ctx context.Context, cl *client.Client, ids []infohash.ID) iter.Seq2[cached, error] {
	return func(yield func(cached, error) bool) {
		at := 0
		for answer, err := range cl.ReadTorrents(ctx, ids) {
			if err != nil {
				yield(cached{}, err)
				return
			}
			t := cached{id: ids[at], bytes: answer.GetTorrent(), stored: answer.GetUpdateTime().AsTime()}
			at++
			if e := answer.GetError(); e != nil && e.GetReason() != "TORRENT_NOT_FOUND" && e.GetReason() != "TORRENT_REMOVED" {
				t.err = errors.New(e.GetMessage())
			}
			if (t.err != nil || len(t.bytes) > 0) && !yield(t, nil) {
				return
			}
		}
	}
}

// readOf reads torrents of a store. Those that it does not have any more are left out.
func readOf(ctx context.Context, st store.Store, ids []infohash.ID) iter.Seq2[cached, error] {
	return func(yield func(cached, error) bool) {
		for _, id := range ids {
			torrent, err := st.Get(ctx, id, nil)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRemoved) {
				continue
			}
			if ctx.Err() != nil {
				yield(cached{}, ctx.Err())
				return
			}
			if !yield(cached{id: id, bytes: torrent.Bytes, stored: torrent.Stored, err: err}, nil) {
				return
			}
		}
	}
}

func (c *catalogue) write(t cached, env environment) error {
	var torrent *metainfo.Torrent
	err := t.err
	if err == nil {
		torrent, err = metainfo.Parse(t.bytes)
	}
	if err != nil {
		c.left++
		_, err := fmt.Fprintf(env.stderr, "%s: %s\n", t.id, progress.OneLine(err.Error()))
		return err
	}
	line, err := progress.JSON(c.entry(server.Describe(torrent), t.stored))
	if err == nil {
		_, err = c.out.Write(line)
	}
	return err
}

func (c *catalogue) entry(d *torrentcachev1.DescribeTorrentResponse, stored time.Time) catalogueEntry {
	entry := catalogueEntry{
		InfoHash: d.GetInfoHash(), InfoHashV1: d.GetInfoHashV1(), InfoHashV2: d.GetInfoHashV2(),
		Name: d.GetName(), SizeBytes: d.GetContentSizeBytes(), FileCount: d.GetFileCount(), CachedTime: stored,
	}
	if d.GetCreationTime() != nil {
		created := d.GetCreationTime().AsTime()
		entry.CreatedTime = &created
	}
	if c.trackers {
		for _, tier := range d.GetTrackerTiers() {
			entry.Trackers = append(entry.Trackers, tier.GetUrls()...)
		}
	}
	return entry
}
