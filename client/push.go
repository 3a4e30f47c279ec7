package client

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
)

// Item is a torrent to push.
type Item struct {
	// Name is for people, such as a path.
	Name string
	// Torrent is the .torrent file, as it is or compressed once with gzip or
	// bzip2. Nil means that Load gives it.
	Torrent []byte
	// Load returns what Torrent would be. It is called from another goroutine,
	// concurrently with those of other items, and again if the file is needed
	// again. An error makes the item [Unreadable].
	Load func() ([]byte, error)
	// Size is about how many bytes Load will return; it keeps the bytes held at
	// once within bounds.
	Size int64
	// Known, unless zero, is what the caller believes to be an id of the
	// torrent, from an earlier push of the same file. If the server has it the
	// item is [Already] cached and not loaded at all.
	Known infohash.ID
	// Tag is the caller's.
	Tag any
}

// Status is what became of an [Item].
type Status int

// The statuses of items.
const (
	// New: the server did not have the torrent, or not all of its piece layers
	// (BEP 52), and has it now, durably.
	New Status = iota + 1
	// Already: the server has had the torrent; nothing was sent.
	Already
	// Missing: the server does not have the torrent, or not all of its piece
	// layers; only with DryRun.
	Missing
	// Private: the torrent is private and IncludePrivate is not set.
	Private
	// Refused: the torrent is invalid, or the server does not take it.
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

// Result is what became of one item.
type Result struct {
	Item   Item // without its bytes: Torrent is nil
	Status Status
	// IDs has what is known of the torrent's info hashes: all of them if it was
	// parsed, else Known.
	IDs infohash.Set
	// Reason and Message say why, if Status is Refused, Unreadable or Passkey. The reason is
	// one of the API's stable reasons.
	Reason, Message string
	// Sent is the number of bytes of the torrent if it was sent, else 0.
	Sent int64
}

// PushOptions say how [Client.Push] works. The zero value has sensible defaults.
type PushOptions struct {
	// Streams is how many parallel streams send; 0 means 4.
	Streams int
	// Memory bounds the bytes of torrents held at once; 0 means 32 MiB. Twice as
	// much may be held when torrents that the caller believed to be cached are
	// not, and a single torrent may be larger.
	Memory int64
	// IncludePrivate pushes private torrents (BEP 27) too. Their announce URLs
	// often hold the passkey of their downloader.
	IncludePrivate bool
	// IncludePasskeys pushes torrents that are not private and have an announce URL that
	// looks as if it held a passkey, too; see [metainfo.IsPasskeyURL].
	IncludePasskeys bool
	// DryRun asks what is missing and sends nothing.
	DryRun bool
	// Patience is how long a server may answer nothing but that it is away, busy
	// or full before Push gives up; 0 means 5 minutes.
	Patience time.Duration
	// Result is told the outcome of each item, once, one item at a time, in no
	// order. Nil means nobody is.
	Result func(Result)
	// Waiting is told when the items that a failed call left open will be sent
	// again after a pause. It may be called concurrently. Nil means nobody is.
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

// Push caches all items that the server lacks: it loads and hashes them, asks
// which are missing, and sends those over parallel streams. Calls that fail
// because the server is away, restarting, busy or full are repeated with growing
// pauses. A torrent that two items have is sent once.
//
// It returns nil when each item has had its result, whatever that was. It
// returns an error when it gave up: ctx ended, the server lost its patience (see
// Patience), or does not let the caller in. Items without a result are then in
// doubt: they may be cached or not, and pushing them again is safe.
//
// items may be endless. It is iterated in a goroutine of its own, which is still
// in it after an error if it blocks.
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

// pusher is one Push: feed -> load -> ask -> send, each stage a few goroutines
// that end when the stage before has ended or ctx has.
type pusher struct {
	rpc        torrentcachev1.CacheServiceClient
	maxSize    int64
	o          PushOptions
	room       *budget // of all jobs
	late       *budget // of what senders load; apart, so that jobs that wait for a sender cannot starve it
	flights    *flights
	fail       context.CancelCauseFunc
	outage     outage
	finishing  sync.Mutex // held while o.Result is called
	toLoad     chan *job
	toAsk      chan *job
	toSend     chan *job
	nextItemID itemIDs
}

// stageBuffer is how many jobs may lie between two stages, so that goroutines do
// not have to meet for each of them. What they hold is bounded by the budgets.
const stageBuffer = 256

// Each torrent on its way has about this many bytes besides its own.
const jobOverhead = 1 << 10

// askers is enough to ask for the next batch while one is being answered.
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

// stage runs work n times at once and returns when all have ended.
func (p *pusher) stage(ctx context.Context, n int, work func(context.Context) error) {
	var running sync.WaitGroup
	for range n {
		running.Go(func() { p.check(work(ctx)) })
	}
	running.Wait()
}

// check ends the push if err is one.
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

// pass hands j to the next stage; false if ctx ended first.
func pass(ctx context.Context, to chan<- *job, j *job) bool {
	select {
	case to <- j:
		return true
	case <-ctx.Done():
		return false
	}
}

// receive takes a job from the stage before; false if there are no more or ctx ended.
func receive(ctx context.Context, from <-chan *job) (*job, bool) {
	select {
	case j, ok := <-from:
		return j, ok && ctx.Err() == nil
	case <-ctx.Done():
		return nil, false
	}
}
