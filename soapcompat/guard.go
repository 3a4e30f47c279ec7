package soapcompat

import (
	"encoding/xml"
	"fmt"
)

// maxDepth is how deep elements may nest. A call needs 4 levels; what is deeper
// is in a header or a part that nobody understands. Without a bound, open elements
// would take 50 times the memory of the document.
const maxDepth = 32

// guard passes the raw tokens of a document on to a second decoder, which
// resolves namespaces and checks that tags match. It stops at what no SOAP
// request has: a DTD (SOAP 1.1, section 3), or deep nesting.
type guard struct {
	source *source
	raw    *xml.Decoder
	depth  int // of the element that the last token was in

	// nameNext, if set, is the local name that the next element is given.
	nameNext string
	renamed  renamed
}

// renamed is the element that got another name, so that its end tag gets it too.
type renamed struct {
	depth    int // 0 if there is none
	from, to xml.Name
}

func newGuard(s *source) *guard { return &guard{source: s, raw: s.decoder()} }

// Token implements [xml.TokenReader].
func (g *guard) Token() (xml.Token, error) {
	g.source.begin()
	token, err := g.raw.RawToken()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case xml.Directive:
		return nil, &fault{code: clientFault, text: "DTD are not supported by SOAP"}
	case xml.StartElement:
		return g.start(t)
	case xml.EndElement:
		return g.end(t), nil
	}
	return token, nil
}

func (g *guard) start(t xml.StartElement) (xml.Token, error) {
	g.depth++
	if g.depth > maxDepth {
		return nil, &fault{code: clientFault, text: fmt.Sprintf("Elements are nested deeper than %d levels", maxDepth)}
	}
	if g.nameNext != "" {
		g.renamed = renamed{depth: g.depth, from: t.Name, to: xml.Name{Local: g.nameNext}}
		g.nameNext = ""
		t.Name = g.renamed.to
	}
	return t, nil
}

func (g *guard) end(t xml.EndElement) xml.Token {
	if g.depth == g.renamed.depth && t.Name == g.renamed.from {
		t.Name = g.renamed.to
	}
	g.depth--
	return t
}
