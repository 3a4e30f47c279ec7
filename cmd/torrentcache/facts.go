package main

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// facts is how a command tells what it found or did: as text for people, or with --json as an
// object a line for programs. What comes from a server reaches a terminal by it without control
// characters.
type facts struct {
	json bool
	out  io.Writer
}

func (f *facts) addFlag(flags *pflag.FlagSet) {
	flags.BoolVar(&f.json, "json", false, "write JSON, an object a line")
}

// tell writes a fact, or the text, which has its line ends, in its place.
func (f *facts) tell(fact any, text string) error {
	line, err := f.line(fact, text)
	if err == nil {
		_, err = f.out.Write(line)
	}
	return err
}

// line returns what tell writes.
func (f *facts) line(fact any, text string) ([]byte, error) {
	if f.json {
		return progress.JSON(fact)
	}
	return []byte(progress.Lines(text)), nil
}

// summary is the last object of a command that told of many things.
type summary struct {
	Summary any `json:"summary"`
}

// itemFact is what became of one line of a list.
type itemFact struct {
	Text     string `json:"text,omitempty"` // as it was given, if it failed
	InfoHash string `json:"info_hash,omitempty"`
	Status   string `json:"status"`
	Path     string `json:"path,omitempty"`
	Cached   *bool  `json:"cached,omitempty"` // of a removal: it was; of a restoration: it is
	Reason   string `json:"reason,omitempty"` // of a failure
	Message  string `json:"message,omitempty"`
}

// tellFailed tells on stderr, or as a fact, why something could not be done with a line.
func (f *facts) tellFailed(stderr io.Writer, item itemFact, why error) error {
	if f.json {
		return f.tell(item, "")
	}
	_, err := fmt.Fprintln(stderr, item.failureText(why))
	return err
}

// failureText is a failure for people, in one line. What is no info hash is in its error.
func (i itemFact) failureText(why error) string {
	if i.Reason == string(reason.HashMalformed) {
		return progress.OneLine(why.Error())
	}
	return progress.Printable(i.Text) + ": " + progress.OneLine(why.Error())
}

// malformedItem is the fact that a line is no info hash.
func malformedItem(text string, err error) itemFact {
	return itemFact{Text: text, Status: failed, Reason: string(reason.HashMalformed), Message: err.Error()}
}

// failed is the status of what could not be done.
const failed = "failed"

// failedItem is the fact that something could not be done with a line of a list.
func failedItem(text string, err error) itemFact {
	e := reason.Of(err)
	if e.Reason == reason.Internal && e.Unwrap() != nil { // of this machine, not of the server
		return itemFact{Text: text, Status: failed, Message: err.Error()}
	}
	return itemFact{Text: text, Status: failed, Reason: string(e.Reason), Message: e.Message}
}
