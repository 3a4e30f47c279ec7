//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// denyListed puts text in the place of a deny list and has p read it.
func (p *process) denyListed(t *testing.T, list, text string) {
	t.Helper()
	rewrite(t, list, text)
	p.reload(t, `msg=reloaded what="deny lists"`)
}

// wantHidden asks every public door of HTTP for a torrent, by each of its ids, and uploads
// it at each of them.
func (p *process) wantHidden(t *testing.T, torrent []byte) {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range parsed.IDs().All() {
		for _, path := range []string{"torrent/" + id.String() + ".torrent", "v1/torrents/" + id.String(), "v1/torrents/" + id.String() + "/info"} {
			for range 2 { // on the fast path, if something is kept
				if code, _, body := httpGet(t, p.http+path); code != http.StatusUnavailableForLegalReasons || !strings.Contains(string(body), "deny list") {
					t.Errorf("%s answers %d %s", path, code, body)
				}
			}
		}
		if code, _, body := httpGet(t, p.http+"info/"+id.String()); code == http.StatusOK || !strings.Contains(string(body), "deny list") {
			t.Errorf("the page of %s answers %d", id, code)
		}
	}
	p.wantRefused(t, torrent)
}

// wantRefused uploads a torrent that the deny list names, plain and compressed.
func (p *process) wantRefused(t *testing.T, torrent []byte) {
	t.Helper()
	for _, upload := range [][]byte{torrent, gzipped(torrent)} {
		code, _, body := httpDo(t, http.MethodPost, p.http+"v1/torrents", "application/x-bittorrent", upload)
		if code != http.StatusForbidden || !strings.Contains(string(body), "TORRENT_REFUSED") {
			t.Errorf("an upload answers %d %s", code, body)
		}
		fields, contentType := form(t, upload)
		if code, _, body = httpDo(t, http.MethodPost, p.http+"autoupload.php", contentType, fields); code != http.StatusOK || !strings.HasPrefix(string(body), "Error 116: Deleted torrent: ") {
			t.Errorf("the form answers %d %s", code, body)
		}
	}
}

// wantMissing looks a hash up among others.
func (p *process) wantMissing(t *testing.T, hash string) {
	t.Helper()
	code, _, body := httpDo(t, http.MethodPost, p.http+"v1/torrents:findMissing", "application/json", fmt.Appendf(nil, `{"info_hashes":[%q]}`, hash))
	if code != http.StatusOK || !strings.Contains(string(body), hash) {
		t.Errorf("findMissing answers %d %s", code, body)
	}
}

// A listed torrent is hidden and refused at every door as soon as the list is read, by any
// of its ids, and is there again when its line is gone.
func TestDenyListAtServe(t *testing.T) {
	list := writeFile(t, t.TempDir(), "list", nil)
	p := startServe(t, t.TempDir(), "--deny-list", list, "--removed-status=451", "--contact=abuse@example.org")
	hybrid, plain := torrenttest.Hybrid("hybrid"), torrenttest.V1("plain")
	parsed, err := metainfo.Parse(hybrid)
	if err != nil {
		t.Fatal(err)
	}
	all := parsed.IDs()
	for _, torrent := range [][]byte{hybrid, plain} {
		if _, refusal := uploadForm(t, &doors{http: p.http}, torrent); refusal != "" {
			t.Fatal(refusal)
		}
	}
	served := func() {
		t.Helper()
		for _, id := range all.All() {
			for range 3 {
				if code, body := p.download(t, id.String()); code != http.StatusOK || body != string(hybrid) {
					t.Errorf("%s answers %d", id, code)
				}
			}
		}
		if code, body := p.download(t, infoHash(plain)); code != http.StatusOK || body != string(plain) {
			t.Errorf("the torrent that is not listed answers %d", code)
		}
	}
	for _, line := range []string{all.V1.String(), all.V2.String(), all.V2.Short().String(), all.Magnet(), digestLine(all.V1.String()), digestLine(all.V2.String())} {
		served()
		p.denyListed(t, list, "# a list\n"+line+"\n")
		p.wantHidden(t, hybrid)
		for _, id := range all.All() {
			p.wantMissing(t, id.String())
		}
		_, err := p.cache(t).GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: all.V1.String()})
		if e := reason.Of(err); e == nil || e.Reason != reason.TorrentRemoved || status.Code(err) != codes.NotFound || !strings.Contains(e.Message, "abuse@example.org") {
			t.Errorf("GetTorrent: %v", err)
		}
		if code, _ := p.download(t, infoHash(plain)); code != http.StatusOK {
			t.Errorf("the torrent that is not listed answers %d", code)
		}
		p.denyListed(t, list, "")
	}
	served()
	if entries, hits := p.metric(t, "torrentcache_deny_list_entries"), p.metric(t, "torrentcache_deny_list_hits_total"); entries != "0" || hits == "0" || p.metric(t, "torrentcache_deny_list_read_timestamp_seconds") == "0" {
		t.Errorf("%s entries, %s hits", entries, hits)
	}
}

// metric returns the value of a metric without labels.
func (p *process) metric(t *testing.T, name string) string {
	t.Helper()
	_, _, text := httpGet(t, p.admin+"metrics")
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("there is no metric %s", name)
	}
	return string(found[1])
}

// An edge has deny lists of its own. It hides and refuses the torrents that they name, even if the
// servers behind it have them.
func TestDenyListAtAGateway(t *testing.T) {
	list := writeFile(t, t.TempDir(), "list", nil)
	backend := startServe(t, t.TempDir(), "--anonymous=read,write,sync")
	edge := startGateway(t, backend, "--deny-list", list, "--removed-status=451")
	hybrid := torrenttest.Hybrid("hybrid")
	if _, refusal := uploadForm(t, &doors{http: edge.http}, hybrid); refusal != "" {
		t.Fatal(refusal)
	}
	hash := hashOf(t, hybrid)
	for range 20 { // it is in memory by then
		if code, body := edge.download(t, hash); code != http.StatusOK || body != string(hybrid) {
			t.Fatalf("before: %d", code)
		}
	}
	parsed, err := metainfo.Parse(hybrid)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{hash, parsed.IDs().V2.String(), digestLine(parsed.IDs().V2.String())} {
		edge.denyListed(t, list, line)
		edge.wantHidden(t, hybrid)
	}
	other := torrenttest.V1("other")
	edge.denyListed(t, list, hash+"\n"+infoHash(other))
	edge.wantRefused(t, other)
	edge.wantMissing(t, hash)
	if code, _ := backend.download(t, infoHash(other)); code != http.StatusNotFound {
		t.Errorf("the backend answers %d for what the edge refused", code)
	}
	edge.denyListed(t, list, "")
	if code, body := edge.download(t, hash); code != http.StatusOK || body != string(hybrid) {
		t.Errorf("with the line gone: %d", code)
	}
	if code, _ := backend.download(t, hash); code != http.StatusOK {
		t.Errorf("the backend, which has no list, answers %d", code)
	}
}

// A server does not start with a bad list, or without it. Later the old one stays in force
// and the log names the line; a good one is read without a signal.
func TestDenyListThatIsBad(t *testing.T) {
	hash := strings.Repeat("AB", 20)
	list := writeFile(t, t.TempDir(), "list", []byte(hash+"\n\nnonsense\n"))
	for name, want := range map[string]string{list: list + ": line 3: ", filepath.Join(t.TempDir(), "absent"): "no such file"} {
		for _, command := range [][]string{{"serve", "--data-dir", t.TempDir()}, {"gateway", "--backend", "127.0.0.1:1"}} {
			status, _, stderr := runToEnd(t, nil, append(command, "--http-addr=127.0.0.1:0", "--admin-addr=off", "--deny-list", name)...)
			if status != 1 || !strings.Contains(stderr, "--deny-list") || !strings.Contains(stderr, want) {
				t.Errorf("%s with %s: %d %s", command[0], name, status, stderr)
			}
		}
	}
	rewrite(t, list, hash)
	p := startServe(t, t.TempDir(), "--deny-list", list)
	rewrite(t, list, "nonsense")
	p.reload(t, list+": line 1: ")
	if code, _ := p.download(t, hash); code != http.StatusGone {
		t.Errorf("with a list that went bad: %d", code)
	}
	rewrite(t, list, strings.Repeat("CD", 20))
	deadline := time.Now().Add(patience)
	for code := 0; code != http.StatusNotFound; code, _ = p.download(t, hash) {
		if time.Now().After(deadline) {
			t.Fatalf("a list that changed is not read: %d", code)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Two hundred readers read while the list is replaced. Each sees a torrent as the list before or
// after says: never if both lists name it, and always if neither does.
func TestDenyListReplacedUnderReaders(t *testing.T) {
	const readers, rounds = 200, 4
	list := writeFile(t, t.TempDir(), "list", nil)
	p := startServe(t, t.TempDir(), "--deny-list", list, "--connections-per-address=0", "--max-connections=4000")
	hashes := p.holding(t, 3)
	always, sometimes, never := hashes[0], hashes[1], hashes[2]
	p.denyListed(t, list, always)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: readers, MaxConnsPerHost: readers}}
	get := func(hash string) (int, error) {
		resp, err := client.Get(p.http + "torrent/" + hash + ".torrent")
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode, err
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for {
				for hash, want := range map[string][]int{always: {410}, sometimes: {200, 410}, never: {200}} {
					if code, err := get(hash); err != nil || code != want[0] && code != want[len(want)-1] {
						t.Errorf("%s: %d, %v; want %d", hash, code, err, want)
						return
					}
				}
				select {
				case <-done:
					return
				case <-time.After(time.Second / 4):
				}
			}
		})
	}
	for i := range rounds {
		want := http.StatusOK
		text := always
		if i%2 == 0 {
			text, want = always+"\n"+sometimes, http.StatusGone
		}
		p.denyListed(t, list, text)
		for range 20 {
			if code, err := get(sometimes); code != want || err != nil {
				t.Fatalf("round %d: %d (%v) after the reload, want %d", i, code, err, want)
			}
		}
	}
	close(done)
	group.Wait()
}

// remove --denied removes the stored torrents that the lists name, and no others. Until an operator
// runs it, their bytes stay.
func TestRemoveDenied(t *testing.T) {
	dir := t.TempDir()
	list := writeFile(t, dir, "list", nil)
	log := filepath.Join(dir, "audit.log")
	p := startServe(t, t.TempDir(), "--deny-list", list, "--audit-log", log)
	hashes := p.holding(t, 4)
	if said := p.byOperator(t, 1, "remove", "--denied"); !strings.Contains(said, "--deny-list") {
		t.Errorf("%s", said)
	}
	p.denyListed(t, list, strings.Repeat("AB", 20)+"\n"+digestLine(hashes[0])+"\n\n"+hashes[1]+" # case 7\n")
	said := p.byOperator(t, 0, "remove", "--denied", "--erase")
	for i, line := range []int{2, 4} {
		if want := fmt.Sprintf("%s removed; %s:%d names it\n", hashes[i], list, line); !strings.Contains(said, want) {
			t.Errorf("%q is not in %s", want, said)
		}
	}
	if entries := auditLines(t, log); len(entries) != 2 || entries[0].Reference != list+":2" || entries[0].Reason != "deny list" || !entries[0].Erase {
		t.Errorf("%+v", entries)
	}
	if said := p.byOperator(t, 0, "remove", "--denied"); !strings.Contains(said, "no cached torrent is named by the deny lists") {
		t.Errorf("%s", said)
	}
	p.denyListed(t, list, "")
	for i, want := range []int{http.StatusGone, http.StatusGone, http.StatusOK, http.StatusOK} {
		if code, _ := p.download(t, hashes[i]); code != want {
			t.Errorf("torrent %d without a list: %d, want %d", i, code, want)
		}
	}
	p.byOperator(t, 1, "remove", "--denied", hashes[2])
	p.byOperator(t, 1, "remove", "--denied", "--reference", "case 7")
}
