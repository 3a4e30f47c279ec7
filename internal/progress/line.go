package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// rate is the work done lately, and the time that it took.
type rate struct {
	files, bytes int64
	over         time.Duration
}

// perSecond returns n per second; 0 if the time is too short to tell.
func (r rate) perSecond(n int64) float64 {
	if r.over < time.Millisecond {
		return 0
	}
	return float64(n) / r.over.Seconds()
}

// Line returns counts as one line of text. The most useful parts come first, because a narrow
// terminal cuts off the end.
func Line(c Counts, r rate) string {
	parts := append(left(c, r),
		Count(c.Files, "file"),
		fmt.Sprintf("%s (%s/s)", Bytes(c.Bytes), Bytes(int64(r.perSecond(r.bytes)))),
		Number(int64(r.perSecond(r.files)))+" files/s",
	)
	if c.Refused > 0 {
		parts = append(parts, Number(c.Refused)+" refused")
	}
	if c.Missing > 0 {
		parts = append(parts, Number(c.Missing)+" missing")
	} else {
		parts = append(parts, Number(c.New)+" new")
	}
	return strings.Join(append(parts, Number(c.Already)+" already"), ", ")
}

// left returns how much is done and how long the rest will take; nil while that is unknown.
func left(c Counts, r rate) []string {
	speed := r.perSecond(r.bytes)
	if c.TotalBytes <= 0 || speed <= 0 {
		return nil
	}
	done := min(c.Bytes, c.TotalBytes)
	rest := time.Duration(float64(c.TotalBytes-done) / speed * float64(time.Second))
	return []string{fmt.Sprintf("%d %%", done*100/c.TotalBytes), rest.Round(time.Second).String() + " left"}
}

// Number returns n with commas between thousands.
func Number(n int64) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// Count returns n with a noun, given in the singular as one. It adds a plural ending unless n is 1:
// 1 file, 2 files, 2 info hashes.
func Count(n int64, one string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(one, "sh"):
		one += "es"
	default:
		one += "s"
	}
	return Number(n) + " " + one
}

// Bytes returns a number of bytes with a decimal unit: 1.5 MB is 1,500,000 bytes.
func Bytes(n int64) string {
	value, unit := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	for value >= 999.5 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	if unit == 0 || value >= 99.5 {
		return fmt.Sprintf("%.0f %s", value, units[unit])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// ExactBytes returns the exact number of bytes. From 1000 bytes on, the size with a decimal unit
// precedes it.
func ExactBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%s (%s bytes)", Bytes(n), Number(n))
}

// Elapsed returns the time since begin, to a tenth of a second.
func Elapsed(begin time.Time) time.Duration { return time.Since(begin).Round(100 * time.Millisecond) }

// StartList is [Start] for work on a list of info hashes. Files and TotalFiles count info hashes,
// Refused counts those that failed, and Already those that were done before.
func StartList(out io.Writer, width func() int, counts func() Counts) *Display {
	return start(out, width, counts, listLine)
}

// listLine is Line for StartList.
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

// StartMaintenance is [Start] for verifying or copying a store. When verifying, Files and
// TotalFiles count torrents, and Refused counts damaged ones.
func StartMaintenance(out io.Writer, width func() int, counts func() Counts) *Display {
	return start(out, width, counts, maintenanceLine)
}

// maintenanceLine is Line for StartMaintenance.
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

// filesLeft is left computed from the number of files instead of bytes.
func filesLeft(c Counts, r rate) []string {
	speed := r.perSecond(r.files)
	if speed <= 0 {
		return nil
	}
	done := min(c.Files, c.TotalFiles)
	rest := time.Duration(float64(c.TotalFiles-done) / speed * float64(time.Second))
	return []string{fmt.Sprintf("%d %%", done*100/c.TotalFiles), rest.Round(time.Second).String() + " left"}
}
