// Package progress shows the progress of a push, or of work on a store or a list. On a terminal it
// redraws one line; elsewhere it writes a line from time to time.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// How often the display changes.
const (
	redraw    = 200 * time.Millisecond // on a terminal
	newLine   = 10 * time.Second       // elsewhere
	rateOver  = 10 * time.Second       // the time over which rates are taken
	samplesIn = int(rateOver / redraw) // samples kept
)

// Counts is the progress of the work.
type Counts struct {
	Files      int64 // done, whatever their outcome
	Bytes      int64 // of input processed
	TotalBytes int64 // of input; 0 while unknown
	TotalFiles int64 // to do; 0 if unknown
	New        int64
	Already    int64
	Missing    int64 // in a dry run
	Refused    int64 // includes unreadable files, except in work on a store
	Unreadable int64 // in work on a store
}

// Display shows Counts. It is safe for concurrent use.
type Display struct {
	counts   func() Counts
	line     func(Counts, rate) string
	terminal bool
	width    func() int // of the terminal in columns
	ended    chan struct{}
	running  sync.WaitGroup

	mu      sync.Mutex
	out     io.Writer
	drawn   bool     // the last line on the terminal is that of the display
	samples []sample // oldest first
}

type sample struct {
	at     time.Time
	counts Counts
}

// Start begins to show counts on out. Width returns the number of columns of the terminal out; it
// is nil if out is not a terminal. The caller must call Stop.
func Start(out io.Writer, width func() int, counts func() Counts) *Display {
	return start(out, width, counts, Line)
}

func start(out io.Writer, width func() int, counts func() Counts, line func(Counts, rate) string) *Display {
	d := &Display{counts: counts, line: line, terminal: width != nil, width: width, out: out, ended: make(chan struct{})}
	d.note(time.Now())
	every := newLine
	if d.terminal {
		every = redraw
	}
	d.running.Go(func() { d.run(every) })
	return d
}

func (d *Display) run(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			d.show(now)
		case <-d.ended:
			return
		}
	}
}

// Stop ends the display and erases its line on the terminal.
func (d *Display) Stop() {
	close(d.ended)
	d.running.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
}

// Print writes lines above the display, with unprintable characters replaced.
func (d *Display) Print(lines string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	fmt.Fprintln(d.out, Lines(lines))
}

// Write implements [io.Writer] with [Display.Print]; b must consist of whole lines.
func (d *Display) Write(b []byte) (int, error) {
	d.Print(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

func (d *Display) show(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.note(now)
	text := d.text()
	if !d.terminal {
		fmt.Fprintln(d.out, text)
		return
	}
	if width := d.width(); width > 1 && len(text) >= width {
		text = text[:width-1] // a longer line would wrap and could not be drawn over
	}
	fmt.Fprint(d.out, eraseLine+text)
	d.drawn = true
}

// eraseLine moves to the start of the terminal's line and erases the line (ECMA-48: EL).
const eraseLine = "\r\x1b[2K"

func (d *Display) clear() {
	if d.drawn {
		fmt.Fprint(d.out, eraseLine)
		d.drawn = false
	}
}

func (d *Display) note(now time.Time) {
	d.samples = append(d.samples, sample{now, d.counts()})
	if len(d.samples) > samplesIn {
		d.samples = d.samples[1:]
	}
}

// text returns the line for the samples so far, in ASCII.
func (d *Display) text() string {
	first, last := d.samples[0], d.samples[len(d.samples)-1]
	return d.line(last.counts, rate{
		files: last.counts.Files - first.counts.Files,
		bytes: last.counts.Bytes - first.counts.Bytes,
		over:  last.at.Sub(first.at),
	})
}
