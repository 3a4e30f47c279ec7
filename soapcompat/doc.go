// Package soapcompat is the legacy door: the SOAP service of torrage and the
// form at autoupload.php, for scripts written since 2010 that nobody will edit,
// and a document/literal SOAP service for today's stacks.
//
// Every way in ends in one CacheTorrent call of a [torrentcachev1.CacheServiceClient],
// so the door runs in the server's process or far from it. The package holds no
// rule about torrents: it strips its own envelope and passes the bytes on.
//
// It works like this:
//
//   - body.go opens a request's body within its limits, before and after inflating;
//   - cut.go takes the torrent out of a SOAP call, base64.go decodes it where it lies;
//   - envelope.go reads what is around it, or a whole call of unusual shape, by
//     document.go, which bounds what encoding/xml is given; charset.go makes UTF-8 of it;
//   - answer.go writes what goes back;
//   - form.go reads an upload from a form, multipart.go the usual kind of form;
//   - wsdl.go tells clients where to send their calls.
//
// A SOAP body may be 1.4 times as large as a torrent (base64 with line breaks)
// and 64 KiB, a form as large as a torrent and 64 KiB.
package soapcompat
