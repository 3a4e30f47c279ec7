// Package audit keeps a file of what operators did: who, when, what, and by which
// reference; a line of JSON each. A line is on disk before what it tells of is
// done, so that nothing is done without one.
//
// The file is only ever appended to. Whoever rotates it renames it and has it
// opened anew ([Log.Reopen]). [Log] is safe for concurrent use.
package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// Entry is one line.
type Entry struct {
	Time      time.Time `json:"time"`
	Who       string    `json:"who"`    // the name in the keys file, or anonymous
	Action    string    `json:"action"` // remove, restore, backup or drain
	InfoHash  string    `json:"info_hash,omitempty"`
	Directory string    `json:"directory,omitempty"` // of a backup
	Reason    string    `json:"reason,omitempty"`
	Reference string    `json:"reference,omitempty"`
	Erase     bool      `json:"erase,omitempty"`  // the bytes at once
	Failed    string    `json:"failed,omitempty"` // why what a line before tells of was not done
}

// permissions let the operator alone read the file: it may name people.
const permissions = 0o600

// Log is the file.
type Log struct {
	name string

	mu   sync.Mutex
	file *os.File
}

// Open opens the file of that name, and makes it if it is not there.
func Open(name string) (*Log, error) {
	l := &Log{name: name}
	if err := l.Reopen(); err != nil {
		return nil, err
	}
	return l, nil
}

// Reopen opens the file anew, which may be another one by now. On an error the old
// one stays in use.
func (l *Log) Reopen() error {
	file, err := os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, permissions)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close() // every line in it was synced
	}
	l.file = file
	return nil
}

// Append adds a line; when it returns nil the line is on disk.
func (l *Log) Append(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}
