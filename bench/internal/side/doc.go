// Package side has the common parts of the benchmarks that compare: processes bound to cores,
// their CPU time, interleaved rounds with medians, and Markdown tables.
//
// It is for benchmarks on Linux and does not validate its arguments.
package side
