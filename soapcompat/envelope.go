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

// call is what has been understood of a request, also when reading it failed.
type call struct {
	version version                // "" until the envelope has been seen
	known   bool                   // it is a cacheTorrent call
	request cachesoap.CacheTorrent // Torrent is the file itself, nil if the part is missing
	invalid *reason.Error          // set if the part is no base64
	text    base64Text             // of the part; shares its memory with request
}

// readCall reads a SOAP request to its end. It matches the operation by its
// local name, because clients put it into whatever namespace they please, and
// the part by its name or, like PHP's SoapServer, by its place.
//
// The error is a *fault if the document is no call of ours, and a *reason.Error
// if body could not be read. It reads no more than body gives, at most limit
// bytes, and of these it holds the torrent alone.
func readCall(body io.Reader, limit int64) (call, error) {
	c := call{text: newBase64Text(limit*3/4 + 2*cutAfter)}
	tokens := newGuard(newSource(toUTF8(bufio.NewReader(body))))
	if err := c.read(xml.NewTokenDecoder(tokens), tokens); err != nil {
		return c, asFault(err)
	}
	return c, nil
}

func (c *call) read(d *xml.Decoder, tokens *guard) error {
	if err := c.readToBody(d); err != nil {
		return err
	}
	if _, err := c.readOperation(d); err != nil {
		return err
	}
	if err := c.readParts(d, tokens); err != nil {
		return err
	}
	return readToEnd(d)
}

// readToBody reads the envelope as far as the start of its body.
func (c *call) readToBody(d *xml.Decoder) error {
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
	return nil
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

// readOperation returns the start of the element that is the call.
func (c *call) readOperation(d *xml.Decoder) (*xml.StartElement, error) {
	start, err := nextChild(d)
	if err != nil {
		return nil, err
	}
	if start == nil {
		return nil, &fault{code: clientFault, text: "The Body is empty; call " + operation}
	}
	if start.Name.Local != operation {
		return nil, &fault{code: noProcedure, text: "Procedure '" + start.Name.Local + "' not present; call " + operation}
	}
	c.known = true
	return start, nil
}

// readParts reads what the call carries, to its end.
func (c *call) readParts(d *xml.Decoder, tokens *guard) error {
	tokens.nameNext = part
	for {
		child, err := nextChild(d)
		if err != nil || child == nil {
			return err
		}
		if child.Name.Local == part {
			err = c.readPart(d)
		} else {
			err = d.Skip()
		}
		if err != nil {
			return err
		}
	}
}

// readPart reads the torrent. Elements in its text are passed over; of two parts
// the last one counts.
func (c *call) readPart(d *xml.Decoder) error {
	c.text.reset()
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.CharData:
			c.text.write(t)
		case xml.StartElement:
			if err := d.Skip(); err != nil {
				return err
			}
		case xml.EndElement:
			c.request.Torrent, c.invalid = c.text.end()
			return nil
		}
	}
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
	if errors.Is(err, io.EOF) {
		return &fault{code: clientFault, text: "Bad Request: the body holds no whole SOAP envelope"}
	}
	return &fault{code: clientFault, text: "Bad Request: " + err.Error()}
}
