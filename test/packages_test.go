//go:build e2e

package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// allPackages names the environment variable that makes TestPackages build everything again in
// another folder and compare, and build the source archive without a network. That takes minutes.
const allPackages = "TORRENTCACHE_TEST_PACKAGES"

// stamp has the version, revision and time of the packages under test.
const (
	packagesVersion = "v0.9.0-test.1"
	stamp           = packagesVersion + " 0123456789abcdef0123456789abcdef01234567 1790000000"
)

// TestPackages makes the files of a release for this machine, and uses them as users do.
func TestPackages(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Fatal("packages are installed in a chroot, on Linux, by root")
	}
	dir := t.TempDir()
	kinds := "archive,deb,image"
	if os.Getenv(allPackages) != "" {
		kinds += ",source"
	}
	makePackages(t, "..", dir, kinds)
	t.Run("sums", func(t *testing.T) { run(t, dir, "sha256sum", "--check", "--strict", "SHA256SUMS") })
	t.Run("archive", func(t *testing.T) { checkArchive(t, dir) })
	t.Run("deb", func(t *testing.T) { checkDeb(t, only(t, dir, "torrentcache_*.deb")) })
	t.Run("resolver", func(t *testing.T) { checkResolver(t, dir) })
	t.Run("image", func(t *testing.T) { checkImage(t, only(t, dir, "*-image.tar")) })
	if os.Getenv(allPackages) != "" {
		t.Run("again", func(t *testing.T) { checkSameBytes(t, dir, kinds) })
		t.Run("source", func(t *testing.T) { checkSource(t, only(t, dir, "*-vendor.tar.gz")) })
	}
}

// makePackages makes packages of these kinds from the sources in root. Env adds to the
// environment of this process.
func makePackages(t *testing.T, root, dir, kinds string, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "-C", "tools", "run", "./dist", "-out", dir, "-kinds", kinds,
		"-platforms", "linux/"+runtime.GOARCH, "-stamp", stamp)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// only returns the one file that matches.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %v (%v), want one file", pattern, names, err)
	}
	return names[0]
}

// The archive has a static program, valid manual pages, and the required licences. The bill of
// materials names the modules in the program.
func checkArchive(t *testing.T, dir string) {
	to := t.TempDir()
	run(t, to, "tar", "xzf", only(t, dir, "*.tar.gz"))
	top := only(t, to, "torrentcache-"+packagesVersion+"-linux-"+runtime.GOARCH)
	for _, name := range []string{"README.md", "LICENSE", "completions/torrentcache.bash", "completions/_torrentcache", "completions/torrentcache.fish"} {
		if about, err := os.Stat(filepath.Join(top, name)); err != nil || about.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	program := filepath.Join(top, "torrentcache")
	if said := run(t, top, program, "version"); !strings.Contains(said, packagesVersion+" (revision 0123456789abcdef") {
		t.Errorf("it says %q", said)
	}
	if said := run(t, top, "file", "-b", program); !strings.Contains(said, "statically linked") {
		t.Errorf("the program is %s", said)
	}
	licences := string(mustRead(t, filepath.Join(top, "THIRD-PARTY-LICENSES")))
	materials := string(mustRead(t, only(t, dir, "torrentcache-"+packagesVersion+"-*.cdx.json")))
	if !json.Valid([]byte(materials)) {
		t.Error("the bill of materials is no JSON")
	}
	for line := range strings.Lines(run(t, top, "go", "version", "-m", program)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "dep" {
			if !strings.Contains(licences, "\n"+f[1]+" "+f[2]+": ") {
				t.Errorf("no licence of %s", f[1])
			}
			if !strings.Contains(materials, `"pkg:golang/`+f[1]+"@"+f[2]) {
				t.Errorf("the bill of materials lacks %s", f[1])
			}
		}
	}
	pages, err := filepath.Glob(filepath.Join(top, "man", "*.1"))
	if err != nil || len(pages) < 20 {
		t.Fatalf("%d manual pages, %v", len(pages), err)
	}
	if said := run(t, top, "mandoc", append([]string{"-T", "lint", "-W", "warning"}, pages...)...); said != "" {
		t.Errorf("mandoc finds\n%s", said)
	}
}

// The resolver has its own package, which starts no service. No other package contains it.
func checkResolver(t *testing.T, dir string) {
	deb, root := only(t, dir, "torrentcache-resolver_*.deb"), t.TempDir()
	run(t, root, "dpkg-deb", "--extract", deb, root)
	run(t, root, "dpkg-deb", "--control", deb, filepath.Join(root, "control"))
	program := filepath.Join(root, "usr/bin/torrentcache-resolver")
	if said := run(t, root, program, "--version"); !strings.Contains(said, packagesVersion) {
		t.Errorf("it says %q", said)
	}
	if said := run(t, root, "file", "-b", program); !strings.Contains(said, "statically linked") {
		t.Errorf("the program is %s", said)
	}
	licences := run(t, root, "zcat", "usr/share/doc/torrentcache-resolver/THIRD-PARTY-LICENSES.gz")
	if materials := string(mustRead(t, only(t, dir, "torrentcache-resolver-*.cdx.json"))); !strings.Contains(licences, "anacrolix/dht") || !strings.Contains(materials, "anacrolix/dht") {
		t.Error("its licences or its bill of materials lack what it contains")
	}
	if script := string(mustRead(t, filepath.Join(root, "control/postinst"))); strings.Contains(script, "enable") || strings.Contains(script, "invoke start") {
		t.Errorf("its installation starts something:\n%s", script)
	}
	if said := run(t, root, "systemd-analyze", "security", "--offline=true", "--no-pager", filepath.Join(root, "usr/lib/systemd/system/torrentcache-resolver.service")); !strings.Contains(said, "exposure level for torrentcache-resolver.service: 1.") {
		t.Errorf("systemd-analyze security says\n%s", said)
	}
	if others := run(t, dir, "dpkg-deb", "--contents", only(t, dir, "torrentcache_*.deb")); strings.Contains(others, "torrentcache-resolver") {
		t.Errorf("the server's package has\n%s", others)
	}
}

// The same sources in another folder give the same bytes.
func checkSameBytes(t *testing.T, dir, kinds string) {
	root, again := filepath.Join(t.TempDir(), "elsewhere"), t.TempDir()
	run(t, "..", "sh", "-c", `mkdir "$1" && git ls-files -z | tar -c --null -T - | tar -x -C "$1"`, "sh", root)
	if strings.Contains(kinds, "source") { // the source archive lists its files by git
		run(t, root, "git", "init", "-q")
		run(t, root, "git", "add", "-A")
	}
	makePackages(t, root, again, kinds, "GOFLAGS=-buildvcs=false -ldflags=-extldflags=x")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 6 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		a, b := mustRead(t, filepath.Join(dir, e.Name())), mustRead(t, filepath.Join(again, e.Name()))
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs: %x and %x", e.Name(), sha256.Sum256(a), sha256.Sum256(b))
		}
	}
}

// The source archive builds and installs without a network.
func checkSource(t *testing.T, archive string) {
	dir, to := t.TempDir(), t.TempDir()
	run(t, dir, "tar", "xzf", archive)
	root := only(t, dir, "torrentcache-"+packagesVersion)
	cmd := exec.Command("unshare", "--net", "make", "install", "DESTDIR="+to, "PREFIX=/usr")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=vendor", "GOMODCACHE="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if said := run(t, to, filepath.Join(to, "usr/bin/torrentcache"), "version"); !strings.Contains(said, packagesVersion) {
		t.Errorf("it says %q", said)
	}
	if _, err := os.Stat(filepath.Join(to, "usr/share/man/man1/torrentcache.1")); err != nil {
		t.Error(err)
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// wantMode checks the mode and the owner of a file, in the format "700 torrentcache:root".
func wantMode(t *testing.T, root, name, want string) {
	t.Helper()
	if got := strings.TrimSpace(inRoot(t, root, "stat", "-c", "%a %U:%G", name)); got != want {
		t.Errorf("%s is %s, want %s", name, got, want)
	}
}

// inRoot runs a command in a chroot.
func inRoot(t *testing.T, root string, command ...string) string {
	t.Helper()
	return run(t, "/", "chroot", append([]string{root}, command...)...)
}

// copyOfThisSystem returns a folder for a chroot with a copy of this system. Changes in it are
// lost when the test ends.
func copyOfThisSystem(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"changed", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(dir, "root")
	run(t, dir, "mount", "-t", "overlay", "overlay", "-o",
		fmt.Sprintf("lowerdir=/,upperdir=%s,workdir=%s", filepath.Join(dir, "changed"), filepath.Join(dir, "work")), root)
	t.Cleanup(func() { run(t, "/", "umount", "--lazy", root) })
	run(t, dir, "mount", "--bind", "/dev", filepath.Join(root, "dev"))
	run(t, dir, "mount", "-t", "proc", "proc", filepath.Join(root, "proc"))
	return root
}
