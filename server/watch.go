package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// heartbeat is how often a watcher hears something, as the API promises.
	heartbeat = 500 * time.Millisecond

	// poll is how often the store is asked for changes that others made in it.
	poll = heartbeat / 2

	// watchBatch bounds the changes of one answer: about 100 KB.
	watchBatch = 1000

	// takeTime is how long a caller may take for what it is sent before its stream ends.
	takeTime = time.Minute

	// watchMemory is what a watcher that does not read costs, in bytes: a batch that waits
	// and one in the transport.
	watchMemory = 256 << 10

	// cursorNow stands for the end of the feed, for watchers who have no copies.
	cursorNow = "now"
)

// syncService is the Server as SyncService.
type syncService struct {
	torrentcachev1.UnsafeSyncServiceServer
	*Server
}

type watchStream = grpc.ServerStreamingServer[torrentcachev1.WatchChangesResponse]

// WatchChanges implements SyncService. An answer without changes says that there
// are no more at this moment; the first one comes as soon as that is so. Changes
// made through this server are sent at once, others when the store is polled. A
// watcher that does not read costs two batches of memory, and its stream ends.
func (s *syncService) WatchChanges(req *torrentcachev1.WatchChangesRequest, stream watchStream) error {
	ctx := stream.Context()
	cursor, err := s.startCursor(ctx, req.GetAfterCursor())
	if err != nil {
		return err
	}
	timer := time.NewTimer(poll)
	defer timer.Stop()
	var spoken time.Time // when the watcher last heard that there were no more
	for {
		news := s.news.next() // before the feed is read, so that no change falls between
		changes, next, err := s.store.Changes(ctx, cursor, watchBatch)
		if err != nil {
			return storeError(err, infohash.ID{}).OnRead()
		}
		if len(changes) > 0 || time.Since(spoken) >= heartbeat-poll/2 {
			answer := watchResponse(changes, cursor, next)
			if len(changes) > 0 {
				if answer.RemainingCount, err = s.after(ctx, next); err != nil {
					return storeError(err, infohash.ID{}).OnRead()
				}
			}
			if err := sendInTime(stream, answer, takeTime); err != nil {
				return err
			}
		}
		cursor = next
		if len(changes) > 0 {
			continue // the next answer is empty, or has what came meanwhile
		}
		if time.Since(spoken) >= heartbeat-poll/2 {
			spoken = time.Now()
		}
		timer.Reset(poll)
		select {
		case <-news:
			spoken = time.Time{}
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// after returns about how many changes come after cursor: sequences have gaps.
func (s *syncService) after(ctx context.Context, cursor store.Cursor) (int64, error) {
	end, err := s.store.End(ctx)
	if err != nil || end.Epoch != cursor.Epoch {
		return 0, err
	}
	return max(0, int64(end.Sequence-cursor.Sequence)), nil
}

// sendInTime sends answer, or returns OVERLOADED if the caller does not take it in that time:
// the end of the call ends the SendMsg.
func sendInTime(stream grpc.ServerStream, answer any, within time.Duration) error {
	sent := make(chan error, 1)
	go func() { sent <- stream.SendMsg(answer) }()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case err := <-sent:
		return err
	case <-timer.C:
		return reason.New(reason.Overloaded, "no answer was taken for a minute; go on after the last one")
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
}

func watchResponse(changes []store.Change, cursor, next store.Cursor) *torrentcachev1.WatchChangesResponse {
	answer := &torrentcachev1.WatchChangesResponse{
		Changes:   make([]*torrentcachev1.Change, len(changes)),
		Cursor:    next.String(),
		Restarted: cursor != store.Cursor{} && cursor.Epoch != next.Epoch,
	}
	for i, c := range changes {
		answer.Changes[i] = &torrentcachev1.Change{
			Kind:       torrentcachev1.ChangeKind(c.Kind), // they have the same numbers, also those of newer programs
			InfoHash:   c.IDs.Primary().String(),
			InfoHashV1: c.IDs.V1.String(),
			InfoHashV2: c.IDs.V2.String(),
			ChangeTime: timestamppb.New(c.Time),
		}
	}
	return answer
}

// startCursor reads the text of a cursor.
func (s *syncService) startCursor(ctx context.Context, text string) (store.Cursor, error) {
	if text != cursorNow {
		return parseCursor(text)
	}
	end, err := s.store.End(ctx)
	if err != nil {
		return store.Cursor{}, storeError(err, infohash.ID{}).OnRead()
	}
	return end, nil
}

func parseCursor(text string) (store.Cursor, error) {
	c, ok := store.ParseCursor(text)
	if !ok {
		return store.Cursor{}, reason.New(reason.RequestInvalid, "%s is no cursor; use one of an earlier answer, or none", quote(text)).On("after_cursor")
	}
	return c, nil
}
