// Package openapi has the OpenAPI document of the HTTP routes. The document is
// generated from the .proto files and the YAML of gateway/; this file is not.
package openapi

import _ "embed"

// JSON is the document, OpenAPI 3.1. Do not change it.
//
//go:embed openapi.json
var JSON []byte
