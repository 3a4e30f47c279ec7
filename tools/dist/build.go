package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

const buildinfo = "github.com/torrentcache/torrentcache/internal/buildinfo"

// settled resets the environment variables that would change the output of the go command. An
// empty variable means its default.
var settled = []string{"GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=", "GOARM64=", "GOFIPS140=", "CGO_ENABLED=0"}

// program returns the name of the binary.
func (p platform) program() string {
	if p.os == "windows" {
		return "torrentcache.exe"
	}
	return "torrentcache"
}

func (p platform) env() []string { return append(settled, "GOOS="+p.os, "GOARCH="+p.arch) }

// build builds the static binary.
func (r *release) build(ctx context.Context, p platform) error {
	return r.goBuild(ctx, server, p.env(), r.workFile(p, p.program()))
}

// source is the place of a program in the repository.
type source struct {
	module string // folder of the module
	main   string // main package
}

// The programs. The resolver is in a module of its own.
var (
	server   = source{".", "./cmd/torrentcache"}
	resolver = source{"resolver", "./cmd/torrentcache-resolver"}
)

// goBuild builds a program. It stamps the version and turns off Go's own version control stamp,
// because a source archive has no repository.
func (r *release) goBuild(ctx context.Context, s source, env []string, to string) error {
	stamp := fmt.Sprintf("-s -w -X %s.version=%s -X %s.revision=%s", buildinfo, r.version, buildinfo, r.revision)
	_, err := run(ctx, filepath.Join(r.root, s.module), env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", stamp, "-o", to, s.main)
	return err
}

// describe builds the program for this machine and runs it to write its manual pages, completions
// and settings files.
func (r *release) describe(ctx context.Context) error {
	here := filepath.Join(r.work, "here", "torrentcache")
	if err := r.goBuild(ctx, server, append(settled, "GOOS=", "GOARCH="), here); err != nil {
		return err
	}
	date := "SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.date.Unix(), 10)
	_, err := run(ctx, r.root, []string{date}, here, "package-files", r.described())
	return err
}

// described returns the folder of the files that describe writes.
func (r *release) described() string { return filepath.Join(r.work, "described") }

// run runs a command in dir and returns its standard output. An error includes all output.
func run(ctx context.Context, dir string, env []string, command ...string) ([]byte, error) {
	var errs bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stderr = dir, &errs
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s%s", command, err, out, &errs)
	}
	return out, nil
}
