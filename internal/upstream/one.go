package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
)

// source is a cache that can be asked. It is safe for concurrent use.
type source interface {
	// get returns the bytes that the cache sends as the torrent of id, unchecked. outcomeOf
	// explains its errors.
	get(ctx context.Context, id infohash.ID) ([]byte, error)
}

// failsBefore is the number of failures in a row after which an upstream counts as away. A single
// failure may be about a single torrent.
const failsBefore = 3

// one is an upstream.
type one struct {
	name    string
	source  source
	observe func(upstream, outcome string, took time.Duration)
	logger  *slog.Logger

	counts [4]atomic.Int64 // by the constants below
	fails  atomic.Int64    // failures in a row to reach the upstream
	away   flight.Breaker  // open while the upstream is not asked
}

// Indexes of counts.
const (
	countAsked = iota
	countFound
	countAbsent
	countFailed
)

// newOne returns the upstream at l.
func newOne(l Location, o Options) (*one, error) {
	secure, err := l.tlsConfig()
	if err != nil {
		return nil, err
	}
	var key func() string
	if l.TokenFile != "" {
		if key, err = o.Key(l); err != nil {
			return nil, err
		}
	}
	g := guard{literal: l.literal(), local: o.LocalAddresses, near: key != nil && !l.TLS}
	up := &one{name: l.Name, observe: o.Observe, logger: o.Logger}
	if l.GRPC {
		up.source, err = newPeer(l, key, g, secure, o)
	} else {
		up.source = newWeb(l, key, g, secure, o)
	}
	return up, err
}

// tlsConfig returns the TLS settings; nil without TLS.
func (l Location) tlsConfig() (*tls.Config, error) {
	if !l.TLS {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if l.CA != "" {
		text, err := os.ReadFile(l.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("ca %s: there is no certificate in it", l.CA)
		}
	}
	if l.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(l.Certificate, l.Key)
		if err != nil {
			return nil, fmt.Errorf("cert %s: %w", l.Certificate, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// ask asks for the torrent of id, has here keep the torrent that arrives, and returns the outcome.
func (up *one) ask(ctx context.Context, id infohash.ID, here Here) outcome {
	if up.away.Open() {
		return down
	}
	begun := time.Now()
	torrent, err := up.source.get(ctx, id)
	took := time.Since(begun)
	result := found
	if err != nil {
		result = outcomeOf(err, ctx.Err())
	}
	up.note(result, err)
	if err == nil {
		result = keptOutcome(here.Keep(context.WithoutCancel(ctx), torrent))
	}
	up.count(result)
	up.observe(up.name, string(result), took)
	return result
}

// count counts an outcome.
func (up *one) count(result outcome) {
	up.counts[countAsked].Add(1)
	switch state, _ := result.verdict(); state {
	case Found:
		up.counts[countFound].Add(1)
	case Absent:
		up.counts[countAbsent].Add(1)
	default:
		up.counts[countFailed].Add(1)
	}
}

// note notes whether the upstream was reachable, and logs when that changes. An upstream that is
// away is still asked once a second, so that its return is noticed.
func (up *one) note(result outcome, cause error) {
	switch {
	case result == busy:
	case !result.away():
		if up.fails.Swap(0) >= failsBefore {
			up.away.Reset()
			up.logger.Info("an upstream answers again", "upstream", up.name)
		}
	default:
		fails := up.fails.Add(1)
		if fails >= failsBefore {
			up.away.Trip()
		}
		if fails == failsBefore {
			up.logger.Warn("an upstream does not answer; it is asked once a second until it does", "upstream", up.name, "outcome", string(result), "cause", causeText(cause))
		}
	}
}

// causeText returns why an upstream did not answer, for the log.
func causeText(err error) string {
	if f, ok := errors.AsType[*failure](err); ok && f.cause != nil {
		return f.cause.Error()
	}
	return err.Error()
}
