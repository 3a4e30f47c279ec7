package work

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"

	"github.com/torrentcache/torrentcache/resolver/internal/swarm"
)

// maxLine is the length of the longest line of a list, in bytes.
const maxLine = 64 << 10

// List does the jobs that the lines of list name, AtOnce of them at a time, and tells what became
// of each as it is known, from one goroutine at a time. It returns why it did not get to the end.
func (w *Worker) List(ctx context.Context, list io.Reader, tell func(Result)) error {
	var running sync.WaitGroup
	defer running.Wait()
	var telling sync.Mutex
	say := func(r Result) {
		telling.Lock()
		defer telling.Unlock()
		tell(r)
	}
	turns := make(chan struct{}, AtOnce)
	lines := bufio.NewScanner(list)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		job, err := swarm.ParseJob(text)
		if err != nil {
			say(Result{Text: text, Outcome: Invalid, Err: err})
			continue
		}
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		running.Go(func() {
			defer func() { <-turns }()
			result := w.Look(ctx, job)
			result.Text = text
			say(result)
		})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return lines.Err()
}
