// Package limit holds callers to what one of them, and all together, may take:
// connections, uploads and streams at a time, uploads a second, new bytes an hour
// and a day, and the memory of uploads in flight. docs/limits.md has the table.
//
// What a single caller is refused is RATE_LIMITED, what all together are is
// OVERLOADED; both say when to try again. Uploads are refused before downloads: no
// limit of memory applies to downloads, and uploads are refused while the process
// is near its own ([Limits.Press]).
//
// Everything is bounded in memory, the books on callers too: who has not been seen
// for longest is forgotten first. Everything is safe for concurrent use.
package limit
