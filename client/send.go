package client

import (
	"context"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// send is the stage that sends, over one stream after another. A job that one stream leaves
// unanswered goes over the next one.
func (p *pusher) send(ctx context.Context) error {
	var (
		backlog []*job
		between pauses
	)
	for {
		if len(backlog) == 0 {
			j, ok := receive(ctx, p.toSend)
			if !ok {
				return nil
			}
			backlog = []*job{j}
		}
		s := newStream(p, backlog)
		err := s.run(ctx)
		backlog = s.unanswered()
		if s.answered() {
			between = pauses{}
		}
		if err == nil {
			continue
		}
		if err := p.recover(ctx, explained(err), &backlog, &between); err != nil {
			return err
		}
	}
}

// recover handles the failure of a stream before the next stream begins. It returns an error if the
// push cannot go on.
func (p *pusher) recover(ctx context.Context, failure *reason.Error, backlog *[]*job, between *pauses) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case closedToUs(failure):
		return failure
	case worthRepeating(failure):
		return p.pause(ctx, failure, between.take())
	}
	// An item may have been too large for the server, which cannot say which one: grpc ends the
	// whole stream when a message is above the limit. As single calls, each item gets its own
	// answer.
	p.o.Waiting(failure, 0)
	items := *backlog
	*backlog = nil
	for _, j := range items {
		if err := p.sendAlone(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// sendAlone sends j with a call of its own. It returns an error if the push cannot go on.
func (p *pusher) sendAlone(ctx context.Context, j *job) error {
	if ready, err := p.loadLate(ctx, j); !ready {
		return err
	}
	var answer *torrentcachev1.CacheTorrentResponse
	err := p.repeat(ctx, func(ctx context.Context) error {
		var err error
		answer, err = p.rpc.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: j.torrent, ExpectedInfoHash: j.id.String()})
		return err
	})
	e := explained(err)
	switch {
	case e == nil:
		p.finish(j, cached(j, answer.GetOutcome()))
	case ctx.Err() != nil || closedToUs(e) || worthRepeating(e):
		return err
	default:
		p.finish(j, refused(e))
	}
	return nil
}

// cached returns the result of a job that the server acknowledged.
func cached(j *job, outcome torrentcachev1.Outcome) Result {
	r := Result{Status: New, Sent: int64(len(j.torrent))}
	if outcome == torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED {
		r.Status = Already
	}
	return r
}

// loadLate loads a job that was believed to be cached and is missing. If there is nothing to send,
// it finishes the job and returns false. An error is that of ctx; the job is unchanged then.
func (p *pusher) loadLate(ctx context.Context, j *job) (bool, error) {
	if j.torrent != nil {
		return true, nil
	}
	size := max(0, j.item.Size)
	if err := p.late.acquire(ctx, size); err != nil {
		return false, err
	}
	j.late = size
	result, ready := p.prepare(j)
	if !ready {
		p.finish(j, result)
		return false, nil
	}
	grown := int64(len(j.torrent)) - size
	j.late += grown
	p.late.adjust(grown)
	return true, nil
}
