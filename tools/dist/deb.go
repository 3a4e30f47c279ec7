package main

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// deb makes the Debian package, as packaging/nfpm.yaml describes it.
func (r *release) deb(ctx context.Context, p platform) error {
	if err := r.compressForDebian(p); err != nil {
		return err
	}
	env := []string{
		"ARCH=" + p.arch,
		"VERSION=" + r.version,
		"BUILT=" + filepath.Dir(r.workFile(p, p.program())),
		"DESCRIBED=" + r.described(),
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.date.Unix(), 10),
	}
	_, err := run(ctx, r.root, env, "go", "tool", "-modfile=tools/go.mod", "nfpm",
		"package", "--packager", "deb", "--config", "packaging/nfpm.yaml", "--target", r.out)
	return err
}

// compressForDebian compresses what Debian's policy wants compressed: manual pages, the
// list of changes, and the long text of licences.
func (r *release) compressForDebian(p platform) error {
	licences := r.workFile(p, "THIRD-PARTY-LICENSES")
	to := map[string]string{
		licences:                              licences + ".gz",
		filepath.Join(r.root, "CHANGELOG.md"): filepath.Join(r.described(), "deb", "doc", "changelog.gz"),
	}
	pages, err := filepath.Glob(filepath.Join(r.described(), "man", "*.1"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		to[page] = filepath.Join(r.described(), "deb", "man1", filepath.Base(page)+".gz")
	}
	for from, compressed := range to {
		if err := compress(from, compressed); err != nil {
			return err
		}
	}
	// Links among the documents stay true: the README is one of them here.
	readme, err := os.ReadFile(filepath.Join(r.root, "README.md"))
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(readme), "](docs/", "](")
	return os.WriteFile(filepath.Join(r.described(), "deb", "doc", "README.md"), []byte(text), 0o644)
}

// compress writes a file as gzip, without its name and time.
func compress(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return writeFile(to, func(w io.Writer) error {
		gz, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := gz.Write(data); err != nil {
			return err
		}
		return gz.Close()
	})
}
