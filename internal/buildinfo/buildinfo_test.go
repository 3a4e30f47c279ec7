package buildinfo

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestReadNamesThisGo(t *testing.T) {
	got := Read().String()
	if !strings.HasPrefix(got, "torrentcache ") || !strings.Contains(got, "go1.") || strings.Contains(got, "\n") {
		t.Errorf("got %q", got)
	}
}

func TestAdd(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.modified", Value: modified}, {Key: "vcs.revision", Value: "abc"}}
	}
	cases := []struct {
		name  string
		build debug.BuildInfo
		want  Info
	}{
		{"no record", debug.BuildInfo{}, Info{Version: "unknown", Revision: "unknown"}},
		{"tagged", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: vcs("false")}, Info{Version: "v1.2.3", Revision: "abc"}},
		{"changed files", debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: vcs("true")}, Info{Version: "(devel)", Revision: "abc-dirty"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Info{Version: "unknown", Revision: "unknown"}
			got.add(&c.build)
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestStampOfTheLinkerWins(t *testing.T) {
	recorded := Info{Version: "(devel)", Revision: "unknown"}
	stamped := recorded
	stamped.stamp("v1.2.3", "abc")
	if want := (Info{Version: "v1.2.3", Revision: "abc"}); stamped != want {
		t.Errorf("got %+v, want %+v", stamped, want)
	}
	unstamped := recorded
	unstamped.stamp("", "")
	if unstamped != recorded {
		t.Errorf("without a stamp: got %+v, want %+v", unstamped, recorded)
	}
}
