package soapcompat

import (
	"net/http"
	"strings"
)

// mediaType returns the Content-Type of r without parameters, in lower case.
func mediaType(r *http.Request) string {
	t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// headerParam returns the parameter name of a header such as Content-Disposition,
// without its quotes. mime.ParseMediaType refuses a whole header for one slip,
// and hand-made forms are full of them: file names in any encoding, Windows
// paths, bare boundaries with an = in them. So this reads like PHP does: fields
// end at a semicolon outside quotes, a backslash escapes only a quote.
func headerParam(header, name string) (value string, ok bool) {
	for rest := header; rest != ""; {
		var param string
		param, rest = cutParam(rest)
		key, value, ok := strings.Cut(param, "=")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return unquote(strings.TrimSpace(value)), true
		}
	}
	return "", false
}

// cutParam cuts s at its first semicolon that is not within double quotes.
func cutParam(s string) (param, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ';' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

func unquote(s string) string {
	for _, quote := range []string{`"`, `'`} {
		if len(s) >= 2 && strings.HasPrefix(s, quote) && strings.HasSuffix(s, quote) {
			return strings.ReplaceAll(s[1:len(s)-1], `\`+quote, quote)
		}
	}
	return s
}
