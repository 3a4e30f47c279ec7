package access_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	cache = "/torrentcache.v1.CacheService/"
	admin = "/torrentcache.v1.AdminService/"
)

// calls has the role that each call needs; 0 is none.
var calls = map[string]access.Roles{
	cache + "GetTorrent":                                        access.Read,
	cache + "DescribeTorrent":                                   access.Read,
	cache + "CacheTorrent":                                      access.Write,
	cache + "CacheTorrents":                                     access.Write,
	cache + "FindMissingTorrents":                               access.Write,
	cache + "WantTorrent":                                       access.Read,
	"/torrentcache.v1.SyncService/WatchChanges":                 access.Sync,
	"/torrentcache.v1.SyncService/WatchWanted":                  access.Sync,
	admin + "RemoveTorrent":                                     access.Admin,
	admin + "RestoreTorrent":                                    access.Admin,
	admin + "RemoveTorrents":                                    access.Admin,
	admin + "RestoreTorrents":                                   access.Admin,
	admin + "VerifyStore":                                       access.Admin,
	admin + "BackupStore":                                       access.Admin,
	admin + "GetStats":                                          access.Admin,
	admin + "ReadRecord":                                        access.Admin,
	admin + "Drain":                                             access.Admin,
	"/grpc.health.v1.Health/Check":                              0,
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": 0,
}

var allRoles = []access.Roles{access.Read, access.Write, access.Sync, access.Admin}

// answer is the decision in one word.
func answer(err error) reason.Reason {
	if err == nil {
		return "OK"
	}
	return reason.Of(err).Reason
}

// A call that is for everybody tells the caller's name all the same, and a wrong key is refused.
func TestDescribeServerIsForAllButWrongKeys(t *testing.T) {
	key := access.NewKey()
	site := access.Entry{Name: "site", Roles: access.Write, Key: access.DigestOf(key)}
	for _, c := range []struct {
		policy *access.Policy
		key    string
		want   access.Principal
		wrong  bool
	}{
		{access.New(0, []access.Entry{site}), "Bearer " + key, access.Principal{Name: "site", Roles: access.Write, Keyed: true}, false},
		{access.New(0, []access.Entry{site}), "", access.Principal{Name: access.Anonymous}, false},
		{access.New(access.Read, []access.Entry{site}), "Bearer x", access.Principal{}, true},
		{access.Open(access.Read), "Bearer x", access.Principal{Name: access.Anonymous, Roles: access.Read | access.Admin}, false},
	} {
		who, err := c.policy.Decide(access.Credentials{Authorization: c.key}, cache+"DescribeServer")
		if who != c.want || (answer(err) == reason.Unauthenticated) != c.wrong {
			t.Errorf("with %q: %+v, %v, want %+v", c.key, who, err, c.want)
		}
	}
}

// There is one key for each role, and a key that nobody has: each of them is tried at
// each call, under each set of anonymous roles.
func TestEachRoleAtEachCall(t *testing.T) {
	keys := map[access.Roles]string{}
	var entries []access.Entry
	for _, role := range allRoles {
		keys[role] = access.NewKey()
		entries = append(entries, access.Entry{Name: role.String(), Roles: role, Key: access.DigestOf(keys[role])})
	}
	for anonymous := access.Roles(0); anonymous < access.Admin; anonymous++ {
		policy := access.New(anonymous, entries)
		for method, needed := range calls {
			check := func(who string, c access.Credentials, has access.Roles, otherwise reason.Reason) {
				t.Helper()
				want := otherwise
				if has.Has(needed) {
					want = "OK"
				}
				_, err := policy.Decide(c, method)
				if got := answer(err); got != want {
					t.Errorf("anonymous has %s: %s at %s: %s, want %s", anonymous, who, method, got, want)
				}
			}
			check("nobody", access.Credentials{}, anonymous, reason.Unauthenticated)
			for role, key := range keys {
				check(role.String(), access.Credentials{Authorization: "Bearer " + key}, anonymous|role, reason.PermissionDenied)
			}
			wrong := access.Roles(0) // of a wrong key, which is not even anonymous
			if needed == 0 {
				wrong = access.Read // health asks nobody for a key
			}
			check("a wrong key", access.Credentials{Authorization: "Bearer " + access.NewKey()}, wrong, reason.Unauthenticated)
		}
	}
}

func TestUnknownCallIsNobodys(t *testing.T) {
	every := access.Read | access.Write | access.Sync | access.Admin
	for _, method := range []string{cache + "Added", "/torrentcache.v2.CacheService/GetTorrent", "/torrentcache.v1.CacheService"} {
		if _, err := access.Open(every).Decide(access.Credentials{Local: true}, method); answer(err) != reason.PermissionDenied {
			t.Errorf("%s: %s", method, answer(err))
		}
	}
}

func TestCallsWithinTheProcessMayFollowTheFeed(t *testing.T) {
	for name, policy := range map[string]*access.Policy{"open": access.Open(0), "keys": access.New(0, nil)} {
		if _, err := policy.Decide(access.Credentials{Local: true}, "/torrentcache.v1.SyncService/WatchChanges"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := policy.Decide(access.Credentials{Local: true}, cache+"CacheTorrent"); err == nil {
			t.Errorf("%s: a call within the process, which may be made for anybody, uploads", name)
		}
	}
}

// Without a keys file, credentials count as meant for somebody else.
func TestOpen(t *testing.T) {
	policy := access.Open(access.Read | access.Write)
	who, err := policy.Decide(access.Credentials{Authorization: "Basic of-a-proxy"}, cache+"CacheTorrent")
	if err != nil || who.Name != access.Anonymous || who.Keyed {
		t.Errorf("%+v, %v", who, err)
	}
	if _, err := policy.Decide(access.Credentials{}, admin+"Drain"); err != nil {
		t.Errorf("who reaches the admin listener may not use it: %v", err)
	}
	if _, err := policy.Decide(access.Credentials{}, "/torrentcache.v1.SyncService/WatchChanges"); answer(err) != reason.Unauthenticated {
		t.Errorf("the feed: %v", err)
	}
}

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

func TestWaysToShowAKey(t *testing.T) {
	key := access.NewKey()
	policy := access.New(0, []access.Entry{{Name: "site", Roles: access.Write, Key: access.DigestOf(key)}})
	for authorization, ok := range map[string]bool{
		"Bearer " + key:              true,
		"bearer   " + key + " ":      true,
		basic("anyone:" + key):       true,
		basic(":" + key):             true,
		"":                           false,
		" ":                          false,
		key:                          false,
		"Token " + key:               false,
		"Bearer":                     false,
		"Bearer " + key + "x":        false,
		"Bearer " + key[1:]:          false,
		"Bearer " + key + ", " + key: false,
		basic(key):                   false,
		basic(key + ":"):             false,
		basic("a:b:" + key):          false,
		"Basic " + key:               false,
	} {
		who, err := policy.Decide(access.Credentials{Authorization: authorization}, cache+"CacheTorrent")
		switch {
		case ok && (err != nil || who != access.Principal{Name: "site", Roles: access.Write, Keyed: true}):
			t.Errorf("%q: %+v, %v", authorization, who, err)
		case !ok && answer(err) != reason.Unauthenticated:
			t.Errorf("%q: %s", authorization, answer(err))
		case err != nil && strings.Contains(err.Error(), key):
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

func TestNetworksAndCertificates(t *testing.T) {
	key := access.NewKey()
	policy := access.New(0, []access.Entry{
		{Name: "house", Roles: access.Read, Network: netip.MustParsePrefix("10.0.0.0/8")},
		{Name: "desk", Roles: access.Sync, Network: netip.MustParsePrefix("10.1.2.3/32")},
		{Name: "six", Roles: access.Write, Network: netip.MustParsePrefix("2001:db8::/32")},
		{Name: "edge", Roles: access.Sync, Certificate: "edge.example.org"},
		{Name: "site", Roles: access.Write, Key: access.DigestOf(key)},
	})
	addr := netip.MustParseAddr
	for _, c := range []struct {
		says string
		c    access.Credentials
		want access.Principal
	}{
		{"nothing known", access.Credentials{}, access.Principal{Name: access.Anonymous}},
		{"elsewhere", access.Credentials{Addr: addr("11.0.0.1")}, access.Principal{Name: access.Anonymous}},
		{"a network", access.Credentials{Addr: addr("10.9.9.9")}, access.Principal{Name: "house", Roles: access.Read}},
		{"IPv4 as IPv6", access.Credentials{Addr: addr("::ffff:10.9.9.9")}, access.Principal{Name: "house", Roles: access.Read}},
		{"two networks", access.Credentials{Addr: addr("10.1.2.3")}, access.Principal{Name: "desk", Roles: access.Read | access.Sync}},
		{"IPv6", access.Credentials{Addr: addr("2001:db8::1")}, access.Principal{Name: "six", Roles: access.Write}},
		{"a certificate", access.Credentials{CertNames: []string{"other", "Edge.Example.org"}}, access.Principal{Name: "edge", Roles: access.Sync, Keyed: true}},
		{"all of them", access.Credentials{Addr: addr("10.9.9.9"), CertNames: []string{"edge.example.org"}, Authorization: "Bearer " + key},
			access.Principal{Name: "site", Roles: access.Read | access.Sync | access.Write, Keyed: true}},
	} {
		who, _ := policy.Decide(c.c, admin+"Drain")
		if who != c.want {
			t.Errorf("%s: %+v, want %+v", c.says, who, c.want)
		}
	}
	// A wrong key is not made good by the network.
	if _, err := policy.Decide(access.Credentials{Addr: addr("10.9.9.9"), Authorization: "Bearer x"}, cache+"GetTorrent"); answer(err) != reason.Unauthenticated {
		t.Errorf("a wrong key from a known network: %s", answer(err))
	}
}

func TestGate(t *testing.T) {
	gate := access.NewGate(access.New(0, nil))
	_, replaced := gate.Policy()
	if _, err := gate.Decide(access.Credentials{}, cache+"GetTorrent"); err == nil {
		t.Error("closed, and it lets in")
	}
	gate.Set(access.New(access.Read, nil))
	select {
	case <-replaced:
	default:
		t.Error("nobody is told of the new policy")
	}
	if _, err := gate.Decide(access.Credentials{}, cache+"GetTorrent"); err != nil {
		t.Error(err)
	}
	if p, replaced := gate.Policy(); p.Anonymous() != access.Read {
		t.Errorf("anonymous has %s", p.Anonymous())
	} else {
		select {
		case <-replaced:
			t.Error("the new policy counts as replaced")
		default:
		}
	}
}

func TestContext(t *testing.T) {
	if who := access.FromContext(t.Context()); who != (access.Principal{Name: access.Anonymous}) {
		t.Errorf("%+v", who)
	}
	want := access.Principal{Name: "site", Roles: access.Write, Keyed: true}
	if who := access.FromContext(access.NewContext(t.Context(), want)); who != want {
		t.Errorf("%+v", who)
	}
}

func BenchmarkDecide(b *testing.B) {
	key := access.NewKey()
	entries := []access.Entry{{Name: "site", Roles: access.Write, Key: access.DigestOf(key)}}
	for i := range 1000 {
		entries = append(entries, access.Entry{Name: fmt.Sprint(i), Roles: access.Write, Key: access.DigestOf(access.NewKey())})
	}
	policy := access.New(access.Read, entries)
	c := access.Credentials{Authorization: "Bearer " + key}
	for b.Loop() {
		if _, err := policy.Decide(c, cache+"CacheTorrent"); err != nil {
			b.Fatal(err)
		}
	}
}
