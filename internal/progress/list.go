package progress

import (
	"io"
	"strings"
)

// StartList is [Start] for work on a list of info hashes, which Files and TotalFiles count;
// Refused are those that failed, Already those that were done before.
func StartList(out io.Writer, width func() int, counts func() Counts) *Display {
	return start(out, width, counts, listLine)
}

// listLine returns counts as one line of text.
func listLine(c Counts, r rate) string {
	var parts []string
	if c.TotalFiles > 0 {
		parts = filesLeft(c, r)
	}
	parts = append(parts, Count(c.Files, "info hash"), Number(int64(r.perSecond(r.files)))+"/s")
	if c.Refused > 0 {
		parts = append(parts, Number(c.Refused)+" failed")
	}
	if c.Already > 0 {
		parts = append(parts, Number(c.Already)+" done before")
	}
	return strings.Join(parts, ", ")
}
