package cli

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Facts writes the results of a command: as text for people or, with --json, as one JSON object a
// line for programs. It removes control characters, so that text from a server cannot steer a
// terminal.
type Facts struct {
	JSON bool      // whether --json was given
	Out  io.Writer // receives the text or the JSON
}

// AddFlag adds the flag --json.
func (f *Facts) AddFlag(flags *pflag.FlagSet) {
	flags.BoolVar(&f.JSON, "json", false, "write JSON, one object a line")
}

// Print writes fact as JSON if --json was given, else text. The text brings its own line ends.
func (f *Facts) Print(fact any, text string) error {
	line, err := f.Line(fact, text)
	if err == nil {
		_, err = f.Out.Write(line)
	}
	return err
}

// Line returns the bytes that Print writes.
func (f *Facts) Line(fact any, text string) ([]byte, error) {
	if f.JSON {
		return progress.JSON(fact)
	}
	return []byte(progress.Lines(text)), nil
}

// PrintFailed reports that a line of a list failed, and why: on stderr, or, with --json, as a fact.
func (f *Facts) PrintFailed(stderr io.Writer, item Item, why error) error {
	if f.JSON {
		return f.Print(item, "")
	}
	_, err := fmt.Fprintln(stderr, item.failureText(why))
	return err
}

// Summary returns the last fact of a command that reported many items: their counts.
func Summary(counts any) any { return map[string]any{"summary": counts} }

// Item is the outcome of one line of a list.
type Item struct {
	Text     string `json:"text,omitempty"` // as it was given, if it failed
	InfoHash string `json:"info_hash,omitempty"`
	Status   string `json:"status"`
	Path     string `json:"path,omitempty"`
	Cached   *bool  `json:"cached,omitempty"` // before a removal, or after a restoration
	Reason   string `json:"reason,omitempty"` // of a failure
	Message  string `json:"message,omitempty"`
}

// failureText returns the failure for people, in one line. The error of a malformed info hash
// quotes the text already.
func (i Item) failureText(why error) string {
	if i.Reason == string(reason.HashMalformed) {
		return progress.OneLine(why.Error())
	}
	return progress.Printable(i.Text) + ": " + progress.OneLine(why.Error())
}

// failed is the status of an item that failed.
const failed = "failed"

// MalformedItem returns the item of a line that is no info hash.
func MalformedItem(text string, err error) Item {
	return Item{Text: text, Status: failed, Reason: string(reason.HashMalformed), Message: err.Error()}
}

// FailedItem returns the item of a line for which the command failed with err.
func FailedItem(text string, err error) Item {
	e := reason.Of(err)
	if e.Reason == reason.Internal && e.Unwrap() != nil { // a failure of this machine, not of the server
		return Item{Text: text, Status: failed, Message: err.Error()}
	}
	return Item{Text: text, Status: failed, Reason: string(e.Reason), Message: e.Message}
}
