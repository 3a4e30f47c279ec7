package progress

import (
	"fmt"
	"strings"
	"time"
)

// rate is what was done lately.
type rate struct {
	files, bytes int64
	over         time.Duration
}

// perSecond returns n as a rate; 0 if the time is too short to tell.
func (r rate) perSecond(n int64) float64 {
	if r.over < time.Millisecond {
		return 0
	}
	return float64(n) / r.over.Seconds()
}

// Line returns counts as one line of text. What people look for comes first: a narrow
// terminal cuts the end off.
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

// left is how much is done and how long the rest takes, once that is known.
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

// Count returns n with the name of one thing, in the plural unless n is 1: 1 file,
// 2 files, 2 info hashes.
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
