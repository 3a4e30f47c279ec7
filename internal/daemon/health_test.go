package daemon

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/torrentcache/torrentcache/internal/config"
)

// The gRPC health tells of failure and of recovery.
func TestBucketHealthIsTold(t *testing.T) {
	d, err := newDaemon(config.Doors{HTTPSAddr: config.Off, LogFormat: "text", LogLevel: "info"}, Environment{Stdout: io.Discard, Stderr: io.Discard}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for serving, want := range map[bool]grpc_health_v1.HealthCheckResponse_ServingStatus{
		false: grpc_health_v1.HealthCheckResponse_NOT_SERVING, true: grpc_health_v1.HealthCheckResponse_SERVING,
	} {
		d.tellHealth(serving)
		answer, err := d.health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
		if err != nil || answer.GetStatus() != want {
			t.Errorf("health is %v, %v, want %s", answer, err, want)
		}
	}
}

// The gRPC health, the metrics and the log tell when a store takes no more changes.
func TestFailedStoreIsTold(t *testing.T) {
	var log strings.Builder
	d, err := newDaemon(config.Doors{HTTPSAddr: config.Off, LogFormat: "text", LogLevel: "info"}, Environment{Stdout: io.Discard, Stderr: &log}, 0)
	if err != nil {
		t.Fatal(err)
	}
	d.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	d.uploadsAre(uploadsEnded, errors.New("sync failed"))
	answer, err := d.health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health: %v, %v", answer, err)
	}
	w := httptest.NewRecorder()
	d.metrics.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if !strings.Contains(w.Body.String(), "torrentcache_store_failed 1\n") || !strings.Contains(log.String(), "sync failed") {
		t.Errorf("the log: %s", log.String())
	}
}
