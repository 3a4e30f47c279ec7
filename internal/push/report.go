package push

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/torrentcache/torrentcache/internal/progress"
)

// report writes outcomes for programs: JSON lines for --json, and the file of --report. It is safe
// for concurrent use.
type report struct {
	mu   sync.Mutex
	json io.Writer // nil without --json
	file *os.File  // nil without --report
}

// Outcome is the outcome of one file, as --json writes it.
type Outcome struct {
	Name     string `json:"name"`
	Status   string `json:"status"`
	InfoHash string `json:"info_hash,omitempty"`
	Reason   string `json:"reason,omitempty"` // of a file that was refused, left out or unreadable
	Message  string `json:"message,omitempty"`
}

// newReport returns a report that writes JSON to stdout, unless stdout is nil, and the report file
// to path, unless path is empty.
func newReport(stdout io.Writer, path string) (*report, error) {
	r := &report{json: stdout}
	if path == "" {
		return r, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--report: %w", err)
	}
	r.file = file
	return r, nil
}

// add writes one outcome.
func (r *report) add(o Outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.json != nil {
		if err := r.encode(o); err != nil {
			return fmt.Errorf("--json: %w", err)
		}
	}
	if r.file == nil || o.Reason == "" {
		return nil
	}
	if _, err := fmt.Fprintf(r.file, "%s\t%s\t%s\n", progress.Printable(o.Name), o.Reason, progress.OneLine(o.Message)); err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

// end writes the last JSON object.
func (r *report) end(summary any) error {
	if r.json == nil {
		return nil
	}
	return r.encode(map[string]any{"summary": summary})
}

func (r *report) encode(v any) error {
	line, err := progress.JSON(v)
	if err == nil {
		_, err = r.json.Write(line)
	}
	return err
}

func (r *report) close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
