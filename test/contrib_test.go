//go:build e2e

package test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

const contrib = "../contrib/"

// The compose file is valid.
func TestComposeFile(t *testing.T) {
	t.Setenv("GRAFANA_PASSWORD", "x")
	said := run(t, contrib, "docker-compose", "-f", "compose.yaml", "config")
	if !strings.Contains(said, "TORRENTCACHE_ADMIN_HOSTS: torrentcache,") {
		t.Errorf("docker-compose says\n%s", said)
	}
}

// The alarms pass their unit tests.
func TestPrometheusRules(t *testing.T) {
	t.Parallel()
	run(t, contrib+"prometheus", "promtool", "test", "rules", "torrentcache.rules.test.yml")
	run(t, contrib+"prometheus", "promtool", "check", "config", "prometheus.yml")
}

// Prometheus with contrib's configuration scrapes a server with a store of its own and one over a
// bucket. It uses the names of compose.yaml. It knows every metric and label of the rules and of
// the dashboard.
func TestPrometheusScrapes(t *testing.T) {
	_, secure := secureFlags(t)
	disk := startServer(t, append(secure, "--upstream", "grpc://127.0.0.1:1", "--mirror-of", "grpc://127.0.0.1:1",
		"--admin-hosts", "torrentcache,torrentcache.localhost.example")...)
	disk.upload(t, 0, 3)
	fetch(t, "http://"+disk.HTTP+"/v1/torrents/"+strings.Repeat("AB", 20)) // for the metrics of errors
	mustFetch(t, "http://"+disk.HTTP+"/")
	bucket := startOverFakeBucket(t)
	bucket.upload(t, 0, 3)
	edge := startEdge(t, []*server{disk})
	p := startPrometheus(t, disk.Admin, bucket.Admin, edge.Admin)
	p.awaitScrapes(t, 3)

	rules := regexp.MustCompile(`(?m)^        expr: (?:\|\n((?:          .*\n)+)|(.*))`).FindAllStringSubmatch(string(mustRead(t, contrib+"prometheus/torrentcache.rules.yml")), -1)
	expressions := dashboard(t)
	if len(rules) < 10 || len(expressions) < 30 {
		t.Fatalf("%d rules and %d expressions of the dashboard found", len(rules), len(expressions))
	}
	for _, r := range rules {
		expressions = append(expressions, r[1]+r[2])
	}
	checkExpressions(t, expressions)
	for _, e := range expressions {
		p.checkLabels(t, e)
	}
}

// startOverFakeBucket starts a server over a bucket in memory, with a local cache.
func startOverFakeBucket(t *testing.T) *server {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("torrents"); err != nil {
		t.Fatal(err)
	}
	engine := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(engine.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
	s := &server{HTTP: freeAddress(t), GRPC: freeAddress(t), Admin: freeAddress(t)}
	s.start(t, []string{"serve", "--http-addr", s.HTTP, "--grpc-addr", s.GRPC, "--admin-addr", s.Admin,
		"--store", "s3://torrents/cache?endpoint=" + url.QueryEscape(engine.URL), "--local-cache-dir", t.TempDir()})
	return s
}

// dashboard returns the expressions of the dashboard with its variables replaced by values.
func dashboard(t *testing.T) []string {
	t.Helper()
	text := mustRead(t, contrib+"grafana/torrentcache.json")
	if !json.Valid(text) {
		t.Fatal("the dashboard is no JSON")
	}
	var expressions []string
	for _, m := range regexp.MustCompile(`"expr": ("(?:[^"\\]|\\.)*")`).FindAllSubmatch(text, -1) {
		var e string
		if err := json.Unmarshal(m[1], &e); err != nil {
			t.Fatal(err)
		}
		expressions = append(expressions, strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(e))
	}
	return expressions
}

// checkExpressions has promtool parse expressions.
func checkExpressions(t *testing.T, expressions []string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("groups:\n- name: all\n  rules:\n")
	for i, e := range expressions {
		quoted, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "  - {record: e%d, expr: %s}\n", i, quoted)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "/", "promtool", "check", "rules", file)
}

// prometheus is a running Prometheus.
type prometheus struct{ address string }

// startPrometheus runs Prometheus with contrib's configuration until the test ends. It replaces
// the configured targets by these.
func startPrometheus(t *testing.T, targets ...string) *prometheus {
	t.Helper()
	config := string(mustRead(t, contrib+"prometheus/prometheus.yml"))
	quoted, err := json.Marshal(targets)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(`["torrentcache:9091"]`, string(quoted), "15s", "1s").Replace(config)
	if changed == config {
		t.Fatal("the configuration has no such target")
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"prometheus.yml": []byte(changed), "torrentcache.rules.yml": mustRead(t, contrib+"prometheus/torrentcache.rules.yml")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &prometheus{freeAddress(t)}
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+p.address, "--log.level=warn")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	return p
}

// awaitScrapes waits until that many targets have been scraped.
func (p *prometheus) awaitScrapes(t *testing.T, targets int) {
	t.Helper()
	query := "http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(`up{job="torrentcache"} == 1`)
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := exec.CommandContext(t.Context(), "curl", "-sf", query).Output()
		if err == nil && strings.Count(string(out), `"instance"`) == targets {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not all targets are up: %s, %v", out, err)
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(torrentcache|process|go)_[a-z_]+\b|\bup\b`)
	matchers   = regexp.MustCompile(`\{([^}]*)\}`)
	labelName  = regexp.MustCompile(`([a-z_]+) *(?:=|!)`)
	grouping   = regexp.MustCompile(`\b(?:by|on) \(([a-z_, ]+)\)`)
)

// checkLabels checks that each metric of an expression exists and has the labels that the
// expression uses.
func (p *prometheus) checkLabels(t *testing.T, expression string) {
	t.Helper()
	there := map[string]bool{}
	names := metricName.FindAllString(matchers.ReplaceAllString(grouping.ReplaceAllString(expression, ""), ""), -1)
	if len(names) == 0 {
		t.Errorf("%s: no metric", expression)
	}
	for _, name := range names {
		var answer struct{ Data []map[string]string }
		series := mustFetch(t, "http://"+p.address+"/api/v1/series?match[]="+name)
		if err := json.Unmarshal(series, &answer); err != nil || len(answer.Data) == 0 {
			t.Errorf("%s: no server has %s (%v)", expression, name, err)
		}
		for _, labels := range answer.Data {
			for label := range labels {
				there[label] = true
			}
		}
	}
	var wanted []string
	for _, m := range matchers.FindAllStringSubmatch(expression, -1) {
		for _, label := range labelName.FindAllStringSubmatch(m[1], -1) {
			wanted = append(wanted, label[1])
		}
	}
	for _, m := range grouping.FindAllStringSubmatch(expression, -1) {
		wanted = append(wanted, strings.Split(m[1], ", ")...)
	}
	for _, label := range slices.Compact(wanted) {
		if !there[label] {
			t.Errorf("%s: no metric there has the label %s", expression, label)
		}
	}
}
