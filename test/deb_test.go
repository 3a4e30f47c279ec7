//go:build e2e

package test

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
)

const (
	stateDir  = "/var/lib/torrentcache"
	unitDir   = "/usr/lib/systemd/system/"
	settings  = "/etc/torrentcache/torrentcache.yaml"
	adminKey  = "/etc/torrentcache/admin.key"
	lowPorts  = "127.93.0.1" // an address of this machine whose ports below 1024 nobody has
	acmeName  = "cache.example"
	mostOpen  = 1.5 // exposure, by systemd-analyze security
	keptFiles = 7   // backups
)

// checkDeb works in a copy of this system. It installs the package, runs the service of its unit,
// upgrades over a store with torrents, and purges the package.
func checkDeb(t *testing.T, deb string) {
	root := copyOfThisSystem(t)
	calls := fakeSystemctl(t, root)
	said := install(t, root, deb)
	if !strings.Contains(said, "only this machine can reach it") {
		t.Errorf("the installation says %q", said)
	}
	wantCall(t, calls, "start torrentcache.service")
	wantMode(t, root, stateDir, "700 torrentcache:torrentcache")
	wantMode(t, root, "/etc/torrentcache/keys", "640 root:torrentcache")
	wantMode(t, root, adminKey, "600 root:root")
	checkUnits(t, root)
	key := inRoot(t, root, "cat", adminKey)

	s, authority := openUp(t, root)
	s.runUnit(t, root, authority)
	torrents := s.upload(t, 0, 20)
	checkPorts(t, root, s, authority)
	checkBackups(t, root, s)

	changed := inRoot(t, root, "cat", settings)
	install(t, root, newerVersion(t, deb))
	wantCall(t, calls, "restart torrentcache.service")
	if inRoot(t, root, "cat", settings) != changed || inRoot(t, root, "cat", adminKey) != key {
		t.Error("the upgrade changed the settings or the key")
	}
	s.stop(t, syscall.SIGTERM)
	s.runUnit(t, root, authority)
	s.wantTorrents(t, torrents)

	inRoot(t, root, "env", "TORRENTCACHE_ADMIN="+s.Admin, "torrentcache", "stats", "--token-file", adminKey)
	s.stop(t, syscall.SIGTERM)
	before := inRoot(t, root, "find", stateDir+"/store/segments", "-type", "f")
	said = inRoot(t, root, "dpkg", "--purge", "torrentcache")
	wantCall(t, calls, "stop torrentcache-backup.timer torrentcache.service")
	if after := inRoot(t, root, "find", stateDir+"/store/segments", "-type", "f"); after != before || before == "" {
		t.Errorf("of the files\n%spurging left\n%s", before, after)
	}
	if !strings.Contains(said, stateDir+" is kept") {
		t.Errorf("purging says %q", said)
	}
	if _, err := os.Stat(filepath.Join(root, "/etc/torrentcache")); !os.IsNotExist(err) {
		t.Errorf("/etc/torrentcache is there after purging: %v", err)
	}
}

// install installs a package, and returns the output.
func install(t *testing.T, root, deb string) string {
	t.Helper()
	run(t, "/", "cp", deb, filepath.Join(root, "tmp", "torrentcache.deb"))
	return inRoot(t, root, "env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--force-confdef", "--install", "/tmp/torrentcache.deb")
}

// fakeSystemctl makes the copy look as if systemd ran there. It returns the file that records the
// calls of systemctl.
func fakeSystemctl(t *testing.T, root string) (calls string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, "run/systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimSpace(inRoot(t, root, "sh", "-c", "command -v systemctl"))
	// The real systemctl runs the calls with --root=, which only write files. Otherwise every
	// unit is enabled and none is active.
	script := "#!/bin/sh\necho \"$*\" >>/calls\ncase $* in --root=*) exec " + path + ".real \"$@\" ;; *is-enabled*) echo enabled ;; *is-active*) exit 3 ;; esac\n"
	if err := os.WriteFile(filepath.Join(root, "tmp/systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	inRoot(t, root, "mv", path, path+".real")
	inRoot(t, root, "mv", "/tmp/systemctl", path)
	inRoot(t, root, "rm", "-f", "/usr/sbin/policy-rc.d")       // in containers it forbids to start services
	inRoot(t, root, "rm", "-f", "/var/lib/man-db/auto-update") // it would index all manual pages each time
	return filepath.Join(root, "calls")
}

func wantCall(t *testing.T, calls, want string) {
	t.Helper()
	if all := string(mustRead(t, calls)); !strings.Contains(all, want) {
		t.Errorf("systemd was not asked to %s, but\n%s", want, all)
	}
}

// checkUnits verifies the units with systemd, and checks their exposure.
func checkUnits(t *testing.T, root string) {
	units := []string{"torrentcache.service", "torrentcache-gateway.service", "torrentcache-backup.service"}
	var paths []string
	for _, unit := range units {
		paths = append(paths, unitDir+unit)
	}
	verify := []string{"sh", "-c", `systemd-analyze verify --man=no "$@" 2>&1`, "sh", unitDir + "torrentcache-backup.timer"}
	verify = append(verify, paths...)
	if said := inRoot(t, root, verify...); strings.Contains(said, "torrentcache") {
		t.Errorf("systemd-analyze verify says\n%s", said)
	}
	for i, path := range paths {
		said := inRoot(t, root, "systemd-analyze", "security", "--offline=true", "--no-pager", path)
		found := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(said)
		if found == nil {
			t.Fatalf("systemd-analyze security says\n%s", said)
		}
		if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > mostOpen {
			t.Errorf("%s: exposure %s, want at most %v\n%s", units[i], found[1], mostOpen, said)
		}
	}
	enabled := filepath.Join(root, "etc/systemd/system/multi-user.target.wants")
	for unit, want := range map[string]bool{"torrentcache.service": true, "torrentcache-gateway.service": false} {
		if _, err := os.Lstat(filepath.Join(enabled, unit)); (err == nil) != want {
			t.Errorf("%s is enabled: %v, want %v", unit, err == nil, want)
		}
	}
}

// openUp adds settings: ports below 1024, and a certificate by ACME.
func openUp(t *testing.T, root string) (*server, *certtest.ACME) {
	t.Helper()
	authority := certtest.NewACME(t, "http-01")
	authority.Addresses[acmeName] = lowPorts + ":80"
	s := &server{HTTP: lowPorts + ":80", GRPC: freeAddress(t), Admin: freeAddress(t)}
	lines := fmt.Sprintf("http-addr: %s\nhttps-addr: %s:443\ngrpc-addr: %s\nadmin-addr: %s\npublic-url: https://%s\nacme: on\nacme-directory: %s/directory\n",
		s.HTTP, lowPorts, s.GRPC, s.Admin, acmeName, authority.URL)
	file, err := os.OpenFile(filepath.Join(root, settings), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(lines); err != nil {
		t.Fatal(err)
	}
	return s, authority
}

// runUnit starts the service with the unit's user, umask, capabilities and command. Only systemd
// could apply the rest of the unit.
func (s *server) runUnit(t *testing.T, root string, authority *certtest.ACME) {
	t.Helper()
	unit := string(mustRead(t, filepath.Join(root, unitDir, "torrentcache.service")))
	value := func(name string) string {
		found := regexp.MustCompile(`(?m)^`+name+`=(.*)$`).FindAllStringSubmatch(unit, -1)
		if len(found) != 1 {
			t.Fatalf("the unit has %d lines of %s", len(found), name)
		}
		return found[0][1]
	}
	capabilities := func(name string) string {
		set := "-all"
		for c := range strings.FieldsSeq(strings.ToLower(value(name))) {
			set += ",+" + strings.TrimPrefix(c, "cap_")
		}
		return set
	}
	if err := os.WriteFile(filepath.Join(root, "etc/ssl/acme-test.pem"), authority.CA(), 0o644); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("umask %s; exec setpriv --reuid=%s --regid=%s --init-groups --no-new-privs --bounding-set=%s --inh-caps=%s --ambient-caps=%s %s",
		value("UMask"), value("User"), value("Group"), capabilities("CapabilityBoundingSet"), capabilities("AmbientCapabilities"), capabilities("AmbientCapabilities"), value("ExecStart"))
	s.launchCommand(t, exec.Command("chroot", root, "env", "SSL_CERT_FILE=/etc/ssl/acme-test.pem", "sh", "-c", script))
	s.awaitReady(t)
}

// checkPorts gets a certificate by ACME and connects by HTTPS, with the rights of the service.
func checkPorts(t *testing.T, root string, s *server, authority *certtest.ACME) {
	t.Helper()
	conn, err := tls.Dial("tcp", lowPorts+":443", &tls.Config{RootCAs: authority.Authority.Pool(), ServerName: acmeName})
	if err != nil {
		t.Errorf("HTTPS with a certificate by ACME: %v\n%s", err, s.logged())
		return
	}
	conn.Close()
	for _, dir := range []string{"store", "acme"} {
		wantMode(t, root, stateDir+"/"+dir, "700 torrentcache:torrentcache")
	}
	if said := inRoot(t, root, "find", stateDir, "-perm", "/077"); said != "" {
		t.Errorf("others can reach\n%s", said)
	}
	status, _, _ := command(t, "stats", "--admin", s.Admin)
	if status == 0 {
		t.Error("the operator's calls need no key")
	}
}

// checkBackups runs the timer's command. It makes a complete backup named after the day, and
// keeps the newest ones.
func checkBackups(t *testing.T, root string, s *server) {
	t.Helper()
	credentials := filepath.Join(root, "tmp/credentials")
	if err := os.Mkdir(credentials, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "/", "install", "-m", "0644", filepath.Join(root, adminKey), credentials) // as systemd's LoadCredential=
	backups := stateDir + "/backups"
	inRoot(t, root, "sh", "-c", "mkdir -m 0700 -p "+backups+"/unfinished/half && for d in 1 2 3 4 5 6 7 8; do mkdir "+backups+"/2026-01-0$d; done && chown -R torrentcache: "+backups)
	for range 2 { // the second backup replaces the first
		inRoot(t, root, "setpriv", "--reuid=torrentcache", "--regid=torrentcache", "--init-groups",
			"env", "KEEP="+strconv.Itoa(keptFiles), "BACKUPS="+backups, "CREDENTIALS_DIRECTORY=/tmp/credentials", "TORRENTCACHE_ADMIN="+s.Admin,
			"/usr/lib/torrentcache/backup")
	}
	names := strings.Fields(inRoot(t, root, "ls", backups))
	if len(names) != keptFiles || names[0] != "2026-01-03" {
		t.Fatalf("%v are kept, want %d", names, keptFiles)
	}
	newest := backups + "/" + names[len(names)-1]
	if said := inRoot(t, root, "torrentcache", "stats", "--data-dir", newest); !strings.Contains(said, "20") {
		t.Errorf("the backup has\n%s", said)
	}
}

// newerVersion returns the package as a newer version, with one more comment in its settings.
func newerVersion(t *testing.T, deb string) string {
	t.Helper()
	dir, newer := filepath.Join(t.TempDir(), "deb"), filepath.Join(t.TempDir(), "newer.deb")
	run(t, "/", "dpkg-deb", "--raw-extract", deb, dir)
	run(t, dir, "sed", "-i", "s/^Version: .*/Version: 1.0.0/", "DEBIAN/control")
	run(t, dir, "sed", "-i", "$ a # a newer version", "."+settings)
	run(t, "/", "dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", dir, newer)
	return newer
}
