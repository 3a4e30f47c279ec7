//go:build e2e

package test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hooklift/gowsdl/soap"
	"github.com/torrentcache/torrentcache/gen/soap/cachesoap"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// debianPython has Debian's python3-... packages, whatever python3 is first on PATH.
const debianPython = "/usr/bin/python3"

// legacyClient uploads a file as a script of the last fifteen years does. It returns the script's
// output: the info hash, or the error in the answer.
type legacyClient struct {
	name   string
	upload func(t *testing.T, s *server, file string) string
	errors string // the text before the error code in an answer
	empty  string // the error code for an empty file
}

// soapScript and formScript return clients in the folder legacy, which run as COMMAND ADDRESS
// FILE [OPTIONS].
func soapScript(name string, command ...string) legacyClient {
	return legacyClient{name: name, upload: script(command, nil), empty: "111"}
}

func formScript(name string, command []string, options ...string) legacyClient {
	return legacyClient{name: name, upload: script(command, options), errors: "Error ", empty: "111"}
}

func script(command, options []string) func(*testing.T, *server, string) string {
	return func(t *testing.T, s *server, file string) string {
		t.Helper()
		args := append(append([]string{}, command[1:]...), s.HTTP, file)
		return strings.TrimSpace(run(t, "legacy", command[0], append(args, options...)...))
	}
}

func legacyClients(t *testing.T, s *server) []legacyClient {
	wsdlCache := t.TempDir()
	curl := []string{"sh", "autoupload.sh"}
	const uncached = "soap.wsdl_cache_enabled=0"
	return []legacyClient{
		soapScript("PHP SoapClient", "php", "-d", uncached, "soap.php"),
		soapScript("PHP SoapClient with cached WSDL", "php", "-d", "soap.wsdl_cache_enabled=1", "-d", "soap.wsdl_cache_dir="+wsdlCache, "soap.php"),
		soapScript("PHP SoapClient, SOAP 1.2 and gzip", "php", "-d", uncached, "soap12.php"),
		soapScript("PHP SoapClient without WSDL", "php", "soap_nowsdl.php"),
		soapScript("PHP SoapClient, document/literal", "php", "-d", uncached, "literal.php"),
		soapScript("Perl SOAP::Lite", "perl", "soap.pl"),
		soapScript("Python zeep", debianPython, "soap_zeep.py"),
		soapScript("Python zeep, document/literal", debianPython, "literal_zeep.py"),
		soapScript("Python suds", debianPython, "soap_suds.py"),
		soapScript("npm soap", "node", "soap.js"),
		{name: "npm soap, document/literal", upload: script([]string{"node", "soap.js"}, []string{"/api/cache.wsdl"}), empty: "111"},
		soapScript("gSOAP in C", gsoapClient(t, s)...),
		soapScript("Mono", monoClient(t, s)...),
		soapScript("Tcl's Web Services", "tclsh", "soap.tcl"),
		{name: "gowsdl", upload: uploadGowsdl, empty: "110"}, // its type cannot send an empty part
		formScript("PHP, answer taken apart by hand", []string{"php", "autoupload_raw.php"}),
		formScript("PHP curl", []string{"php", "autoupload_curl.php"}),
		formScript("PHP pecl_http", []string{"php", "autoupload_pecl.php"}),
		formScript("Perl LWP", []string{"perl", "autoupload.pl"}),
		formScript("Perl HTTP::Tiny", []string{"perl", "autoupload_tiny.pl"}),
		formScript("Java", javaClient(t)),
		formScript("Python urllib", []string{debianPython, "autoupload_urllib.py"}),
		formScript("Python requests", []string{debianPython, "autoupload_requests.py"}),
		formScript("wget", []string{"sh", "autoupload_wget.sh"}),
		formScript("curl", curl),
		formScript("curl, HTTP 1.0", curl, "--http1.0"),
		formScript("curl, HTTP 1.1", curl, "--http1.1"),
		formScript("curl, chunked", curl, "-H", "Transfer-Encoding: chunked"),
		formScript("curl, Expect", curl, "-H", "Expect: 100-continue"),
		formScript("curl, another host", curl, "-H", "Host: torrage.com"),
	}
}

func uploadGowsdl(t *testing.T, s *server, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	client := cachesoap.NewCachePortType(soap.NewClient("http://" + s.HTTP + "/api/soap"))
	answer, err := client.CacheTorrentContext(t.Context(), &cachesoap.CacheTorrent{
		Torrent: []byte(base64.StdEncoding.EncodeToString(data)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Result
}

func TestLegacyClients(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	clients := legacyClients(t, s)
	for i, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			testGoodUploads(t, s, client, uint64(1000+10*i))
			testBadUploads(t, s, client)
		})
	}
	t.Run("key in the path", func(t *testing.T) { testKeyInThePath(t, clients) })
}

// testGoodUploads uploads torrents that no other client uploads, and downloads them.
func testGoodUploads(t *testing.T, s *server, client legacyClient, seed uint64) {
	t.Helper()
	same := func(data []byte) []byte { return data }
	cases := []struct {
		name string
		size int
		pack func([]byte) []byte
	}{
		{"good", 20_000, same},
		{"gzip", 30_000, gzipped(t)},
		{"bzip2", 40_000, bzipped(t)},
		{"5.5 MB", 5_500_000, same},
	}
	for i, c := range cases {
		data := torrenttest.Random(seed+uint64(i), c.size)
		want := parse(t, data).IDs().Legacy().String()
		file := tempFile(t, c.pack(data))
		for _, time := range []string{"first", "again"} {
			if got := client.upload(t, s, file); got != want {
				t.Errorf("%s, %s time: answered %q, want %s", c.name, time, got, want)
			}
		}
		if got := mustFetch(t, "http://"+s.HTTP+"/torrent/"+want+".torrent"); !bytes.Equal(got, data) {
			t.Errorf("%s: the download has %d bytes, other than the %d uploaded", c.name, len(got), len(data))
		}
	}
}

func testBadUploads(t *testing.T, s *server, client legacyClient) {
	t.Helper()
	cases := []struct{ name, content, code string }{
		{"garbage", "<html>no torrent</html>", "112"},
		{"cut short", string(torrenttest.Random(1, 20_000)[:10_000]), "112"},
		{"empty", "", client.empty},
	}
	for _, c := range cases {
		got := client.upload(t, s, tempFile(t, []byte(c.content)))
		if want := client.errors + c.code; got != want && !(client.errors != "" && strings.HasPrefix(got, want+": ")) {
			t.Errorf("%s: answered %q, want %s", c.name, got, want)
		}
	}
}

func tempFile(t *testing.T, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, "my.torrent", data)
	return filepath.Join(dir, "my.torrent")
}

func gzipped(t *testing.T) func([]byte) []byte {
	return func(data []byte) []byte {
		t.Helper()
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		w.Write(data)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
}

func bzipped(t *testing.T) func([]byte) []byte {
	return func(data []byte) []byte {
		t.Helper()
		return []byte(run(t, "", "bzip2", "--stdout", tempFile(t, data)))
	}
}
