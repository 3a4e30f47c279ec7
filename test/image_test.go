//go:build e2e

package test

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// checkImage unpacks the image, and runs the image's command in it as the image's user.
func checkImage(t *testing.T, image string) {
	layout, bundle := t.TempDir(), filepath.Join(t.TempDir(), "bundle")
	run(t, layout, "tar", "xf", image)
	run(t, layout, "umoci", "unpack", "--image", layout+":"+packagesVersion, bundle)
	var config struct {
		Process struct {
			User      struct{ UID, GID int }
			Args, Env []string
			Cwd       string
		}
	}
	if err := json.Unmarshal(mustRead(t, filepath.Join(bundle, "config.json")), &config); err != nil {
		t.Fatal(err)
	}
	process, root := config.Process, filepath.Join(bundle, "rootfs")
	if process.User.UID != 65532 || process.User.GID != 65532 || process.Cwd != "/data" {
		t.Errorf("it runs as %+v in %s", process.User, process.Cwd)
	}
	about, err := os.Stat(filepath.Join(root, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := about.Sys().(*syscall.Stat_t); owner.Uid != 65532 || about.Mode().Perm() != 0o700 {
		t.Errorf("/data belongs to %d, mode %o", owner.Uid, about.Mode().Perm())
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(mustRead(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))) {
		t.Error("no certificate authorities")
	}

	s := &server{HTTP: freeAddress(t), GRPC: freeAddress(t), Admin: freeAddress(t)}
	env := append(process.Env, "TORRENTCACHE_HTTP_ADDR="+s.HTTP, "TORRENTCACHE_GRPC_ADDR="+s.GRPC, "TORRENTCACHE_ADMIN_ADDR="+s.Admin,
		"TORRENTCACHE_ADMIN="+s.Admin, "TZ=Asia/Kathmandu") // no other zone has its offset
	// in returns a command that runs in the container as `docker exec` would run it.
	in := func(args ...string) *exec.Cmd {
		uid := strconv.Itoa(process.User.UID)
		cmd := exec.Command("chroot", append([]string{"--userspec=" + uid + ":" + uid, "--groups=", root}, args...)...)
		cmd.Env = env
		return cmd
	}
	if out, err := in("/torrentcache", "health").CombinedOutput(); err == nil {
		t.Errorf("health before it runs: %s", out)
	}
	s.launchCommand(t, in(process.Args...))
	s.awaitReady(t)
	torrents := s.upload(t, 0, 5)
	s.wantTorrents(t, torrents)
	for _, args := range [][]string{{"health"}, {"stats"}, {"remove", anyOf(torrents)}} {
		if out, err := in(append([]string{"/torrentcache"}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	s.stopInOrder(t)
	if !strings.Contains(s.logged(), "+05:45") {
		t.Errorf("the log has another time zone\n%s", s.logged())
	}
	if _, err := os.Stat(filepath.Join(root, "data/segments")); err != nil {
		t.Error(err)
	}
}
