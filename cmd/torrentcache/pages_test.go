package main

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// The API guide names the gRPC address that this visitor can reach, in every set-up.
func TestTheGuideNamesTheGRPCAddressInForce(t *testing.T) {
	open := startServe(t, t.TempDir())
	_, port, err := net.SplitHostPort(open.grpc)
	if err != nil {
		t.Fatal(err)
	}
	anywhere := startServe(t, t.TempDir(), "--grpc-addr", ":0")
	_, anyPort, err := net.SplitHostPort(anywhere.grpc)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		p    *process
		want string // "" for no gRPC at all
	}{
		{"serve", open, "grpcurl -plaintext -d @ 127.0.0.1:" + port + " "},
		{"serve on any address", anywhere, "grpcurl -plaintext -d @ 127.0.0.1:" + anyPort + " "},
		{"serve without gRPC", startServe(t, t.TempDir(), "--grpc-addr", "off"), ""},
		{"gateway", startGateway(t, open), ""},
		{"gateway with an address", startGateway(t, open, "--public-grpc-addr", "tls://grpc.example:443"), "grpcurl -d @ grpc.example:443 "},
	} {
		_, _, page := httpGet(t, c.p.http+"automation")
		if has := strings.Contains(string(page), `id="grpc"`); has != (c.want != "") || !strings.Contains(string(page), c.want) {
			t.Errorf("%s: the guide speaks of gRPC: %v; want %q", c.name, has, c.want)
		}
	}
}

// The front page says beforehand what happens to an upload. A gateway's page knows the rules of its
// server, and says nothing of them while the server is away.
func TestTheFrontPageSaysWhatUploadsNeed(t *testing.T) {
	keys, _ := keysFile(t)
	open, keyed := startServe(t, t.TempDir()), startServe(t, t.TempDir(), "--keys-file", keys, "--private", "reject", "--passkeys", "reject", "--max-torrent-size", "3MB")
	away := startServe(t, t.TempDir(), "--keys-file", keys)
	lonely := startGateway(t, away)
	away.kill(t)
	const needsKey = "Uploading here needs a key."
	for _, c := range []struct {
		name        string
		p           *process
		key         bool
		size, wants string
	}{
		{"serve", open, false, "10000000", "A private torrent has your passkey in its tracker&#39;s address: here"},
		{"gateway", startGateway(t, open), false, "10000000", "A private torrent has your passkey in its tracker&#39;s address: here"},
		{"serve with keys", keyed, true, "3000000", "Private torrents are refused here, and so are all that have a passkey"},
		{"gateway with keys", startGateway(t, keyed), true, "3000000", "Private torrents are refused here, and so are all that have a passkey"},
		{"a smaller gateway", startGateway(t, keyed, "--max-torrent-size", "2MB"), true, "2000000", "Private torrents are refused here"},
		{"gateway without a server", lonely, false, "10000000", "unless it is refused here"},
	} {
		for _, path := range []string{"", "upload.php"} {
			_, _, page := httpGet(t, c.p.http+path)
			if strings.Contains(string(page), needsKey) != c.key || !strings.Contains(string(page), c.wants) || !strings.Contains(string(page), `data-max="`+c.size+`"`) {
				t.Errorf("%s, /%s: it needs a key: %v, %q, %s bytes: %s", c.name, path, !c.key, c.wants, c.size, page)
			}
		}
		if _, _, guide := httpGet(t, c.p.http+"automation"); !strings.Contains(string(guide), "("+c.size+" bytes)") || strings.Contains(string(guide), needsKey) != c.key {
			t.Errorf("%s: the guide: %.2000s", c.name, guide)
		}
	}
}

// --torrent-pages off leaves out the pages of torrents and the links to them.
func TestTorrentPagesOff(t *testing.T) {
	torrent := torrenttest.V1("without a page")
	hash := hashOf(t, torrent)
	for _, setting := range []string{"on", "off"} {
		p := startServe(t, t.TempDir(), "--torrent-pages", setting)
		body, contentType := form(t, torrent)
		_, _, answer := httpDo(t, http.MethodPost, p.http+"upload.php", contentType, body)
		code, _, _ := httpGet(t, p.http+"info/"+hash)
		if on := setting == "on"; (code == http.StatusOK) != on || strings.Contains(string(answer), "/info/"+hash) != on {
			t.Errorf("--torrent-pages %s: the page answers %d, the upload %s", setting, code, answer)
		}
	}
}
