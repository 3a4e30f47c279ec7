// Package telemetry is what the program says of itself: metrics for Prometheus
// in [Metrics], and the logger of [NewLogger].
//
// Every label has a bounded set of values; an info hash or a client's address
// is never one. Neither are client addresses in the log.
package telemetry
