package operator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// conclude writes the summary and returns the command's error.
func (r *listRun) conclude(ctx context.Context, env cli.Environment, err error) error {
	if r.out.JSON {
		told := r.out.Print(cli.Summary(listFact{r.done.Load(), r.failed.Load(), r.skipped.Load(), time.Since(r.begin).Seconds(), err == nil}), "")
		err = errors.Join(err, told)
	} else if r.seen() > 1 {
		fmt.Fprintf(env.Stderr, "%s in %s: %s\n", progress.Count(r.seen(), "info hash"), progress.Elapsed(r.begin), r.summary())
	}
	again := "run it again to go on"
	if r.journal != nil {
		again += ", with the same --resume"
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("interrupted: " + again)
	case err != nil && r.seen() > 0:
		return fmt.Errorf("stopped before the end: %w; %s", err, again)
	case err != nil:
		return err
	case r.failed.Load() > 0:
		return cli.SomeFailed(fmt.Sprintf("%s failed for %s of %s", r.command, progress.Number(r.failed.Load()), progress.Number(r.seen())))
	}
	return nil
}

type listFact struct {
	Done     int64   `json:"done"`
	Failed   int64   `json:"failed"`
	Before   int64   `json:"done_before"`
	Seconds  float64 `json:"seconds"`
	Complete bool    `json:"complete"`
}

func (r *listRun) summary() string {
	parts := []string{progress.Number(r.done.Load()) + " " + strings.TrimSuffix(r.command, "e") + "ed"}
	if r.settings.dryRun {
		parts[0] = progress.Number(r.done.Load()) + " to " + r.command
	}
	if n := r.failed.Load(); n > 0 {
		parts = append(parts, progress.Number(n)+" failed")
	}
	if n := r.skipped.Load(); n > 0 {
		parts = append(parts, progress.Number(n)+" done before")
	}
	return strings.Join(parts, ", ")
}

// status returns the status, for programs, of a torrent that was removed or restored.
func (r *listRun) status() string {
	status := strings.TrimSuffix(r.command, "e") + "ed"
	if r.settings.dryRun {
		return "would_be_" + status
	}
	return status
}

// unable returns the first error of a full page if the server failed for all its torrents because
// the store fails or is full. The next page would then fail, too. Otherwise unable returns nil.
func unable(results []listResult) error {
	for _, result := range results {
		if len(results) < listPage || result.err == nil {
			return nil
		}
		if r := reason.Of(result.err).Reason; r != reason.Overloaded && r != reason.StorageFull {
			return nil
		}
	}
	return results[0].err
}

// countList returns the number of texts that args list, or 0 if one of args can be read only once.
func countList(args []string) (n int64) {
	for _, arg := range args {
		if info, err := os.Stat(arg); arg == "-" || err == nil && !info.Mode().IsRegular() {
			return 0
		}
	}
	var failed error // reported when the list is read for the calls
	for range lists.Expand(args, strings.NewReader(""), &failed) {
		n++
	}
	return n
}
