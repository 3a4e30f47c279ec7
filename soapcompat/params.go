package soapcompat

import (
	"net/http"
	"strings"
)

// blanks are the white space of C's isspace, and so of PHP.
const blanks = " \t\n\v\f\r"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

// mediaType returns the Content-Type of r in lower case and without parameters. As in PHP, a comma
// or a blank ends it too.
func mediaType(r *http.Request) string {
	t := strings.TrimSpace(r.Header.Get("Content-Type"))
	if i := strings.IndexAny(t, ";, "); i >= 0 {
		t = t[:i]
	}
	return strings.ToLower(t)
}

// boundaryOf returns the boundary in a Content-Type; "" if there is none. An unquoted boundary ends
// at a comma or a semicolon, and may contain an equals sign.
func boundaryOf(contentType string) string {
	i := strings.Index(strings.ToLower(contentType), "boundary")
	if i < 0 || i > len(contentType) { // lower case may make letters beyond ASCII longer
		return ""
	}
	_, value, _ := strings.Cut(contentType[i:], "=")
	if quoted, ok := strings.CutPrefix(strings.TrimLeft(value, " "), `"`); ok {
		value, _, ok = strings.Cut(quoted, `"`)
		if !ok {
			return ""
		}
		return value
	}
	if end := strings.IndexAny(value, ",;"); end >= 0 {
		value = value[:end]
	}
	return strings.TrimSpace(value)
}

// headerParam returns a parameter of a Content-Disposition without its quotes; if several have that
// name, the last one. mime.ParseMediaType refuses a header for any mistake, and forms of
// hand-written scripts have many: file names in any encoding, Windows paths, several semicolons.
func headerParam(header, name string) (value string, ok bool) {
	for rest := header; rest != ""; {
		var param string
		param, rest = cutWord(rest, ';')
		if !strings.Contains(param, "=") {
			continue
		}
		key, text := cutWord(param, '=')
		if strings.EqualFold(strings.Trim(key, blanks), name) {
			value, ok = unquote(strings.TrimLeft(text, blanks)), true
		}
	}
	return value, ok
}

// cutWord cuts s at the first stop outside double or single quotes. Within quotes, a backslash
// escapes only the quote.
func cutWord(s string, stop byte) (word, rest string) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case stop:
			return s[:i], strings.TrimLeft(s[i:], string(stop)+blanks)
		case '"', '\'':
			i = closingQuote(s, i+1, c)
		}
	}
	return s, ""
}

// closingQuote returns the index of the quote that ends the text which begins at i; the length of s
// if there is none.
func closingQuote(s string, i int, quote byte) int {
	for ; i < len(s) && s[i] != quote; i++ {
		if s[i] == '\\' && i+1 < len(s) && s[i+1] == quote {
			i++
		}
	}
	return i
}

// unquote returns the text in the quotes of s; without quotes, the first word of s.
func unquote(s string) string {
	if s == "" {
		return ""
	}
	if quote := s[0]; quote == '"' || quote == '\'' {
		text := s[1:closingQuote(s, 1, quote)]
		return strings.ReplaceAll(text, `\`+string(quote), string(quote))
	}
	if end := strings.IndexAny(s, blanks); end >= 0 {
		return s[:end]
	}
	return s
}
