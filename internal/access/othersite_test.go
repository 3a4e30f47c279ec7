package access_test

import (
	"net/netip"
	"testing"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// A credential that a browser shows unasked counts only for the pages of its own site.
func TestAPageOfAnotherSiteHasNoRightsOfTheBrowser(t *testing.T) {
	key := access.NewKey()
	policy := access.New(access.Read, []access.Entry{
		{Name: "office", Roles: access.Write, Network: netip.MustParsePrefix("192.0.2.0/24")},
		{Name: "laptop", Roles: access.Write, Certificate: "laptop.example"},
		{Name: "site1", Roles: access.Write, Key: access.DigestOf(key)},
	})
	office, laptop := access.Credentials{Addr: netip.MustParseAddr("192.0.2.7")}, access.Credentials{CertNames: []string{"laptop.example"}}
	keyed := office
	keyed.Authorization = "Bearer " + key
	for _, c := range []struct {
		name         string
		from         access.Credentials
		home, abroad reason.Reason
	}{
		{"by its network", office, "OK", reason.PermissionDenied},
		{"by its certificate", laptop, "OK", reason.PermissionDenied},
		{"by a key that the page has", keyed, "OK", "OK"},
		{"unknown", access.Credentials{}, reason.Unauthenticated, reason.Unauthenticated},
	} {
		_, err := policy.Decide(c.from, cache+"CacheTorrent")
		if got := answer(err); got != c.home {
			t.Errorf("%s: from its own site %s, want %s", c.name, got, c.home)
		}
		c.from.OtherSite = true
		who, err := policy.Decide(c.from, cache+"CacheTorrent")
		if got := answer(err); got != c.abroad {
			t.Errorf("%s: from another site %s, want %s", c.name, got, c.abroad)
		}
		if err == nil && who.Name != "site1" {
			t.Errorf("%s: from another site it is %s", c.name, who.Name)
		}
	}
	// Where everybody may upload, a page of another site may, too; it is nobody's upload then.
	open := access.New(access.Read|access.Write, []access.Entry{{Name: "laptop", Roles: access.Write, Certificate: "laptop.example"}})
	laptop.OtherSite = true
	if who, err := open.Decide(laptop, cache+"CacheTorrent"); err != nil || who.Keyed || who.Name != access.Anonymous {
		t.Errorf("%+v, %v", who, err)
	}
}
