package progress

import (
	"encoding/json"
	"strings"
	"testing"
)

// hostile has all that a terminal must not see: escape sequences, also that of one byte (C1), a
// carriage return, a backspace, text that runs from right to left, bytes that are no UTF-8.
const hostile = "a\x1b]0;title\x07b\u009b2J\rc\bd\u202e\xffe\x7f\U000e0001"

func TestNothingBreaksATerminal(t *testing.T) {
	line, err := JSON(map[string]string{"name": hostile + "\n<>"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Printable": Printable(hostile), "Lines": Lines(hostile), "OneLine": OneLine(hostile), "JSON": strings.TrimSuffix(string(line), "\n"),
	} {
		for _, r := range text {
			if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 || r == 0x202e || r == 0xe0001 {
				t.Errorf("%s lets %U through: %q", name, r, text)
			}
		}
	}
	var back map[string]string
	if err := json.Unmarshal(line, &back); err != nil || back["name"] != strings.ToValidUTF8(hostile, "\ufffd")+"\n<>" {
		t.Errorf("%s is read as %q, %v", line, back, err)
	}
	if got := Lines("ä\n\tb\n"); got != "ä\n?b\n" {
		t.Errorf("%q", got)
	}
}
