package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// rootFS returns the image's only layer as a tar archive.
func (r *release) rootFS(ctx context.Context, p platform) ([]byte, error) {
	var b bytes.Buffer
	t := layerWriter{tar.NewWriter(&b), r.date}
	t.folder("data", 0o700, user)
	t.folder("etc", 0o755, 0)
	t.file("etc/group", []byte(fmt.Sprintf("root:x:0:\ntorrentcache:x:%d:\n", user)), 0o644)
	t.file("etc/passwd", []byte(fmt.Sprintf("root:x:0:0::/:/\ntorrentcache:x:%d:%d::/data:/\n", user, user)), 0o644)
	t.folder("etc/ssl", 0o755, 0)
	t.folder("etc/ssl/certs", 0o755, 0)
	t.file("etc/ssl/certs/ca-certificates.crt", authorities(), 0o644)
	t.folder("licenses", 0o755, 0)
	for _, f := range []struct {
		name, from string
		mode       int64
	}{
		{"licenses/LICENSE", filepath.Join(r.root, "LICENSE"), 0o644},
		{"licenses/THIRD-PARTY-LICENSES", r.workFile(p, licencesFile), 0o644},
		{"torrentcache", r.workFile(p, p.program()), 0o755},
	} {
		data, err := os.ReadFile(f.from)
		if err != nil {
			return nil, err
		}
		t.file(f.name, data, f.mode)
	}
	if err := t.zones(ctx, r.root); err != nil {
		return nil, err
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// authorities returns the certificates that Mozilla's programs trust, in PEM. It omits those that
// are trusted under a condition, because a PEM file cannot express conditions.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // writing to memory does not fail
		}
	}
	return b.Bytes()
}

// layerWriter writes the tar archives of an image. Files belong to root. Close returns the first
// error.
type layerWriter struct {
	*tar.Writer
	date time.Time
}

func (t layerWriter) folder(name string, mode int64, owner int) {
	_ = t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, Uid: owner, Gid: owner, ModTime: t.date})
}

func (t layerWriter) file(name string, data []byte, mode int64) {
	_ = t.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(data)), ModTime: t.date})
	_, _ = t.Write(data)
}

// zones adds the time zones that the Go release contains.
func (t layerWriter) zones(ctx context.Context, dir string) error {
	goroot, err := run(ctx, dir, nil, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return err
	}
	defer archive.Close()
	t.folder("usr", 0o755, 0)
	t.folder("usr/share", 0o755, 0)
	t.folder("usr/share/zoneinfo", 0o755, 0)
	for _, f := range archive.File {
		name := "usr/share/zoneinfo/" + strings.TrimSuffix(f.Name, "/")
		if f.FileInfo().IsDir() {
			t.folder(name, 0o755, 0)
			continue
		}
		entry, err := f.Open()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(entry)
		if err != nil {
			return err
		}
		t.file(name, data, 0o644)
	}
	return nil
}
