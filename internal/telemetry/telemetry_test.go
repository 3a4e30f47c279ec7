package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/grpclog"

	"github.com/torrentcache/torrentcache/internal/reason"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wantLines(t *testing.T, metrics string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no line %s in\n%s", line, metrics)
		}
	}
}

func TestTwoMetricsDoNotMeet(t *testing.T) {
	a, b := NewMetrics(Build{Version: "v1"}), NewMetrics(Build{Version: "v2", Revision: "r", Go: "go1"})
	a.ObserveRPC("/s/m", "OK", "", time.Millisecond, 1, 2)
	if metrics := scrape(t, b); strings.Contains(metrics, "torrentcache_rpc_received_bytes_total{") {
		t.Error("calls of one are among the other's")
	}
	wantLines(t, scrape(t, b), `torrentcache_build_info{goversion="go1",revision="r",version="v2"} 1`)
}

func TestObserveRPC(t *testing.T) {
	m := NewMetrics(Build{})
	m.ObserveRPC("/s/m", "OK", "", 3*time.Millisecond, 100, 20)
	m.ObserveRPC("/s/m", "NotFound", reason.TorrentNotFound, time.Minute, 10, 0)
	m.ItemFailed("/s/m", reason.TorrentNotFound)
	m.ItemFailed("/s/m", "A_NEWER_REASON")
	wantLines(t, scrape(t, m),
		`torrentcache_rpc_duration_seconds_count{code="OK",method="/s/m"} 1`,
		`torrentcache_rpc_duration_seconds_bucket{code="OK",method="/s/m",le="0.0025"} 0`,
		`torrentcache_rpc_duration_seconds_bucket{code="OK",method="/s/m",le="0.005"} 1`,
		`torrentcache_rpc_duration_seconds_count{code="NotFound",method="/s/m"} 1`,
		`torrentcache_rpc_errors_total{method="/s/m",reason="TORRENT_NOT_FOUND"} 2`,
		`torrentcache_rpc_errors_total{method="/s/m",reason="OTHER"} 1`,
		`torrentcache_rpc_received_bytes_total{method="/s/m"} 110`,
		`torrentcache_rpc_sent_bytes_total{method="/s/m"} 20`)
}

func TestHTTP(t *testing.T) {
	m := NewMetrics(Build{})
	m.HTTPBegan()
	m.HTTPBegan()
	m.HTTPEnded("d", 404, reason.TorrentNotFound, time.Second, 7, 3)
	m.HTTPEnded("d", 200, "", time.Second, 1, 5)
	m.HTTPBegan()
	m.HTTPEnded("d", 500, "A_NEWER_REASON", time.Second, 0, 0)
	wantLines(t, scrape(t, m),
		`torrentcache_http_request_duration_seconds_count{code="404",door="d"} 1`,
		`torrentcache_http_errors_total{door="d",reason="TORRENT_NOT_FOUND"} 1`,
		`torrentcache_http_errors_total{door="d",reason="OTHER"} 1`,
		`torrentcache_http_received_bytes_total{door="d"} 8`,
		`torrentcache_http_sent_bytes_total{door="d"} 8`,
		`torrentcache_http_requests_in_flight 0`)
}

func TestWatchStore(t *testing.T) {
	m := NewMetrics(Build{})
	var failure error
	m.WatchStore(func(context.Context) (StoreStats, error) {
		return StoreStats{Torrents: 3, Removed: 1, Bytes: 300, DiskBytes: 4096, Room: 77, MissingSegments: 2}, failure
	})
	wantLines(t, scrape(t, m), "torrentcache_store_torrents 3", "torrentcache_store_removed_ids 1",
		"torrentcache_store_torrent_bytes 300", "torrentcache_store_disk_bytes 4096", "torrentcache_store_missing_segments 2", "torrentcache_store_room_bytes 77")
	failure = errors.New("closed")
	if strings.Contains(scrape(t, m), "torrentcache_store_torrents ") {
		t.Error("numbers of a store that does not answer")
	}
}

func TestLoggerFormatsAndLevels(t *testing.T) {
	for _, c := range []struct{ format, level, want string }{
		{"text", "info", "level=INFO msg=a"},
		{"json", "info", `"msg":"a"`},
		{"text", "warn", ""},
	} {
		var out bytes.Buffer
		NewLogger(&out, c.format, c.level).Info("a")
		if got := out.String(); !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s, %s: %q", c.format, c.level, got)
		}
	}
}

// wordy is an error that says more than its message when it is asked to.
type wordy struct{}

func (wordy) Error() string { return "it broke" }

func (wordy) Format(f fmt.State, verb rune) { fmt.Fprint(f, "it broke at main.go:12") }

func TestErrorsAreLoggedByTheirMessage(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		NewLogger(&out, format, "info").Error("a", slog.Any("error", wordy{}))
		if got := out.String(); !strings.Contains(got, `"it broke"`) {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestErrorLogHasNoClientAddress(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"http: TLS handshake error from 192.0.2.7:4711: EOF", "from (address): EOF"},
		{"http: TLS handshake error from [2001:db8::7]:4711: EOF", "from (address): EOF"},
		{"http: TLS handshake error from [fe80::1%eth0]:4711: EOF", "from (address): EOF"},
		{"http: panic serving 192.0.2.7:4711: oops", "serving (address): oops"},
		{"http: TLS handshake error from 192.0.2.7:4711: read tcp 10.0.0.1:443->192.0.2.7:4711: i/o timeout", "from (address): read tcp (address)->(address): i/o timeout"},
		{"http: superfluous response.WriteHeader call", "superfluous"},
	} {
		var out bytes.Buffer
		HTTPErrorLog(NewLogger(&out, "text", "debug")).Print(c.line)
		if got := out.String(); !strings.Contains(got, c.want) || strings.Contains(got, "4711") {
			t.Errorf("%s: logged as %s", c.line, got)
		}
	}
}

// grpc's lines are those of the program, for debugging and without addresses.
func TestGRPCLog(t *testing.T) {
	log := new(GRPCLog)
	var lines grpclog.LoggerV2 = log
	lines.Error("dropped: there is no logger yet")
	var out bytes.Buffer
	log.SetLogger(NewLogger(&out, "text", "debug"))
	lines.Info("dropped")
	lines.Infof("%s", "dropped")
	lines.Errorf("Failed to write response: %v", "write tcp 127.0.0.1:80->192.0.2.7:4711: broken pipe")
	lines.Warningln("from", "[2001:db8::7]:4711")
	lines.Warning("a warning")
	if got := out.String(); strings.Contains(got, "dropped") || strings.Contains(got, "4711") || strings.Contains(got, ":80") ||
		strings.Count(got, "level=DEBUG") != 3 || !strings.Contains(got, `write tcp (address)->(address): broken pipe" library=grpc`) {
		t.Error(got)
	}
	out.Reset()
	log.SetLogger(NewLogger(&out, "text", "info"))
	lines.Error("not wanted")
	if out.Len() > 0 || lines.V(0) {
		t.Error(out.String())
	}
}

func TestMaintenance(t *testing.T) {
	m := NewMetrics(Build{})
	if strings.Contains(scrape(t, m), "torrentcache_backup_end_timestamp_seconds") {
		t.Error("a store that others look after tells of backups")
	}
	maintenance := m.Maintenance(Maintained{Since: time.Unix(1_700_000_000, 0)})
	m.StoreTakesUploads(false)
	wantLines(t, scrape(t, m), "torrentcache_store_since_timestamp_seconds 1.7e+09", "torrentcache_store_takes_uploads 0")
	m.StoreTakesUploads(true)
	wantLines(t, scrape(t, m), "torrentcache_store_takes_uploads 1")
	wantLines(t, scrape(t, m), "torrentcache_store_damaged_total 0", "torrentcache_store_failed 0",
		"torrentcache_verify_running 0", "torrentcache_verify_end_timestamp_seconds 0", "torrentcache_backup_end_timestamp_seconds 0")
	maintenance.VerifyStarted()
	maintenance.VerifyProgress(3, 10, 3000)
	maintenance.VerifyFound(2, 0)
	maintenance.VerifyFound(0, 3)
	m.StoreDamaged()
	m.StoreFailed()
	maintenance.BackupStarted()
	maintenance.BackupProgress(5, 6)
	wantLines(t, scrape(t, m), "torrentcache_store_damaged_total 1", "torrentcache_store_failed 1", "torrentcache_verify_running 1",
		"torrentcache_verify_checked_torrents 3", "torrentcache_verify_torrents 10", "torrentcache_verify_checked_bytes 3000",
		"torrentcache_verify_damaged_torrents 2", "torrentcache_verify_unreadable_torrents 3", "torrentcache_backup_running 1", "torrentcache_backup_copied_bytes 5", "torrentcache_backup_bytes 6")
	maintenance.VerifyEnded(false)
	maintenance.BackupEnded(false)
	wantLines(t, scrape(t, m), "torrentcache_verify_running 0", "torrentcache_verify_end_timestamp_seconds 0",
		"torrentcache_backup_running 0", "torrentcache_backup_end_timestamp_seconds 0")
	maintenance.VerifyEnded(true)
	maintenance.BackupEnded(true)
	maintenance.VerifyStarted()
	metrics := scrape(t, m)
	wantLines(t, metrics, "torrentcache_verify_damaged_torrents 0", "torrentcache_verify_unreadable_torrents 0", "torrentcache_verify_checked_torrents 0")
	for _, name := range []string{"torrentcache_verify_end_timestamp_seconds", "torrentcache_backup_end_timestamp_seconds"} {
		if strings.Contains(metrics, name+" 0\n") {
			t.Errorf("%s is still 0 after the end", name)
		}
	}
}

func TestWatchCache(t *testing.T) {
	m := NewMetrics(Build{})
	m.WatchCache(func() CacheStats {
		return CacheStats{Hits: 1, Misses: 2, Entries: 3, Bytes: 4, FastFound: 5, FastAbsent: 6, FastBytes: 7}
	})
	wantLines(t, scrape(t, m),
		`torrentcache_cache_lookups_total{result="hit"} 1`,
		`torrentcache_cache_lookups_total{result="miss"} 2`,
		`torrentcache_cache_entries 3`,
		`torrentcache_cache_bytes 4`,
		`torrentcache_fast_path_requests_total{code="200"} 5`,
		`torrentcache_fast_path_requests_total{code="404"} 6`,
		`torrentcache_fast_path_sent_bytes_total 7`)
}
