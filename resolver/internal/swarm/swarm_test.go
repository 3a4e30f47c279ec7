package swarm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
	"github.com/torrentcache/torrentcache/resolver/internal/peer"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
	"github.com/torrentcache/torrentcache/resolver/internal/swarm"
)

// infoOf returns the info dictionary of a torrent.
func infoOf(torrent []byte) []byte { return bencode.Lookup(torrent, "info") }

func idsOf(t *testing.T, torrent []byte) infohash.Set {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.IDs()
}

// trackers maps the address of a tracker to its answers.
type trackers map[string]func(swarm infohash.ID) []netip.AddrPort

func (s trackers) Peers(_ context.Context, address string, id infohash.ID) ([]netip.AddrPort, error) {
	if s[address] == nil {
		return nil, errors.New("there is no such tracker")
	}
	return s[address](id), nil
}

// dht is a DHT that returns these peers for every id.
type dht []netip.AddrPort

func (d dht) Peers(_ context.Context, _ infohash.ID, found func(netip.AddrPort)) error {
	for _, p := range d {
		found(p)
	}
	return nil
}

// listen starts a peer that runs behave on each connection.
func listen(t *testing.T, behave func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				behave(conn)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// shake answers a handshake with the same info hash.
func shake(conn net.Conn) bool {
	var theirs [68]byte
	if _, err := io.ReadFull(conn, theirs[:]); err != nil {
		return false
	}
	_, err := conn.Write(theirs[:])
	return err == nil
}

func message(id byte, payload string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(2+len(payload)))
	return append(append(b, 20, id), payload...)
}

// serves returns a peer that has metadata and claims that its size is size bytes.
func serves(metadata []byte, size int) func(net.Conn) {
	return func(conn net.Conn) {
		if !shake(conn) {
			return
		}
		_, _ = conn.Write(message(0, fmt.Sprintf("d1:md11:ut_metadatai3ee13:metadata_sizei%dee", size)))
		for {
			var head [4]byte
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				return
			}
			body := make([]byte, binary.BigEndian.Uint32(head[:]))
			if _, err := io.ReadFull(conn, body); err != nil {
				return
			}
			var n int
			if _, err := fmt.Sscanf(string(body[2:]), "d8:msg_typei0e5:piecei%dee", &n); err != nil {
				continue
			}
			begin := min(n*peer.BlockSize, len(metadata))
			content := metadata[begin:min(begin+peer.BlockSize, len(metadata))]
			_, _ = conn.Write(message(1, fmt.Sprintf("d8:msg_typei1e5:piecei%de10:total_sizei%dee%s", n, size, content)))
		}
	}
}

func newFinder(o swarm.Options) *swarm.Finder {
	o.Dialer = reach.NewDialer(reach.Rule{Local: true})
	if o.Trackers == nil {
		o.Trackers = trackers{}
	}
	if o.MaxTorrentSize == 0 {
		o.MaxTorrentSize = 10_000_000
	}
	return swarm.New(o)
}

// find looks for a torrent.
func find(t *testing.T, f *swarm.Finder, job swarm.Job) ([]byte, error) {
	t.Helper()
	torrent, free, err := f.Find(t.Context(), job)
	if err == nil {
		free()
	}
	return torrent, err
}

// A torrent is found by each of its ids, and gets the trackers of its magnet link.
func TestFind(t *testing.T) {
	for name, torrent := range map[string][]byte{"v1": torrenttest.V1("a"), "v2": torrenttest.V2("b"), "hybrid": torrenttest.Hybrid("c"), "large": torrenttest.Random(1, 9_900_000)} {
		info := infoOf(torrent)
		at := listen(t, serves(info, len(info)))
		f := newFinder(swarm.Options{DHT: dht{at}})
		ids := idsOf(t, torrent)
		for _, text := range append([]string{ids.Magnet() + "&tr=udp://a.example:1&tr=http://b.example/announce&tr=http://x/?passkey=secretsecret"}, texts(ids)...) {
			job, err := swarm.ParseJob(text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := find(t, f, job)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, text, err)
			}
			about, err := metainfo.Parse(got)
			if err != nil || about.IDs() != ids || !bytes.Equal(infoOf(got), info) {
				t.Fatalf("%s, %s: %v, another torrent", name, text, err)
			}
			want := "[]"
			if strings.HasPrefix(text, "magnet:") {
				want = "[[udp://a.example:1] [http://b.example/announce]]"
			}
			if tiers := fmt.Sprint(about.Describe().Trackers); tiers != want {
				t.Errorf("%s, %s: trackers %s", name, text, tiers)
			}
		}
	}
}

func texts(ids infohash.Set) []string {
	var all []string
	for _, id := range ids.All() {
		all = append(all, id.String())
	}
	return all
}

// Peers come from the magnet link, from its trackers, and from the trackers that are always
// asked.
func TestWherePeersComeFrom(t *testing.T) {
	torrent := torrenttest.Hybrid("a")
	info, ids := infoOf(torrent), idsOf(t, torrent)
	at := listen(t, serves(info, len(info)))
	knows := func(id infohash.ID) []netip.AddrPort {
		if id != ids.V2.Short() {
			return nil
		}
		return []netip.AddrPort{at}
	}
	for name, c := range map[string]struct {
		options swarm.Options
		link    string
	}{
		"x.pe":    {swarm.Options{}, ids.Magnet() + "&x.pe=" + at.String()},
		"tracker": {swarm.Options{Trackers: trackers{"udp://t.example:1": knows}}, ids.Magnet() + "&tr=udp://none.example:1&tr=udp://t.example:1"},
		"always":  {swarm.Options{Trackers: trackers{"udp://t.example:1": knows}, Always: []string{"udp://t.example:1"}}, ids.Magnet()},
	} {
		job, err := swarm.ParseJob(c.link)
		if err != nil {
			t.Fatal(err)
		}
		got, err := find(t, newFinder(c.options), job)
		if err != nil || idsOf(t, got) != ids {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(string(got), "t.example") != (name == "tracker") {
			t.Errorf("%s: trackers that nobody named are in the torrent, or those that somebody did are not", name)
		}
	}
}

// One good peer is enough among many that lie, are silent, or send without end.
func TestOneGoodPeerIsEnough(t *testing.T) {
	torrent := torrenttest.Random(1, 100_000)
	info, job := infoOf(torrent), swarm.Job{IDs: idsOf(t, torrent)}
	other := infoOf(torrenttest.Random(2, 100_000))
	wrong := bytes.Clone(info)
	wrong[len(wrong)-30]++
	endless := func(conn net.Conn) {
		for shake(conn) {
			for {
				if _, err := conn.Write(message(0, "d1:md11:ut_metadatai3ee13:metadata_sizei10ee")); err != nil {
					return
				}
			}
		}
	}
	var peers dht
	for _, behave := range []func(net.Conn){
		serves(info, -1), serves(info, 1<<31), serves(info, len(info)+1), serves(other, len(other)), serves(wrong, len(wrong)),
		serves(append(bytes.Clone(info), "4:evil3:yes"...), len(info)+11), endless, func(net.Conn) {}, func(conn net.Conn) { _, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n") },
	} {
		peers = append(peers, listen(t, behave))
	}
	silent := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	closed := netip.MustParseAddrPort("127.0.0.1:1")
	peers = append(peers, silent, closed, listen(t, serves(info, len(info))))
	f := newFinder(swarm.Options{DHT: peers})
	got, err := find(t, f, job)
	if err != nil || idsOf(t, got) != job.IDs {
		t.Fatal(err)
	}
	f = newFinder(swarm.Options{DHT: peers[:6]})
	if _, err = find(t, f, job); !errors.Is(err, swarm.ErrNotFound) {
		t.Errorf("without that one: %v", err)
	}
	if _, wrong := f.Stats(); wrong != 3 {
		t.Errorf("%d peers sent what has another hash, want 3", wrong)
	}
}

// Find gives up at once if no peer is known, or if no valid torrent has the hash.
func TestNotFound(t *testing.T) {
	job := swarm.Job{IDs: infohash.Set{V1: infohash.V1([20]byte{1})}}
	if _, err := find(t, newFinder(swarm.Options{}), job); !errors.Is(err, swarm.ErrNotFound) {
		t.Errorf("nobody is known: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := newFinder(swarm.Options{DHT: dht{listen(t, func(net.Conn) {})}}).Find(ctx, job); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	info := []byte("d6:lengthi1e4:name1:ae") // without pieces
	invalid, err := infohash.FromBytes(sha1Of(info))
	if err != nil {
		t.Fatal(err)
	}
	f := newFinder(swarm.Options{DHT: dht{listen(t, serves(info, len(info)))}})
	if _, err := find(t, f, swarm.Job{IDs: infohash.Set{V1: invalid}}); !errors.Is(err, swarm.ErrInvalid) {
		t.Errorf("no torrent: %v", err)
	}
}

// However many peers are named, few are asked, and each only once.
func TestPeersAreBounded(t *testing.T) {
	var connected atomic.Int64
	at := listen(t, func(net.Conn) { connected.Add(1) })
	many := make(dht, 100_000)
	for i := range many {
		many[i] = at
		if i >= 50 { // nothing listens on these
			many[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 1)
		}
	}
	f := newFinder(swarm.Options{DHT: many})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, _, err := f.Find(ctx, swarm.Job{IDs: infohash.Set{V1: infohash.V1([20]byte{1})}}); err == nil {
		t.Error("it is found")
	}
	if connected.Load() != 1 {
		t.Errorf("one peer was connected to %d times", connected.Load())
	}
}

// The address rule applies to peers from every source.
func TestPeersHereAreNotConnectedTo(t *testing.T) {
	torrent := torrenttest.V1("a")
	at := listen(t, func(net.Conn) { t.Error("a local peer was connected to") })
	f := swarm.New(swarm.Options{Dialer: reach.NewDialer(reach.Rule{}), Trackers: trackers{}, DHT: dht{at}, MaxTorrentSize: 1000})
	job, err := swarm.ParseJob(idsOf(t, torrent).Magnet() + "&x.pe=" + at.String() + "&x.pe=localhost:" + fmt.Sprint(at.Port()))
	if err != nil || len(job.Peers) != 2 {
		t.Fatal(job, err)
	}
	if _, err := find(t, f, job); !errors.Is(err, swarm.ErrNotFound) {
		t.Error(err)
	}
}

func FuzzParseJob(f *testing.F) {
	f.Add("magnet:?xt=urn:btih:0123456789ABCDEF0123456789ABCDEF01234567&tr=udp://t.example:1&x.pe=127.0.0.1:1&amp;x.pe=[::1]:2")
	f.Add("0123456789ABCDEF0123456789ABCDEF01234567")
	f.Fuzz(func(t *testing.T, text string) {
		job, err := swarm.ParseJob(text)
		if err == nil && (job.IDs == infohash.Set{} || len(job.Trackers) > 10 || len(job.Peers) > 10) {
			t.Errorf("%q: %+v", text, job)
		}
	})
}
