//go:build e2e

package histories

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// reply is an answer with data that only the recorder needs.
type reply struct {
	answer
	stale  bool // the answer says that it is stale, or has no way to say so
	unsent bool // the call certainly did not arrive
}

// callTime is the timeout of a call.
const callTime = 5 * time.Second

// client calls one server.
type client struct {
	http  string // host:port
	key   string // of a writer
	web   *http.Client
	cache torrentcachev1.CacheServiceClient // nil for an edge, which has only HTTP
	admin torrentcachev1.AdminServiceClient // nil for an edge
}

// upload is a way to upload, and the rank that it gives.
type upload struct {
	name string
	rank store.Rank
	send func(*client, context.Context, []byte) reply
}

var (
	overHTTP = []upload{
		{"form", store.RankAnonymous, (*client).putForm},
		{"SOAP", store.RankAnonymous, (*client).putSOAP},
		{"JSON", store.RankAnonymous, (*client).putJSON},
	}
	overGRPC = []upload{
		{"gRPC", store.RankAnonymous, func(c *client, ctx context.Context, file []byte) reply { return c.putGRPC(ctx, file, false) }},
		{"a stream", store.RankAnonymous, (*client).putStream},
		{"gRPC, fetched", store.RankFetched, func(c *client, ctx context.Context, file []byte) reply { return c.putGRPC(ctx, file, true) }},
		{"gRPC with a key", store.RankKeyed, func(c *client, ctx context.Context, file []byte) reply {
			return c.putGRPC(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.key), file, false)
		}},
	}
)

// read is a way to read a torrent.
type read struct {
	name string
	get  func(*client, context.Context, *torrent, string) reply
}

var (
	readsOverHTTP = []read{{"download", (*client).download}, {"JSON", (*client).getJSON}}
	readsOverGRPC = []read{{"GetTorrent", (*client).getGRPC}, {"DescribeTorrent", (*client).describe}}
)

func etagOf(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:16])
}

// failed returns the reply for a gRPC call that ended with err.
func failed(err error) reply {
	switch e := reason.Of(err); {
	case e == nil:
	case e.Reason == reason.TorrentNotFound:
		return reply{answer: answer{effect: absent}}
	case e.Reason == reason.TorrentRemoved:
		return reply{answer: answer{effect: refused}}
	}
	// grpc's message begins so if it had no connection on which to send the call.
	return reply{unsent: strings.HasPrefix(status.Convert(err).Message(), "connection error:")}
}

var outcomes = map[string]effect{
	"OUTCOME_CREATED": created, "OUTCOME_ALREADY_CACHED": known, "OUTCOME_REPLACED": replaced,
}

func (c *client) putGRPC(ctx context.Context, file []byte, fetched bool) reply {
	got, err := c.cache.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: file, Fetched: fetched}, grpc.WaitForReady(false))
	if err != nil {
		return failed(err)
	}
	return reply{answer: answer{effect: outcomes[got.GetOutcome().String()]}}
}

func (c *client) putStream(ctx context.Context, file []byte) reply {
	stream, err := c.cache.CacheTorrents(ctx)
	if err != nil {
		return failed(err)
	}
	if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: 1, Torrent: file}); err != nil {
		return reply{}
	}
	got, err := stream.Recv()
	if err != nil {
		return failed(err)
	}
	switch refusal := got.GetError(); {
	case refusal == nil:
		return reply{answer: answer{effect: outcomes[got.GetCached().GetOutcome().String()]}}
	case refusal.GetReason() == string(reason.TorrentRemoved):
		return reply{answer: answer{effect: refused}}
	}
	return reply{}
}

func (c *client) getGRPC(ctx context.Context, t *torrent, hash string) reply {
	got, err := c.cache.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		return failed(err)
	}
	return reply{answer: answer{effect: found, variant: t.variantOf(got.GetTorrent())}, stale: got.GetStale()}
}

func (c *client) describe(ctx context.Context, t *torrent, hash string) reply {
	got, err := c.cache.DescribeTorrent(ctx, &torrentcachev1.DescribeTorrentRequest{InfoHash: hash})
	if err != nil {
		return failed(err)
	}
	return reply{answer: answer{effect: found, variant: t.tagged(got.GetEtag())}, stale: true}
}

func (c *client) missing(ctx context.Context, hash string) reply {
	got, err := c.cache.FindMissingTorrents(ctx, &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: []string{hash}})
	if err != nil {
		return failed(err)
	}
	if len(got.GetMissingInfoHashes()) > 0 {
		return reply{answer: answer{effect: absent}}
	}
	return reply{answer: answer{effect: present}}
}

func (c *client) remove(ctx context.Context, hash string) reply {
	got, err := c.admin.RemoveTorrent(ctx, &torrentcachev1.RemoveTorrentRequest{InfoHash: hash, Reason: "history"})
	if err != nil {
		return failed(err)
	}
	return reply{answer: answer{effect: done, held: got.GetWasCached()}}
}

func (c *client) restore(ctx context.Context, hash string) reply {
	got, err := c.admin.RestoreTorrent(ctx, &torrentcachev1.RestoreTorrentRequest{InfoHash: hash, Reason: "history"})
	if err != nil {
		return failed(err)
	}
	return reply{answer: answer{effect: done, held: got.GetCached()}}
}

// do makes a call over HTTP. The status is 0 if the answer does not arrive whole.
func (c *client) do(ctx context.Context, method, path, contentType string, body []byte) (code int, text []byte, unsent bool) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.http+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // impossible: this package makes the paths
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := c.web.Do(req)
	if err != nil {
		return 0, nil, errors.Is(err, syscall.ECONNREFUSED)
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil, false
	}
	return resp.StatusCode, text, false
}

func (c *client) putForm(ctx context.Context, file []byte) reply {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("torrent", "x.torrent") // into memory
	part.Write(file)
	form.Close()
	code, text, unsent := c.do(ctx, http.MethodPost, "/autoupload.php", form.FormDataContentType(), body.Bytes())
	switch {
	case code == http.StatusOK && len(bytes.TrimSpace(text)) == 40:
		return reply{answer: answer{effect: done}}
	case bytes.HasPrefix(text, []byte("Error 116")):
		return reply{answer: answer{effect: refused}}
	}
	return reply{unsent: unsent}
}

func (c *client) putSOAP(ctx context.Context, file []byte) reply {
	body := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><cacheTorrent><torrent>` +
		base64.StdEncoding.EncodeToString(file) + `</torrent></cacheTorrent></e:Body></e:Envelope>`
	code, text, unsent := c.do(ctx, http.MethodPost, "/api/index.php", "text/xml", []byte(body))
	_, result, _ := strings.Cut(string(text), "<Result")
	_, result, _ = strings.Cut(result, ">")
	result, _, _ = strings.Cut(result, "<")
	switch {
	case code == http.StatusOK && len(result) == 40:
		return reply{answer: answer{effect: done}}
	case result == "116":
		return reply{answer: answer{effect: refused}}
	}
	return reply{unsent: unsent}
}

// message has the fields of JSON answers.
type message struct {
	Outcome string
	Torrent []byte
	Stale   bool
	Details []struct{ Reason string }
}

func (c *client) json(ctx context.Context, method, path string, body []byte) (m message, r reply, ok bool) {
	code, text, unsent := c.do(ctx, method, path, "application/json", body)
	if code == 0 || json.Unmarshal(text, &m) != nil {
		return m, reply{unsent: unsent}, false
	}
	if code < 300 {
		return m, reply{stale: m.Stale}, true
	}
	if len(m.Details) > 0 {
		switch m.Details[0].Reason {
		case string(reason.TorrentNotFound):
			r.effect = absent
		case string(reason.TorrentRemoved):
			r.effect = refused
		}
	}
	return m, r, false
}

func (c *client) putJSON(ctx context.Context, file []byte) reply {
	body := fmt.Appendf(nil, `{"torrent":%q}`, base64.StdEncoding.EncodeToString(file))
	m, r, ok := c.json(ctx, http.MethodPost, "/v1/torrents", body)
	if ok {
		r.effect = outcomes[m.Outcome]
	}
	return r
}

func (c *client) getJSON(ctx context.Context, t *torrent, hash string) reply {
	m, r, ok := c.json(ctx, http.MethodGet, "/v1/torrents/"+hash, nil)
	if ok {
		r.effect, r.variant = found, t.variantOf(m.Torrent)
	}
	return r
}

func (c *client) download(ctx context.Context, t *torrent, hash string) reply {
	code, text, _ := c.do(ctx, http.MethodGet, "/torrent/"+hash+".torrent", "", nil)
	switch code {
	case http.StatusOK:
		return reply{answer: answer{effect: found, variant: t.variantOf(text)}, stale: true}
	case http.StatusNotFound:
		return reply{answer: answer{effect: absent}}
	case http.StatusGone:
		return reply{answer: answer{effect: refused}}
	}
	return reply{}
}
