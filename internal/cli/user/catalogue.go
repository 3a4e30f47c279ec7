package user

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
)

// catalogueBatch is how many changes of a folder are read together.
const catalogueBatch = 1000

// catalogueEntry is the line of JSON for a torrent.
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

// catalogue writes a line for each torrent of a server or of a folder.
type catalogue struct {
	out      *bufio.Writer
	stderr   io.Writer
	trackers bool
	seen     map[infohash.ID]bool
	failed   int // torrents that could not be read
}

// writeCatalogue writes the torrents of the folder dir or, if dir is empty, of a server. It
// reports torrents that it cannot read, and leaves them out.
func writeCatalogue(ctx context.Context, r remote, dir string, trackers bool, env cli.Environment) error {
	c := &catalogue{out: bufio.NewWriter(env.Stdout), stderr: env.Stderr, trackers: trackers, seen: map[infohash.ID]bool{}}
	var err error
	if dir != "" {
		err = c.folder(ctx, dir)
	} else {
		err = c.server(ctx, r)
	}
	if err := errors.Join(err, c.out.Flush()); err != nil {
		return err
	}
	if c.failed > 0 {
		return cli.SomeFailed(progress.Count(int64(c.failed), "torrent") + " could not be read")
	}
	return nil
}

// server writes the torrents of a server.
func (c *catalogue) server(ctx context.Context, r remote) error {
	cl, err := r.dial()
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
		var ids []infohash.ID
		for _, change := range news.GetChanges() {
			if id, isNew := c.meet(infohash.SetOf(change.GetInfoHashV1(), change.GetInfoHashV2())); isNew {
				ids = append(ids, id)
			}
		}
		if err := c.fetch(ctx, cl, ids); err != nil {
			return err
		}
	}
}

// nextChanges returns the first answer of the feed after cursor. It asks for a new feed each time,
// because reading the torrents of an answer takes long, and a server ends a feed that takes no
// answer while 10,000 changes are made.
func nextChanges(ctx context.Context, cl *client.Client, cursor string) (*torrentcachev1.WatchChangesResponse, error) {
	for news, err := range cl.Changes(ctx, cursor) {
		return news, err
	}
	return nil, errors.New("the server ended the feed")
}

// fetch writes the torrents of a server that ids name. It leaves out those that the server no
// longer has.
func (c *catalogue) fetch(ctx context.Context, cl *client.Client, ids []infohash.ID) error {
	index := -1
	for answer, err := range cl.ReadTorrents(ctx, ids) {
		if err != nil {
			return err
		}
		index++
		var failed error
		if e := answer.GetError(); e != nil && e.GetReason() != "TORRENT_NOT_FOUND" && e.GetReason() != "TORRENT_REMOVED" {
			failed = errors.New(e.GetMessage())
		}
		if failed == nil && len(answer.GetTorrent()) == 0 {
			continue
		}
		if err := c.write(ids[index], answer.GetTorrent(), answer.GetUpdateTime().AsTime(), failed); err != nil {
			return err
		}
	}
	return nil
}

// folder writes the torrents of a folder. It leaves out those that the folder no longer has.
func (c *catalogue) folder(ctx context.Context, dir string) (err error) {
	st, err := stores.ReadFolder(dir, stores.FolderLogger(c.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Close(st)) }()
	var cursor store.Cursor
	for {
		changes, next, err := st.Changes(ctx, cursor, catalogueBatch)
		if err != nil || len(changes) == 0 {
			return err
		}
		cursor = next
		for _, change := range changes {
			id, isNew := c.meet(change.IDs)
			if !isNew {
				continue
			}
			torrent, failed := st.Get(ctx, id, nil)
			switch {
			case errors.Is(failed, store.ErrNotFound), errors.Is(failed, store.ErrRemoved):
				continue
			case ctx.Err() != nil:
				return ctx.Err()
			}
			if err := c.write(id, torrent.Bytes, torrent.Stored, failed); err != nil {
				return err
			}
		}
	}
}

// meet returns the primary id of ids, and whether the catalogue meets it for the first time.
func (c *catalogue) meet(ids infohash.Set) (infohash.ID, bool) {
	id := ids.Primary()
	isNew := !id.IsZero() && !c.seen[id]
	c.seen[id] = true
	return id, isNew
}

// write writes the line of the torrent b. If failed is not nil, or b is no valid torrent, it
// reports that error instead.
func (c *catalogue) write(id infohash.ID, b []byte, stored time.Time, failed error) error {
	var torrent *metainfo.Torrent
	if failed == nil {
		torrent, failed = metainfo.Parse(b)
	}
	if failed != nil {
		c.failed++
		_, err := fmt.Fprintf(c.stderr, "%s: %s\n", id, progress.OneLine(failed.Error()))
		return err
	}
	line, err := progress.JSON(c.entry(server.Describe(torrent), stored))
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
