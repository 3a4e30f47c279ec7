package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/accesslog"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server"
)

// programsLog as the file of --access-log is the log itself.
const programsLog = "-"

// addAccessLog opens the access log that the settings name, if they do. SIGHUP opens its file
// anew.
func (h *house) addAccessLog() (err error) {
	switch h.cfg.AccessLog {
	case "":
		return nil
	case programsLog:
		h.access = accesslog.To(h.logger)
	default:
		if h.access, err = accesslog.Open(h.cfg.AccessLog, h.cfg.LogFormat, h.logger); err != nil {
			return fmt.Errorf("--access-log: %w", err)
		}
		h.reloads.On("access log", func(config.Doors) error { return h.access.Reopen() })
	}
	h.metrics.WatchAccessLog(h.access.Dropped)
	return nil
}

// closeAccessLog writes what waits to be written.
func (h *house) closeAccessLog() {
	if h.access == nil {
		return
	}
	if err := h.access.Close(); err != nil {
		h.logger.Error("the access log could not be closed", "cause", err)
	}
}

// meter tells the metrics and the access log of HTTP requests.
type meter struct{ *house }

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

// recordOf is the record of an HTTP request. Of a path with a key in it the key is left out.
func (h *house) recordOf(a front.Access) accesslog.Record {
	path := a.Route.Pattern
	if front.Prefix(a.Request) != "" {
		path = "/k/{key}" + path
	}
	record := accesslog.Record{
		Begin: a.Begin, Duration: a.Duration, Door: a.Route.Door, Method: a.Request.Method, Path: path, Outcome: a.Outcome,
		Status: strconv.Itoa(a.Status), Received: a.Received, Sent: a.Sent, Addr: h.loggedAddr(origin.FromContext(a.Request.Context())),
	}
	if h.gate != nil {
		who, _ := h.gate.Identify(front.Credentials(a.Request)) // nobody, if the key is wrong
		record.Key = who.Name
	}
	return record
}

// loggedAddr returns addr if addresses are to be logged.
func (h *house) loggedAddr(addr netip.Addr) netip.Addr {
	if !h.cfg.LogAddresses {
		return netip.Addr{}
	}
	return addr
}

// onDownload returns what is told of answers on the fast path; nil if nobody logs them.
func (h *house) onDownload() func(fastpath.Download) {
	if h.access == nil {
		return nil
	}
	return h.logDownload
}

// logDownload logs what was answered on the fast path, which asks nobody for a key.
func (h *house) logDownload(d fastpath.Download) {
	record := accesslog.Record{
		Begin: d.Begin, Duration: d.Duration, Door: "download", Method: d.Method, Path: "/torrent/...",
		Outcome: outcome.Outcome{InfoHash: d.ID}, Status: "200", Sent: d.Sent, Key: access.Anonymous, Addr: h.loggedAddr(origin.PeerAddr(d.Peer)),
	}
	if !d.Found {
		record.Status, record.Outcome.Reason = "404", reason.TorrentNotFound
	}
	h.access.Add(record)
}

// logCall logs a call of our own services that came by gRPC. Calls of the doors in this process
// are in the log as what the doors were asked.
func (h *house) logCall(c server.Call) {
	if h.access == nil || c.Local || !strings.HasPrefix(c.Method, "/torrentcache.") {
		return
	}
	id, _ := infohash.Parse(c.InfoHash) // none, if it is not one
	h.access.Add(accesslog.Record{
		Begin: c.Begin, Duration: c.Duration, Door: "grpc", Method: "RPC", Path: c.Method,
		Outcome: outcome.Outcome{Reason: c.Reason, InfoHash: id}, Status: c.Code.String(),
		Received: int64(c.BytesIn), Sent: int64(c.BytesOut), Key: c.Caller, Addr: h.loggedAddr(c.Addr),
	})
}
