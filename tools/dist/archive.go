package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// files maps slash-separated names in an archive to files on disk.
type files map[string]string

// archive makes the archive of a platform and its bill of materials. The archive is a zip for
// Windows, because not every version of Windows opens other formats, and a tar.gz for the others.
func (r *release) archive(ctx context.Context, p platform) error {
	contents, err := r.contents(p)
	if err != nil {
		return err
	}
	write, extension := writeTarball, ".tar.gz"
	if p.os == "windows" {
		write, extension = writeZip, ".zip"
	}
	to := filepath.Join(r.out, r.name(p)+extension)
	if err := writeFile(to, func(w io.Writer) error { return write(w, contents, r.date) }); err != nil {
		return err
	}
	return r.bom(ctx, r.workFile(p, p.program()), r.name(p))
}

// contents returns the files of an archive: the program, the files it wrote about itself, and the
// documents.
func (r *release) contents(p platform) (files, error) {
	top := r.name(p)
	f := files{
		path.Join(top, p.program()):  r.workFile(p, p.program()),
		path.Join(top, licencesFile): r.workFile(p, licencesFile),
	}
	for _, name := range []string{"README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"} {
		f[path.Join(top, name)] = filepath.Join(r.root, name)
	}
	for name, dir := range map[string]string{
		"man":         filepath.Join(r.described(), "man"),
		"completions": filepath.Join(r.described(), "completions"),
		"docs":        filepath.Join(r.root, "docs"),
	} {
		if err := f.add(path.Join(top, name), dir); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// add adds all files below a folder, under the given name.
func (f files) add(name, dir string) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, file)
		f[path.Join(name, filepath.ToSlash(relative))] = file
		return err
	})
}

// mode returns the mode of a file in an archive: executable by all or by no one. It does not
// depend on the umask of this machine.
func mode(file string) (int64, error) {
	about, err := os.Stat(file)
	if err == nil && about.Mode()&0o100 != 0 {
		return 0o755, nil
	}
	return 0o644, err
}

func writeTarball(w io.Writer, f files, date time.Time) error {
	gz, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(gz)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		data, err := os.ReadFile(f[name])
		if err != nil {
			return err
		}
		perm, err := mode(f[name])
		if err != nil {
			return err
		}
		head := &tar.Header{Name: name, Mode: perm, Size: int64(len(data)), ModTime: date, Format: tar.FormatPAX}
		if err := tw.WriteHeader(head); err != nil {
			return err
		}
		if _, err := tw.Write(data); err != nil {
			return err
		}
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return gz.Close()
}

func writeZip(w io.Writer, f files, date time.Time) error {
	zw := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(f)) {
		data, err := os.ReadFile(f[name])
		if err != nil {
			return err
		}
		perm, err := mode(f[name])
		if err != nil {
			return err
		}
		head := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: date}
		head.SetMode(fs.FileMode(perm))
		entry, err := zw.CreateHeader(head)
		if err != nil {
			return err
		}
		if _, err := entry.Write(data); err != nil {
			return err
		}
	}
	return zw.Close()
}

// writeFile creates a file and fills it by calling write.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
