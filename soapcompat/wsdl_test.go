package soapcompat_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/soapcompat"
)

// definitions has the parts of a WSDL that clients read, field by field of the contract.
type definitions struct {
	Name            string `xml:"name,attr"`
	TargetNamespace string `xml:"targetNamespace,attr"`
	Messages        []struct {
		Name  string `xml:"name,attr"`
		Parts []struct {
			Name string `xml:"name,attr"`
			Type string `xml:"type,attr"`
		} `xml:"http://schemas.xmlsoap.org/wsdl/ part"`
	} `xml:"http://schemas.xmlsoap.org/wsdl/ message"`
	PortType struct {
		Name string `xml:"name,attr"`
	} `xml:"http://schemas.xmlsoap.org/wsdl/ portType"`
	Binding struct {
		Name string `xml:"name,attr"`
		SOAP struct {
			Style     string `xml:"style,attr"`
			Transport string `xml:"transport,attr"`
		} `xml:"http://schemas.xmlsoap.org/wsdl/soap/ binding"`
		Operation struct {
			Name string `xml:"name,attr"`
			SOAP struct {
				Action string `xml:"soapAction,attr"`
			} `xml:"http://schemas.xmlsoap.org/wsdl/soap/ operation"`
			Input  body `xml:"http://schemas.xmlsoap.org/wsdl/ input"`
			Output body `xml:"http://schemas.xmlsoap.org/wsdl/ output"`
		} `xml:"http://schemas.xmlsoap.org/wsdl/ operation"`
	} `xml:"http://schemas.xmlsoap.org/wsdl/ binding"`
	Service struct {
		Name string `xml:"name,attr"`
		Port struct {
			Name    string `xml:"name,attr"`
			Address struct {
				Location string `xml:"location,attr"`
			} `xml:"http://schemas.xmlsoap.org/wsdl/soap/ address"`
		} `xml:"http://schemas.xmlsoap.org/wsdl/ port"`
	} `xml:"http://schemas.xmlsoap.org/wsdl/ service"`
}

type body struct {
	SOAP struct {
		Use       string `xml:"use,attr"`
		Namespace string `xml:"namespace,attr"`
	} `xml:"http://schemas.xmlsoap.org/wsdl/soap/ body"`
}

func parseWSDL(t *testing.T, a answer) definitions {
	t.Helper()
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/xml; charset=utf-8" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("answered %d %v", a.status, a.header)
	}
	var d definitions
	if err := xml.Unmarshal([]byte(a.body), &d); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return d
}

func TestLegacyWSDL(t *testing.T) {
	d := parseWSDL(t, do(newHandler(t, &fakeBackend{}), httptest.NewRequest(http.MethodGet, "/api/torrage.wsdl", nil)))
	got := [][2]string{
		{d.Name, d.TargetNamespace},
		{d.Messages[0].Name, fmt.Sprint(d.Messages[0].Parts)},
		{d.Messages[1].Name, fmt.Sprint(d.Messages[1].Parts)},
		{d.PortType.Name, d.Binding.Name},
		{d.Service.Name, d.Service.Port.Name},
		{d.Binding.SOAP.Style, d.Binding.SOAP.Transport},
		{d.Binding.Operation.Name, d.Binding.Operation.SOAP.Action},
		{d.Binding.Operation.Input.SOAP.Use, d.Binding.Operation.Input.SOAP.Namespace},
		{d.Binding.Operation.Output.SOAP.Use, d.Binding.Operation.Output.SOAP.Namespace},
	}
	want := [][2]string{
		{"Cache", "urn:Torrage"},
		{"cacheTorrentRequest", "[{torrent xsd:string}]"},
		{"cacheTorrentResponse", "[{Result xsd:string}]"},
		{"CachePortType", "CacheBinding"},
		{"CacheService", "CachePort"},
		{"rpc", "http://schemas.xmlsoap.org/soap/http"},
		{"cacheTorrent", "urn:xmethods-delayed-quotes#cacheTorrent"},
		{"encoded", "urn:xmethods-delayed-quotes"},
		{"encoded", "urn:xmethods-delayed-quotes"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAddressInTheWSDL(t *testing.T) {
	overTLS := func(r *http.Request) { r.TLS = &tls.ConnectionState{} }
	local := func(r *http.Request) {
		addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
		*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
	}
	cases := []struct {
		name, publicURL, target, host string
		change                        func(*http.Request)
		want                          string
	}{
		{"http", "", "/api/torrage.wsdl", "torrage.com", nil, "http://torrage.com/api/index.php"},
		{"https", "", "/api/torrage.wsdl", "torrage.com", overTLS, "https://torrage.com/api/index.php"},
		{"port", "", "/api/torrage.wsdl", "[::1]:8080", nil, "http://[::1]:8080/api/index.php"},
		{"?wsdl", "", "/api/index.php?wsdl", "a.example", nil, "http://a.example/api/index.php"},
		{"?WSDL", "", "/api/index.php?WSDL", "a.example", nil, "http://a.example/api/index.php"},
		{"host before public URL", "https://public.example", "/api/torrage.wsdl", "a.example", nil, "http://a.example/api/index.php"},
		{"no host", "https://public.example/", "/api/torrage.wsdl", "", nil, "https://public.example/api/index.php"},
		{"no host, no public URL", "", "/api/torrage.wsdl", "", local, "http://127.0.0.1:8080/api/index.php"},
		{"host to be escaped", "", "/api/torrage.wsdl", `a"><b>&c`, nil, `http://a"><b>&c/api/index.php`},
		{"document/literal", "", "/api/cache.wsdl", "a.example", nil, "http://a.example/api/soap"},
		{"document/literal ?wsdl", "", "/api/soap?wsdl", "a.example", nil, "http://a.example/api/soap"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newDoor(t, soapcompat.Options{Client: &fakeBackend{}, MaxTorrentSize: 1}, c.publicURL)
			mux := front.NewMux(h.Routes()...)
			r := httptest.NewRequest(http.MethodGet, c.target, nil)
			r.Host = c.host
			if c.change != nil {
				c.change(r)
			}
			if got := parseWSDL(t, do(mux, r)).Service.Port.Address.Location; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestWSDLWithoutHostOverTheWire(t *testing.T) {
	s := newServer(t, &fakeBackend{})
	conn, answers := dial(t, s.Listener.Addr().String())
	fmt.Fprint(conn, "GET /api/torrage.wsdl HTTP/1.0\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(answers), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := parseWSDL(t, readAnswer(t, resp)).Service.Port.Address.Location; got != s.URL+"/api/index.php" {
		t.Errorf("got %s, want %s/api/index.php", got, s.URL)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	f := &fakeBackend{}
	for name, o := range map[string]soapcompat.Options{
		"Client":         {MaxTorrentSize: 1},
		"MaxTorrentSize": {Client: f},
		"Site":           {Client: f, MaxTorrentSize: 1},
	} {
		if _, err := soapcompat.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
