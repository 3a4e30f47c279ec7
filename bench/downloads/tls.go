package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// certificate writes a certificate for 127.0.0.1 that all servers use, and its key.
func (b *bench) certificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(b.certFile(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o644),
		os.WriteFile(b.keyFile(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

func (b *bench) certFile() string { return filepath.Join(b.dir, "cert.pem") }
func (b *bench) keyFile() string  { return filepath.Join(b.dir, "key.pem") }

var (
	finished  = regexp.MustCompile(`finished in ([0-9.]+)(s|ms)`)
	succeeded = regexp.MustCompile(`(\d+) succeeded, (\d+) failed`)
)

// loadTLS runs h2load once against the server at addr, by HTTP/1.1 or HTTP/2.
func (b *bench) loadTLS(r row, addr string, took time.Duration) (int, time.Duration, error) {
	args := []string{"-c", "1", "h2load", "-t", "1", "-c", strconv.Itoa(b.clients), "-D", strconv.Itoa(max(1, int(took.Seconds())))}
	if r.over == "HTTP/1.1" {
		args = append(args, "--h1")
	}
	args = append(args, "https://"+addr+"/torrent/"+b.sets[r.set][0]+".torrent")
	out, err := exec.Command("taskset", args...).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("h2load: %w: %s", err, out)
	}
	spent, good := finished.FindSubmatch(out), succeeded.FindSubmatch(out)
	if spent == nil || good == nil || string(good[1]) == "0" || string(good[2]) != "0" {
		return 0, 0, fmt.Errorf("h2load said %s", out)
	}
	n, err := strconv.Atoi(string(good[1]))
	if err != nil {
		return 0, 0, err
	}
	d, err := time.ParseDuration(string(spent[1]) + string(spent[2]))
	return n, d, err
}
