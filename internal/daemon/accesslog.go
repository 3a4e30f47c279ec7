package daemon

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/accesslog"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server/rpc"
)

// programsLog, as the value of --access-log, means the program's own log.
const programsLog = "-"

// addAccessLog opens the access log that the settings name, if they name one. SIGHUP reopens its
// file.
func (d *daemon) addAccessLog() (err error) {
	switch d.cfg.AccessLog {
	case "":
		return nil
	case programsLog:
		d.access = accesslog.To(d.logger)
	default:
		if d.access, err = accesslog.Open(d.cfg.AccessLog, d.cfg.LogFormat, d.logger); err != nil {
			return fmt.Errorf("--access-log: %w", err)
		}
		d.reloads.On("access log", func(config.Doors) error { return d.access.Reopen() })
	}
	d.metrics.WatchAccessLog(d.access.Dropped)
	return nil
}

// closeAccessLog writes the waiting records and closes the access log, if there is one.
func (d *daemon) closeAccessLog() {
	if d.access == nil {
		return
	}
	if err := d.access.Close(); err != nil {
		d.logger.Error("the access log could not be closed", "cause", err)
	}
}

// meter reports HTTP requests to the metrics and the access log.
type meter struct{ *daemon }

// Began implements [front.Meter].
func (m meter) Began() { m.metrics.HTTPBegan() }

// Ended implements [front.Meter].
func (m meter) Ended(a front.Access) {
	failed := a.Outcome.Reason
	if a.Request.Context().Err() != nil { // the client has left
		failed = ""
	}
	m.metrics.HTTPEnded(a.Route.Door, a.Status, failed, a.Duration, a.Received, a.Sent)
	if m.access != nil {
		m.access.Add(m.recordOf(a))
	}
}

// recordOf returns the record of an HTTP request. It leaves out a key in the path.
func (d *daemon) recordOf(a front.Access) accesslog.Record {
	path := a.Route.Pattern
	if front.Prefix(a.Request) != "" {
		path = "/k/{key}" + path
	}
	name, _ := d.identify(httpx.Credentials(a.Request)) // "" if the key is wrong
	return accesslog.Record{
		Begin: a.Begin, Duration: a.Duration, Door: a.Route.Door, Method: a.Request.Method, Path: path, Outcome: a.Outcome,
		Status: strconv.Itoa(a.Status), Received: a.Received, Sent: a.Sent, Key: name,
		Addr: d.loggedAddr(origin.FromContext(a.Request.Context())),
	}
}

// loggedAddr returns addr if addresses are to be logged.
func (d *daemon) loggedAddr(addr netip.Addr) netip.Addr {
	if !d.cfg.LogAddresses {
		return netip.Addr{}
	}
	return addr
}

// onDownload returns the function that logs answers on the fast path; nil without an access log.
func (d *daemon) onDownload() func(fastpath.Download) {
	if d.access == nil {
		return nil
	}
	return d.logDownload
}

// logDownload logs an answer on the fast path, where everybody may read and no caller sends a key.
func (d *daemon) logDownload(answered fastpath.Download) {
	peer := origin.PeerAddr(answered.Peer)
	record := accesslog.Record{
		Begin: answered.Begin, Duration: answered.Duration, Door: "download", Method: answered.Method, Path: "/torrent/...",
		Outcome: outcome.Outcome{InfoHash: answered.ID}, Status: "200", Sent: answered.Sent, Addr: d.loggedAddr(peer),
	}
	who := access.Credentials{Addr: peer, CertNames: access.CertNames(answered.TLS)}
	if peer.IsLoopback() || d.cfg.TrustedProxies.Contains(peer) {
		who.Addr = origin.Unknown // a proxy may tell the client's in a header, which nobody has read
	}
	record.Key, _ = d.identify(who)
	if !answered.Found {
		record.Status, record.Outcome.Reason = "404", reason.TorrentNotFound
	}
	d.access.Add(record)
}

// logCall logs a call of our own services that came by gRPC. Calls of the doors in this process
// are in the log as the requests that came to the doors.
func (d *daemon) logCall(c rpc.Call) {
	if d.access == nil || c.Local || !strings.HasPrefix(c.Method, "/torrentcache.") {
		return
	}
	id, _ := infohash.Parse(c.InfoHash) // none, if it is malformed
	d.access.Add(accesslog.Record{
		Begin: c.Begin, Duration: c.Duration, Door: "grpc", Method: "RPC", Path: c.Method,
		Outcome: outcome.Outcome{Reason: c.Reason, InfoHash: id}, Status: c.Code.String(),
		Received: int64(c.BytesIn), Sent: int64(c.BytesOut), Key: c.Caller, Addr: d.loggedAddr(c.Addr),
	})
}

// auditLog returns the function that writes audit entries: into the named file, which SIGHUP
// reopens, or else into the log.
func (d *daemon) auditLog(file string) (func(...audit.Entry) error, error) {
	if file == "" {
		return d.logAudit, nil
	}
	log, err := audit.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--audit-log: %w", err)
	}
	d.reloads.Reopen("audit log", log.Reopen)
	return log.Append, nil
}

// logAudit writes entries into the log, which is not synced.
func (d *daemon) logAudit(entries ...audit.Entry) error {
	for _, e := range entries {
		attrs := []any{"who", e.Who, "action", e.Action}
		for _, a := range []slog.Attr{
			slog.String("info_hash", e.InfoHash), slog.String("directory", e.Directory),
			slog.String("reason", e.Reason), slog.String("reference", e.Reference), slog.String("failed", e.Failed),
		} {
			if a.Value.String() != "" {
				attrs = append(attrs, a)
			}
		}
		d.logger.Info("audit", attrs...)
	}
	return nil
}
