// Package openapi holds all that the doors answer in their own tests to the OpenAPI document. It
// is a module of its own, so that kin-openapi is no dependency of the server.
package openapi
