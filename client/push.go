package client

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
)

// Item is a torrent to push.
type Item struct {
	// Name is for people, such as a path.
	Name string
	// Torrent is the .torrent file, plain or compressed once with gzip or bzip2. If it is nil, Load
	// returns the file.
	Torrent []byte
	// Load returns the file if Torrent is nil. It is called from other goroutines, at the same time
	// as the Load of other items, and again if the file is needed again. An error makes the item
	// [Unreadable].
	Load func() ([]byte, error)
	// Size is about how many bytes Load will return. It helps to bound the bytes held at once.
	Size int64
	// Known, unless zero, is an id that the caller believes the torrent to have, from an earlier
	// push of the same file. If the server has that torrent, the item is [Already] cached and is
	// not loaded.
	Known infohash.ID
	// Tag is for the caller. Push does not use it.
	Tag any
}

// Status is the outcome of an [Item].
type Status int

// The statuses of items.
const (
	// New: the server did not have the torrent, or not all of its piece layers (BEP 52). Now it has
	// them, durably.
	New Status = iota + 1
	// Already: the server has the torrent already; nothing was sent.
	Already
	// Missing: the server does not have the torrent, or not all of its piece layers. Only with
	// DryRun.
	Missing
	// Private: the torrent is private and IncludePrivate is not set.
	Private
	// Refused: the torrent is invalid, or the server does not accept it.
	Refused
	// Unreadable: Load failed.
	Unreadable
	// Passkey: an announce URL of the torrent, which is not private, holds a passkey, and
	// IncludePasskeys is not set.
	Passkey
)

// String returns the status as one lower-case word.
func (s Status) String() string {
	words := [...]string{"unknown", "new", "already", "missing", "private", "refused", "unreadable", "passkey"}
	if s < 0 || int(s) >= len(words) {
		s = 0
	}
	return words[s]
}

// Result is the outcome of one item.
type Result struct {
	Item   Item // without its bytes: Torrent is nil
	Status Status
	// IDs are the known info hashes of the torrent: all of them if it was parsed, else Known.
	IDs infohash.Set
	// Reason and Message give the cause if Status is Refused, Unreadable or Passkey. Reason is one
	// of the API's stable reasons.
	Reason, Message string
	// Sent is the number of bytes of the torrent if it was sent, else 0.
	Sent int64
}

// PushOptions configure [Client.Push]. The zero value has sensible defaults.
type PushOptions struct {
	// Streams is how many streams send in parallel; 0 means 4.
	Streams int
	// Memory bounds the bytes of torrents held at once; 0 means 32 MiB. Push may hold twice as many
	// if torrents that the caller believed to be cached are not. A single torrent may be larger.
	Memory int64
	// IncludePrivate pushes private torrents (BEP 27) too. Their announce URLs often contain the
	// passkey of the user who downloaded them.
	IncludePrivate bool
	// IncludePasskeys also pushes torrents that are not private but have an announce URL that looks
	// as if it contained a passkey; see [metainfo.IsPasskeyURL].
	IncludePasskeys bool
	// DryRun finds out which torrents the server lacks, and sends none.
	DryRun bool
	// Patience is how long a server may be away, busy or full before Push gives up; 0 means 5
	// minutes.
	Patience time.Duration
	// Result is called once for each item, one item at a time, in any order. It may be nil.
	Result func(Result)
	// Waiting is called when a call failed and its unanswered items will be sent again after a
	// pause. Several goroutines may call it at a time. It may be nil.
	Waiting func(err error, pause time.Duration)
}

func (o PushOptions) withDefaults() PushOptions {
	if o.Streams <= 0 {
		o.Streams = 4
	}
	if o.Memory <= 0 {
		o.Memory = 32 << 20
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Minute
	}
	if o.Result == nil {
		o.Result = func(Result) {}
	}
	if o.Waiting == nil {
		o.Waiting = func(error, time.Duration) {}
	}
	return o
}

// Push caches all items that the server lacks. It loads and hashes them, asks which are missing,
// and sends those over parallel streams. It repeats calls that fail because the server is away,
// restarting, busy or full, with growing pauses. A torrent that two items have is sent once.
//
// Push returns nil when each item has had its result, whether or not the item was cached. It
// returns an error when it gives up: ctx ended, the server was away, busy or full for longer than
// Patience, or the server does not let the caller in. Items without a result may then be cached or
// not; pushing them again is safe.
//
// The sequence items may be endless. Push iterates over it in a goroutine. If items blocks, that
// goroutine is still running when Push has returned an error.
func (c *Client) Push(ctx context.Context, items iter.Seq[Item], o PushOptions) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	p := &pusher{
		rpc:     c.rpc,
		maxSize: c.maxSize,
		o:       o.withDefaults(),
		flights: newFlights(),
		fail:    fail,
		toLoad:  make(chan *job, stageBuffer),
		toAsk:   make(chan *job, stageBuffer),
		toSend:  make(chan *job, stageBuffer),
	}
	p.room, p.late = newBudget(p.o.Memory), newBudget(p.o.Memory)
	p.run(ctx, items)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// pusher is one Push: feed -> load -> ask -> send. Each stage is a few goroutines. They end when
// the stage before has ended, or ctx has.
type pusher struct {
	rpc        torrentcachev1.CacheServiceClient
	maxSize    int64
	o          PushOptions
	room       *budget // of all jobs
	late       *budget // of the torrents that senders load: waiting jobs cannot starve a sender
	flights    *flights
	fail       context.CancelCauseFunc
	outage     outage
	finishing  sync.Mutex // held while o.Result is called
	toLoad     chan *job
	toAsk      chan *job
	toSend     chan *job
	lastItemID atomic.Uint64 // of all streams
}

// stageBuffer is how many jobs may wait between two stages, so that goroutines need not meet for
// each job. The budgets bound the bytes that these jobs hold.
const stageBuffer = 256

// jobOverhead is about how many bytes each torrent on its way takes besides its own.
const jobOverhead = 1 << 10

// askers is how many goroutines ask: one can ask for the next batch while another waits for an
// answer.
const askers = 2

func (p *pusher) run(ctx context.Context, items iter.Seq[Item]) {
	go func() {
		defer close(p.toLoad)
		p.feed(ctx, items)
	}()
	var stages sync.WaitGroup
	stages.Go(func() {
		p.stage(ctx, max(2, runtime.GOMAXPROCS(0)), p.load)
		close(p.toAsk)
	})
	stages.Go(func() {
		p.stage(ctx, askers, p.ask)
		close(p.toSend)
	})
	p.stage(ctx, p.o.Streams, p.send)
	stages.Wait()
}

// stage runs n calls of work in parallel and returns when all have ended.
func (p *pusher) stage(ctx context.Context, n int, work func(context.Context) error) {
	var running sync.WaitGroup
	for range n {
		running.Go(func() { p.check(work(ctx)) })
	}
	running.Wait()
}

// check ends the push if err is an error other than a cancellation.
func (p *pusher) check(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		p.fail(err)
	}
}

func (p *pusher) feed(ctx context.Context, items iter.Seq[Item]) {
	for item := range items {
		j, next := newJob(item), p.toLoad
		if j.waitsForAnswer() {
			next = p.toAsk
		}
		if p.room.acquire(ctx, j.held) != nil || !pass(ctx, next, j) {
			return
		}
	}
}

// pass hands j to the next stage. It returns false if ctx ended first.
func pass(ctx context.Context, to chan<- *job, j *job) bool {
	select {
	case to <- j:
		return true
	case <-ctx.Done():
		return false
	}
}

// receive takes a job from the stage before. It returns false if there are no more or ctx ended.
func receive(ctx context.Context, from <-chan *job) (*job, bool) {
	select {
	case j, ok := <-from:
		return j, ok && ctx.Err() == nil
	case <-ctx.Done():
		return nil, false
	}
}
