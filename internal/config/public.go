package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// maxContact bounds the length of --contact, in bytes. Every answer for a removed
// torrent has the contact in it, and the legacy doors cut their answers at 400.
const maxContact = 200

func (d *Doors) validateContact() error {
	for i := range len(d.Contact) {
		if d.Contact[i] < ' ' || d.Contact[i] > '~' {
			return fmt.Errorf("--contact %q: want printable ASCII", d.Contact)
		}
	}
	if len(d.Contact) > maxContact {
		return fmt.Errorf("--contact has %d bytes: want at most %d", len(d.Contact), maxContact)
	}
	if d.Contact != "" && !isWebURL(d.Contact) && !isMail(d.Contact) {
		return fmt.Errorf("--contact %q: want an e-mail address, such as abuse@example.org, or an http or https URL", d.Contact)
	}
	return nil
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// isMail reports whether text is an address alone, without a name before it.
func isMail(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}

// TLSPrefix marks a gRPC address that speaks TLS.
const TLSPrefix = "tls://"

func (d *Doors) validatePublicGRPC() error {
	if d.PublicGRPCAddr == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(d.PublicGRPCAddr, TLSPrefix))
	n, numErr := strconv.Atoi(port)
	if err != nil || numErr != nil || n < 1 || n > 65535 || !origin.IsHost(net.JoinHostPort(host, port)) {
		return fmt.Errorf("--public-grpc-addr %q: want HOST:PORT, or tls://HOST:PORT", d.PublicGRPCAddr)
	}
	return nil
}

// Origins are the origins of sites as browsers write them (RFC 6454, section 6.1), as the value
// of a flag that may be given several times, each time with commas between origins.
type Origins []string

// String returns the origins with commas between.
func (o *Origins) String() string { return strings.Join(*o, ",") }

// Set adds origins; one that is there already is not added again, and an empty text adds none.
func (o *Origins) Set(text string) error { return addEach((*[]string)(o), text, parseOrigin) }

// Type names the value in the help.
func (o *Origins) Type() string { return "origins" }

// originHost is a host as it stands in an origin: names beyond ASCII are in punycode.
var originHost = regexp.MustCompile(`^([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)

// parseOrigin returns the origin in text, in lower case and without the scheme's default port.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(strings.ToLower(strings.TrimSuffix(text, "/")))
	ports := map[string]string{"http": ":80", "https": ":443"}
	if err != nil || ports[u.Scheme] == "" || !originHost.MatchString(u.Host) || u.Scheme+"://"+u.Host != u.String() {
		return "", fmt.Errorf("%q: want origins as browsers write them, a scheme and a host such as https://example.org, with commas between", Redact(text))
	}
	return u.Scheme + "://" + strings.TrimSuffix(u.Host, ports[u.Scheme]), nil
}
