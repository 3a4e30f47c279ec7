package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
)

// Members of a zip archive that the standard library reads have the same content when we read them.
func FuzzZip(f *testing.F) {
	members := []member{{"a.torrent", torrentOf("a")}, {"b/c.torrent", torrentOf("c")}, {"empty", ""}}
	f.Add(zipOf(zip.Deflate, members...))
	f.Add(zipOf(zip.Store, members...))
	f.Add(zipOf(zip.Store))
	f.Add(append([]byte("prepended"), zipOf(zip.Deflate, members...)...))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ours := map[string][]byte{}
		whole := true
		dirs, err := zipDirectories(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(dirs) != 1 {
			return
		}
		for entry, err := range dirs[0].entries(bytes.NewReader(b)) {
			if err != nil {
				whole = false
				break
			}
			if content, err := entry.read(bytes.NewReader(b), maxSize); err == nil {
				ours[entry.name] = content
				if len(content) > maxSize+1 {
					t.Fatalf("%d bytes", len(content))
				}
			}
		}
		theirs, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil || !whole {
			return
		}
		for _, file := range theirs.File {
			r, err := file.Open()
			if err != nil {
				continue
			}
			content, err := io.ReadAll(io.LimitReader(r, maxSize+1))
			if mine, ok := ours[file.Name]; err == nil && ok && len(theirs.File) == len(ours) && !bytes.Equal(mine, content) {
				t.Errorf("%q: %d bytes, the standard library reads %d", file.Name, len(mine), len(content))
			}
		}
	})
}

func FuzzDetect(f *testing.F) {
	tarball := tarOf(member{"a.torrent", torrentOf("a")})
	f.Add([]byte(torrentOf("a")))
	f.Add(tarball)
	f.Add(gzipOf(tarball))
	f.Add([]byte("\xfd7zXZ\x00"))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := detect(bytes.NewReader(b)); err != nil {
			t.Errorf("bytes in memory cannot fail to be read: %v", err)
		}
	})
}

// For all bytes, an archive that is read from a stream ends, and its members are those that the
// standard library reads. An archive that we take for whole the standard library reads to its end.
func FuzzTar(f *testing.F) {
	whole := tarOf(member{"a.torrent", torrentOf("a")}, member{"b/" + string(bytes.Repeat([]byte("long"), 60)), "b"})
	f.Add(whole)
	f.Add(gzipOf(whole))
	f.Add(append(bytes.Clone(whole), whole...))
	f.Add(whole[:len(whole)-2*tarBlock])
	f.Add(whole[:len(whole)-2*tarBlock-1])
	f.Add(append(bytes.Clone(whole), "junk"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := true
		var ours []string
		o := Options{MaxSize: maxSize, Problem: func(name string, _ error) { whole = whole && name != "" }}
		for file := range Tar(context.Background(), bytes.NewReader(b), o) {
			content, err := file.Load()
			if len(content) > maxSize+1 {
				t.Fatalf("%d bytes", len(content))
			}
			if err == nil {
				ours = append(ours, string(content))
			}
		}
		content, _, err := decompress(bytes.NewReader(b))
		if err != nil || !whole {
			return
		}
		defer content.Close()
		theirs := tar.NewReader(content)
		for {
			header, err := theirs.Next()
			if errors.Is(err, io.EOF) {
				return // another archive may follow
			}
			if err != nil {
				t.Fatalf("we took for whole what the standard library does not: %v", err)
			}
			if header.Typeflag != tar.TypeReg {
				continue
			}
			member, err := io.ReadAll(io.LimitReader(theirs, maxSize+1))
			if err != nil {
				continue
			}
			if len(ours) == 0 || ours[0] != string(member) {
				t.Fatalf("%q is not among what we read", header.Name)
			}
			ours = ours[1:]
		}
	})
}
