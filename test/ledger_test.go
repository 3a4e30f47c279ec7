//go:build e2e

package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// Statuses of downloads.
const (
	isThere   = http.StatusOK
	isRemoved = http.StatusGone
	isUnknown = http.StatusNotFound
)

// ledger records the acknowledgements of a server: for each torrent, by its number, the statuses
// that its download may have. After a failed call there are several, because the call may or may
// not have taken effect.
type ledger struct {
	owner  *testing.T // the test that owns the server
	server *server
	cache  torrentcachev1.CacheServiceClient
	admin  torrentcachev1.AdminServiceClient
	may    map[uint64][]int
	next   uint64 // the number of the next torrent
	bytes  map[uint64][]byte
	hashes map[uint64]string

	backups int // number of backups begun
	faults  int // number of faults survived

	hits func() int // returns how many calls failed by injection
}

// startLedger starts a server that reads every download from the disk.
func startLedger(t *testing.T, dataDir string, flags ...string) *ledger {
	t.Helper()
	flags = append([]string{"--cache-size", "1B", "--index-cache-size", "1MiB", "--log-level", "error"}, flags...)
	l := &ledger{owner: t, server: startServerIn(t, dataDir, flags...),
		may: map[uint64][]int{}, bytes: map[uint64][]byte{}, hashes: map[uint64]string{}}
	l.connect()
	return l
}

// restart stops the server, if it runs, and starts it again.
func (l *ledger) restart(t *testing.T, end syscall.Signal) {
	t.Helper()
	l.server.stop(t, end)
	l.server.start(l.owner, l.server.cmd.Args[1:])
	l.connect()
}

// connect connects to the current process of the server. Old connections may not have noticed the
// restart yet.
func (l *ledger) connect() {
	l.owner.Helper()
	conn, admin := dialPort(l.owner, l.server.GRPC), dialPort(l.owner, l.server.Admin)
	l.owner.Cleanup(func() { conn.Close(); admin.Close() })
	l.cache, l.admin = torrentcachev1.NewCacheServiceClient(conn), torrentcachev1.NewAdminServiceClient(admin)
}

// note records the result of a call. If the call succeeded, a download must have the status want.
func (l *ledger) note(t *testing.T, what string, n uint64, want int, err error) bool {
	t.Helper()
	if err == nil {
		l.may[n] = []int{want}
		return true
	}
	if code := status.Code(err); code != codes.Unavailable && code != codes.ResourceExhausted {
		t.Errorf("%s: %v", what, err)
	}
	if !slices.Contains(l.may[n], want) {
		l.may[n] = append(l.may[n], want)
	}
	return false
}

// upload uploads a new torrent.
func (l *ledger) upload(t *testing.T) (acknowledged bool) {
	t.Helper()
	n := l.next
	l.next++
	l.may[n], l.bytes[n] = []int{isUnknown}, numbered(n)
	l.hashes[n] = hashOfTorrent(t, l.bytes[n])
	_, err := l.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: l.bytes[n]})
	return l.note(t, "an upload", n, isThere, err)
}

// awaitUpload uploads until an upload succeeds, because the store may check the disk only now and
// then.
func (l *ledger) awaitUpload(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); !l.upload(t); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("uploads do not go on")
		}
	}
}

// uploadAgain uploads a stored torrent. If the server cannot read it at the moment, it stores the
// torrent again.
func (l *ledger) uploadAgain(t *testing.T, n uint64) {
	t.Helper()
	answer, err := l.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: l.bytes[n]})
	l.note(t, "an upload of what is there", n, isThere, err)
	known := []torrentcachev1.Outcome{torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED, torrentcachev1.Outcome_OUTCOME_HEALED}
	if err == nil && !slices.Contains(known, answer.GetOutcome()) {
		t.Errorf("an upload of torrent %d, which is there, is answered %v", n, answer.GetOutcome())
	}
}

func (l *ledger) remove(t *testing.T, n uint64, erase bool) (acknowledged bool) {
	t.Helper()
	_, err := l.admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{
		InfoHash: l.hashes[n], Erase: erase, Reason: strings.Repeat("a court order ", 70)})
	return l.note(t, "a removal", n, isRemoved, err)
}

// restore undoes a removal that did not erase the torrent.
func (l *ledger) restore(t *testing.T, n uint64) (acknowledged bool) {
	t.Helper()
	answer, err := l.admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: l.hashes[n]})
	if err == nil && !answer.GetCached() {
		t.Errorf("the bytes of torrent %d, which was removed a moment ago, are gone", n)
	}
	return l.note(t, "a restoration", n, isThere, err)
}

// all returns the torrents that must have this status, in ascending order.
func (l *ledger) all(want int) (list []uint64) {
	for n := range l.next {
		if len(l.may[n]) == 1 && l.may[n][0] == want {
			list = append(list, n)
		}
	}
	return list
}

// some returns the nth stored torrent, starting over after the last.
func (l *ledger) some(t *testing.T, n int) uint64 {
	t.Helper()
	list := l.all(isThere)
	if len(list) == 0 {
		t.Fatal("no torrent is known to be there")
	}
	return list[n%len(list)]
}

// download checks the download of one torrent, and returns its status. A status outside the
// ledger is an error, except those in trouble.
func (l *ledger) download(t *testing.T, n uint64, trouble ...int) int {
	t.Helper()
	code, body, err := get(t.Context(), "http://"+l.server.HTTP+"/torrent/"+l.hashes[n]+".torrent")
	switch {
	case err != nil:
		t.Errorf("torrent %d: %v", n, err)
	case code == isThere && !bytes.Equal(body, l.bytes[n]):
		t.Errorf("torrent %d: %d other bytes, want %d", n, len(body), len(l.bytes[n]))
	case !slices.Contains(l.may[n], code) && !slices.Contains(trouble, code):
		t.Errorf("torrent %d answers %d, want one of %d: %s", n, code, l.may[n], bytes.TrimSpace(body))
	}
	return code
}

// check checks all torrents and the store's count of them. It settles the torrents that had
// several allowed statuses.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	for n := range l.next {
		l.may[n] = []int{l.download(t, n)}
	}
	if t.Failed() {
		return
	}
	stats, err := l.admin.GetStats(t.Context(), &torrentcachev1.GetStatsRequest{})
	if there, gone := len(l.all(isThere)), len(l.all(isRemoved)); err != nil || stats.GetTorrentCount() != int64(there) || stats.GetRemovedCount() != int64(gone) {
		t.Errorf("%d torrents are there and %d removed, the store counts %v (%v)", there, gone, stats, err)
	}
	if checked, damaged, err := l.verify(t); err != io.EOF || checked != int64(len(l.all(isThere))) || len(damaged) > 0 {
		t.Errorf("%d torrents are there, verify read %d and calls %q damaged (%v)", len(l.all(isThere)), checked, damaged, err)
	}
}

// verify makes the server verify its store. The error is io.EOF if the verification completed.
func (l *ledger) verify(t *testing.T) (checked int64, damaged []string, err error) {
	t.Helper()
	stream, err := l.admin.VerifyStore(t.Context(), &torrentcachev1.VerifyStoreRequest{})
	for err == nil {
		var answer *torrentcachev1.VerifyStoreResponse
		if answer, err = stream.Recv(); err == nil {
			checked = answer.GetCheckedCount()
			damaged = append(damaged, answer.GetDamagedInfoHashes()...)
		}
	}
	return checked, damaged, err
}

// verified returns how many torrents verify reports as read and undamaged.
func verified(t *testing.T, out string) int {
	t.Helper()
	said := regexp.MustCompile(`(?m)^([\d,]+) torrents?, .*: nothing is damaged$`).FindStringSubmatch(out)
	if said == nil {
		t.Errorf("verify says %q", out)
		return -1
	}
	n, err := strconv.Atoi(strings.ReplaceAll(said[1], ",", ""))
	if err != nil {
		t.Error(err)
	}
	return n
}

// reindex rebuilds the index of the stopped server.
func (l *ledger) reindex(t *testing.T) {
	t.Helper()
	out := mustCommand(t, "reindex", "--data-dir", l.server.DataDir)
	counts := regexp.MustCompile(`([\d,]+) torrents?, ([\d,]+) info hash`).FindStringSubmatch(out)
	want := []string{fmt.Sprint(len(l.all(isThere))), fmt.Sprint(len(l.all(isRemoved)))}
	for i := range counts {
		counts[i] = strings.ReplaceAll(counts[i], ",", "")
	}
	if counts == nil || !slices.Equal(counts[1:], want) {
		t.Errorf("%s torrents are there and %s removed, reindex says %q", want[0], want[1], out)
	}
}

// get is like fetch, but returns errors.
func get(ctx context.Context, url string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}
