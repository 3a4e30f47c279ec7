//go:build e2e

package openapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// answer is a line that package fronttest records.
type answer struct {
	Method, URL string
	Status      int
	Header      http.Header
	Body        []byte
}

// TestAnswersAreAsDescribed runs the tests of the doors, and validates each of their answers
// against the document's operation.
func TestAnswersAreAsDescribed(t *testing.T) {
	openapi3filter.RegisterBodyDecoder("application/x-bittorrent", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("multipart/byteranges", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.PlainBodyDecoder)
	doc, err := openapi3.NewLoader().LoadFromFile("../../gen/openapi/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, a := range answersOfDoors(t) {
		request, route, params := find(router, a)
		if route == nil {
			continue
		}
		seen[route.Operation.OperationID]++
		if err := validate(a, request, route, params); err != nil {
			t.Errorf("%s %.100s: %d %.300q\n%v", a.Method, a.URL, a.Status, a.Body, err)
		}
	}
	t.Logf("answers validated: %v", seen)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if seen[operation.OperationID] == 0 {
				t.Errorf("no test of a door asks for %s %s", method, path)
			}
		}
	}
}

// answersOfDoors returns the answers of the doors in their tests.
func answersOfDoors(t *testing.T) (answers []answer) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "answers")
	tests := exec.CommandContext(t.Context(), "go", "test", "-count=1", "./gateway", "./soapcompat")
	tests.Dir = "../.."
	tests.Env = append(os.Environ(), "TORRENTCACHE_TEST_ANSWERS="+file)
	if out, err := tests.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := json.NewDecoder(bufio.NewReader(f)); lines.More(); {
		var a answer
		if err := lines.Decode(&a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	return answers
}

// find returns the operation that a answers; a nil route if the document has none.
func find(router routers.Router, a answer) (*http.Request, *routers.Route, map[string]string) {
	request, err := http.NewRequest(a.Method, a.URL, nil)
	if err != nil {
		return nil, nil, nil // the path is on purpose none that a client would ask for
	}
	route, params, err := router.FindRoute(request)
	if err != nil {
		return nil, nil, nil
	}
	return request, route, params
}

func validate(a answer, request *http.Request, route *routers.Route, params map[string]string) error {
	if route.Operation.Responses.Value(fmt.Sprint(a.Status)) == nil {
		return fmt.Errorf("the document does not have the status")
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route},
		Status:                 a.Status,
		Header:                 a.Header,
	}
	return openapi3filter.ValidateResponse(context.Background(), input.SetBodyBytes(a.Body))
}
