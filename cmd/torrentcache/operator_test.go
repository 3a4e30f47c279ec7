package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func TestReadinessOnBothPorts(t *testing.T) {
	p := startServe(t, t.TempDir())
	for _, site := range []string{p.http, p.admin} {
		for _, path := range []string{"livez", "readyz"} {
			if code, _, body := httpGet(t, site+path); code != http.StatusOK {
				t.Errorf("%s%s: %d %s", site, path, code, body)
			}
		}
	}
}

func TestGatewayIsReadyAsItsBackendIs(t *testing.T) {
	backend := startServe(t, t.TempDir())
	p := startGateway(t, backend)
	if code, _, body := httpGet(t, p.http+"readyz"); code != http.StatusOK {
		t.Errorf("with its backend: %d %s", code, body)
	}
	backend.kill(t)
	if code, _, body := httpGet(t, p.http+"readyz"); code != http.StatusServiceUnavailable || bytes.Contains(body, []byte(backend.grpc)) {
		t.Errorf("without its backend: %d %s, want 503", code, body)
	}
	const why = "connection refused"
	if code, _, body := httpGet(t, p.admin+"readyz"); code != http.StatusServiceUnavailable || !bytes.Contains(body, []byte(why)) {
		t.Errorf("without its backend, for the operator: %d %s", code, body)
	}
	p.awaitLog(t, "requests fail: the backend does not serve")
	if p.metric(t, "torrentcache_backend_serves") != "0" {
		t.Error("the metrics do not tell")
	}
	if code, _, _ := httpGet(t, p.http+"livez"); code != http.StatusOK {
		t.Errorf("livez without its backend: %d", code)
	}
	d := &doors{http: p.http}
	if _, refusal := fetchJSON(t, d, strings.Repeat("AB", 20)); refusal != "503 OVERLOADED" {
		t.Errorf("a download without the backend: %q", refusal)
	}
	if _, refusal := uploadSOAP(t, d, torrenttest.V1("a")); refusal != "200 114" {
		t.Errorf("an upload without the backend: %q", refusal)
	}
	body, contentType := form(t, torrenttest.V1("a"))
	_, _, formAnswer := httpDo(t, http.MethodPost, p.http+"autoupload.php", contentType, body)
	_, _, apiAnswer := httpGet(t, p.http+"v1/torrents/"+strings.Repeat("AB", 20))
	for _, answer := range [][]byte{formAnswer, apiAnswer} {
		if bytes.Contains(answer, []byte(backend.grpc)) {
			t.Errorf("the backend's address is public: %s", answer)
		}
	}
}

func TestMetrics(t *testing.T) {
	p := startServe(t, t.TempDir())
	d := &doors{http: p.http, cache: p.cache(t)}
	torrent := torrenttest.V1("counted")
	if _, refusal := uploadForm(t, d, torrent); refusal != "" {
		t.Fatal(refusal)
	}
	// Without its suffix the address is not for the fast path.
	if code, _, _ := httpGet(t, p.http+"torrent/"+infoHash(torrent)); code != http.StatusOK {
		t.Fatal(code)
	}
	// The second download goes past the metrics of HTTP requests.
	if _, refusal := fetchDownload(t, d, infoHash(torrent)); refusal != "" {
		t.Fatal(refusal)
	}
	// The server counts an answer after it is sent, so the client may read it before that.
	const fast = `torrentcache_fast_path_requests_total{code="200"} 1`
	metrics := ""
	for deadline := time.Now().Add(patience); !strings.Contains(metrics, fast) && time.Now().Before(deadline); {
		_, _, body := httpGet(t, p.admin+"metrics")
		metrics = string(body)
	}
	for _, line := range []string{
		`torrentcache_http_request_duration_seconds_count{code="200",door="form"} 1`,
		`torrentcache_http_request_duration_seconds_count{code="200",door="download"} 1`,
		fmt.Sprintf(`torrentcache_http_sent_bytes_total{door="download"} %d`, len(torrent)),
		`torrentcache_rpc_duration_seconds_count{code="OK",method="/torrentcache.v1.CacheService/CacheTorrent"} 1`,
		fast,
		`torrentcache_cache_entries 1`,
		`torrentcache_store_torrents 1`,
		fmt.Sprintf(`torrentcache_store_torrent_bytes %d`, len(torrent)),
		`torrentcache_build_info{`,
		`go_goroutines `,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(strings.ToUpper(metrics), infoHash(torrent)) {
		t.Error("an info hash is among the metrics")
	}
	if code, _, _ := httpGet(t, p.http+"metrics"); code != http.StatusNotFound {
		t.Errorf("metrics on the public port: %d", code)
	}
}

func TestAdminByJSONAndGRPC(t *testing.T) {
	p := startServe(t, t.TempDir())
	d := &doors{http: p.http, cache: p.cache(t)}
	torrent := torrenttest.V1("removed")
	hash := infoHash(torrent)
	if _, refusal := uploadRaw(t, d, torrent); refusal != "" {
		t.Fatal(refusal)
	}
	adminAddress := strings.Trim(strings.TrimPrefix(p.admin, "http://"), "/")
	admin := torrentcachev1.NewAdminServiceClient(dialTest(t, adminAddress))

	code, _, body := httpDo(t, http.MethodPost, p.admin+"v1/admin/torrents/"+hash+":remove", "application/json", []byte(`{"reason": "test"}`))
	if code != http.StatusOK || !bytes.Contains(body, []byte("true")) {
		t.Fatalf("removing by JSON: %d %s", code, body)
	}
	if _, refusal := fetchDownload(t, d, hash); refusal != "410" {
		t.Errorf("download of a removed torrent: %s", refusal)
	}
	if _, refusal := uploadForm(t, d, torrent); refusal != "200 Error 116" {
		t.Errorf("upload of a removed torrent: %s", refusal)
	}
	if _, err := admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: hash}); err != nil {
		t.Errorf("restoring by gRPC: %v", err)
	}
	wantStored(t, p, torrent)

	if _, err := torrentcachev1.NewAdminServiceClient(dialTest(t, p.grpc)).GetStats(t.Context(), &torrentcachev1.GetStatsRequest{}); err == nil {
		t.Error("the public gRPC port serves AdminService")
	}
	if code, _, _ := httpDo(t, http.MethodPost, p.http+"v1/admin/torrents/"+hash+":remove", "application/json", []byte(`{}`)); code != http.StatusNotFound {
		t.Errorf("the public HTTP port serves /v1/admin: %d", code)
	}
}

func TestPagesOfOtherSitesCannotRemove(t *testing.T) {
	p := startServe(t, t.TempDir())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		p.admin+"v1/admin/torrents/"+strings.Repeat("AB", 20)+":remove", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.example")
	req.Header.Set("Content-Type", "text/plain")
	if code, _, _ := send(t, http.DefaultTransport, req); code != http.StatusForbidden {
		t.Errorf("got %d, want 403", code)
	}
}

func TestProfilesOnTheAdminPort(t *testing.T) {
	p := startServe(t, t.TempDir())
	if code, _, body := httpGet(t, p.admin+"debug/pprof/goroutine?debug=1"); code != http.StatusOK || !bytes.Contains(body, []byte("goroutine profile")) {
		t.Errorf("got %d", code)
	}
	if code, _, _ := httpGet(t, p.http+"debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("on the public port: %d", code)
	}
}

func TestHealthAndReflection(t *testing.T) {
	p := startServe(t, t.TempDir())
	conn := dialTest(t, p.grpc)
	for _, service := range []string{"", "torrentcache.v1.CacheService"} {
		health, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, health, err)
		}
	}
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil || !strings.Contains(answer.String(), "torrentcache.v1.CacheService") {
		t.Errorf("reflection: %v, %v", answer, err)
	}
}
