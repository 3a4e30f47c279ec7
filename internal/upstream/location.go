package upstream

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/internal/globaladdr"
)

// Location says where an upstream is and how to ask it.
type Location struct {
	// Name is the scheme and the host, for people.
	Name string
	// Template is the URL of a torrent, with {HASH} or {hash} in it; empty for gRPC.
	Template string
	// Address is HOST:PORT.
	Address string
	// GRPC says that the upstream is asked by gRPC. TLS says that the connection uses TLS.
	GRPC, TLS bool
	// TokenFile, CA, Certificate and Key are names of files, each empty if there is none.
	TokenFile, CA, Certificate, Key string
}

// Placeholders of a template: the info hash in upper case and in lower case.
const (
	upperHash = "{HASH}"
	lowerHash = "{hash}"
)

// Parse reads http(s)://HOST/...{HASH}... or grpc(s)://HOST:PORT. The query may have the parameters
// token-file, ca, cert and cert-key; with HTTP it may have others too. The error repeats nothing of
// text.
func Parse(text string) (Location, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || u.Fragment != "" {
		return Location{}, errors.New("want http(s)://HOST/PATH with {HASH} or {hash} in it, or grpc(s)://HOST:PORT")
	}
	if u.User != nil {
		return Location{}, errors.New("a key does not stand in the address: name a file that holds it, by ?token-file=FILE")
	}
	l := Location{Name: u.Scheme + "://" + u.Host, Address: u.Host}
	if err := l.takeSettings(u); err != nil {
		return Location{}, err
	}
	switch u.Scheme {
	case "http", "https":
		l.TLS = u.Scheme == "https"
		err = l.readHTTP(u)
	case "grpc", "grpcs":
		l.GRPC, l.TLS = true, u.Scheme == "grpcs"
		err = readGRPC(u)
	default:
		err = errors.New("want http://, https://, grpc:// or grpcs://")
	}
	if err == nil {
		err = l.check()
	}
	return l, err
}

// takeSettings takes our own parameters out of u's query and leaves all others as they are.
func (l *Location) takeSettings(u *url.URL) error {
	own := map[string]*string{"token-file": &l.TokenFile, "ca": &l.CA, "cert": &l.Certificate, "cert-key": &l.Key}
	var rest []string
	for _, parameter := range strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' }) {
		name, value, _ := strings.Cut(parameter, "=")
		setting := own[name]
		if setting == nil {
			rest = append(rest, parameter)
			continue
		}
		plain, err := url.QueryUnescape(value)
		if err != nil || plain == "" {
			return fmt.Errorf("the parameter %s: want the name of a file, with %%25 for %%", name)
		}
		*setting = plain
	}
	u.RawQuery = strings.Join(rest, "&")
	return nil
}

func (l *Location) readHTTP(u *url.URL) error {
	query := ""
	if u.RawQuery != "" {
		query = "?" + u.RawQuery
	}
	l.Template = u.Scheme + "://" + u.Host + unescapeBraces(u.EscapedPath()+query)
	if !strings.Contains(l.Template, upperHash) && !strings.Contains(l.Template, lowerHash) {
		return errors.New("want {HASH} or {hash} where the info hash stands, as in https://HOST/torrent/{HASH}.torrent")
	}
	if u.Port() == "" {
		l.Address = net.JoinHostPort(u.Hostname(), map[bool]string{false: "80", true: "443"}[l.TLS])
	}
	return nil
}

// unescapeBraces restores the braces of a template, which net/url escapes.
func unescapeBraces(text string) string {
	return strings.NewReplacer("%7BHASH%7D", upperHash, "%7Bhash%7D", lowerHash).Replace(text)
}

func readGRPC(u *url.URL) error {
	if u.Port() == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		return errors.New("want grpc(s)://HOST:PORT, and of parameters token-file, ca, cert and cert-key alone")
	}
	return nil
}

// check refuses settings that do not go together.
func (l *Location) check() error {
	switch {
	case (l.Certificate == "") != (l.Key == ""):
		return errors.New("the parameters cert and cert-key belong together: give both")
	case !l.TLS && (l.CA != "" || l.Certificate != ""):
		return errors.New("the parameters ca, cert and cert-key are for https:// and grpcs://")
	case l.TokenFile != "" && !l.TLS && l.literal().IsValid() && !isNear(l.literal()):
		return errKeyInClear
	}
	return nil
}

// errKeyInClear refuses to send a key without TLS over a public network.
var errKeyInClear = errors.New("a key goes without TLS to loopback and private addresses alone: use https:// or grpcs://")

// literal returns the address that the operator wrote as the host; the zero Addr if the host is a
// name.
func (l *Location) literal() netip.Addr {
	host, _, _ := net.SplitHostPort(l.Address)
	addr, _ := netip.ParseAddr(host)
	return addr.Unmap()
}

// ParseAll parses each text with [Parse]. No two may have the same Name. If there is an error, the
// result which is the index of the text at fault.
func ParseAll(texts []string) (all []Location, which int, err error) {
	for i, text := range texts {
		l, err := Parse(text)
		if err != nil {
			return nil, i, err
		}
		if slices.ContainsFunc(all, func(other Location) bool { return other.Name == l.Name }) {
			return nil, i, errors.New("the same scheme and host stand in another --upstream")
		}
		all = append(all, l)
	}
	return all, 0, nil
}

// errAddress refuses to connect to an address.
var errAddress = errors.New("the address is not a public one: --upstream-local-addresses allows it")

// guard decides which addresses may be connected to. It checks the address of the connection
// itself, because a name may resolve to one address when it is checked and to another later.
type guard struct {
	literal netip.Addr // the address that the operator wrote; the zero Addr for a name
	local   bool       // all addresses are allowed
	near    bool       // only loopback and private addresses: a key is sent without TLS
}

// dialer returns a Dialer that connects only to addresses that g allows.
func (g guard) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return g.check(at.Addr())
	}}
}

func (g guard) check(addr netip.Addr) error {
	addr = addr.Unmap()
	switch {
	case g.near && !isNear(addr):
		return errKeyInClear
	case g.local || addr == g.literal || globaladdr.Is(addr):
		return nil
	}
	return errAddress
}

// isNear reports whether addr is a loopback or a private address (RFC 1918, RFC 4193).
func isNear(addr netip.Addr) bool { return addr.IsLoopback() || addr.IsPrivate() }
