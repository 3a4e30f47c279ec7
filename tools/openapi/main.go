// Command openapi writes the OpenAPI 3.1 document of the HTTP routes. It turns the OpenAPI 2.0
// document of -in, which protoc-gen-openapiv2 makes of the .proto files, into 3, and lays the
// YAML of -overlay over it: a JSON merge patch (RFC 7396), in which null takes a member out.
// `make generate` calls it.
//
// The same input makes the same bytes: members stand in the order of their names.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

func main() {
	in := flag.String("in", "", "OpenAPI 2.0 `file`, as JSON")
	overlay := flag.String("overlay", "", "YAML `file` to lay over it")
	out := flag.String("out", "", "`file` to write")
	flag.Parse()
	if err := generate(*in, *overlay, *out); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func generate(in, overlay, out string) error {
	doc, err := convert(in)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	patch, err := readOverlay(overlay)
	if err != nil {
		return fmt.Errorf("%s: %w", overlay, err)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(merge(doc, patch)); err != nil {
		return err
	}
	if err := check(text.Bytes()); err != nil {
		return fmt.Errorf("the document that would be made: %w", err)
	}
	return os.WriteFile(out, text.Bytes(), 0o644)
}

// convert returns the OpenAPI 2.0 document in a file as one of OpenAPI 3, as JSON decodes it.
func convert(file string) (doc map[string]any, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var old openapi2.T
	if err := json.Unmarshal(text, &old); err != nil {
		return nil, err
	}
	converted, err := openapi2conv.ToV3(&old)
	if err != nil {
		return nil, err
	}
	text, err = json.Marshal(converted)
	if err != nil {
		return nil, err
	}
	return doc, json.Unmarshal(text, &doc)
}

func readOverlay(file string) (patch map[string]any, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return patch, yaml.Unmarshal(text, &patch)
}

// merge returns target with patch laid over it, as RFC 7396 has it.
func merge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged, ok := target.(map[string]any)
	if !ok {
		merged = map[string]any{}
	}
	for name, change := range changes {
		if change == nil {
			delete(merged, name)
		} else {
			merged[name] = merge(merged[name], change)
		}
	}
	return merged
}

// check returns what is wrong with a document: a reference to nothing, a field that is not there.
func check(text []byte) error {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return err
	}
	return doc.Validate(context.Background())
}
