// Package files is what a disk store needs of the file system: what its files are called,
// and every call that locks them, reserves space for them, makes them durable or takes them
// away. It knows the bytes that stand in them by package format alone, and keeps no state.
//
// All functions are safe for concurrent use. Errors of a full disk wrap store.ErrFull; those
// of a read that failed wrap ErrUnreadable.
package files
