// Package buildinfo says which build of the program is running.
package buildinfo

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Only the linker sets these variables (-X, see the Makefile). They replace the values that the
// go command records: those depend on GOFLAGS, and an archive of the sources has no version
// control.
var version, revision string

// Info is the build. Fields that the build did not record are "unknown".
type Info struct {
	Version  string // a tag such as v1.2.3, or (devel)
	Revision string // the commit, followed by -dirty if files were changed
	Go       string // the Go release
	Platform string // such as linux/amd64
}

// Read returns the running program's build, as the linker or the go command recorded it.
func Read() Info {
	info := Info{
		Version:  "unknown",
		Revision: "unknown",
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		info.add(build)
	}
	info.stamp(version, revision)
	return info
}

func (i *Info) add(build *debug.BuildInfo) {
	if build.Main.Version != "" {
		i.Version = build.Main.Version
	}
	dirty := ""
	for _, setting := range build.Settings {
		switch setting.Key {
		case "vcs.revision":
			i.Revision = setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				dirty = "-dirty"
			}
		}
	}
	if i.Revision != "unknown" {
		i.Revision += dirty
	}
}

// stamp replaces the version and the revision by those that the linker set, unless empty.
func (i *Info) stamp(version, revision string) {
	i.Version = cmp.Or(version, i.Version)
	i.Revision = cmp.Or(revision, i.Revision)
}

// String returns one line for people.
func (i Info) String() string {
	return fmt.Sprintf("torrentcache %s (revision %s, %s, %s)", i.Version, i.Revision, i.Go, i.Platform)
}
