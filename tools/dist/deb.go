package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// deb makes the Debian packages of the server and of the resolver, which packaging/nfpm.yaml and
// packaging/resolver/nfpm.yaml describe.
func (r *release) deb(ctx context.Context, p platform) error {
	if err := r.compressForDebian(p); err != nil {
		return err
	}
	if err := r.nfpm(ctx, p, "packaging/nfpm.yaml", filepath.Dir(r.workFile(p, p.program()))); err != nil {
		return err
	}
	return r.resolverDeb(ctx, p)
}

// resolverDeb makes the package of the resolver, and its bill of materials.
func (r *release) resolverDeb(ctx context.Context, p platform) error {
	built := r.workFile(p, "resolver")
	program := filepath.Join(built, "torrentcache-resolver")
	if err := r.goBuild(ctx, resolver, p.env(), program); err != nil {
		return err
	}
	licences := filepath.Join(built, licencesFile)
	if err := r.licences(ctx, resolver, p, licences); err != nil {
		return err
	}
	if err := compress(licences, licences+".gz"); err != nil {
		return err
	}
	if err := r.nfpm(ctx, p, "packaging/resolver/nfpm.yaml", built); err != nil {
		return err
	}
	return r.bom(ctx, program, fmt.Sprintf("torrentcache-resolver-%s-%s-%s", r.version, p.os, p.arch))
}

// nfpm makes the package that a description file describes, from the files in the folder built.
func (r *release) nfpm(ctx context.Context, p platform, description, built string) error {
	env := []string{
		"ARCH=" + p.arch,
		"VERSION=" + r.version,
		"BUILT=" + built,
		"DESCRIBED=" + r.described(),
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.date.Unix(), 10),
	}
	_, err := run(ctx, r.root, env, "go", "tool", "-modfile=tools/go.mod", "nfpm",
		"package", "--packager", "deb", "--config", description, "--target", r.out)
	return err
}

// compressForDebian compresses the files that Debian's policy wants compressed: manual pages, the
// change log, and the long licence text.
func (r *release) compressForDebian(p platform) error {
	licences := r.workFile(p, licencesFile)
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
	// The package puts README.md and the files of docs/ into one folder, so the links must
	// change.
	readme, err := os.ReadFile(filepath.Join(r.root, "README.md"))
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(readme), "](docs/", "](")
	return os.WriteFile(filepath.Join(r.described(), "deb", "doc", "README.md"), []byte(text), 0o644)
}

// compress writes a file as gzip, without a name or time in the header.
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
