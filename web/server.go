package web

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// server describes this server to templates and examples.
type server struct {
	site *Site

	URL            string // scheme://host[:port], no slash at the end
	Host           string // host of URL, without port; an IPv6 address in brackets
	Port           string // port of URL, or the default port of its scheme
	TLS            bool   // whether URL is https
	GRPC           string // host:port of gRPC for this visitor; "" if the visitor cannot reach it
	GRPCTLS        bool   // whether GRPC uses TLS
	Receive        int64  // largest gRPC message that examples accept, in MiB
	MaxTorrentSize int64  // bytes
	Contact        string // the address for questions; may be empty
	ContactURL     string // Contact as a link; "" if it cannot be one
	Retention      *Retention
	Prefix         string // precedes the paths of forms and pages
	Private        bool   // downloads are restricted
	TorrentPages   bool   // there is a page for each torrent
}

const unknownHost = "localhost:8080" // the default address of a server

func (s *Site) server(r *http.Request) server {
	base := s.options.PublicURL
	if base == "" {
		base = requestURL(r)
	}
	host, port := hostPort(base)
	return server{
		site:           s,
		URL:            base,
		Host:           host,
		Port:           port,
		TLS:            strings.HasPrefix(base, "https:"),
		GRPC:           s.options.GRPC.at(host),
		GRPCTLS:        s.options.GRPC != nil && s.options.GRPC.TLS,
		Receive:        receive(s.options.MaxTorrentSize),
		MaxTorrentSize: s.options.MaxTorrentSize,
		Contact:        s.options.Contact,
		ContactURL:     contactURL(s.options.Contact),
		Retention:      s.options.Retention,
		Prefix:         s.options.Prefix(r),
		Private:        s.options.Private(),
		TorrentPages:   !s.options.HideTorrents,
	}
}

// takingAtMost returns v with most, in bytes, as the size of its largest torrent if that is
// smaller. If most is 0, it returns v unchanged.
func (v server) takingAtMost(most int64) server {
	if 0 < most && most < v.MaxTorrentSize {
		v.MaxTorrentSize, v.Receive = most, receive(most)
	}
	return v
}

// leastReceive is the smallest limit for a gRPC message in the examples, in MiB.
const leastReceive = 16

// receive returns the limit for a gRPC message in the examples, in MiB, if torrents have at most
// that many bytes.
func receive(most int64) int64 { return max(leastReceive, most>>20+1) }

// GRPC is where the gRPC API is.
type GRPC struct {
	// Address is HOST:PORT, or :PORT for the host that the pages name.
	Address string
	TLS     bool
}

// at returns the gRPC address for a visitor of the pages at host; "" if there is none. A loopback
// address is only for visitors that use loopback themselves.
func (g *GRPC) at(host string) string {
	if g == nil {
		return ""
	}
	own, _ := hostPort("://" + g.Address)
	switch {
	case own == "":
		return host + g.Address
	case isLoopback(own) && !isLoopback(host):
		return ""
	}
	return g.Address
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// contactURL returns a link to an e-mail address or URL; empty for anything else.
func contactURL(contact string) string {
	switch {
	case strings.HasPrefix(contact, "https://"), strings.HasPrefix(contact, "http://"):
		return contact
	case strings.Count(contact, "@") == 1 && !strings.ContainsAny(contact, " \t:/?"):
		return "mailto:" + contact
	}
	return ""
}

// requestURL returns the address to which r was sent. People paste the examples into a shell, so
// the address has no character that a shell interprets.
func requestURL(r *http.Request) string {
	scheme, host := origin.Asked(r)
	if !origin.IsHost(host) {
		host = unknownHost
	}
	return scheme + "://" + host
}

// hostPort splits a URL that New or requestURL has checked.
func hostPort(base string) (host, port string) {
	scheme, authority, _ := strings.Cut(base, "://")
	authority, _, _ = strings.Cut(authority, "/")
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		return authority[:i], authority[i+1:]
	}
	if scheme == "https" {
		return authority, "443"
	}
	return authority, "80"
}

// example is code to copy.
type example struct{ ID, Code string }

// Example returns the named example, ready to run against this server.
func (v server) Example(name string) (example, error) {
	var out strings.Builder
	err := v.site.examples.ExecuteTemplate(&out, name+".txt", v)
	return example{strings.ReplaceAll(name, ".", "-"), strings.TrimSpace(out.String())}, err
}
