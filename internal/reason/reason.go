// Package reason is the single table of the reasons for failed calls, and of the answer of each
// door: gRPC code, JSON status, download status, SOAP code, form answer.
//
// Within the program an error is an [Error]. On the wire it is a gRPC status with a
// google.rpc.ErrorInfo. [Of] converts either. The package is a leaf: it imports no other package
// of the module. Everything in it is safe for concurrent use.
package reason

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
)

// Domain is the ErrorInfo domain of every reason.
const Domain = "torrentcache"

// Reason says why a call failed. Its values are stable, part of the API.
type Reason string

// The reasons. The table below has the answer of each door.
const (
	TorrentMissing   Reason = "TORRENT_MISSING"   // the request has no torrent in it
	TorrentEmpty     Reason = "TORRENT_EMPTY"     // the torrent is zero bytes long
	TorrentInvalid   Reason = "TORRENT_INVALID"   // the bytes are no valid .torrent file
	TorrentTooLarge  Reason = "TORRENT_TOO_LARGE" // over the limit, as sent or inflated
	TorrentRemoved   Reason = "TORRENT_REMOVED"   // taken down by the operator
	TorrentRefused   Reason = "TORRENT_REFUSED"   // against this server's policy
	TorrentConflict  Reason = "TORRENT_CONFLICT"  // the id already names other info bytes
	TorrentNotFound  Reason = "TORRENT_NOT_FOUND" // nothing is cached under the hash
	TorrentDamaged   Reason = "TORRENT_DAMAGED"   // the stored bytes fail their checksum
	HashMalformed    Reason = "HASH_MALFORMED"    // the text is no info hash
	RequestInvalid   Reason = "REQUEST_INVALID"   // the call is not as the API says
	MethodNotAllowed Reason = "METHOD_NOT_ALLOWED"
	MediaUnsupported Reason = "MEDIA_UNSUPPORTED" // unknown Content-Type
	RouteNotFound    Reason = "ROUTE_NOT_FOUND"   // no such path
	StorageFull      Reason = "STORAGE_FULL"
	RateLimited      Reason = "RATE_LIMITED"
	Overloaded       Reason = "OVERLOADED" // try again later
	Unauthenticated  Reason = "UNAUTHENTICATED"
	PermissionDenied Reason = "PERMISSION_DENIED"
	Unimplemented    Reason = "UNIMPLEMENTED"
	Internal         Reason = "INTERNAL"
)

// Answer is the answer of each door for one reason.
type Answer struct {
	Code     codes.Code // gRPC
	ReadCode codes.Code // gRPC, on calls that only read; equal to Code but for TORRENT_REMOVED
	JSON     int        // HTTP status of the JSON routes
	Download int        // HTTP status of /torrent/...
	SOAP     int        // 3 digits in Result; HTTP status 200, or 401, 403, 415 as JSON
	Form     int        // HTTP status of autoupload.php
	Text     string     // first words of the form's message; scripts look for some of them

	Retry time.Duration // time after which to try again, if nothing better is known; 0 if a retry is useless
}

// Texts that scripts for the original service look for.
const (
	textInvalid = "Broken torrent file, please recreate it and try again."
	textRemoved = "Deleted torrent:"
)

// The function answer fills in the columns that most rows share.
var table = map[Reason]Answer{
	TorrentMissing:   {Code: codes.InvalidArgument, JSON: 400, SOAP: 110, Form: 200, Text: "No torrent file in the request."},
	TorrentEmpty:     {Code: codes.InvalidArgument, JSON: 400, SOAP: 111, Form: 200, Text: "The torrent file is empty."},
	TorrentInvalid:   {Code: codes.InvalidArgument, JSON: 400, SOAP: 112, Form: 200, Text: textInvalid},
	TorrentTooLarge:  {Code: codes.InvalidArgument, JSON: 413, SOAP: 115, Form: 413, Text: "The torrent file is too large."},
	TorrentRemoved:   {Code: codes.FailedPrecondition, ReadCode: codes.NotFound, JSON: 410, SOAP: 116, Form: 200, Text: textRemoved},
	TorrentRefused:   {Code: codes.FailedPrecondition, JSON: 403, SOAP: 116, Form: 200, Text: "This server does not accept the torrent."},
	TorrentConflict:  {Code: codes.AlreadyExists, JSON: 409, SOAP: 113, Form: 200, Text: "Another torrent has this info hash."},
	TorrentNotFound:  {Code: codes.NotFound, JSON: 404, SOAP: 113, Form: 200, Text: "Torrent not found."},
	TorrentDamaged:   {Code: codes.DataLoss, JSON: 500, SOAP: 113, Form: 200, Text: "The stored torrent is damaged; upload it again."},
	HashMalformed:    {Code: codes.InvalidArgument, JSON: 400, Download: 404, SOAP: 113, Form: 200, Text: "Not an info hash."},
	RequestInvalid:   {Code: codes.InvalidArgument, JSON: 400, SOAP: 110, Form: 400, Text: "The request cannot be read."},
	MethodNotAllowed: {Code: codes.Unimplemented, JSON: 405, SOAP: 113, Form: 405, Text: "Wrong method."},
	MediaUnsupported: {Code: codes.InvalidArgument, JSON: 415, SOAP: 113, Form: 415, Text: "Wrong content type."},
	RouteNotFound:    {Code: codes.NotFound, JSON: 404, SOAP: 113, Form: 404, Text: "No such page."},
	StorageFull:      {Code: codes.ResourceExhausted, JSON: 507, SOAP: 114, Form: 507, Text: "The server is full, try again later.", Retry: time.Minute},
	RateLimited:      {Code: codes.ResourceExhausted, JSON: 429, SOAP: 114, Form: 429, Text: "Too many uploads, try again later.", Retry: 5 * time.Second},
	Overloaded:       {Code: codes.Unavailable, JSON: 503, SOAP: 114, Form: 503, Text: "The server is busy, try again later.", Retry: 5 * time.Second},
	Unauthenticated:  {Code: codes.Unauthenticated, JSON: 401, SOAP: 113, Form: 401, Text: "Credentials needed."},
	PermissionDenied: {Code: codes.PermissionDenied, JSON: 403, SOAP: 113, Form: 403, Text: "Not allowed."},
	Unimplemented:    {Code: codes.Unimplemented, JSON: 501, SOAP: 113, Form: 200, Text: "Not available on this server."},
	Internal:         {Code: codes.Internal, JSON: http.StatusInternalServerError, SOAP: 113, Form: 200, Text: "Internal error, try again."},
}

// Answer returns the answer for r; for a reason not in the table, that for [Internal].
func (r Reason) Answer() Answer {
	a, ok := table[r]
	if !ok {
		a = table[Internal]
	}
	if a.ReadCode == codes.OK {
		a.ReadCode = a.Code
	}
	a.Download = cmp.Or(a.Download, a.JSON)
	return a
}

// Known reports whether r is one of the reasons above.
func (r Reason) Known() bool {
	_, ok := table[r]
	return ok
}

// All returns every reason, in no order.
func All() []Reason { return slices.Collect(maps.Keys(table)) }
