//go:build e2e

package test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// largeUpload is a way to upload a large torrent by HTTP.
type largeUpload struct {
	path, contentType string
	before, after     string // around the torrent
	encoded           bool   // in base64
}

var (
	jsonUpload = largeUpload{"/v1/torrents", "application/json", `{"torrent":"`, `"}`, true}
	soapUpload = largeUpload{"/api/index.php", "text/xml", `<s:Envelope xmlns:s="` + soap11 + `"><s:Body><cacheTorrent><torrent>`,
		`</torrent></cacheTorrent></s:Body></s:Envelope>`, true}
	formsUpload = largeUpload{"/autoupload.php", "multipart/form-data; boundary=raid", "--raid\r\n" +
		"Content-Disposition: form-data; name=\"torrent\"; filename=\"a.torrent\"\r\n\r\n", "\r\n--raid--\r\n", false}
)

// uploadAtOnce makes n concurrent uploads of different torrents.
func uploadAtOnce(n int, u largeUpload) raid {
	return func(ctx context.Context, t *testing.T, g *guarded) func() {
		client := raidingClient()
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { u.send(ctx, t, client, g) })
		}
		return func() {
			wg.Wait()
			client.CloseIdleConnections()
		}
	}
}

// send uploads a torrent. The server may refuse it for now, but no other error may occur.
func (u largeUpload) send(ctx context.Context, t *testing.T, client *http.Client, g *guarded) {
	body, length := g.stock.mold.body(g.stock.made.Add(1), u.before, u.after, u.encoded)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.HTTP+u.path, body)
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", u.contentType)
	req.ContentLength = length
	resp, err := client.Do(req)
	if err != nil {
		return // the server or the raid has ended
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)                                                                   // the status says all
	later := resp.Header.Get("Retry-After") != "" || strings.Contains(string(answer), "try again later") // as a SOAP fault says it
	if resp.StatusCode > http.StatusCreated && !later {
		t.Errorf("an upload to %s is answered with %s and %.200q", u.path, resp.Status, answer)
	}
}

// uploadHalf sends half of each of 64 uploads, and then ten bytes a second of each.
func uploadHalf(ctx context.Context, t *testing.T, g *guarded) func() {
	var wg sync.WaitGroup
	for range 64 {
		conn := connect(t, raider, g.HTTP)
		wg.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			u := jsonUpload
			body, length := g.stock.mold.body(g.stock.made.Add(1), u.before, u.after, u.encoded)
			_, err := io.Copy(conn, io.MultiReader(strings.NewReader(fmt.Sprintf(
				"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", u.path, u.contentType, length)),
				io.LimitReader(body, length/2)))
			for ; err == nil && ctx.Err() == nil; time.Sleep(pace) {
				_, err = io.CopyN(conn, body, 1)
			}
		})
	}
	return onceEnded(ctx, &wg)
}

// onceEnded returns a function that waits for wg, but only if ctx has ended.
func onceEnded(ctx context.Context, wg *sync.WaitGroup) func() {
	return func() {
		if ctx.Err() != nil {
			wg.Wait()
		}
	}
}

// sendHalfMessages begins many calls with long messages that never end. The calls are not
// uploads, because the server limits the number of uploads.
func sendHalfMessages(ctx context.Context, t *testing.T, g *guarded) func() {
	var wg sync.WaitGroup
	for range 4 {
		c := dialHTTP2(ctx, t, g.GRPC, nil, 0)
		wg.Go(func() {
			for i := 0; i < 200 && ctx.Err() == nil; i++ {
				c.begin(torrentcachev1.CacheService_GetTorrent_FullMethodName)
			}
		})
	}
	return onceEnded(ctx, &wg)
}

// watchAndTakeNothing watches the changes on several streams without reading a byte, while
// thousands of torrents are uploaded.
func watchAndTakeNothing(ctx context.Context, t *testing.T, g *guarded) func() {
	c := dialHTTP2(ctx, t, g.GRPC, nil, 0)
	for range 12 {
		c.call(torrentcachev1.SyncService_WatchChanges_FullMethodName, &torrentcachev1.WatchChangesRequest{})
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := g.cacheSmall(ctx, 3000); err != nil && ctx.Err() == nil && g.cmd.ProcessState == nil {
			t.Logf("the uploads ended: %v", err)
		}
	})
	return wg.Wait
}

// cacheSmall caches n new small torrents over one stream.
func (g *guarded) cacheSmall(ctx context.Context, n int) error {
	conn, err := grpc.NewClient(g.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := torrentcachev1.NewCacheServiceClient(conn).CacheTorrents(ctx)
	if err != nil {
		return err
	}
	go func() {
		for i := range n {
			item := &torrentcachev1.CacheTorrentsRequest{ItemId: uint64(i), Torrent: torrenttest.Random(1e6+g.stock.made.Add(1), 500)}
			if stream.Send(item) != nil {
				return // receiving says why
			}
		}
		_ = stream.CloseSend()
	}()
	for {
		if _, err := stream.Recv(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
