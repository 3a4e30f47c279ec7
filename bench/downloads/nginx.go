package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// nginxConf writes a configuration that is tuned for speed, and returns its file name. It fixes
// TLS to the version and the cipher that Go prefers, as browsers do. Otherwise the load generator
// would choose a more expensive cipher.
func (b *bench) nginxConf(addr, over, nopush string) (string, error) {
	file := filepath.Join(b.dir, "nginx-"+nopush+".conf")
	user := "" // an unprivileged nginx runs as the user that started it
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	text := fmt.Sprintf(`daemon off;
%s
worker_processes 1;
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
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    root files;
    add_header Cache-Control "public, max-age=86400";
    add_header X-Content-Type-Options nosniff;
    add_header Referrer-Policy no-referrer;
    add_header Content-Disposition attachment;
  }
}
`, user, file, openFiles()/3*4, nopush, openFiles(), addr, over, b.certFile(), b.keyFile())
	return file, os.WriteFile(file, []byte(text), 0o644)
}

// openFiles returns how many files nginx may keep open: most of the process's limit.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1000
	}
	return min(limit.Max/4*3, 300_000)
}
