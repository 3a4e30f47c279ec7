// Package lifecycle starts and stops the program's servers: listeners with
// errors that name the setting to change, HTTP servers with every timeout set,
// readiness, signals, and a shutdown in order.
//
// The order of a shutdown is: not ready; public servers stop accepting and finish what
// is in flight; the admin server, which has reported their state until then, stops;
// last, the store and other shared parts are closed. A shutdown always ends in time,
// whatever is in flight.
package lifecycle
