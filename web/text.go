package web

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// maxName is how many characters of a name a page shows.
const maxName = 255

// visibleName returns a name for a page: in one line, cut to maxName characters, and with invisible
// characters shown (see visible).
func visibleName(name string) string {
	n := 0
	for i := range name {
		if n == maxName {
			name = name[:i] + "…"
			break
		}
		n++
	}
	return visible(name)
}

// visibleText is visible for a text of several lines.
func visibleText(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = visible(line)
	}
	return strings.Join(lines, "\n")
}

// visible returns text with invisible characters replaced by their numbers: control characters,
// marks that change the direction of text, characters without width. It keeps joiners, which some
// scripts need.
func visible(text string) string {
	if !strings.ContainsFunc(text, unseen) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unseen(r) {
			fmt.Fprintf(&b, "[U+%04X]", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unseen(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return !unicode.IsGraphic(r) && r != nonJoiner && r != joiner || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// formatBytes formats a size for people: 10000000 is "10 MB".
func formatBytes(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	size, unit := float64(n), 0
	for size >= 1000 && unit < len(units)-1 {
		size, unit = size/1000, unit+1
	}
	return strconv.FormatFloat(size, 'f', precision(size, unit), 64) + " " + units[unit]
}

// precision returns one decimal for small numbers that are not whole.
func precision(size float64, unit int) int {
	if unit == 0 || size >= 100 || size == float64(int64(size)) {
		return 0
	}
	return 1
}

// formatPiece formats a piece length in binary units, because it usually is a power of two.
func formatPiece(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return formatBytes(n)
}

// formatNumber formats a number with commas between thousands.
func formatNumber(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// count returns n with a noun, in the plural unless n is 1.
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return formatNumber(n) + " " + noun
}
