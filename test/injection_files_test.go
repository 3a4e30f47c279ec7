//go:build e2e

package test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// soon is how many files of a kind the store may create during one run of strace, which needs
// their names in advance.
const soon = 40

// files returns the paths of the files of a kind: the existing ones and those that the store may
// create soon.
func (l *ledger) files(t *testing.T, kind string) (paths []string) {
	t.Helper()
	data := l.server.DataDir
	numbered := func(pattern string, from, to int) {
		for n := from; n < to; n++ {
			paths = append(paths, filepath.Join(data, fmt.Sprintf(pattern, n)))
		}
	}
	next := l.lastNumber(t, "segments/*") + 1
	switch kind {
	case "segments":
		numbered("segments/%012d.segment", 1, next)
	case "next segments":
		numbered("segments/%012d.segment", next, next+soon)
	case "segments folder":
		paths = []string{filepath.Join(data, "segments")}
	case "tables":
		numbered("index/%06d.sst", 1, l.lastNumber(t, "index/*")+soon)
	case "manifest":
		numbered("index/MANIFEST-%06d", 1, l.lastNumber(t, "index/*")+soon)
		numbered("index/%06d.log", 1, l.lastNumber(t, "index/*")+soon)
		paths = append(paths, filepath.Join(data, "index"))
	case "mark":
		paths = []string{data, filepath.Join(data, "synced")}
	case "backup":
		paths = l.backupFiles(next)
	default:
		t.Fatalf("which files are %q?", kind)
	}
	return paths
}

// lastNumber returns the highest number in the names of files that match pattern.
func (l *ledger) lastNumber(t *testing.T, pattern string) (last int) {
	t.Helper()
	there, err := filepath.Glob(filepath.Join(l.server.DataDir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		var n int
		name := strings.TrimPrefix(filepath.Base(path), "MANIFEST-")
		if _, err := fmt.Sscanf(name, "%d", &n); err == nil {
			last = max(last, n)
		}
	}
	return last
}

// backupFiles returns the paths of the files in the next backups, with segments numbered below
// next.
func (l *ledger) backupFiles(next int) (paths []string) {
	for n := l.backups; n < l.backups+mostRounds; n++ {
		dir := filepath.Join(l.backupsDir(), fmt.Sprint(n))
		paths = append(paths, dir, filepath.Join(dir, "segments"))
		for _, name := range []string{"backup", "backup.unfinished", "synced"} {
			paths = append(paths, filepath.Join(dir, name))
		}
		for segment := range next {
			paths = append(paths, filepath.Join(dir, "segments", fmt.Sprintf("%012d.segment", segment)))
		}
	}
	return append(paths, l.backupsDir())
}

// kinds classifies files by their paths below the folder of data and backups. The first match
// counts.
var kinds = []struct {
	name string
	path *regexp.Regexp
}{
	{"segments folder", regexp.MustCompile(`^data/segments$`)},
	{"segments", regexp.MustCompile(`^data/segments/`)},
	{"tables", regexp.MustCompile(`^data/index/\d+\.sst$`)},
	{"manifest", regexp.MustCompile(`^data/index`)},
	{"mark", regexp.MustCompile(`^data`)},
	{"backup", regexp.MustCompile(`^backups`)},
}

// harmless are calls that neither read nor write the content of files.
var harmless = []string{"close", "epoll_ctl", "fadvise64", "fcntl", "fstat", "fstatfs", "newfstatat", "statfs"}

var callBegins = regexp.MustCompile(`^\d+ +(\w+)\(`)

// storeCall returns the call and the kind of file in a line of strace's log, if the file is one
// of the store or its backups.
func (l *ledger) storeCall(line string) (call, files string, ok bool) {
	begin := callBegins.FindStringSubmatch(line)
	_, path, found := strings.Cut(line, filepath.Dir(l.server.DataDir)+"/")
	if begin == nil || !found || slices.Contains(harmless, begin[1]) {
		return "", "", false
	}
	path, _, _ = strings.Cut(path, `"`)
	path, _, _ = strings.Cut(path, `>`)
	path = strings.TrimSuffix(path, " (deleted)")
	for _, kind := range kinds {
		if kind.path.MatchString(path) {
			return begin[1], kind.name, true
		}
	}
	return "", "", false
}

// TestInjectionTable checks that injections has every call that the store makes. The store writes
// the index at any time and the mark each second, so their calls are allowed in every phase.
func TestInjectionTable(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, row := range injections {
		files := strings.TrimPrefix(row.files, "next ")
		for _, call := range slices.Concat(row.reads, row.writes, row.chance) {
			known[row.phase+", "+files+": "+call] = true
			if row.phase == "serve" || slices.Contains([]string{"tables", "manifest", "mark"}, files) {
				known["any, "+files+": "+call] = true
			}
		}
	}
	l := startInjected(t)
	for name, phase := range phases {
		r := l.server.attach(t, "-e", "trace=file,desc")
		l.hits = func() int { return 0 }
		for round := range 2 {
			phase(l, t, round)
		}
		r.detach(t)
		for _, line := range r.lines(t) {
			call, files, ok := l.storeCall(line)
			if ok && !known[name+", "+files+": "+call] && !known["any, "+files+": "+call] {
				t.Errorf("no row of the table has %s, %s: %s", name, files, line)
			}
		}
		l.restart(t, syscall.SIGKILL)
		l.check(t)
		l.checkBackups(t)
	}
}
