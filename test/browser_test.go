//go:build e2e

package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestAPersonUploadsWithABrowser drives real Chromium by WebDriver: the page's
// strict Content-Security-Policy must let the form work.
func TestAPersonUploadsWithABrowser(t *testing.T) {
	s := startServer(t)
	m := makeTorrent(t, "mktorrent", folderTree(t), "by a person")
	b := startBrowser(t)
	b.do(t, "POST", "/timeouts", map[string]any{"implicit": patience.Milliseconds()}, nil) // of find
	b.do(t, "POST", "/url", map[string]any{"url": "http://" + s.HTTP + "/"}, nil)
	b.do(t, "POST", b.find(t, "input[type=file]")+"/value", map[string]any{"text": m.path}, nil)
	b.do(t, "POST", b.find(t, "form[method=post] button")+"/click", map[string]any{}, nil)
	var link string // first: it is on the answer's page alone, so that what is found after it is, too
	b.do(t, "GET", b.find(t, fmt.Sprintf("a[href*='%s']", m.hash))+"/property/href", nil, &link)
	var page string
	b.do(t, "GET", b.find(t, "main")+"/text", nil, &page)
	if !strings.Contains(page, m.hash) {
		t.Errorf("the answer does not show the info hash %s:\n%s", m.hash, page)
	}
	if got := mustFetch(t, link); !bytes.Equal(got, m.data) {
		t.Errorf("the link %s gives %d bytes, other than the %d uploaded", link, len(got), len(m.data))
	}
}

// A browser is a WebDriver session (W3C WebDriver) in headless Chromium.
type browser struct{ session string }

func startBrowser(t *testing.T) *browser {
	t.Helper()
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	driver := exec.Command("chromedriver", "--port="+port)
	if err := driver.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = driver.Process.Kill()
		_ = driver.Wait()
	})
	b := &browser{session: "http://" + address}
	deadline := time.Now().Add(patience)
	for resp, err := http.Get(b.session + "/status"); ; resp, err = http.Get(b.session + "/status") {
		if err == nil {
			resp.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("chromedriver does not answer: ", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	arguments := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir()}
	var started struct{ SessionID string }
	b.do(t, "POST", "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"browserName": "chrome", "goog:chromeOptions": map[string]any{"args": arguments},
	}}}, &started)
	b.session += "/session/" + started.SessionID
	t.Cleanup(func() { b.do(t, "DELETE", "", nil, nil) })
	return b
}

// find returns the path of the first element that matches selector.
func (b *browser) find(t *testing.T, selector string) string {
	t.Helper()
	var element map[string]string
	b.do(t, "POST", "/element", map[string]any{"using": "css selector", "value": selector}, &element)
	for _, id := range element {
		return "/element/" + id
	}
	t.Fatalf("no element %s", selector)
	return ""
}

// do sends one WebDriver command and decodes the value of its answer.
func (b *browser) do(t *testing.T, method, path string, body, value any) {
	t.Helper()
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, b.session+path, bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
	}
	if value == nil {
		return
	}
	if err := json.Unmarshal(answer, &struct{ Value any }{value}); err != nil {
		t.Fatal(err)
	}
}
