package web

import (
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// server is what templates and examples see of this server.
type server struct {
	site *Site

	URL            string // scheme://host[:port], no slash at the end
	Host           string // host of URL, without port; an IPv6 address in brackets
	Port           string // port of URL, the scheme's own if it names none
	TLS            bool   // whether URL is https
	GRPC           string // host:port of the gRPC listener
	MaxTorrentSize int64  // bytes
	Contact        string // whom to ask; may be empty
	ContactURL     string // a link to that, if it can be one
	Prefix         string // of the paths of forms and pages
	Private        bool   // torrents are not for everybody
	TorrentPages   bool   // there is a page for each torrent
}

const (
	unknownHost = "localhost:8080" // where a server without any options listens
	grpcPort    = "9090"           // likewise
)

func (s *Site) server(r *http.Request) server {
	base := s.options.PublicURL
	if base == "" {
		base = requestURL(r)
	}
	host, port := hostPort(base)
	grpc := s.options.GRPCAddress
	if grpc == "" {
		grpc = host + ":" + grpcPort
	}
	return server{
		site:           s,
		URL:            base,
		Host:           host,
		Port:           port,
		TLS:            strings.HasPrefix(base, "https:"),
		GRPC:           grpc,
		MaxTorrentSize: s.options.MaxTorrentSize,
		Contact:        s.options.Contact,
		ContactURL:     contactURL(s.options.Contact),
		Prefix:         s.options.Prefix(r),
		Private:        s.options.Private(),
		TorrentPages:   !s.options.HideTorrents,
	}
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

// requestURL returns the address r was sent to. People paste the examples into a shell, so
// nothing a shell reads may get in that way.
func requestURL(r *http.Request) string {
	scheme, host := origin.Asked(r)
	if !origin.IsHost(host) {
		host = unknownHost
	}
	return scheme + "://" + host
}

// hostPort splits a URL as New and requestURL let through.
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

// Code returns the example of that name, ready to run against this server.
func (v server) Code(name string) (string, error) {
	var out strings.Builder
	err := v.site.examples.ExecuteTemplate(&out, name+".txt", v)
	return strings.TrimSpace(out.String()), err
}
