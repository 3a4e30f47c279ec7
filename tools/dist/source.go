package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// source makes the source archive for distributions. It has everything that an offline build
// needs: the modules in vendor/, and VERSION, which packaging/stamp reads.
func (r *release) source(ctx context.Context) error {
	vendor := filepath.Join(r.work, "vendor")
	if _, err := run(ctx, r.root, settled, "go", "mod", "vendor", "-o", vendor); err != nil {
		return err
	}
	listed, err := run(ctx, r.root, nil, "git", "ls-files", "-z")
	if err != nil {
		return fmt.Errorf("the sources are told apart by git, in a clone: %w", err)
	}
	top := "torrentcache-" + r.version
	f := files{}
	for name := range strings.SplitSeq(string(bytes.TrimRight(listed, "\x00")), "\x00") {
		f[path.Join(top, name)] = filepath.Join(r.root, filepath.FromSlash(name))
	}
	if err := f.add(path.Join(top, "vendor"), vendor); err != nil {
		return err
	}
	version := filepath.Join(r.work, "VERSION")
	stamp := fmt.Sprintf("%s %s %d\n", r.version, r.revision, r.date.Unix())
	if err := os.WriteFile(version, []byte(stamp), 0o644); err != nil {
		return err
	}
	f[path.Join(top, "VERSION")] = version
	return writeFile(filepath.Join(r.out, top+"-vendor.tar.gz"), func(w io.Writer) error {
		return writeTarball(w, f, r.date)
	})
}
