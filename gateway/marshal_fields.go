package gateway

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxNamed bounds how many unknown fields a warning names.
const maxNamed = 10

// unknownFields returns the sorted names in a JSON object for which m has no field.
func unknownFields(object []byte, m protoreflect.MessageDescriptor) (names []string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return nil
	}
	for name := range members {
		if m.Fields().ByJSONName(name) == nil && m.Fields().ByTextName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var noFieldName = regexp.MustCompile(`[^0-9A-Za-z_.-]`)

// warn sets a Warning with the code 299 (RFC 7234, section 5.5.7) that names the ignored fields.
func warn(h http.Header, ignored []string) {
	if len(ignored) == 0 {
		return
	}
	text := strings.Join(ignored[:min(len(ignored), maxNamed)], " ")
	text = noFieldName.ReplaceAllString(text[:min(len(text), maxComplaint)], " ")
	h.Set("Warning", `299 torrentcache "ignored, because the API has no such field: `+text+`"`)
}

var (
	snakeCase  = regexp.MustCompile(`[a-z0-9]+(_[a-z0-9]+)+`)
	goFunction = regexp.MustCompile(`strconv\.\w+: parsing `)
)

// inJSON returns e with fields named as in JSON, and without names of Go functions.
func inJSON(e *reason.Error) *reason.Error {
	return e.Reworded(func(text string) string {
		return snakeCase.ReplaceAllStringFunc(goFunction.ReplaceAllString(text, ""), jsonName)
	})
}

// jsonName returns the JSON name of a field of the API, and any other word unchanged.
func jsonName(word string) string {
	messages := torrentcachev1.File_torrentcache_v1_cache_service_proto.Messages()
	for i := range messages.Len() {
		if field := messages.Get(i).Fields().ByName(protoreflect.Name(word)); field != nil {
			return field.JSONName()
		}
	}
	return word
}
