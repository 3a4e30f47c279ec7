package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func idsOf(t *testing.T, torrent []byte) infohash.Set {
	t.Helper()
	m, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return m.IDs()
}

// spellings are the ways to write an id that every door understands.
func spellings(id infohash.ID) []string {
	digits := id.String()
	if id.Size() == infohash.SizeV2 {
		return []string{digits, strings.ToLower(digits), "1220" + digits, "1220" + strings.ToLower(digits)}
	}
	raw, _ := hex.DecodeString(digits)
	base := base32.StdEncoding.EncodeToString(raw)
	return []string{digits, strings.ToLower(digits), base, strings.ToLower(base)}
}

func TestEveryKindOfTorrentByEveryIDAtEveryDoor(t *testing.T) {
	overAllCompositions(t, func(t *testing.T, d *doors) {
		for door, up := range uploads {
			for kind, torrent := range map[string][]byte{
				"v1": torrenttest.V1("v1 by " + door), "v2": torrenttest.V2("v2 by " + door), "hybrid": torrenttest.Hybrid("hybrid by " + door),
			} {
				ids := idsOf(t, torrent)
				want := ids.Primary().String()
				if door == "form" || door == "SOAP" {
					want = ids.Legacy().String()
				}
				if hash, refusal := up(t, d, torrent); hash != want {
					t.Errorf("%s by %s: %q %s, want %s", kind, door, hash, refusal, want)
				}
				for _, id := range ids.All() {
					for _, text := range spellings(id) {
						for out, down := range fetches {
							if got, refusal := down(t, d, text); !bytes.Equal(got, torrent) {
								t.Errorf("%s by %s at %s: %s", kind, text, out, refusal)
							}
						}
					}
				}
			}
		}
	})
}

func TestCompressedUploadsAtEveryDoor(t *testing.T) {
	// Go has no bzip2 compressor: the file is `bzip2 -9` of torrenttest.V1("bzip2").
	bzipped, err := os.ReadFile("testdata/v1.torrent.bz2")
	if err != nil {
		t.Fatal(err)
	}
	var bomb bytes.Buffer
	w, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 20*doorMaxSize)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	tooLarge := map[string]string{
		"gRPC": "TORRENT_TOO_LARGE", "JSON": "413 TORRENT_TOO_LARGE", "raw": "413 TORRENT_TOO_LARGE", "form": "413 Error 115", "SOAP": "200 115",
	}
	overAllCompositions(t, func(t *testing.T, d *doors) {
		for door, up := range uploads {
			torrent := torrenttest.V1("gzip by " + door)
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			if _, err := w.Write(torrent); err != nil {
				t.Fatal(err)
			}
			w.Close()
			for name, c := range map[string]struct{ sent, stored []byte }{
				"gzip": {packed.Bytes(), torrent}, "bzip2": {bzipped, torrenttest.V1("bzip2")},
			} {
				hash, refusal := up(t, d, c.sent)
				if hash != infoHash(c.stored) {
					t.Errorf("%s by %s: %q %s", name, door, hash, refusal)
				}
				if got, refusal := fetchDownload(t, d, infoHash(c.stored)); !bytes.Equal(got, c.stored) {
					t.Errorf("%s by %s is stored otherwise than inflated: %s", name, door, refusal)
				}
			}
			if hash, refusal := up(t, d, bomb.Bytes()); refusal != tooLarge[door] {
				t.Errorf("bomb by %s: %q %q, want %q", door, hash, refusal, tooLarge[door])
			}
		}
	})
}

// Every door tells the caller which rule a torrent breaks, and at which byte. SOAP's three digits
// have no room for it, so there it is in the header.
func TestErrorsNameTheByteAndTheRuleAtEveryDoor(t *testing.T) {
	torrent := []byte("d4:infod6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces19:0123456789012345678ee")
	_, err := metainfo.Parse(torrent)
	if err == nil {
		t.Fatal("the bad torrent is good")
	}
	want := strings.TrimPrefix(err.Error(), "at ") // a capital letter where it begins a sentence
	formBody, formType := form(t, torrent)
	overAllCompositions(t, func(t *testing.T, d *doors) {
		for name, c := range map[string]struct {
			path, contentType string
			body              []byte
			header            bool
		}{
			"JSON": {"v1/torrents", "application/json", fmt.Appendf(nil, `{"torrent": %q}`, base64.StdEncoding.EncodeToString(torrent)), false},
			"raw":  {"v1/torrents", "application/x-bittorrent", torrent, false},
			"form": {"autoupload.php", formType, formBody, false},
			"SOAP": {"api/index.php", "text/xml", soapCall(torrent), true},
		} {
			_, header, body := httpDo(t, http.MethodPost, d.http+c.path, c.contentType, c.body)
			answer := string(body)
			if c.header {
				answer = header.Get("X-Torrage-Error-Msg")
			}
			if !strings.Contains(answer, want) {
				t.Errorf("%s: %q does not say %q", name, answer, want)
			}
		}
	})
}

func TestPrivateTorrents(t *testing.T) {
	pieces := torrenttest.Data(1, 20)
	private := torrenttest.Bencode(torrenttest.Dict{"announce": "http://tracker.example/passkey", "info": torrenttest.Dict{
		"name": "private", "length": 1000, "piece length": 16384, "pieces": pieces, "private": 1,
	}})
	accepting := startServe(t, t.TempDir())
	d := &doors{http: accepting.http, cache: accepting.cache(t)}
	if hash, refusal := uploadRaw(t, d, private); hash != infoHash(private) {
		t.Errorf("accepted by default: %q", refusal)
	}
	refusing := startServe(t, t.TempDir(), "--private=reject")
	d = &doors{http: refusing.http, cache: refusing.cache(t)}
	want := map[string]string{
		"gRPC": "TORRENT_REFUSED", "JSON": "403 TORRENT_REFUSED", "raw": "403 TORRENT_REFUSED", "form": "200 Error 116", "SOAP": "200 116",
	}
	for door, up := range uploads {
		if hash, refusal := up(t, d, private); refusal != want[door] {
			t.Errorf("--private=reject by %s: %q %q, want %q", door, hash, refusal, want[door])
		}
		public := torrenttest.V1("public by " + door)
		if hash, refusal := up(t, d, public); hash != infoHash(public) {
			t.Errorf("a public one by %s: %q", door, refusal)
		}
	}
}
