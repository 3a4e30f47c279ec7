package budget

import "testing"

func TestFewFiles(t *testing.T) {
	for name, c := range map[string]struct {
		open, asked, affordable int64
		want                    bool
	}{
		"the usual limit of a service": {524_288, 0, 100_000, false},
		"the usual limit of a shell":   {1024, 0, 100_000, true},
		"little memory as well":        {1024, 0, 700, false},
		"enough":                       {4096, 0, 100_000, false},
		"more connections asked for":   {4096, 5000, 100_000, true},
		"fewer connections asked for":  {1024, 500, 100_000, false},
	} {
		if files, few := fewFiles(c.open, c.asked, c.affordable); files != c.open || few != c.want {
			t.Errorf("%s: %d, %t", name, files, few)
		}
	}
}
