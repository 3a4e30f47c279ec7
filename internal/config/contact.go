package config

import (
	"fmt"
	"net/mail"
	"net/url"
)

// maxContact is the length of --contact in bytes; it goes into every answer for a
// removed torrent, and the legacy doors cut theirs at 400.
const maxContact = 200

func (d *Doors) validateContact() error {
	for i := range len(d.Contact) {
		if d.Contact[i] < ' ' || d.Contact[i] > '~' {
			return fmt.Errorf("--contact %q: want printable ASCII", d.Contact)
		}
	}
	if len(d.Contact) > maxContact {
		return fmt.Errorf("--contact has %d bytes: want at most %d", len(d.Contact), maxContact)
	}
	if d.Contact != "" && !isWebURL(d.Contact) && !isMail(d.Contact) {
		return fmt.Errorf("--contact %q: want an e-mail address, such as abuse@example.org, or an http or https URL", d.Contact)
	}
	return nil
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// isMail reports whether text is an address alone, without a name before it.
func isMail(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}
