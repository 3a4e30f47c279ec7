package access

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// Anonymous is the name of callers that are not known.
const Anonymous = "anonymous"

// Credentials are the properties of a call by which a [Policy] identifies the caller.
type Credentials struct {
	Authorization string     // the header's value; "" if there is none
	Addr          netip.Addr // of the client; invalid if not known
	CertNames     []string   // in the client's certificate, which was verified
	Local         bool       // a call within the process
	OtherSite     bool       // a page of another site had a browser send it: address and certificate give nothing
}

// Principal is a caller and its roles.
type Principal struct {
	Name  string // of the entry, else [Anonymous]
	Roles Roles
	Keyed bool // it showed a key or a certificate; a network alone is shared by many
}

// Policy gives roles to callers. It never changes.
type Policy struct {
	anonymous    Roles
	hasKeys      bool   // if false, the credentials of callers are ignored
	noOperator   string // why nobody has the role admin; "" if somebody may
	keys         map[Digest]Entry
	certificates map[string]Entry // by name in lower case
	networks     []Entry          // the smallest first
}

// Open returns the policy of a server without a keys file: everybody has these
// roles. It ignores the credentials of callers, which are meant for somebody
// else, such as a proxy before this server. Everybody who reaches a listener that
// serves the calls of Admin has that role, too.
func Open(anonymous Roles) *Policy { return &Policy{anonymous: anonymous | Admin} }

// WithoutOperator returns a policy like p by which nobody may make the operator's calls. Why
// gives the reason and the remedy.
func (p *Policy) WithoutOperator(why string) *Policy {
	closed := *p
	closed.noOperator = why
	return &closed
}

// New returns the policy of a server with these entries.
func New(anonymous Roles, entries []Entry) *Policy {
	p := &Policy{anonymous: anonymous, hasKeys: true, keys: map[Digest]Entry{}, certificates: map[string]Entry{}}
	for _, e := range entries {
		switch {
		case e.Network.IsValid():
			p.networks = append(p.networks, e)
		case e.Certificate != "":
			p.certificates[e.Certificate] = e
		default:
			p.keys[e.Key] = e
		}
	}
	slices.SortStableFunc(p.networks, func(a, b Entry) int { return b.Network.Bits() - a.Network.Bits() })
	return p
}

// Anonymous returns the roles that every caller has.
func (p *Policy) Anonymous() Roles { return p.anonymous }

// KnowsAddresses reports whether some callers are known by their address.
func (p *Policy) KnowsAddresses() bool { return len(p.networks) > 0 }

// Decide returns the caller, and nil if it may call method, a full name as
// /package.Service/Method. It refuses a caller that shows an unknown key, or a value
// that is no key, even if anonymous callers may make the call: a wrong key must not
// look as if it worked. The error is UNAUTHENTICATED if a key may help, and
// PERMISSION_DENIED if the caller is known and lacks the role.
func (p *Policy) Decide(c Credentials, method string) (Principal, error) {
	call, ok := CallOf(method)
	if !ok {
		return Principal{}, reason.New(reason.PermissionDenied, "nobody may call %s", method)
	}
	role := call.Role
	if role == Admin && p.noOperator != "" {
		return Principal{}, reason.New(reason.PermissionDenied, "%s", p.noOperator)
	}
	if !isOurs(method) {
		return Principal{Name: Anonymous, Roles: p.anonymous}, nil
	}
	who, err := p.Identify(c)
	switch {
	case err != nil:
		return Principal{}, err
	case who.Roles.Has(role), c.Local && role == Sync:
		return who, nil
	case c.OtherSite && p.hasAtHome(c, role):
		return who, reason.New(reason.PermissionDenied,
			"another site's page had the browser send this, whose address or certificate gives no right then; send Authorization: Bearer KEY")
	case who.Name == Anonymous:
		return who, reason.New(reason.Unauthenticated,
			"this needs a key with the role %s; send it as Authorization: Bearer KEY, or as the password of Basic", role)
	default:
		return who, reason.New(reason.PermissionDenied, "%s lacks the role %s, which this needs", who.Name, role)
	}
}

// hasAtHome reports whether a caller whose call another site's page sent would have the role if
// the service's own page had sent it.
func (p *Policy) hasAtHome(c Credentials, role Roles) bool {
	c.OtherSite = false
	who, err := p.Identify(c)
	return err == nil && who.Roles.Has(role)
}

// Identify returns the caller that has these credentials. The name is that of the key, else
// of a certificate, else of the smallest network. The error is UNAUTHENTICATED: an unknown key.
func (p *Policy) Identify(c Credentials) (Principal, error) {
	who := Principal{Name: Anonymous, Roles: p.anonymous}
	if !p.hasKeys {
		return who, nil
	}
	if !c.OtherSite {
		p.addUnasked(&who, c)
	}
	if c.Authorization == "" {
		return who, nil
	}
	e, err := p.keyOf(c.Authorization)
	if err != nil {
		return Principal{}, err
	}
	who.add(e, true)
	return who, nil
}

// addUnasked adds the roles of the address and the certificate to the principal who. A browser
// shows both by itself, no matter which page makes it call.
func (p *Policy) addUnasked(who *Principal, c Credentials) {
	for _, e := range slices.Backward(p.networks) { // the smallest, the last, gives the name
		if e.Network.Contains(c.Addr.Unmap()) {
			who.add(e, false)
		}
	}
	for _, name := range c.CertNames {
		if e, ok := p.certificates[strings.ToLower(name)]; ok {
			who.add(e, true)
		}
	}
}

func (w *Principal) add(e Entry, keyed bool) {
	w.Name, w.Roles, w.Keyed = e.Name, w.Roles|e.Roles, w.Keyed || keyed
}

// keyOf returns the entry of the key that was shown.
func (p *Policy) keyOf(authorization string) (Entry, error) {
	key, ok := keyIn(authorization)
	switch {
	case !ok:
		return Entry{}, reason.New(reason.Unauthenticated,
			"the Authorization header is neither Bearer KEY nor Basic with the key as the password")
	case key == "":
		return Entry{}, reason.New(reason.Unauthenticated,
			"the key is empty: it belongs behind Bearer, in place of Basic's password, or after /k/ in the path")
	}
	e, ok := p.keys[DigestOf(key)]
	if !ok {
		return Entry{}, reason.New(reason.Unauthenticated, "the key is not known here: it is mistyped, or it was withdrawn")
	}
	return e, nil
}
