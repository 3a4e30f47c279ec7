// Package telemetry has the program's metrics for Prometheus ([Metrics]) and
// its logger ([NewLogger]).
//
// Every label has a bounded set of values; an info hash or a client's address
// is never one. Neither are client addresses in the log.
package telemetry
