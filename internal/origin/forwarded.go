package origin

import (
	"net/netip"
	"strings"
)

// forwardedForHops parses the addresses in values of X-Forwarded-For. Anything but an address
// becomes [Unknown].
func forwardedForHops(values []string) []netip.Addr {
	var hops []netip.Addr
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.Trim(item, " \t"); item != "" { // RFC 9110, section 5.6.1.2
				hops = append(hops, hop(item))
			}
		}
	}
	return hops
}

// forwardedHops parses the addresses in values of Forwarded, one for each element. An element
// without an address is [Unknown], and so is a value that breaks the grammar, because its
// elements cannot be separated.
func forwardedHops(values []string) []netip.Addr {
	var hops []netip.Addr
	for _, value := range values {
		found, ok := forwardedElements(value)
		if !ok {
			found = []netip.Addr{Unknown}
		}
		hops = append(hops, found...)
	}
	return hops
}

// forwardedElements reads one value: elements with commas between, each of pairs
// with semicolons between (RFC 7239, section 4). Empty elements do not count.
func forwardedElements(value string) ([]netip.Addr, bool) {
	var hops []netip.Addr
	element := false
	at := Unknown
	end := func() {
		if element {
			hops = append(hops, at)
		}
		element, at = false, Unknown
	}
	for rest := skipBlanks(value); rest != ""; rest = skipBlanks(rest) {
		switch rest[0] {
		case ',':
			end()
			rest = rest[1:]
		case ';':
			rest = rest[1:]
		default:
			name, text, after, ok := cutPair(rest)
			if !ok {
				return nil, false
			}
			if strings.EqualFold(name, "for") {
				at = hop(text)
			}
			element, rest = true, after
		}
	}
	end()
	return hops, true
}

func skipBlanks(text string) string { return strings.TrimLeft(text, " \t") }

// cutPair returns the pair name=value at the beginning of text, and the rest, which begins with
// a separator or is empty; false if text does not begin with a pair.
func cutPair(text string) (name, value, rest string, ok bool) {
	name, rest = cutToken(text)
	rest, isPair := strings.CutPrefix(rest, "=")
	if name == "" || !isPair {
		return "", "", "", false
	}
	value, rest, ok = cutValue(rest)
	rest = skipBlanks(rest)
	return name, value, rest, ok && (rest == "" || rest[0] == ',' || rest[0] == ';')
}

// cutToken returns the token at the beginning of text, and the rest.
func cutToken(text string) (token, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}

// cutValue returns the token or quoted string at the beginning of text, and the rest; false if
// there is neither.
func cutValue(text string) (value, rest string, ok bool) {
	quoted, isQuoted := strings.CutPrefix(text, `"`)
	if !isQuoted {
		value, rest = cutToken(text)
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch quoted[i] {
		case '"':
			return b.String(), quoted[i+1:], true
		case '\\':
			i++
			if i == len(quoted) {
				return "", "", false
			}
		}
		b.WriteByte(quoted[i])
	}
	return "", "", false
}

// hop returns the address that a proxy names for its client.
func hop(text string) netip.Addr {
	if addr, ok := parseAddr(text); ok && !addr.IsUnspecified() {
		return addr
	}
	return Unknown
}

// parseAddr reads an address with or without port, IPv6 with or without brackets.
func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(text)
		addr = withPort.Addr()
	}
	if inner, ok := strings.CutPrefix(text, "["); ok && err != nil {
		inner, ok = strings.CutSuffix(inner, "]")
		if addr, err = netip.ParseAddr(inner); !ok || !addr.Is6() {
			return Unknown, false
		}
	}
	return addr.Unmap().WithZone(""), err == nil
}
