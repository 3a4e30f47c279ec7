package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

const (
	// clients is the maximum number of concurrent calls.
	clients = 16

	// patience is the time limit of an answer. A later answer counts as a hang.
	patience = 30 * time.Second
)

// errAway says that a call failed because the server was or went down.
var errAway = errors.New("the server is away")

// load is the load that clients put on the server and the gateway.
type load struct {
	doors []string // of the server and of the gateway, URLs
	web   *http.Client
	cache *client.Client
	admin torrentcachev1.AdminServiceClient
	stock
	counts
}

func newLoad(s *soak) (*load, error) {
	l := &load{
		doors: []string{"http://" + s.server.http, "http://" + s.gateway.http},
		web:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: patience},
		stock: stock{gone: map[uint64]bool{}}, counts: counts{done: map[string]int{}, away: map[string]int{}},
	}
	conn, err := grpc.NewClient(s.server.admin, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	l.admin = torrentcachev1.NewAdminServiceClient(conn)
	l.cache, err = client.Dial(s.grpc, client.Options{})
	return l, err
}

// start makes rate calls a second until stop is called, which returns when all are answered.
// While all clients wait for answers, it skips calls.
func (l *load) start(rate int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	var running sync.WaitGroup
	for range clients {
		running.Go(func() {
			for {
				select {
				case <-ticker.C:
					kind, err := l.step()
					l.note(kind, err)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
		ticker.Stop()
	}
}

// step makes one call, mostly a download.
func (l *load) step() (kind string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch n := rand.IntN(100); {
	case n < 12:
		return "uploads", l.upload(ctx)
	case n < 14:
		return "removals", l.remove(ctx)
	}
	m, ok := l.pick()
	if !ok {
		return "uploads", l.upload(ctx)
	}
	switch n := rand.IntN(100); {
	case n < 90:
		return "downloads", l.download(m)
	case n < 95:
		torrent, err := l.cache.Get(ctx, m.id)
		if err == nil && !bytes.Equal(torrent, m.torrent()) {
			err = fmt.Errorf("GetTorrent of %s gives other bytes", m.id)
		}
		return "GetTorrent", l.unlessGone(m, err)
	default:
		_, err := l.cache.Describe(ctx, m.id, 1)
		return "DescribeTorrent", l.unlessGone(m, err)
	}
}

// upload uploads a new torrent by a random door.
func (l *load) upload(ctx context.Context) (err error) {
	m, torrent, err := l.fresh()
	if err != nil {
		return err
	}
	if i := rand.IntN(len(overHTTP) + len(overGRPC)); i < len(overHTTP) {
		err = l.through(overHTTP[i], l.doors[rand.IntN(len(l.doors))], torrent, m.id)
	} else {
		err = overGRPC[i-len(overHTTP)](l, ctx, torrent)
	}
	if err == nil {
		l.add(m)
	}
	return err
}

// remove removes a torrent, and restores one in four. It erases one in two hundred. Downloads no
// longer ask for any of them.
func (l *load) remove(ctx context.Context) error {
	m, ok := l.take()
	if !ok {
		return nil
	}
	hash := m.id.String()
	_, err := l.admin.RemoveTorrent(ctx, &torrentcachev1.RemoveTorrentRequest{InfoHash: hash, Reason: "soak", Erase: m.n%200 == 0})
	if err == nil && m.n%4 == 1 {
		_, err = l.admin.RestoreTorrent(ctx, &torrentcachev1.RestoreTorrentRequest{InfoHash: hash, Reason: "soak"})
	}
	return err
}

func (l *load) download(m made) error {
	code, body, err := l.do("GET", l.doors[rand.IntN(len(l.doors))]+"/torrent/"+m.id.String()+".torrent", "", nil, false)
	switch {
	case err != nil:
		return err
	case code == 503:
		return errAway
	case code != 200:
		return l.unlessGone(m, fmt.Errorf("the download of %s answered %d %.300s", m.id, code, body))
	case !bytes.Equal(body, m.torrent()):
		return fmt.Errorf("the download of %s has other bytes", m.id)
	}
	return nil
}

// do makes a call over HTTP. The error is errAway if the answer does not arrive whole.
func (l *load) do(method, url, contentType string, body []byte, once bool) (code int, text []byte, err error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Close = once
	resp, err := l.web.Do(req)
	if err == nil {
		defer resp.Body.Close()
		code = resp.StatusCode
		text, err = io.ReadAll(resp.Body)
	}
	if late, ok := errors.AsType[net.Error](err); err != nil && (!ok || !late.Timeout()) {
		err = fmt.Errorf("%w: %w", errAway, err)
	}
	return code, text, err
}
