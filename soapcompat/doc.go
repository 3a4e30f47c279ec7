// Package soapcompat is the legacy door. It serves the SOAP service of torrage and the form at
// autoupload.php, for scripts written since 2010 that nobody will edit, and a document/literal SOAP
// service for today's SOAP stacks.
//
// Every upload ends in one CacheTorrent call of a [torrentcachev1.CacheServiceClient], so the door
// may run in the server's process or far from it. The package has no rule about torrents: it
// removes its own envelope and passes the bytes on.
//
// The files:
//
//   - body.go opens the body of a request and limits it, before and after inflating;
//   - cut.go takes the torrent out of a SOAP call and decodes it in place;
//   - envelope.go reads the rest of the call, or the whole of a call of unusual shape. It uses
//     document.go, which converts the call to UTF-8 and bounds the input of encoding/xml;
//   - answer.go writes the answers;
//   - form.go reads an upload from a form, and multipart.go the usual kind of form;
//   - wsdl.go tells clients where to send their calls.
//
// A SOAP body may have 1.4 times the size of a torrent (base64 with line breaks) plus 64 KiB; a
// form, the size of a torrent plus 64 KiB.
package soapcompat
