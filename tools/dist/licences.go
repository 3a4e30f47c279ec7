package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// dependency is a module that the binary contains.
type dependency struct {
	name string // with its version
	dir  string
	used []string // folders of its packages that the binary contains
}

// licenceFile matches the names of files that a distributor must include.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// licencesFile is the name of the file with the licences of a program's dependencies.
const licencesFile = "THIRD-PARTY-LICENSES"

const licencesPreface = `torrentcache has the licence in the file LICENSE. The program contains the packages below; their
licences follow.
`

// licences writes the licences of all dependencies of the binary for a platform to a file. It
// returns an error if a module has no licence.
func (r *release) licences(ctx context.Context, s source, p platform, to string) error {
	dependencies, err := r.dependencies(ctx, s, p)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(licencesPreface)
	for _, d := range dependencies {
		files, err := d.licences()
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return fmt.Errorf("%s has no licence", d.name)
		}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(d.dir, file))
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("-", 80), d.name, filepath.ToSlash(file), bytes.TrimSpace(text))
		}
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

// dependencies returns the modules in the binary besides our own, the standard library first.
func (r *release) dependencies(ctx context.Context, s source, p platform) ([]dependency, error) {
	goroot, err := run(ctx, r.root, nil, "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	const format = `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{"\t"}}{{.Dir}}{{"\t"}}{{$.Dir}}{{end}}{{end}}`
	out, err := run(ctx, filepath.Join(r.root, s.module), p.env(), "go", "list", "-deps", "-f", format, s.main)
	if err != nil {
		return nil, err
	}
	root := strings.TrimSpace(string(goroot))
	modules := map[string]*dependency{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 3 {
			continue // a package of the standard library or our own
		}
		d := modules[fields[0]]
		if d == nil {
			d = &dependency{name: fields[0], dir: fields[1]}
			modules[d.name] = d
		}
		d.used = append(d.used, fields[2])
	}
	all := []dependency{{name: "Go", dir: root, used: []string{root}}}
	for _, d := range modules {
		all = append(all, *d)
	}
	slices.SortFunc(all[1:], func(a, b dependency) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// licences returns the licence files, relative to d.dir, that cover the used packages of d: those
// in the folders of the packages and in the folders above.
func (d dependency) licences() ([]string, error) {
	folders := map[string]bool{".": true}
	for _, dir := range d.used {
		relative, err := filepath.Rel(d.dir, dir)
		if err != nil {
			return nil, err
		}
		for ; relative != "."; relative = filepath.Dir(relative) {
			folders[relative] = true
		}
	}
	var files []string
	for folder := range folders {
		entries, err := os.ReadDir(filepath.Join(d.dir, folder))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.IsDir() && licenceFile.MatchString(e.Name()) && !strings.HasSuffix(e.Name(), ".go") {
				files = append(files, filepath.Join(folder, e.Name()))
			}
		}
	}
	slices.Sort(files)
	return files, nil
}
