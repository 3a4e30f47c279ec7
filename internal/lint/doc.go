// Package lint holds the rules of the source tree that no linter knows, as
// tests: which package may import which.
package lint
