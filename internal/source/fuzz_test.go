package source

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
)

// What the standard library reads of a zip archive we read too, and equally.
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
