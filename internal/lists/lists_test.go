package lists

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	hash  = "C12FE1C06BBA254A9DC9F519B335AA7C1367A88A"
	other = "ABABABABABABABABABABABABABABABABABABABAB"
)

func TestParseID(t *testing.T) {
	for _, text := range []string{
		hash, strings.ToLower(hash), hash + UnreadableMark, "urn:btih:" + hash, hash + ".torrent",
		"magnet:?xt=urn:btih:" + hash, "https://example.org/torrent/" + hash + ".torrent",
	} {
		if id, err := ParseID(text); err != nil || id.String() != hash {
			t.Errorf("%q: %s, %v", text, id, err)
		}
	}
	for _, text := range []string{"", "what", hash + " damaged", hash[1:]} {
		if id, err := ParseID(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %s, %v", text, id, err)
		}
	}
}

func TestSomeLines(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		end  byte
		want []string
	}{
		"lines":              {"a\nb\r\n\n c \n", '\n', []string{"a", "b", " c "}},
		"no end":             {"a\nb", '\n', []string{"a", "b"}},
		"NUL":                {"a\nb\x00c\r\x00", 0, []string{"a\nb", "c\r"}},
		"a mark before them": {"\ufeffa\n", '\n', []string{"a"}},
		"UTF-16":             {"\xff\xfea\x00\n\x00b\x00", '\n', []string{"a", "b"}},
	} {
		var failed error
		got := slices.Collect(SomeLines(strings.NewReader(c.in), c.end, &failed))
		if failed != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", name, got, failed)
		}
	}
}

func TestLinesThatCannotBeRead(t *testing.T) {
	long := strings.Repeat("x", maxLine+1)
	for name, c := range map[string]struct {
		in   io.Reader
		want string // of the error
		some []string
	}{
		"nothing":         {strings.NewReader(""), "standard input is empty", nil},
		"empty lines":     {strings.NewReader("\n\r\n"), "standard input is empty", nil},
		"a long line":     {strings.NewReader("a\n\n" + long + "\nb\n"), "standard input: line 3 is longer than 1 MiB", []string{"a"}},
		"a broken reader": {io.MultiReader(strings.NewReader("some\nmore"), iotest.ErrReader(errors.New("the disk"))), "the disk", []string{"some", "more"}},
	} {
		var failed error
		got := slices.Collect(SomeLines(c.in, '\n', &failed))
		if failed == nil || !strings.Contains(failed.Error(), c.want) || !slices.Equal(got, c.some) {
			t.Errorf("%s: %q, %v", name, got, failed)
		}
	}
}

// A long line that is no longer than it may be is one.
func TestTheLongestLine(t *testing.T) {
	var failed error
	got := slices.Collect(SomeLines(strings.NewReader(strings.Repeat("x", maxLine-1)+"\nb\n"), '\n', &failed))
	if failed != nil || len(got) != 2 {
		t.Errorf("%d lines, %v", len(got), failed)
	}
}

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "list.txt")
	if err := os.WriteFile(list, []byte("# a comment\n\n  "+hash+" \nwhat\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var failed error
	got := slices.Collect(Expand([]string{other, list, "-", "absent.txt"}, strings.NewReader(other+"\n"), &failed))
	if want := []string{other, hash, "what", other, "absent.txt"}; failed != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, failed)
	}
	t.Chdir(dir)
	if err := os.WriteFile(hash, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := slices.Collect(Expand([]string{hash}, nil, &failed)); failed != nil || !slices.Equal(got, []string{hash}) {
		t.Errorf("an info hash is taken for a file: %q, %v", got, failed)
	}
	if err := os.WriteFile(list, []byte(strings.Repeat("x", maxLine+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	none := slices.Collect(Expand([]string{list}, nil, &failed))
	if len(none) > 0 || failed == nil || !strings.HasPrefix(failed.Error(), list+": line 1 is longer") {
		t.Errorf("a file that is no list: %v", failed)
	}
	failed = nil
	if none := slices.Collect(Expand([]string{dir}, nil, &failed)); len(none) > 0 || failed == nil {
		t.Error("a folder is taken for a list")
	}
}

func TestExpandStdin(t *testing.T) {
	var failed error
	got := slices.Collect(ExpandStdin([]string{"a", "-", "b"}, strings.NewReader("# x\ny\n"), '\n', &failed))
	if want := []string{"a", "# x", "y", "b"}; failed != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, failed)
	}
	for range ExpandStdin([]string{"a", "b"}, nil, '\n', &failed) {
		break // names that are not wanted are not read
	}
}
