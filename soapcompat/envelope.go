package soapcompat

import (
	"bufio"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"

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

// call is the part of a request that has been read, even if reading it failed.
type call struct {
	version version                // "" until the envelope has been seen
	known   bool                   // the request is a cacheTorrent call
	request cachesoap.CacheTorrent // Torrent is the file itself, nil if the part is missing
	invalid *reason.Error          // set if the part is not base64

	elsewhere string // the id of the element that has the torrent; "" if the part has it
}

// plainCall reads a SOAP request to its end with encoding/xml alone. encoding/xml holds a text as a
// whole in memory that doubles as it grows. Together with the document that is four times the
// document, the memory that a request may take for its body (internal/limit). plainCall puts the
// torrent into memory, which may be the part of the document that r has returned already.
//
// plainCall matches the operation by its local name, because clients use any namespace. It matches
// the part by its name or, as PHP's SoapServer does, by its position. The error is a *fault if the
// document is not a call of this service, and a *reason.Error if r could not be read.
func plainCall(r io.Reader, memory []byte) (c call, err error) {
	if err := c.read(newDocument(toUTF8(bufio.NewReader(r))), memory); err != nil {
		return c, asFault(err)
	}
	c.decode()
	return c, nil
}

// read reads the call in d. It puts the part into memory, still in base64.
func (c *call) read(d *document, memory []byte) error {
	if err := c.readToBody(d); err != nil {
		return err
	}
	if err := c.readOperation(d); err != nil {
		return err
	}
	if err := c.readParts(d, memory); err != nil {
		return err
	}
	if err := c.readReferred(d, memory); err != nil {
		return err
	}
	return readToEnd(d)
}

// decode decodes the part.
func (c *call) decode() {
	if c.request.Torrent != nil && c.invalid == nil {
		c.request.Torrent, c.invalid = decodeBase64(c.request.Torrent)
	}
}

// readToBody reads the envelope up to the start of its body.
func (c *call) readToBody(d *document) error {
	envelope, err := d.nextChild(0)
	if err != nil {
		return err
	}
	if envelope == nil || envelope.Name.Local != "Envelope" || !known(version(envelope.Name.Space)) {
		return &fault{code: versionMismatch, text: "Wrong Version"}
	}
	c.version = version(envelope.Name.Space)
	child, err := d.nextChild(1)
	if err == nil && child != nil && child.Name.Local == "Header" {
		if err := readHeader(d, c.version); err != nil {
			return err
		}
		child, err = d.nextChild(1)
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

// readHeader refuses header blocks that must be understood, because it understands none.
func readHeader(d *document, v version) error {
	for {
		block, err := d.nextChild(2)
		if err != nil || block == nil {
			return err
		}
		for _, a := range block.Attr {
			must := a.Name == xml.Name{Space: string(v), Local: "mustUnderstand"} && (a.Value == "1" || a.Value == "true")
			if must {
				return &fault{code: mustUnderstand, text: "Header not understood"}
			}
		}
	}
}

// readOperation reads the start of the element that is the call.
func (c *call) readOperation(d *document) error {
	start, err := d.nextChild(2)
	if err != nil {
		return err
	}
	if start == nil {
		return &fault{code: clientFault, text: "The Body is empty; call " + operation}
	}
	if !isOperation(start.Name.Local) {
		return &fault{code: noProcedure, text: "Procedure '" + start.Name.Local + "' not present; call " + operation}
	}
	c.known = true
	return nil
}

// isOperation reports whether an element of this name is the call. PHP's procedure names ignore
// case, and pysimplesoap sends the name of the message.
func isOperation(name string) bool {
	return strings.EqualFold(name, operation) || strings.EqualFold(name, operation+"Request")
}

// readParts reads the parts of the call to its end. The last of several torrents counts.
func (c *call) readParts(d *document, memory []byte) error {
	for first := true; ; first = false {
		child, err := d.nextChild(3)
		if err != nil || child == nil {
			return err
		}
		if !first && child.Name.Local != part {
			continue
		}
		c.elsewhere = reference(child)
		if err := c.readPart(d, memory); err != nil {
			return err
		}
	}
}

// readReferred reads a torrent that follows the call, in an element of the body to which the part
// refers by its id (SOAP 1.1, section 5.4.1).
func (c *call) readReferred(d *document, memory []byte) error {
	for c.elsewhere != "" {
		element, err := d.nextChild(2)
		if err != nil || element == nil {
			return err
		}
		for _, a := range element.Attr {
			if a.Name.Local == "id" && a.Value == c.elsewhere {
				c.elsewhere = ""
				if err := c.readPart(d, memory); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// reference returns the id to which element refers; "" if the element has its content itself.
func reference(element *xml.StartElement) string {
	for _, a := range element.Attr {
		if id, ok := strings.CutPrefix(a.Value, "#"); ok && a.Name.Local == "href" {
			return id
		}
	}
	return ""
}

// readPart reads the torrent's text into memory. It skips elements within the text. It keeps only
// characters of base64, none of which takes more bytes in UTF-8 than it took in the document.
func (c *call) readPart(d *document, memory []byte) error {
	c.request.Torrent, c.invalid = memory[:0], nil
	for level := d.depth; d.depth >= level; {
		token, err := d.token()
		if err != nil {
			return err
		}
		text, ok := token.(xml.CharData)
		if !ok || d.depth != level || c.invalid != nil {
			continue
		}
		if n := wrongDigit(text); n >= 0 {
			c.invalid = notBase64(base64.CorruptInputError(len(c.request.Torrent) + n))
		} else {
			c.request.Torrent = append(c.request.Torrent, text...)
		}
	}
	return nil
}

// readToEnd makes sure that the envelope is whole. Like PHP, it ignores all bytes after it.
func readToEnd(d *document) error {
	for d.depth > 0 {
		if _, err := d.token(); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, d.r)
	return err
}

// asFault returns faults and reasons as they are. Any other error is one of XML.
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
