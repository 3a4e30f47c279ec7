package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// maxRead is the most info hashes that one ReadTorrents call takes.
const maxRead = 1000

// maxCursor is the greatest length of a cursor, in bytes.
const maxCursor = 64

// silence is how long a stream of SyncService may be silent before it counts as broken. The feed
// has a heartbeat every 500 ms.
const silence = 30 * time.Second

// Changes yields the answers of WatchChanges after a cursor: "" for the whole feed, "now" for
// future changes only. An answer without changes says that there are no more at the moment. The
// sequence goes on until ctx ends, the caller breaks, or there is an error, which comes last: the
// feed broke, was silent for half a minute, or the server does not let the caller in (role sync).
// To go on without loss, call Changes with the cursor of the last answer.
func (c *Client) Changes(ctx context.Context, after string) iter.Seq2[*torrentcachev1.WatchChangesResponse, error] {
	return func(yield func(*torrentcachev1.WatchChangesResponse, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		feed, err := c.sync.WatchChanges(ctx, &torrentcachev1.WatchChangesRequest{AfterCursor: after})
		if err != nil {
			yield(nil, explained(err))
			return
		}
		err = receiveAll(cancel, feed.Recv, func(news *torrentcachev1.WatchChangesResponse) (bool, error) {
			if len(news.GetCursor()) > maxCursor {
				return false, fmt.Errorf("the server named a cursor of %d bytes, at most %d are one", len(news.GetCursor()), maxCursor)
			}
			return yield(news, nil), nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// Wanted yields the answers of WatchWanted: torrents that the server lacks and wants somebody to
// look for. An answer without torrents says that there are no more at the moment. The sequence goes
// on until ctx ends, the caller breaks, or there is an error, which comes last: the stream broke,
// was silent for half a minute, the server does not let the caller in (role sync), or the server
// does not have torrents looked for. Wanted checks nothing in the answers.
func (c *Client) Wanted(ctx context.Context) iter.Seq2[*torrentcachev1.WatchWantedResponse, error] {
	return func(yield func(*torrentcachev1.WatchWantedResponse, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		feed, err := c.sync.WatchWanted(ctx, &torrentcachev1.WatchWantedRequest{})
		if err != nil {
			yield(nil, explained(err))
			return
		}
		err = receiveAll(cancel, feed.Recv, func(news *torrentcachev1.WatchWantedResponse) (bool, error) {
			return yield(news, nil), nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// ReadTorrents yields one answer for each of ids, in order: a torrent, a removal, or the reason why
// there is neither. It needs the role sync and makes one call for each 1,000 ids. It checks only
// that the answers are about ids: the caller must compare each torrent with its info hash. An error
// comes last; to go on, ask again for the ids that were not answered.
func (c *Client) ReadTorrents(ctx context.Context, ids []infohash.ID) iter.Seq2[*torrentcachev1.ReadTorrentsResponse, error] {
	return func(yield func(*torrentcachev1.ReadTorrentsResponse, error) bool) {
		for len(ids) > 0 {
			n := min(len(ids), maxRead)
			goesOn, err := c.readSome(ctx, ids[:n], yield)
			if err != nil {
				yield(nil, err)
			}
			if err != nil || !goesOn {
				return
			}
			ids = ids[n:]
		}
	}
}

// readSome makes one call of ReadTorrents. It reports whether the caller wants more.
func (c *Client) readSome(ctx context.Context, ids []infohash.ID, yield func(*torrentcachev1.ReadTorrentsResponse, error) bool) (goesOn bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &torrentcachev1.ReadTorrentsRequest{InfoHashes: make([]string, len(ids))}
	for i, id := range ids {
		request.InfoHashes[i] = id.String()
	}
	answers, err := c.sync.ReadTorrents(ctx, request)
	if err != nil {
		return false, explained(err)
	}
	next := 0
	err = receiveAll(cancel, answers.Recv, func(answer *torrentcachev1.ReadTorrentsResponse) (bool, error) {
		if next == len(ids) || answer.GetInfoHash() != request.InfoHashes[next] {
			return false, fmt.Errorf("the server answered ReadTorrents with %.80q, which is not asked for or out of order", answer.GetInfoHash())
		}
		next++
		goesOn = yield(answer, nil)
		return goesOn, nil
	})
	if err == nil && goesOn && next < len(ids) {
		err = reason.New(reason.Overloaded, "the server answered %d of %d info hashes", next, len(ids))
	}
	return goesOn, err
}

// receiveAll passes each message of a stream to take, until take wants no more, the stream ends, or
// the server is silent for too long. The time that take needs does not count as silence.
func receiveAll[T any](cancel context.CancelFunc, receive func() (*T, error), take func(*T) (bool, error)) error {
	alarm := time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	for {
		message, err := receive()
		if inTime := alarm.Stop(); !inTime && err != nil {
			return reason.New(reason.Overloaded, "the server said nothing for %s", silence)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return explained(err)
		}
		if wantsMore, err := take(message); err != nil || !wantsMore {
			return err
		}
		alarm.Reset(silence)
	}
}
