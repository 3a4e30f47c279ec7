package limit

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
)

// Limits are the limits in force, and the books they need. Make one with [New].
type Limits struct {
	settings atomic.Pointer[Settings]
	refused  [kinds]atomic.Int64

	connections, uploads, streams counter

	memory     memory
	buffered   [uses]atomic.Bool // some memory held for the use may be garbage
	inflating  chan struct{}
	arriving   arrivals
	collecting atomic.Bool  // a garbage collection is about to begin
	collected  atomic.Int64 // when the last one began; Unix time in nanoseconds
	allocating sync.Mutex

	byAddress, downloads, upstream, wants rates[netip.Prefix]
	byName                                rates[string]
	newBytes                              budget
}

// New returns Limits with these settings in force.
func New(s Settings) *Limits {
	l := &Limits{
		// Inflating keeps a processor busy. Downloads get every second one.
		inflating: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		memory:    memory{parts: map[share]*part{}, sending: map[*Conn]struct{}{}},
	}
	l.Set(s)
	return l
}

// Set changes the settings. Work in progress is not affected.
func (l *Limits) Set(s Settings) {
	l.settings.Store(&s)
	l.memory.resize(s.Memory, [uses]int64{Answering: s.Memory - s.ConnectionMemory, Uploading: s.UploadMemory, Connecting: s.ConnectionMemory})
}

// refuse counts a refusal and returns it.
func (l *Limits) refuse(k Kind, e *reason.Error) error {
	l.refused[k].Add(1)
	return e
}

// TooLarge counts an upload refused for its size. Only the code that refuses it calls this, and
// not code that passes the refusal on.
func (l *Limits) TooLarge() { l.refused[Size].Add(1) }

// Upload counts an upload of c, which may be RATE_LIMITED.
func (l *Limits) Upload(c Caller) error {
	if wait := l.takeUpload(c); wait > 0 {
		return l.refuse(UploadRate, tooMany(wait, "too many uploads a second from here; try again in %s", ceil(wait)))
	}
	return nil
}

// AwaitUpload counts an upload of c as soon as the rate permits. It returns ctx's error if ctx
// ends first.
func (l *Limits) AwaitUpload(ctx context.Context, c Caller) error {
	for {
		left := l.takeUpload(c)
		if left == 0 {
			return nil
		}
		if !wait.For(ctx, left) {
			return ctx.Err()
		}
	}
}

// takeUpload returns how long c must wait for the next upload; 0 means that the upload is
// counted.
func (l *Limits) takeUpload(c Caller) time.Duration {
	s := l.settings.Load()
	switch {
	case c.Name != "" && s.KeyUploadRate > 0:
		return l.byName.take(c.Name, s.KeyUploadRate, time.Now())
	case c.Name == "" && s.UploadRate > 0 && !s.exempt(c):
		return l.byAddress.take(c.block(), s.UploadRate, time.Now())
	}
	return 0
}

// Download counts a download or another read of c, which may be RATE_LIMITED.
func (l *Limits) Download(c Caller) error {
	s := l.settings.Load()
	if s.DownloadRate == 0 || s.exempt(c) {
		return nil
	}
	if wait := l.downloads.take(c.block(), s.DownloadRate, time.Now()); wait > 0 {
		return l.refuse(DownloadRate, tooMany(wait, "too many requests a second from here; try again in %s", ceil(wait)))
	}
	return nil
}

// Upstream counts a request to other caches on behalf of c, and reports whether it is permitted.
func (l *Limits) Upstream(c Caller) bool {
	s := l.settings.Load()
	if s.UpstreamRate == 0 || s.exempt(c) || l.upstream.takeOf(c.block(), s.UpstreamRate, upstreamBurst, time.Now()) == 0 {
		return true
	}
	l.refused[UpstreamRate].Add(1)
	return false
}

// Want counts a request by a caller without a key to search for a torrent. It may be
// RATE_LIMITED.
func (l *Limits) Want(c Caller) error {
	if c.Name != "" || l.settings.Load().exempt(c) {
		return nil
	}
	if wait := l.wants.takeOf(c.block(), wantRate, wantBurst, time.Now()); wait > 0 {
		return l.refuse(WantRate, tooMany(wait, "three torrents a minute are looked for from here; try again in %s", ceil(wait)))
	}
	return nil
}

// NewBytes takes n bytes from the budget of c. It is RATE_LIMITED if they do not fit. Unless
// there is an error, call settle with whether the bytes were new.
func (l *Limits) NewBytes(c Caller, n int64) (settle func(isNew bool), err error) {
	s := l.settings.Load()
	if c.Name != "" || s.exempt(c) || s.HourlyBytes == 0 && s.DailyBytes == 0 {
		return func(bool) {}, nil
	}
	if wait := l.newBytes.reserve(c.block(), n, s, time.Now()); wait > 0 {
		return nil, l.refuse(NewBytes, tooMany(wait,
			"the new torrents from here have used up the bytes that a writer without a key may add; try again in %s, or ask the operator for a key", ceil(wait)))
	}
	return func(isNew bool) {
		if !isNew {
			l.newBytes.add(c.block(), -n, time.Now())
		}
	}, nil
}

// Stream counts a stream of c until leave is called. It may be RATE_LIMITED or
// OVERLOADED.
func (l *Limits) Stream(c Caller) (leave func(), err error) {
	s := l.settings.Load()
	switch l.streams.enter(c.block(), s.most(c, s.Streams, s.StreamsPerAddress)) {
	case addressFull:
		return nil, l.refuse(StreamsPerAddress, tooMany(soon, "%d streams are open from here already; use them", s.StreamsPerAddress))
	case allFull:
		return nil, l.refuse(Streams, busy("%d streams are open already; try again later", s.Streams))
	}
	return func() { l.streams.leave(c.block()) }, nil
}

// Unsent counts that the stream of a feed ends because its follower took no answer while more
// than n changes were made, and returns OVERLOADED.
func (l *Limits) Unsent(n int) error {
	return l.refuse(UnsentChanges, busy("no answer was taken while more than %d changes were made; go on after the last one", n))
}

// startUpload counts an upload in progress until leave is called. It may be RATE_LIMITED or
// OVERLOADED.
func (l *Limits) startUpload(c Caller) (leave func(), err error) {
	s := l.settings.Load()
	switch l.uploads.enter(c.block(), s.most(c, s.Uploads, s.UploadsPerAddress)) {
	case addressFull:
		return nil, l.refuse(UploadsPerAddress, tooMany(soon, "%d uploads are under way from here already; wait for their answers", s.UploadsPerAddress))
	case allFull:
		return nil, l.refuse(Uploads, busy("%d uploads are under way already; try again later", s.Uploads))
	}
	return func() { l.uploads.leave(c.block()) }, nil
}

// most returns the limits of a counter for c.
func (s *Settings) most(c Caller, total, perAddress int) most {
	if s.exempt(c) {
		perAddress = 0
	}
	return most{total, perAddress}
}

// ceil rounds up to whole seconds.
func ceil(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }

// DownloadsLimited reports whether downloads have a rate limit.
func (l *Limits) DownloadsLimited() bool { return l.settings.Load().DownloadRate > 0 }

// counter counts work in progress, in total and by address.
type counter struct {
	mu    sync.Mutex
	total int                  // guarded by mu
	by    map[netip.Prefix]int // none is zero; guarded by mu
}

// most is the maximum in total and by address; 0 means no maximum.
type most struct{ total, perAddress int }

type verdict int

const (
	granted verdict = iota
	addressFull
	useFull // for memory only
	allFull
)

// enter counts one more of address, if permitted.
func (c *counter) enter(address netip.Prefix, m most) verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case m.perAddress > 0 && c.by[address] >= m.perAddress:
		return addressFull
	case m.total > 0 && c.total >= m.total:
		return allFull
	}
	if c.by == nil {
		c.by = map[netip.Prefix]int{}
	}
	c.total++
	c.by[address]++
	return granted
}

// leave undoes a granted enter.
func (c *counter) leave(address netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.by[address]--; c.by[address] == 0 {
		delete(c.by, address)
	}
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}
