package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
)

// streamLife is how long a stream sends before the next one replaces it. So a server that drains,
// or that shares its load with others, need not wait for the end of the push.
const streamLife = 10 * time.Second

// stream is one CacheTorrents call: one goroutine sends, one receives.
type stream struct {
	p       *pusher
	backlog []*job        // to be sent first; only the sending goroutine uses it
	results int           // items answered for good; only the receiving goroutine uses it
	busy    chan struct{} // closed when the server asks to come back later

	mu      sync.Mutex
	pending map[uint64]*job // sent and not answered; guarded by mu, as all below
	again   []*job          // answered with an error that is worth repeating
	later   *reason.Error   // the first of these errors
	heard   time.Time       // last time something was received, or sent after an idle time
}

func newStream(p *pusher, backlog []*job) *stream {
	return &stream{p: p, backlog: backlog, busy: make(chan struct{}), pending: map[uint64]*job{}}
}

// run sends the backlog and then further jobs, until there are no more, the stream has lived long
// enough, or it fails.
func (s *stream) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := s.p.rpc.CacheTorrents(ctx)
	if err != nil {
		return err
	}
	go s.watch(ctx, cancel)
	received := make(chan error, 1)
	go func() {
		received <- s.receiveResults(call)
		cancel() // the sending side need not wait any more
	}()
	s.sendItems(ctx, call)
	// Recv returns the error of a broken stream.
	_ = call.CloseSend()
	if err := <-received; err != nil {
		return err
	}
	return s.verdict()
}

// verdict returns the error of a stream that the server ended in order; nil if all is answered.
func (s *stream) verdict() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.later != nil:
		return s.later
	case len(s.pending) > 0:
		return reason.New(reason.Overloaded, "the server ended the stream without answering %d items", len(s.pending))
	}
	return nil
}

// unanswered returns the jobs that must be sent again. It is called after the stream has ended.
func (s *stream) unanswered() []*job {
	left := append(s.again, s.backlog...)
	for _, j := range s.pending {
		left = append(left, j)
	}
	return left
}

// answered reports whether any item was answered for good. It is called after the stream has ended.
func (s *stream) answered() bool { return s.results > 0 }

func (s *stream) sendItems(ctx context.Context, call torrentcachev1.CacheService_CacheTorrentsClient) {
	life := time.NewTimer(streamLife)
	defer life.Stop()
	for {
		j, ok := s.next(ctx, life.C)
		if !ok {
			return
		}
		ready, err := s.p.loadLate(ctx, j)
		if err != nil {
			s.backlog = append(s.backlog, j)
			return
		}
		if ready && call.Send(s.request(j)) != nil {
			return
		}
	}
}

// next returns the next job to send; false if this stream is to send no more.
func (s *stream) next(ctx context.Context, life <-chan time.Time) (*job, bool) {
	if ctx.Err() != nil {
		return nil, false
	}
	if n := len(s.backlog); n > 0 {
		j := s.backlog[n-1]
		s.backlog = s.backlog[:n-1]
		return j, true
	}
	select {
	case j, ok := <-s.p.toSend:
		return j, ok
	case <-s.busy:
	case <-life:
	case <-ctx.Done():
	}
	return nil, false
}

// request notes that j is in flight and returns its message.
func (s *stream) request(j *job) *torrentcachev1.CacheTorrentsRequest {
	id := s.p.lastItemID.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		s.heard = time.Now()
	}
	s.pending[id] = j
	return &torrentcachev1.CacheTorrentsRequest{ItemId: id, Torrent: j.torrent, ExpectedInfoHash: j.id.String()}
}

// receiveResults finishes jobs as their results arrive. It returns nil when the server has ended
// the stream in order.
func (s *stream) receiveResults(call torrentcachev1.CacheService_CacheTorrentsClient) error {
	for {
		answer, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.result(answer); err != nil {
			return err
		}
	}
}

func (s *stream) result(answer *torrentcachev1.CacheTorrentsResponse) error {
	j := s.take(answer.GetItemId())
	if j == nil {
		return fmt.Errorf("the server answered an item that was not sent or had its answer: %d", answer.GetItemId())
	}
	switch r := answer.GetResult().(type) {
	case *torrentcachev1.CacheTorrentsResponse_Cached:
		s.p.finish(j, cached(j, r.Cached.GetOutcome()))
	case *torrentcachev1.CacheTorrentsResponse_Error:
		e := reason.New(reason.Reason(r.Error.GetReason()), "%s", r.Error.GetMessage())
		if worthRepeating(e) {
			s.postpone(j, e)
			return nil
		}
		s.p.finish(j, refused(e))
	default:
		s.postpone(j, reason.New(reason.Overloaded, "the server answered an item with nothing"))
		return nil
	}
	s.p.outage.over()
	s.results++
	return nil
}

func (s *stream) take(itemID uint64) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.pending[itemID]
	delete(s.pending, itemID)
	s.heard = time.Now()
	return j
}

// postpone keeps j for the next stream and stops the sending on this one.
func (s *stream) postpone(j *job, e *reason.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = append(s.again, j)
	if s.later == nil {
		s.later = e
		close(s.busy)
	}
}

// watch calls cancel when items are in flight and nothing has been heard for callTimeout.
func (s *stream) watch(ctx context.Context, cancel func()) {
	for wait.For(ctx, callTimeout/10) {
		if s.silent() {
			cancel()
		}
	}
}

func (s *stream) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0 && time.Since(s.heard) > callTimeout
}
