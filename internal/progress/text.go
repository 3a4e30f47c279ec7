package progress

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// Printable returns text with what could break a line or a terminal replaced by `?`.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// OneLine is Printable for messages: white space becomes single spaces.
func OneLine(text string) string { return Printable(strings.Join(strings.Fields(text), " ")) }

// Width returns how to ask for the columns of the terminal that w is; nil
// if it is none.
func Width(w io.Writer) func() int {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0
		}
		return width
	}
}
