package lint_test

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// arrow is a line of the drawing that says what a room imports.
var arrow = regexp.MustCompile(`(?m)^ *(\w+) --> (\w+(?: & \w+)*)$`)

// The drawing in docs/architecture.md shows the imports between the rooms that stand in it:
// all of them, and no others.
func TestDrawingShowsTheImports(t *testing.T) {
	drawn := map[string][]string{}
	rooms := map[string]bool{}
	for _, m := range arrow.FindAllStringSubmatch(drawing(t), -1) {
		drawn[m[1]] = strings.Split(m[2], " & ")
		rooms[m[1]] = true
		for _, to := range drawn[m[1]] {
			rooms[to] = true
		}
	}
	if len(rooms) < 10 {
		t.Fatalf("the drawing has the rooms %v only", slices.Sorted(maps.Keys(rooms)))
	}
	imported := importsBetween(t, rooms)
	for room := range rooms {
		slices.Sort(drawn[room])
		if !slices.Equal(drawn[room], imported[room]) {
			t.Errorf("%s is drawn with arrows to %v, and imports %v", room, drawn[room], imported[room])
		}
	}
}

// drawing returns the first drawing of docs/architecture.md.
func drawing(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```mermaid\n")
	inner, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("docs/architecture.md has no drawing")
	}
	return inner
}

// importsBetween returns which of rooms each room imports, sorted.
func importsBetween(t *testing.T, rooms map[string]bool) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		from := roomOf(fields[0])
		for _, path := range fields[1:] {
			to := roomOf(path)
			if rooms[from] && rooms[to] && from != to && !slices.Contains(imports[from], to) {
				imports[from] = append(imports[from], to)
			}
		}
	}
	for room := range imports {
		slices.Sort(imports[room])
	}
	return imports
}

// roomOf returns the room of a package of this module: the first part of its path, or
// the part that follows internal; "" for other packages.
func roomOf(pkg string) string {
	path, ours := strings.CutPrefix(pkg, module+"/")
	if !ours {
		return ""
	}
	path = strings.TrimPrefix(path, "internal/")
	room, _, _ := strings.Cut(path, "/")
	return room
}
