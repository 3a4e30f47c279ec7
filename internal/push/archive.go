package push

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/source"
)

// Archive pushes each member of a tar archive, plain or compressed. The error is that of
// [Paths], or says that the archive is empty, cut short or followed by something else.
func Archive(ctx context.Context, c *client.Client, in io.Reader, o Options) error {
	return start(ctx, o, func(ctx context.Context, r *run) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var failed error
		files := source.Tar(ctx, in, source.Options{
			MaxSize:  r.settings.MaxTorrentSize,
			Consumed: func(n int64) { r.tally.bytes.Add(n) },
			Problem: func(name string, err error) {
				if name == "" {
					failed = fmt.Errorf("the archive %w", err)
				} else {
					cancelOn(cancel, r.problem(name, err))
				}
			},
		})
		err := r.send(ctx, cancel, c, r.items(files))
		return errors.Join(failed, err)
	})
}
