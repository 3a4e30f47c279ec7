// Package side is what the side-by-side benchmarks share: processes bound to
// cores, their CPU time, interleaved rounds with medians, and Markdown tables.
//
// It is for Linux and for benchmarks: it trusts its callers.
package side
