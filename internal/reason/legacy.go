package reason

import (
	"fmt"
	"strings"
)

// maxLegacyText bounds the text of a legacy answer, which also goes into a
// header, in bytes.
const maxLegacyText = 400

// Text returns the text for people: the words of the reason, then the advice of the message. For
// a refusal by policy it returns the message alone, because scripts look for some of its words.
// The text has no maximum length, and may contain any character of the message.
func (e *Error) Text() string {
	text := e.Reason.Answer().Text
	if e.Reason == TorrentRefused && e.Message != "" {
		return e.Message
	}
	if e.Message != "" && e.Message != text && e.Reason != Internal {
		text += " " + sentence(text, undoubled(text, e.Message))
	}
	return text
}

// undoubled returns message without advice at its end that text already gives.
func undoubled(text, message string) string {
	const later = "try again later"
	if rest, ok := strings.CutSuffix(message, later); ok && strings.Contains(text, later) {
		if rest = strings.TrimRight(rest, ",; "); rest != "" {
			return rest
		}
	}
	return message
}

// LegacyText returns the message of the legacy form, without its `Error <code>: ` prefix. It is
// [Error.Text], which begins with the words scripts look for, as one line of printable ASCII. It
// has no run of 40 hex digits, because scripts take such a run for the info hash.
func (e *Error) LegacyText() string { return breakHexRuns(printable(e.Text())) }

// LegacyBody returns the body of the legacy form's answer: `Error <code>: <text>`
// and one line feed.
func (e *Error) LegacyBody() string {
	return fmt.Sprintf("Error %d: %s\n", e.Reason.Answer().SOAP, e.LegacyText())
}

// sentence returns next as a continuation of text: capitalized after a full stop.
func sentence(text, next string) string {
	if !strings.HasSuffix(text, ".") {
		return next
	}
	return strings.ToUpper(next[:1]) + next[1:]
}

func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), maxLegacyText)]
}

// breakHexRuns puts a space after each 39th hex digit in a row.
func breakHexRuns(s string) string {
	var out strings.Builder
	run := 0
	for i := range len(s) {
		if !strings.Contains("0123456789abcdefABCDEF", s[i:i+1]) {
			run = 0
		} else if run++; run == 40 {
			out.WriteByte(' ')
			run = 1
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// Denied returns the refusal of an upload on the operator's deny list. Its text begins with the
// words by which scripts know that a retry is useless. Contact is the address for questions; it
// may be empty.
func Denied(hash, contact string) *Error {
	return New(TorrentRefused, "%s %s is on this server's deny list%s", textRemoved, hash, questions(contact))
}

// Hidden returns the error for a reader of a torrent on the operator's deny list; see [Denied].
func Hidden(hash, contact string) *Error {
	return New(TorrentRemoved, "%s is on this server's deny list%s", hash, questions(contact)).OnRead()
}

func questions(contact string) string {
	if contact == "" {
		return ""
	}
	return "; questions go to " + contact
}
