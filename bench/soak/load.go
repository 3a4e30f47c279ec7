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
	// clients is how many calls there are at a time, at most.
	clients = 16

	// patience is how long an answer may take; later it is one that hangs.
	patience = 30 * time.Second
)

// errAway says that a call came to nothing because the server was down, or went down.
var errAway = errors.New("the server is away")

// load is what clients do to the server and the gateway.
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

// start makes so many calls a second until stop is called, which returns when all are
// answered. When all clients wait for answers, calls are left out.
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

// upload puts a new torrent by any door.
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

// remove removes a torrent, one in two hundred off the disk at once, and restores one in
// four; they are not asked for any more.
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

// do makes a call over HTTP. It is errAway if there is no whole answer.
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
