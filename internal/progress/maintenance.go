package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// StartMaintenance is [Start] for work on a store: verifying it, where Files and
// TotalFiles count torrents and Refused the damaged ones, or copying it.
func StartMaintenance(out io.Writer, width func() int, counts func() Counts) *Display {
	return start(out, width, counts, maintenanceLine)
}

// maintenanceLine returns counts as one line of text.
func maintenanceLine(c Counts, r rate) string {
	var parts []string
	if c.TotalFiles > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s torrents", Number(min(c.Files, c.TotalFiles)), Number(c.TotalFiles)))
	}
	parts = append(parts, fmt.Sprintf("%s (%s/s)", Bytes(c.Bytes), Bytes(int64(r.perSecond(r.bytes)))))
	if c.Refused > 0 {
		parts = append(parts, Number(c.Refused)+" damaged")
	}
	if c.Unreadable > 0 {
		parts = append(parts, Number(c.Unreadable)+" unreadable")
	}
	if c.TotalFiles > 0 {
		parts = append(parts, filesLeft(c, r)...)
	}
	return strings.Join(append(parts, left(c, r)...), ", ")
}

// filesLeft is left where the bytes to come are not known.
func filesLeft(c Counts, r rate) []string {
	speed := r.perSecond(r.files)
	if speed <= 0 {
		return nil
	}
	done := min(c.Files, c.TotalFiles)
	rest := time.Duration(float64(c.TotalFiles-done) / speed * float64(time.Second))
	return []string{fmt.Sprintf("%d %%", done*100/c.TotalFiles), rest.Round(time.Second).String() + " left"}
}
