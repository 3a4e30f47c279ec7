// Package audit keeps a log of the operators' actions. Each line is JSON, with the action,
// the caller, the time and the reference. A line is on disk before its action is done, so that no
// action is without a line.
//
// The file is only ever appended to. To rotate it rename it and call
// [Log.Reopen]. [Log] is safe for concurrent use.
package audit

import (
	"bytes"
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
	Erase     bool      `json:"erase,omitempty"`  // the bytes are erased at once
	Failed    string    `json:"failed,omitempty"` // why the action of an earlier line was not done
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
	if err := endLine(file); err != nil {
		file.Close()
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

// endLine ends the last line of file, which a loss of power may have cut short. Otherwise the
// next line would become a part of it.
func endLine(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	reader, err := os.Open(file.Name())
	if err != nil {
		return err
	}
	defer reader.Close()
	last := make([]byte, 1)
	if _, err := reader.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = file.WriteString("\n")
	return err
}

// Append adds a line for each entry; when it returns nil all of them are on disk, by one
// write and one sync. If it fails, some may be.
func (l *Log) Append(entries ...Entry) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, e := range entries {
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(lines.Bytes()); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}
