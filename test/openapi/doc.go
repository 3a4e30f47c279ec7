// Package openapi validates all answers in the doors' own tests against the OpenAPI document. It
// is a separate module, so that the server does not depend on kin-openapi.
package openapi
