// Command dist makes the files of a release in the folder of -out: for each platform an archive
// and a bill of materials; for Linux also a Debian package and an OCI image; the sources with all
// that a build needs; and SHA256SUMS of these files. `make dist` calls it.
//
// It needs the sources, Go and the module proxy. Builds are reproducible: the same sources and
// the same Go release give the same bytes. The output does not depend on the clock, the folder,
// the user or the environment.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := dist(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// release is the release that one run makes.
type release struct {
	root     string // of the sources
	out      string
	work     string // for intermediate files; removed at the end
	version  string // such as v1.2.3
	revision string
	date     time.Time // of the sources
	kinds    []string  // kinds of files to make, from kindsOf
}

// platform is an operating system and an architecture.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// kindsOf are the values of -kinds.
var kindsOf = []string{"archive", "deb", "image", "source"}

func dist(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	out := flags.String("out", "dist", "`folder` for the release, made anew")
	platforms := flags.String("platforms", "linux/amd64,linux/arm64,darwin/arm64,windows/amd64", "`list` of what to build for")
	kinds := flags.String("kinds", strings.Join(kindsOf, ","), "`list` of what to make")
	stamp := flags.String("stamp", "", "version, revision and time in seconds, as packaging/stamp prints them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r, err := newRelease(*out, *stamp, strings.Split(*kinds, ","))
	if err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if slices.Contains(r.kinds, "source") {
		if err := r.source(ctx); err != nil {
			return err
		}
	}
	if slices.Equal(r.kinds, []string{"source"}) {
		return r.sums()
	}
	if err := r.describe(ctx); err != nil {
		return err
	}
	for name := range strings.SplitSeq(*platforms, ",") {
		goos, arch, ok := strings.Cut(name, "/")
		if !ok {
			return fmt.Errorf("-platforms %q: want OS/ARCHITECTURE", name)
		}
		if err := r.makeFor(ctx, platform{goos, arch}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return r.sums()
}

func newRelease(out, stamp string, kinds []string) (*release, error) {
	for _, k := range kinds {
		if !slices.Contains(kindsOf, k) {
			return nil, fmt.Errorf("-kinds %q: want some of %s", k, strings.Join(kindsOf, ", "))
		}
	}
	fields := strings.Fields(stamp)
	if len(fields) != 3 {
		return nil, fmt.Errorf("-stamp %q: want VERSION REVISION SECONDS", stamp)
	}
	seconds, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("-stamp %q: %w", stamp, err)
	}
	r := &release{version: fields[0], revision: fields[1], date: time.Unix(seconds, 0).UTC(), kinds: kinds}
	if r.root, err = filepath.Abs(".."); err != nil { // the program runs in tools/
		return nil, err
	}
	if r.out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(r.out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return nil, err
	}
	r.work, err = os.MkdirTemp("", "torrentcache-dist")
	return r, err
}

// makeFor makes the files of a platform.
func (r *release) makeFor(ctx context.Context, p platform) error {
	if err := r.build(ctx, p); err != nil {
		return err
	}
	if err := r.licences(ctx, server, p, r.workFile(p, licencesFile)); err != nil {
		return err
	}
	steps := map[string]func(context.Context, platform) error{"archive": r.archive}
	if p.os == "linux" {
		steps["deb"], steps["image"] = r.deb, r.image
	}
	for _, kind := range r.kinds {
		if step := steps[kind]; step != nil {
			if err := step(ctx, p); err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
		}
	}
	return nil
}

// name returns the common beginning of the names of a platform's files.
func (r *release) name(p platform) string {
	return fmt.Sprintf("torrentcache-%s-%s-%s", r.version, p.os, p.arch)
}

// workFile returns the path of a platform's file in the working folder.
func (r *release) workFile(p platform, name string) string {
	return filepath.Join(r.work, p.os+"-"+p.arch, name)
}
