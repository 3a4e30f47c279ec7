package lint_test

import (
	"bufio"
	"bytes"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/torrentcache/torrentcache"

// arrows lists, for each package or tree of packages (ending in /...), the packages of
// this module that it may import, tests not counted. Dependencies point one way: leaves
// know nothing of stores, stores nothing of RPC, front doors only the generated client
// and the leaves, and only the daemon wires.
var arrows = map[string][]string{
	"infohash":           {},
	"internal/reason":    {},
	"internal/inflate":   {},
	"internal/lint":      {},
	"internal/adminhttp": {"gen/torrentcache/v1", "internal/access", "internal/front", "internal/httpx", "internal/lifecycle", "internal/origin", "internal/reason"},
	"internal/access":    {"internal/origin", "internal/reason"},
	"internal/budget":    {"internal/config", "internal/limit", "internal/wait"},
	"internal/config":    {"internal/access", "internal/origin"},
	"internal/buildinfo": {},
	"internal/lifecycle": {"internal/wait"},
	"internal/telemetry": {"internal/outcome", "internal/reason"},
	"internal/accesslog": {"internal/outcome"},
	"internal/outcome":   {"infohash", "internal/reason"},
	"internal/httpx":     {"internal/access", "internal/origin", "internal/outcome", "internal/reason"},
	"internal/front":     {"internal/outcome", "gen/torrentcache/v1", "internal/access", "internal/httpx", "internal/limit", "internal/origin", "internal/reason"},
	"internal/wire":      {"gen/torrentcache/v1"},
	"internal/journal":   {"infohash"},
	"internal/flight":    {},
	"internal/limit":     {"internal/origin", "internal/reason", "internal/wait"},
	"internal/lists":     {"infohash"},
	"internal/mirror":    {"gen/torrentcache/v1", "infohash", "internal/flight", "internal/reason", "internal/wait", "store"},
	"internal/migrate":   {"infohash", "internal/wait", "internal/wholefile", "metainfo", "store"},
	"internal/nodes":     {"gen/torrentcache/v1", "internal/reason", "internal/wait", "internal/wire"},
	"internal/origin":    {},
	"internal/progress":  {},
	"internal/push":      {"client", "infohash", "internal/journal", "internal/lists", "internal/progress", "internal/source"},
	"internal/reload":    {},
	"internal/source":    {"internal/inflate"},
	"internal/upstream":  {"gen/torrentcache/v1", "infohash", "internal/flight", "internal/globaladdr", "internal/limit", "internal/origin", "internal/reason", "internal/wire"},
	"internal/wait":      {},
	"internal/wanted":    {"infohash", "metainfo"},
	"internal/wholefile": {},

	"internal/audit":                {"internal/access", "internal/reason"},
	"internal/deny":                 {"infohash", "internal/wait"},
	"internal/globaladdr":           {},
	"internal/certificate":          {"internal/wait"},
	"internal/certificate/certtest": {},
	"internal/front/fronttest":      {},

	"metainfo":             {"infohash"},
	"metainfo/torrenttest": {"infohash", "metainfo"},

	"store":           {"infohash"},
	"store/storetest": {"infohash", "store"},
	"store/memstore":  {"infohash", "store"},
	"store/diskstore": {"infohash", "internal/wait", "store", "store/diskstore/internal/commit", "store/diskstore/internal/files", "store/diskstore/internal/format", "store/diskstore/internal/index", "store/diskstore/internal/log", "store/diskstore/internal/recovery"},
	"store/tiered":    {"infohash", "internal/flight", "internal/wait", "store", "store/diskstore"},
	"store/s3store":   {"infohash", "internal/wait", "store", "store/s3store/internal/bucket", "store/s3store/internal/object"},

	"store/diskstore/internal/format":   {"infohash", "store"},
	"store/diskstore/internal/files":    {"store", "store/diskstore/internal/format"},
	"store/diskstore/internal/index":    {"infohash", "store", "store/diskstore/internal/files", "store/diskstore/internal/format"},
	"store/diskstore/internal/commit":   {"infohash", "store", "store/diskstore/internal/files", "store/diskstore/internal/format", "store/diskstore/internal/index", "store/diskstore/internal/log"},
	"store/diskstore/internal/log":      {"store/diskstore/internal/files", "store/diskstore/internal/format"},
	"store/diskstore/internal/recovery": {"store", "store/diskstore/internal/commit", "store/diskstore/internal/files", "store/diskstore/internal/format", "store/diskstore/internal/index", "store/diskstore/internal/log"},
	"store/s3store/internal/object":     {"infohash", "store"},
	"store/s3store/internal/bucket":     {"internal/wait", "store", "store/s3store/internal/object"},

	"proto":   {},
	"gen/...": {"gen/..."},

	"server":       {"gen/torrentcache/v1", "infohash", "internal/access", "internal/audit", "internal/deny", "internal/inflate", "internal/limit", "internal/origin", "internal/reason", "internal/upstream", "internal/wait", "internal/wanted", "internal/wire", "metainfo", "server/internal/api", "server/internal/removals", "server/rpc", "store"},
	"server/rpc":   {"gen/torrentcache/v1", "internal/access", "internal/inflate", "internal/limit", "internal/origin", "internal/reason", "internal/wire"},
	"server/admin": {"gen/torrentcache/v1", "infohash", "internal/audit", "internal/deny", "internal/reason", "metainfo", "server", "server/internal/api", "server/rpc", "store"},

	"server/internal/api":      {"infohash", "internal/reason", "store"},
	"server/internal/removals": {"gen/torrentcache/v1", "infohash", "internal/access", "internal/audit", "internal/flight", "internal/reason", "internal/wait", "server/internal/api", "store"},
	"server/servertest":        {"gen/torrentcache/v1", "infohash", "internal/access", "internal/limit", "internal/origin", "internal/reason", "server", "server/admin", "server/rpc", "store", "store/memstore"},

	"web":              {"infohash", "internal/origin", "internal/reason"},
	"gateway":          {"internal/access", "internal/outcome", "gateway/hotcache", "gen/...", "proto", "infohash", "metainfo", "internal/front", "internal/inflate", "internal/limit", "internal/reason", "internal/httpx", "internal/wanted", "internal/wire", "web"},
	"gateway/callers":  {"gen/torrentcache/v1", "internal/access", "internal/flight", "internal/httpx", "internal/reason"},
	"gateway/fastpath": {"infohash", "internal/limit", "internal/origin", "internal/wait"},
	"gateway/hotcache": {"gateway/fastpath", "gen/torrentcache/v1", "infohash", "metainfo", "internal/flight", "internal/limit", "internal/origin", "internal/reason", "internal/wait", "internal/wire"},
	"gateway/screen":   {"gen/torrentcache/v1", "infohash", "metainfo", "internal/deny", "internal/inflate", "internal/limit", "internal/origin", "internal/reason"},
	"soapcompat":       {"internal/outcome", "gen/...", "infohash", "metainfo", "internal/front", "internal/limit", "internal/origin", "internal/reason", "internal/httpx", "web"},

	"client": {"gen/torrentcache/v1", "infohash", "metainfo", "internal/inflate", "internal/reason", "internal/wait"},

	"internal/manual": {"internal/buildinfo", "internal/config"},
	"internal/stores": {"internal/telemetry", "store", "store/diskstore", "store/s3store"},
	"internal/daemon": {"..."},

	"internal/cli":           {"client", "internal/config", "internal/nodes", "internal/progress", "internal/reason", "internal/telemetry", "server", "server/rpc"},
	"internal/cli/keys":      {"internal/access", "internal/cli", "internal/wholefile"},
	"internal/cli/migration": {"gen/torrentcache/v1", "infohash", "internal/cli", "internal/config", "internal/migrate", "internal/nodes", "internal/progress", "internal/reason", "internal/stores", "store", "store/diskstore", "store/s3store"},
	"internal/cli/operator":  {"gen/torrentcache/v1", "infohash", "internal/cli", "internal/config", "internal/deny", "internal/journal", "internal/lists", "internal/manual", "internal/nodes", "internal/progress", "internal/reason", "internal/stores", "server/admin", "store", "store/diskstore"},
	"internal/cli/user":      {"client", "gen/torrentcache/v1", "infohash", "internal/cli", "internal/config", "internal/inflate", "internal/lists", "internal/manual", "internal/progress", "internal/push", "internal/reason", "internal/stores", "internal/wait", "internal/wholefile", "metainfo", "server", "store"},

	"cmd/torrentcache": {"internal/buildinfo", "internal/cli/...", "internal/config", "internal/daemon", "internal/lifecycle", "internal/manual", "internal/telemetry"},

	"bench/...": {"..."},
	"test/...":  {"..."},
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		pkg := relative(fields[0])
		allowed, ok := allowedFor(pkg)
		if !ok {
			t.Errorf("package %s is not in the list of arrows: say what it may import", pkg)
			continue
		}
		seen++
		for _, imp := range fields[1:] {
			if strings.HasPrefix(imp, module+"/") && !matchAny(allowed, relative(imp)) {
				t.Errorf("%s may not import %s", pkg, relative(imp))
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d packages seen", seen)
	}
}

func relative(pkg string) string {
	return strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
}

func allowedFor(pkg string) ([]string, bool) {
	if allowed, ok := arrows[pkg]; ok {
		return allowed, true
	}
	for dir := path.Dir(pkg); dir != "."; dir = path.Dir(dir) {
		if allowed, ok := arrows[dir+"/..."]; ok {
			return allowed, true
		}
	}
	return nil, false
}

func matchAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		tree, isTree := strings.CutSuffix(p, "...")
		return p == pkg || isTree && strings.HasPrefix(pkg+"/", tree)
	})
}
