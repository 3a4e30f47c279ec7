package access_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/access"
)

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParse(t *testing.T) {
	text := `# who may do what
site   read,write  sha256:` + digest + `

site	write	sha256:ff` + digest[:62] + "\r\n" + `  office write address:192.0.2.0/24
desk admin address:::ffff:192.0.2.7
edge.1@example read,sync certificate:Edge1.example.org`
	entries, err := access.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.String())
	}
	want := []string{
		"site read,write sha256:" + digest,
		"site write sha256:ff" + digest[:62],
		"office write address:192.0.2.0/24",
		"desk admin address:192.0.2.7/32",
		"edge.1@example read,sync certificate:edge1.example.org",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	good := "a read sha256:" + digest + "\n"
	for _, c := range []struct{ text, says string }{
		{good + "b read", "line 2: 2 fields"},
		{good + "b read sha256:" + digest + " more", "line 2: 4 fields"},
		{good + "\n# c\n" + strings.Replace(good, "a", "b", 1), "line 4: the same key, network or certificate as on line 1"},
		{"a read sha256:" + digest[2:], "line 1: sha256: want 64 hex digits"},
		{"a read sha256:" + digest[1:] + "x", "64 hex digits"},
		{"a read sha256:" + strings.Repeat("0", 64), "64 hex digits"},
		{"a reed sha256:" + digest, `"reed" is no role`},
		{"a read, sha256:" + digest, "a role is missing"},
		{"a read,read sha256:" + digest, "role read stands twice"},
		{"a none sha256:" + digest, "no roles"},
		{"a/b read sha256:" + digest, `name "a/b"`},
		{"anonymous read sha256:" + digest, "not anonymous"},
		{strings.Repeat("a", 65) + " read sha256:" + digest, "1 to 64 letters"},
		{"a read address:10.0.0.1/8", "want 10.0.0.0/8"},
		{"a read address:here", "is no network"},
		{"a read address:fe80::1%eth0", "is no network"},
		{"a read address:::ffff:10.0.0.0/104", "is no network"},
		{"a read address:none", "want one network"},
		{"a read address:10.0.0.0/8,11.0.0.0/8", "want one network"},
		{"a read certificate:", "the third field"},
		{"a read tc_secret", "the third field"},
		{good + strings.Repeat("x", 5000), "line 2: longer than 4096 bytes"},
	} {
		_, err := access.Parse(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.80q: %v, want %q", c.text, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("a key that stands in the file by mistake gets into the error: %v", err)
		}
	}
}

func TestParseFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys")
	if _, err := access.ParseFile(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(name, []byte("a b c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := access.ParseFile(name); err == nil || !strings.HasPrefix(err.Error(), name+": line 1: ") {
		t.Errorf("a bad file: %v", err)
	}
}

// The file that the guide shows is one.
func TestDocumentedFile(t *testing.T) {
	guide, err := os.ReadFile("../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(guide), "```") {
		if i%2 == 1 && strings.Contains(block, "sha256:") {
			entries, err := access.Parse(strings.NewReader(block))
			if err != nil || len(entries) != 4 {
				t.Errorf("%v, %v", entries, err)
			}
			return
		}
	}
	t.Error("the guide shows no file")
}

func TestNewKey(t *testing.T) {
	a, b := access.NewKey(), access.NewKey()
	if a == b || len(a) != len("tc_")+32 || !strings.HasPrefix(a, "tc_") || strings.Trim(a[3:], "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("%q, %q", a, b)
	}
}

func TestRolesText(t *testing.T) {
	for text, want := range map[string]access.Roles{
		"none": 0, "read": access.Read, "admin,read": access.Read | access.Admin,
		"read,write,sync,admin": access.Read | access.Write | access.Sync | access.Admin,
	} {
		got, err := access.ParseRoles(text)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
		if again, err := access.ParseRoles(got.String()); err != nil || again != want {
			t.Errorf("%s: %s, %v", got, again, err)
		}
	}
	for _, text := range []string{"", ",", "Read", "read write", "none,read"} {
		if got, err := access.ParseRoles(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// Parsed entries are written as they are parsed, and none names anybody without a role.
func FuzzParse(f *testing.F) {
	f.Add("site read,write sha256:" + digest + "\n# x\noffice write address:192.0.2.0/24\n")
	f.Add("edge sync certificate:Edge\r\n\r\nb admin address:2001:db8::1")
	f.Add("a none sha256:")
	f.Add("a read address:0.0.0.0/0 \x00")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := access.Parse(strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("no line in %q", err)
			}
			return
		}
		var lines []string
		for _, e := range entries {
			if e.Roles == 0 || access.CheckName(e.Name) != nil {
				t.Errorf("entry %+v", e)
			}
			lines = append(lines, e.String())
		}
		again, err := access.Parse(strings.NewReader(strings.Join(lines, "\n")))
		if err != nil || !slices.Equal(again, entries) {
			t.Errorf("%q is read back as %v, %v", lines, again, err)
		}
	})
}
