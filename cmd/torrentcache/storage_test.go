package main

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

// A store that takes no more changes is told to all who ask for the health.
func TestFailedStoreIsTold(t *testing.T) {
	var log strings.Builder
	h, err := newHouse(config.Doors{HTTPSAddr: config.Off, LogFormat: "text", LogLevel: "info"}, environment{stdout: io.Discard, stderr: &log}, 0)
	if err != nil {
		t.Fatal(err)
	}
	h.health.SetServingStatus("", grpc_health_v1.HealthCheckResponse_SERVING)
	h.uploadsAre(uploadsEnded, errors.New("sync failed"))
	answer, err := h.health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health: %v, %v", answer, err)
	}
	w := httptest.NewRecorder()
	h.metrics.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if !strings.Contains(w.Body.String(), "torrentcache_store_failed 1\n") || !strings.Contains(log.String(), "sync failed") {
		t.Errorf("the log: %s", log.String())
	}
}
