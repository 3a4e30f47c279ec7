package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// bench is a measurement under way. Servers run from one row to the next as
// long as the next needs the same.
type bench struct {
	options
	binary  string
	sets    map[set][]string // the hashes of what is in the servers
	running map[string]*server
	held    bool // what the servers read is locked in memory, by holders
	holders []*side.Process
}

type server struct {
	*side.Process
	name  string
	addr  string // without TLS
	over  string // address with TLS
	setup string // how it was started
}

func newBench(o options) (*bench, error) {
	b := &bench{options: o, sets: map[set][]string{}, running: map[string]*server{}}
	b.binary = filepath.Join(o.dir, "torrentcache")
	build := exec.Command("go", "build", "-trimpath", "-o", b.binary, "./cmd/torrentcache")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	return b, errors.Join(b.certificate(), os.WriteFile(filepath.Join(o.dir, "wrk.lua"), []byte(script), 0o644))
}

func (b *bench) stop() {
	for _, s := range b.running {
		s.Stop()
	}
	for _, p := range b.holders {
		p.Stop()
	}
}

// targets starts what r measures and warms it up.
func (b *bench) targets(r row) ([]side.Target, error) {
	servers, err := b.servers(r)
	if err != nil {
		return nil, err
	}
	if err := b.fill(r.set, servers[0].addr); err != nil {
		return nil, err
	}
	if err := b.writePaths(r, b.sets[r.set]); err != nil {
		return nil, err
	}
	if r.cache > 0 {
		if err := b.hold(); err != nil {
			return nil, err
		}
	}
	return b.loads(r, servers)
}

// servers starts what r measures: torrentcache, its peers, and the standard
// library's file server.
func (b *bench) servers(r row) ([]*server, error) {
	cores, workers := "0", 1
	if r.twoCores {
		cores, workers = "0,1", 2
	}
	cache := r.cache
	if cache == 0 {
		cache = 4 << 30
	}
	product, err := b.ensure("torrentcache", cores, fmt.Sprint(cache), func(addr, over string) []string {
		return []string{b.binary, "serve", "--http-addr", addr, "--https-addr", over, "--tls-cert", b.certFile(), "--tls-key", b.keyFile(), "--grpc-addr", "off", "--admin-addr", "off",
			"--data-dir", filepath.Join(b.dir, "store"), "--cache-size", strconv.FormatInt(cache, 10)}
	})
	if err != nil {
		return nil, err
	}
	servers := []*server{product}
	for _, nopush := range []string{"off", "on"} {
		s, err := b.ensure("nginx, tcp_nopush "+nopush, cores, fmt.Sprint(workers), func(addr, over string) []string {
			return []string{"nginx", "-p", b.dir, "-c", b.nginxConf(addr, over, nopush, workers)}
		})
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	files, err := b.ensure("net-http files", cores, "", func(addr, over string) []string {
		return []string{self, "fileserver", addr, over, filepath.Join(b.dir, "files"), b.certFile(), b.keyFile()}
	})
	return append(servers, files), err
}

// loads returns the servers as targets, each of them warm.
func (b *bench) loads(r row, servers []*server) ([]side.Target, error) {
	var targets []side.Target
	for _, s := range servers {
		if err := b.warm(r, s); err != nil {
			return nil, err
		}
		targets = append(targets, side.Target{Process: s.Process, Name: s.name, Run: func() (int, time.Duration, error) { return b.run(r, s, b.time) }})
	}
	return targets, nil
}

// warm asks s for all that r asks for, twice: the first time it is read from the
// disk, the second time its answer is made ready.
func (b *bench) warm(r row, s *server) error {
	for asked := 0; asked <= 2*r.files; {
		n, _, err := b.run(r, s, 2*time.Second)
		if err != nil {
			return fmt.Errorf("warming up %s: %w", s.name, err)
		}
		asked += n
	}
	return nil
}

// run loads s once.
func (b *bench) run(r row, s *server, took time.Duration) (int, time.Duration, error) {
	if r.over != "" {
		return b.loadTLS(r, s.over, took)
	}
	return b.load(r, s.addr, took)
}

// ensure returns the server of that name, started in that way on these cores.
func (b *bench) ensure(name, cores, setup string, args func(addr, over string) []string) (*server, error) {
	setup = cores + " " + setup
	if s := b.running[name]; s != nil {
		if s.setup == setup {
			return s, nil
		}
		s.Stop()
		delete(b.running, name)
	}
	addr, err := side.FreeAddress()
	if err != nil {
		return nil, err
	}
	over, err := side.FreeAddress()
	if err != nil {
		return nil, err
	}
	log := filepath.Join(b.dir, name+".log")
	p, err := side.Start(cores, log, args(addr, over)...)
	if err != nil {
		return nil, err
	}
	s := &server{Process: p, name: name, addr: addr, over: over, setup: setup}
	b.running[name] = s
	if err := side.Await(addr); err != nil {
		return nil, fmt.Errorf("%s does not come up: %w; see %s", name, err, log)
	}
	return s, nil
}

// nginxConf writes a configuration as an operator who wants speed would, and
// returns its file's name.
func (b *bench) nginxConf(addr, over, nopush string, workers int) string {
	file := filepath.Join(b.dir, "nginx-"+nopush+".conf")
	user := "" // without rights nginx runs as who started it
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	text := fmt.Sprintf(`daemon off;
%s
worker_processes %d;
pid %s.pid;
error_log stderr error;
worker_rlimit_nofile %d;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush %s;
  keepalive_requests 1000000000;
  open_file_cache max=%d inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_errors on;
  types { application/x-bittorrent torrent; }
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server {
    listen %s;
    listen %s ssl http2;
    ssl_certificate %s;
    ssl_certificate_key %s;
    http2_max_requests 1000000000;
    root files;
    add_header Cache-Control "public, max-age=86400";
    add_header X-Content-Type-Options nosniff;
    add_header Referrer-Policy no-referrer;
    add_header Content-Disposition attachment;
  }
}
`, user, workers, file, openFiles()/3*4, nopush, openFiles(), addr, over, b.certFile(), b.keyFile())
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		panic(err) // the folder is ours and was just written to
	}
	return file
}

// openFiles returns how many files nginx may keep open: most of those that a
// process may have.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1000
	}
	return min(limit.Max/4*3, 300_000)
}

// fileServer serves dir by net/http, without TLS at addr and with it at over.
func fileServer(addr, over, dir, cert, key string) error {
	s := &http.Server{Addr: addr, Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: time.Minute}
	tls := &http.Server{Addr: over, Handler: s.Handler, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 2)
	go func() { ended <- s.ListenAndServe() }()
	go func() { ended <- tls.ListenAndServeTLS(cert, key) }()
	return <-ended
}
