package soapcompat

import (
	_ "embed"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// The WSDLs, complete but for the address: they name placeholderURL. The Go
// types in gen/soap are generated from the second.
var (
	//go:embed torrage.wsdl
	legacyWSDL string
	//go:embed cache.wsdl
	literalWSDL string
)

const placeholderURL = "http://localhost:8080"

// wsdl serves a WSDL that sends clients to where they asked for it.
func (h *Handler) wsdl(b binding) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := strings.Replace(b.wsdl, placeholderURL, escape(h.baseURL(r)), 1)
		header := w.Header()
		header.Set("Content-Type", "text/xml; charset=utf-8")
		header.Set("Content-Length", strconv.Itoa(len(body)))
		header.Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, body) // a client that left needs no answer
	}
}

// baseURL is where r was sent to: its scheme, for a script that came by http
// may not manage our TLS, and its Host. Without a Host (HTTP/1.0), or with one that
// a proxy seems to have made up, it is the public URL, or else the Host as it is or
// the address that the connection came in on. A key in the path stays there.
func (h *Handler) baseURL(r *http.Request) string {
	return h.hostURL(r) + front.Prefix(r)
}

func (h *Handler) hostURL(r *http.Request) string {
	scheme, host := origin.Asked(r)
	if h.publicURL != "" {
		if host == "" || isReplaced(r, host) {
			return h.publicURL
		}
		return scheme + "://" + host
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && host == "" {
		host = local.String()
	}
	h.warnOfProxy(r, host)
	return scheme + "://" + host
}
