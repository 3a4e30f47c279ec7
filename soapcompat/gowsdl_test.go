package soapcompat_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/hooklift/gowsdl/soap"
	"github.com/torrentcache/torrentcache/gen/soap/cachesoap"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// callGenerated calls the document/literal service with the client that gowsdl generates.
// The caller of that client encodes: gowsdl makes base64Binary a []byte, and
// encoding/xml writes one as it is.
func callGenerated(t *testing.T, url, torrent string) (string, error) {
	t.Helper()
	// The client closes its connection after each call.
	client := cachesoap.NewCachePortType(soap.NewClient(url + "/api/soap"))
	encoded := []byte(base64.StdEncoding.EncodeToString([]byte(torrent)))
	answer, err := client.CacheTorrentContext(t.Context(), &cachesoap.CacheTorrent{Torrent: encoded})
	if err != nil {
		return "", err
	}
	return answer.Result, nil
}

func TestGeneratedClient(t *testing.T) {
	f := &fakeBackend{}
	s := newServer(t, f)
	for name, c := range map[string]struct {
		torrent string
		err     error
		want    string
	}{
		"good":    {torrent, nil, hashV1},
		"none":    {"", nil, "110"}, // omitempty: the generated type cannot send an empty one
		"refused": {torrent, reason.New(reason.TorrentRefused, "private"), "116"},
		"large":   {strings.Repeat("x", 3*maxTorrentSize), nil, "115"},
	} {
		f.err = c.err
		if got, err := callGenerated(t, s.URL, c.torrent); err != nil || got != c.want {
			t.Errorf("%s: answered %q %v, want %q", name, got, err, c.want)
		}
	}
	if sent, _ := f.got(); sent != torrent {
		t.Errorf("the backend got %q", sent)
	}
}

func TestGeneratedClientNotAllowed(t *testing.T) {
	s := newServer(t, &fakeBackend{err: reason.New(reason.Unauthenticated, "no key")})
	_, err := callGenerated(t, s.URL, torrent)
	if e, ok := err.(*soap.HTTPError); !ok || e.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %v, want HTTP 401", err)
	}
}
