package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// maxRedirects is how many redirects are followed for one torrent.
const maxRedirects = 3

// errRedirect refuses to follow a redirect.
var errRedirect = errors.New("a redirect leads to another host, from https to http, or further and further on")

// web asks a cache by HTTP.
type web struct {
	client   *http.Client
	template string
	key      func() string // nil if there is none
	agent    string
	maxSize  int64 // of a torrent, as it is sent, in bytes
}

func newWeb(l Location, key func() string, g guard, secure *tls.Config, o Options) *web {
	transport := &http.Transport{
		Proxy:       nil, // a proxy from HTTP_PROXY would see which torrents are missing here
		DialContext: g.dialer().DialContext,
		// A body that is compressed nevertheless is inflated within bounds, like an upload.
		DisableCompression:     true,
		TLSClientConfig:        secure,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    o.AtOnce,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &web{
		client: &http.Client{Transport: transport, CheckRedirect: checkRedirect}, template: l.Template, key: key,
		agent: o.agent(), maxSize: o.MaxTorrentSize,
	}
}

// checkRedirect allows a redirect only to the same host, and never from https to http.
func checkRedirect(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	same := next.URL.Host == first.Host && next.URL.Scheme == first.Scheme
	secured := first.Scheme == "http" && next.URL.Scheme == "https" && first.Port() == "" && next.URL.Port() == "" &&
		next.URL.Hostname() == first.Hostname()
	if next.URL.User != nil || len(before) > maxRedirects || !same && !secured {
		return errRedirect
	}
	return nil
}

// get implements source. It takes memory from the Reservation in ctx.
func (w *web) get(ctx context.Context, id infohash.ID) ([]byte, error) {
	answer, err := w.ask(ctx, id)
	if errors.Is(err, errRedirect) {
		return nil, &failure{badRedirect, errRedirect}
	}
	if err != nil {
		return nil, withoutURL(err)
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return w.read(ctx, answer)
	case http.StatusNotFound:
		return nil, &failure{absent, nil}
	case http.StatusGone, http.StatusUnavailableForLegalReasons:
		return nil, &failure{gone, nil}
	default:
		return nil, &failure{badStatus, fmt.Errorf("it answers with the status %d", answer.StatusCode)}
	}
}

func (w *web) ask(ctx context.Context, id infohash.ID) (*http.Response, error) {
	hash := id.String()
	target := strings.NewReplacer(upperHash, hash, lowerHash, strings.ToLower(hash)).Replace(w.template)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", w.agent)
	r.Header.Set("Accept", "application/x-bittorrent, */*;q=0.1")
	r.Header.Set(origin.LoopHeader, origin.LoopMark)
	if w.key != nil {
		r.Header.Set("Authorization", "Bearer "+w.key())
	}
	return w.client.Do(r)
}

// read reads the body. It fails if the body is longer than maxSize.
func (w *web) read(ctx context.Context, answer *http.Response) ([]byte, error) {
	if answer.ContentLength > w.maxSize {
		return nil, &failure{tooLarge, nil}
	}
	var body bytes.Buffer
	_, err := io.Copy(&body, io.LimitReader(limit.Inflated(ctx, answer.Body), w.maxSize+1))
	switch {
	case err == nil && int64(body.Len()) > w.maxSize:
		return nil, &failure{tooLarge, nil}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &failure{cutShort, err}
	case err != nil:
		return nil, err
	}
	return body.Bytes(), nil
}

// withoutURL returns the cause in an error of net/http, without the URL, which names the torrent.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
