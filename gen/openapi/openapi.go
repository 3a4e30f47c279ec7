// Package openapi has the OpenAPI document of the JSON routes. The document is
// generated from the .proto files and gateway/http.yaml; this file is not.
package openapi

import _ "embed"

// JSON is the document, OpenAPI 2.0. Do not change it.
//
//go:embed torrentcache.swagger.json
var JSON []byte
