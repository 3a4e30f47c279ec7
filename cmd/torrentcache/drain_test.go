//go:build unix

package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/torrentcache/torrentcache/internal/access"
)

// A server that drains says so when it is asked, and continues to serve.
func TestDrain(t *testing.T) {
	dir := t.TempDir()
	key := access.NewKey()
	entry := access.Entry{Name: "alice", Roles: access.Admin | access.Write, Key: access.DigestOf(key)}
	log := filepath.Join(dir, "audit.log")
	p := startServe(t, t.TempDir(), "--anonymous", "read,write", "--audit-log", log, "--keys-file", writeFile(t, dir, "keys", []byte(entry.String()+"\n")))
	hash := p.holding(t, 1)[0]

	p.byOperator(t, 1, "drain")
	if code, _, _ := httpGet(t, p.http+"readyz"); code != http.StatusOK {
		t.Errorf("it drains for who has no key: readyz answers %d", code)
	}
	for range 2 {
		if said := p.byOperator(t, 0, "drain", "--token", key); !strings.HasPrefix(said, "draining") {
			t.Errorf("drain says %q", said)
		}
	}
	if code, _, _ := httpGet(t, p.http+"readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz answers %d", code)
	}
	health, err := grpc_health_v1.NewHealthClient(dialTest(t, p.grpc)).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("gRPC's health check answers %v, %v", health, err)
	}
	if code, _ := p.download(t, hash); code != http.StatusOK {
		t.Errorf("a download answers %d", code)
	}
	p.holding(t, 2)
	for i, e := range auditLines(t, log) {
		if e.Action != "drain" || e.Who != "alice" || i > 1 {
			t.Errorf("line %d: %+v", i, e)
		}
	}
	p.byOperator(t, 0, "remove", "--token", key, hash)
	p.byOperator(t, 0, "verify", "--token", key)
}

func TestAuditLogOfABackup(t *testing.T) {
	dir := t.TempDir()
	log, copied := filepath.Join(dir, "audit.log"), filepath.Join(dir, "copy")
	p := startServe(t, t.TempDir(), "--audit-log", log)
	p.byOperator(t, 0, "backup", copied)
	p.byOperator(t, 1, "backup", copied) // it is not empty
	lines := auditLines(t, log)
	if len(lines) != 3 || lines[0].Failed != "" || lines[2].Failed == "" {
		t.Fatalf("%+v", lines)
	}
	for _, e := range lines {
		if e.Action != "backup" || e.Directory != copied {
			t.Errorf("%+v", e)
		}
	}
}

// The command drain fails at a gateway, which has no calls for operators, and at the port for the
// public. Its error says why.
func TestDrainOfOthers(t *testing.T) {
	backend := startServe(t, t.TempDir())
	if said := startGateway(t, backend).byOperator(t, 1, "drain"); !strings.Contains(said, "no AdminService") {
		t.Errorf("a gateway: %s", said)
	}
	web := strings.Trim(strings.TrimPrefix(backend.http, "http://"), "/")
	if said := backend.byOperator(t, 1, "drain", "--admin", web); !strings.Contains(said, "speaks no gRPC") {
		t.Errorf("a web port: %s", said)
	}
}
