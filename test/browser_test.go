//go:build e2e

package test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
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
