package gateway_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/gen/openapi"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// description has the parts of the OpenAPI document that these tests read.
type description struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		Responses map[string]any
	}
	Components struct {
		Schemas struct {
			Reason struct{ Enum []reason.Reason }
		}
	}
}

func openAPIDocument(t *testing.T) description {
	t.Helper()
	var d description
	if err := json.Unmarshal(openapi.JSON, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOpenAPIHasEveryReason(t *testing.T) {
	all := reason.All()
	slices.Sort(all)
	if got := openAPIDocument(t).Components.Schemas.Reason.Enum; !slices.Equal(got, all) {
		t.Errorf("gateway/openapi.yaml has the reasons\n%q, internal/reason has\n%q", got, all)
	}
}

// A gateway passes on the errors of the server behind it, so any reason may come by any route.
func TestOpenAPIHasEveryStatus(t *testing.T) {
	columns := map[string]func(reason.Answer) int{
		"/torrent/":       func(a reason.Answer) int { return a.Download },
		"/autoupload.php": func(a reason.Answer) int { return a.Form },
		"/v1/":            func(a reason.Answer) int { return a.JSON },
	}
	routes := 0
	for path, operations := range openAPIDocument(t).Paths {
		for method, operation := range operations {
			for prefix, column := range columns {
				if strings.HasPrefix(path, prefix) {
					routes++
					wantStatuses(t, method+" "+path, operation.Responses, column)
				}
			}
		}
	}
	if routes != 6 {
		t.Errorf("%d routes, want 6", routes)
	}
}

func wantStatuses(t *testing.T, route string, documented map[string]any, column func(reason.Answer) int) {
	t.Helper()
	want := map[string]bool{}
	for _, r := range reason.All() {
		if status := column(r.Answer()); status >= http.StatusBadRequest {
			want[strconv.Itoa(status)] = true
		}
		if column(r.Answer()) == http.StatusGone {
			want["451"] = true // by --removed-status
		}
	}
	got := maps.Clone(documented)
	maps.DeleteFunc(got, func(status string, _ any) bool {
		return status < "400" || status == "412" || status == "416" // RFC 9110's own
	})
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("%s: gateway/openapi.yaml has the statuses\n%q, internal/reason has\n%q", route, g, w)
	}
}
