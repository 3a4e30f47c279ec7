//go:build e2e

package test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// browser is a WebDriver session (W3C WebDriver) in headless Chromium.
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
		"browserName": "chrome", "goog:chromeOptions": map[string]any{"args": arguments}, "goog:loggingPrefs": map[string]any{"browser": "ALL"},
		"timeouts": map[string]any{"implicit": patience.Milliseconds()}, // for [browser.find]
	}}}, &started)
	b.session += "/session/" + started.SessionID
	t.Cleanup(func() { b.do(t, "DELETE", "", nil, nil) })
	return b
}

// find waits for an element that matches selector, and returns the path of the first one.
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

// open goes to a page.
func (b *browser) open(t *testing.T, url string) {
	t.Helper()
	b.do(t, "POST", "/url", map[string]any{"url": url}, nil)
}

// run runs a script in the page and decodes the script's result into value. It waits for
// promises.
func (b *browser) run(t *testing.T, value any, script string, args ...any) {
	t.Helper()
	if args == nil {
		args = []any{}
	}
	b.do(t, "POST", "/execute/sync", map[string]any{"script": script, "args": args}, value)
}

// await waits until a script returns true.
func (b *browser) await(t *testing.T, script string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var done bool
		if b.run(t, &done, script, args...); done {
			return
		}
		if time.Now().After(deadline) {
			var page string
			b.run(t, &page, "return document.body.innerText")
			t.Fatalf("%s is not so:\n%s", script, page)
		}
	}
}

// command sends a command of the Chrome DevTools Protocol.
func (b *browser) command(t *testing.T, name string, params map[string]any) {
	t.Helper()
	b.do(t, "POST", "/goog/cdp/execute", map[string]any{"cmd": name, "params": params}, nil)
}

// keys sends keys to the focused element. WebDriver, section 17.4.2, lists the codes.
func (b *browser) keys(t *testing.T, keys ...string) {
	t.Helper()
	var actions []map[string]any
	for _, key := range keys {
		actions = append(actions, map[string]any{"type": "keyDown", "value": key}, map[string]any{"type": "keyUp", "value": key})
	}
	b.do(t, "POST", "/actions", map[string]any{"actions": []map[string]any{{"type": "key", "id": "keyboard", "actions": actions}}}, nil)
}

// messages returns the console messages since the last call.
func (b *browser) messages(t *testing.T) []string {
	t.Helper()
	var entries []struct{ Message string }
	b.do(t, "POST", "/se/log", map[string]any{"type": "browser"}, &entries)
	var messages []string
	for _, e := range entries {
		messages = append(messages, e.Message)
	}
	return messages
}

// screenshots names the environment variable with the folder for screenshots of the pages. If it
// is empty, picture takes none.
const screenshots = "TORRENTCACHE_TEST_SCREENSHOTS"

// picture saves a screenshot of the whole page, if requested.
func (b *browser) picture(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	var shot struct{ Data string }
	b.do(t, "POST", "/goog/cdp/execute", map[string]any{"cmd": "Page.captureScreenshot", "params": map[string]any{"captureBeyondViewport": true}}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
