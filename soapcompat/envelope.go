package soapcompat

import (
	"bufio"
	"encoding/xml"
	"errors"
	"io"

	"github.com/torrentcache/torrentcache/gen/soap/cachesoap"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// version is a version of SOAP, named by the namespace of its envelope.
type version string

const (
	soap11 version = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 version = "http://www.w3.org/2003/05/soap-envelope"
)

// operation is the one procedure, and part is its one parameter.
const (
	operation = "cacheTorrent"
	part      = "torrent"
)

// generatedName is the name that the generated type insists on.
var generatedName = xml.Name{Space: "urn:torrentcache:v1", Local: operation}

// call is what has been understood of a request, also when reading it failed.
type call struct {
	version version                // "" until the envelope has been seen
	known   bool                   // it is a cacheTorrent call
	request cachesoap.CacheTorrent // Torrent is base64, nil if the part is missing
}

// readCall reads a SOAP request to its end. It matches the operation by its
// local name, because clients put it into whatever namespace they please, and
// the part by its name or, like PHP's SoapServer, by its place.
//
// The error is a *fault if the document is no call of ours, and a *reason.Error
// if body could not be read. It reads no more than body gives and keeps at most
// that.
func readCall(body io.Reader) (call, error) {
	var c call
	tokens := newGuard(&source{r: toUTF8(bufio.NewReader(body))})
	if err := c.readEnvelope(xml.NewTokenDecoder(tokens), tokens); err != nil {
		return c, asFault(err)
	}
	return c, nil
}

func (c *call) readEnvelope(d *xml.Decoder, tokens *guard) error {
	envelope, err := nextChild(d)
	if err != nil {
		return err
	}
	if envelope == nil || envelope.Name.Local != "Envelope" || !known(version(envelope.Name.Space)) {
		return &fault{code: versionMismatch, text: "Wrong Version"}
	}
	c.version = version(envelope.Name.Space)
	child, err := nextChild(d)
	if err == nil && child != nil && child.Name.Local == "Header" {
		if err := readHeader(d, c.version); err != nil {
			return err
		}
		child, err = nextChild(d)
	}
	if err != nil {
		return err
	}
	if child == nil || child.Name.Local != "Body" {
		return &fault{code: clientFault, text: "Body must be present in a SOAP envelope"}
	}
	if err := c.readOperation(d, tokens); err != nil {
		return err
	}
	return readToEnd(d)
}

func known(v version) bool { return v == soap11 || v == soap12 }

// readHeader refuses a header block that must be understood: none is.
func readHeader(d *xml.Decoder, v version) error {
	for {
		block, err := nextChild(d)
		if err != nil || block == nil {
			return err
		}
		for _, a := range block.Attr {
			must := a.Name == xml.Name{Space: string(v), Local: "mustUnderstand"} && (a.Value == "1" || a.Value == "true")
			if must {
				return &fault{code: mustUnderstand, text: "Header not understood"}
			}
		}
		if err := d.Skip(); err != nil {
			return err
		}
	}
}

func (c *call) readOperation(d *xml.Decoder, tokens *guard) error {
	start, err := nextChild(d)
	if err != nil {
		return err
	}
	if start == nil {
		return &fault{code: clientFault, text: "The Body is empty; call " + operation}
	}
	if start.Name.Local != operation {
		return &fault{code: noProcedure, text: "Procedure '" + start.Name.Local + "' not present"}
	}
	c.known = true
	tokens.nameNext = part
	start.Name = generatedName
	return d.DecodeElement(&c.request, start)
}

// nextChild returns the next child of the element that d is in, or nil at the
// element's end. Text between children is passed over.
func nextChild(d *xml.Decoder) (*xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil
		}
	}
}

// readToEnd makes sure that the document is whole.
func readToEnd(d *xml.Decoder) error {
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// asFault leaves faults and reasons as they are; any other error is XML's.
func asFault(err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if e, ok := errors.AsType[*reason.Error](err); ok {
		return e
	}
	return &fault{code: clientFault, text: "Bad Request: " + err.Error()}
}
