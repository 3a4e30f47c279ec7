package work

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/resolver/internal/swarm"
)

// fake is a swarm that has the torrents of ids whose first digit is a letter, and a server.
type fake struct {
	torrentcachev1.CacheServiceClient

	mu     sync.Mutex
	asked  []string // the torrents that were looked for
	cached []string
	fails  []error // of the next calls, in order
	most   int     // the most torrents looked for at a time
	now    int
}

func (f *fake) Find(ctx context.Context, job swarm.Job) ([]byte, func(), error) {
	hash := job.IDs.Primary().String()
	f.mu.Lock()
	f.asked = append(f.asked, strings.TrimSpace(hash[:4]+" "+strings.Join(job.Trackers, " ")))
	f.now++
	f.most = max(f.most, f.now)
	f.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now--
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case hash[0] == 'E':
		return nil, nil, swarm.ErrInvalid
	case hash[0] < 'A':
		return nil, nil, swarm.ErrNotFound
	}
	return []byte(hash), func() {}, nil
}

func (f *fake) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.fails) == 0 {
		return nil
	}
	err := f.fails[0]
	f.fails = f.fails[1:]
	return err
}

func (f *fake) Missing(_ context.Context, ids []infohash.ID) ([]infohash.ID, error) {
	if err := f.failed(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id infohash.ID) bool { return strings.HasPrefix(id.String(), "C") }), nil
}

func (f *fake) RPC() torrentcachev1.CacheServiceClient { return f }

func (f *fake) CacheTorrent(_ context.Context, r *torrentcachev1.CacheTorrentRequest, _ ...grpc.CallOption) (*torrentcachev1.CacheTorrentResponse, error) {
	if err := f.failed(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.GetExpectedInfoHash() != string(r.GetTorrent()) || !r.GetFetched() {
		return nil, errors.New("a torrent that does not say what it is")
	}
	f.cached = append(f.cached, r.GetExpectedInfoHash()[:4])
	return &torrentcachev1.CacheTorrentResponse{}, nil
}

func hash(begin string) string { return begin + strings.Repeat("0", 40-len(begin)) }

// list runs the jobs of the lines, and returns their results.
func (f *fake) list(t *testing.T, lines ...string) string {
	t.Helper()
	var all []string
	w := &Worker{Finder: f, Server: f}
	err := w.List(t.Context(), strings.NewReader(strings.Join(lines, "\n")), func(r Result) {
		all = append(all, fmt.Sprintf("%.4s %s", r.Text, r.Outcome))
		if (r.Err == nil) != (r.Outcome == Found || r.Outcome == Cached) || (r.Size > 0) != (r.Outcome == Found) {
			t.Errorf("%+v", r)
		}
	})
	if err != nil {
		t.Error(err)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		got := f.list(t, hash("AAAA"), "", "  "+hash("1111"), "what?", hash("CCCC"), hash("EEEE"), hash("DDDD"))
		if want := "1111 not_found, AAAA found, CCCC cached, DDDD found, EEEE invalid, what invalid"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if slices.Sort(f.cached); fmt.Sprint(f.cached) != "[AAAA DDDD]" {
			t.Errorf("the server got %v", f.cached)
		}
	})
}

// Nothing is lost while a server is unreachable for a while. A server that refuses a torrent is
// not asked again.
func TestServersThatFail(t *testing.T) {
	away := reason.New(reason.Overloaded, "away")
	for name, c := range map[string]struct {
		fails []error
		want  Outcome
	}{
		"away":    {[]error{away, away, nil, away}, Found},
		"refuses": {[]error{nil, reason.New(reason.TorrentRefused, "no")}, Refused},
		"removed": {[]error{nil, reason.New(reason.TorrentRemoved, "no")}, Refused},
		"no key":  {[]error{reason.New(reason.Unauthenticated, "no")}, Failed},
		"gone":    {slices.Repeat([]error{away}, 1000), Failed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{fails: c.fails}
				if got, want := f.list(t, hash("AAAA")), "AAAA "+string(c.want); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		})
	}
}

func TestAtMostSoManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		var lines []string
		for n := range 3 * AtOnce {
			lines = append(lines, hash(fmt.Sprintf("%04d", n)))
		}
		begun := time.Now()
		f.list(t, lines...)
		if took := time.Since(begun); f.most != AtOnce || took != 3*time.Second {
			t.Errorf("%d at a time, %s", f.most, took)
		}
	})
}

// said is a source that yields answers. A nil answer breaks the stream.
func said(answers <-chan *torrentcachev1.WatchWantedResponse) Source {
	return func(ctx context.Context) iter.Seq2[*torrentcachev1.WatchWantedResponse, error] {
		return func(yield func(*torrentcachev1.WatchWantedResponse, error) bool) {
			for {
				select {
				case news, ok := <-answers:
					if !ok || news == nil {
						yield(nil, errors.New("the stream broke"))
						return
					}
					if !yield(news, nil) {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

func wants(hashes ...string) *torrentcachev1.WatchWantedResponse {
	news := &torrentcachev1.WatchWantedResponse{}
	for _, h := range hashes {
		news.Torrents = append(news.Torrents, &torrentcachev1.WantedTorrent{InfoHash: h, Trackers: []string{"udp://t:1", "http://t/?passkey=secretsecret"}})
	}
	return news
}

// The watcher looks for wanted torrents, looks again for missing ones after a pause that grows,
// and opens a broken stream again.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		answers := make(chan *torrentcachev1.WatchWantedResponse)
		f := &fake{}
		var results, states []string
		w := NewWatcher(&Worker{Finder: f, Server: f}, said(answers),
			func(r Result) { results = append(results, r.ID.String()[:4]+" "+string(r.Outcome)) },
			func(err error) { states = append(states, fmt.Sprint(err)) })
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		looked := func(want string) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			f.mu.Lock()
			defer f.mu.Unlock()
			slices.Sort(f.asked)
			if got := strings.Join(f.asked, ", "); got != want {
				t.Errorf("%q was looked for, want %q", got, want)
			}
			f.asked = nil
		}
		answers <- wants(hash("AAAA"), hash("1111"), "no hash", hash("AAAA"), strings.Repeat("B", 64))
		looked("1111 udp://t:1, AAAA udp://t:1, BBBB udp://t:1")
		answers <- wants(hash("1111"))
		looked("")
		time.Sleep(firstPause)
		answers <- nil // the stream breaks
		answers <- wants(hash("1111"))
		looked("1111 udp://t:1")
		time.Sleep(firstPause)
		answers <- wants(hash("1111"))
		looked("")
		time.Sleep(firstPause)
		answers <- wants(hash("1111"))
		looked("1111 udp://t:1")
		slices.Sort(results)
		if got, want := strings.Join(results, ", "), "1111 not_found, 1111 not_found, 1111 not_found, AAAA found, BBBB found"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		close(answers) // from now on every stream breaks
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := strings.Join(states, ", "), "<nil>, the stream broke"; got != want || w.Hearing() {
			t.Errorf("states %s, want %s", got, want)
		}
		cancel()
		<-done
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	a, now := newAttempts(), time.Unix(1000, 0)
	for n := range 3 * maxAttempts {
		id, err := infohash.Parse(fmt.Sprintf("%040d", n))
		if err != nil || !a.begin(id, now) || a.begin(id, now) {
			t.Fatal(n, err)
		}
		a.end(id, false, now)
		if a.begin(id, now.Add(firstPause-1)) || !a.begin(id, now.Add(firstPause)) {
			t.Fatal("the pause is not kept")
		}
		a.leave(id)
	}
	if n := len(a.recent) + len(a.before); n > 2*maxAttempts || len(a.under) > 0 {
		t.Errorf("%d and %d are remembered", n, len(a.under))
	}
}
