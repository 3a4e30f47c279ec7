// Command openapi writes the OpenAPI 3.1 document of the HTTP routes. It converts the OpenAPI 2.0
// document of -in, which protoc-gen-openapiv2 makes from the .proto files, and then applies the
// YAML of -overlay as a JSON merge patch (RFC 7396), in which null removes a member. `make
// generate` calls it.
//
// The same input gives the same bytes, because members are sorted by name.
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

// convert reads an OpenAPI 2.0 document from a file and returns it as OpenAPI 3, decoded from
// JSON.
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

// merge returns target with the merge patch applied (RFC 7396).
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

// check returns an error if the document is invalid, for example if a reference has no target.
func check(text []byte) error {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return err
	}
	return doc.Validate(context.Background())
}
