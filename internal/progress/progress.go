// Package progress shows how far a push, work on a store or on a list is: one line that is drawn
// anew on a terminal, a line now and then elsewhere.
package progress

import (
	"fmt"
	"io"
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

// Counts is how far the push is.
type Counts struct {
	Files      int64 // done, whatever became of them
	Bytes      int64 // of input gone through
	TotalBytes int64 // of input; 0 while not known
	TotalFiles int64 // to do; 0 if not known
	New        int64
	Already    int64
	Missing    int64 // of a dry run
	Refused    int64 // and unreadable, except on a store
	Unreadable int64 // on a store
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
	drawn   bool     // the terminal's last line is ours
	samples []sample // oldest first
}

type sample struct {
	at     time.Time
	counts Counts
}

// Start begins to show counts on out; width is asked for the columns of the
// terminal, and nil if out is none. The caller calls Stop.
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

// Stop ends the display and takes its line off the terminal.
func (d *Display) Stop() {
	close(d.ended)
	d.running.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
}

// Print writes lines above the display, without what could break a terminal.
func (d *Display) Print(lines string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	fmt.Fprintln(d.out, Lines(lines))
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

// eraseLine goes to the beginning of the terminal's line and erases it (ECMA-48: EL).
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

// text is the line for the samples so far, in ASCII.
func (d *Display) text() string {
	first, last := d.samples[0], d.samples[len(d.samples)-1]
	return d.line(last.counts, rate{
		files: last.counts.Files - first.counts.Files,
		bytes: last.counts.Bytes - first.counts.Bytes,
		over:  last.at.Sub(first.at),
	})
}
