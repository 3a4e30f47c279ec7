package soapcompat_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Forms that come at the same time do not share memory, whichever were answered
// before.
func TestFormsDoNotShareMemory(t *testing.T) {
	backend := &fakeBackend{}
	h := newHandler(t, backend)
	var want []string
	var all sync.WaitGroup
	for client := range 8 {
		var forms []string
		for upload := range 50 {
			forms = append(forms, strings.Repeat(fmt.Sprintf("%d-%d ", client, upload), 1000))
		}
		want = append(want, forms...)
		all.Go(func() {
			for _, torrent := range forms {
				form := "--b\r\nContent-Disposition: form-data; name=\"torrent\"; filename=\"a\"\r\n\r\n" + torrent + "\r\n--b--\r\n"
				if got := post(h, "/autoupload.php", "multipart/form-data; boundary=b", form); got.status != http.StatusOK {
					t.Errorf("%d %s", got.status, got.body)
				}
			}
		})
	}
	all.Wait()
	slices.Sort(want)
	if slices.Sort(backend.sent); !slices.Equal(backend.sent, want) {
		t.Error("other torrents arrived than were sent")
	}
}
