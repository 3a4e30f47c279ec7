package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/cli"
)

// Every command has a manual page with all its options. No file depends on the day.
func TestPackageFiles(t *testing.T) {
	dir, again := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, again} {
		if status, _, stderr := runToEnd(t, []string{"SOURCE_DATE_EPOCH=1790000000"}, "package-files", d); status != 0 {
			t.Fatal(stderr)
		}
	}
	if status, _, stderr := runToEnd(t, nil, "package-files", dir); status != 1 || !strings.Contains(stderr, "SOURCE_DATE_EPOCH") {
		t.Errorf("without a date: %d, %s", status, stderr)
	}
	commands := 0
	everyCommand(newRoot(cli.Environment{}), func(c *cobra.Command) {
		if c.Hidden {
			return
		}
		commands++
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		page := readText(t, dir, "man/"+name+".1")
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !strings.Contains(page, `\fB`+strings.ReplaceAll("--"+f.Name, "-", `\-`)+`\fR`) {
				t.Errorf("%s(1) does not have --%s", name, f.Name)
			}
		})
	})
	pages, err := filepath.Glob(filepath.Join(dir, "man", "*.1"))
	if err != nil || len(pages) != commands {
		t.Errorf("%d manual pages of %d commands (%v)", len(pages), commands, err)
	}
	for _, name := range []string{"man/torrentcache.1", "man/torrentcache-serve.1", "etc/torrentcache.yaml", "completions/torrentcache.bash"} {
		if readText(t, dir, name) != readText(t, again, name) {
			t.Errorf("%s differs from one run to the next", name)
		}
	}
}

// The files of settings have every setting. Unchanged they give the settings of the packages, and
// with all settings uncommented they give the defaults.
func TestPackagedSettings(t *testing.T) {
	dir := t.TempDir()
	keys := writeFile(t, dir, "keys", nil)
	if status, _, stderr := runToEnd(t, []string{"SOURCE_DATE_EPOCH=1790000000"}, "package-files", dir); status != 0 {
		t.Fatal(stderr)
	}
	line := regexp.MustCompile(`(?m)^([a-z-]+): (.*)$`)
	for command, file := range map[string]string{"serve": "torrentcache.yaml", "gateway": "gateway.yaml"} {
		text := readText(t, dir, "etc/"+file)
		set := line.FindAllStringSubmatch(text, -1)
		if len(set) == 0 {
			t.Errorf("%s sets nothing", file)
		}
		var more []string
		if command == "gateway" {
			more = []string{"--backend", "127.0.0.1:1"}
		}
		shown := func(text string) string {
			t.Helper()
			text = strings.ReplaceAll(text, "/etc/torrentcache/keys", keys)
			changed := writeFile(t, dir, file, []byte(text))
			status, stdout, stderr := runToEnd(t, nil, append([]string{"config", command, "--config", changed}, more...)...)
			if status != 0 {
				t.Fatalf("%s: %s", file, stderr)
			}
			return stdout
		}
		packaged := shown(text)
		for _, setting := range set {
			name, value := setting[1], strings.ReplaceAll(setting[2], "/etc/torrentcache/keys", keys)
			if !strings.Contains(packaged, "\n"+name+": "+value+" #") && !strings.HasPrefix(packaged, name+": "+value+" #") {
				t.Errorf("%s has no %s: %s:\n%s", file, name, value, packaged)
			}
		}
		uncommented := regexp.MustCompile(`(?m)^#([a-z-]+: )`).ReplaceAllString(text, "$1")
		uncommented = strings.ReplaceAll(uncommented, "backend: \"\"\n", "")
		full := shown(uncommented)
		if defaults := strings.Count(full, "# default\n"); defaults > 0 {
			t.Errorf("%s leaves %d settings out:\n%s", file, defaults, full)
		}
	}
}

func readText(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
