package access

import (
	"errors"
	"fmt"
	"strings"
)

// Roles is a set of roles.
type Roles uint8

// The roles. None of them implies another.
const (
	Read  Roles = 1 << iota // get and describe torrents
	Write                   // cache torrents, and ask which are missing
	Sync                    // follow the feed of all changes
	Admin                   // the operator's calls
)

// None is the text of an empty set.
const None = "none"

var roleNames = []struct {
	role Roles
	name string
}{{Read, "read"}, {Write, "write"}, {Sync, "sync"}, {Admin, "admin"}}

// ParseRoles reads a list of roles with commas between, or none.
func ParseRoles(text string) (Roles, error) {
	if text == None {
		return 0, nil
	}
	var set Roles
	for name := range strings.SplitSeq(text, ",") {
		role, err := parseRole(name)
		if err != nil {
			return 0, err
		}
		if set.Has(role) {
			return 0, fmt.Errorf("role %s stands twice", name)
		}
		set |= role
	}
	return set, nil
}

func parseRole(name string) (Roles, error) {
	for _, r := range roleNames {
		if r.name == name {
			return r.role, nil
		}
	}
	if name == "" {
		return 0, errors.New("a role is missing: want read, write, sync or admin, with commas between")
	}
	return 0, fmt.Errorf("%q is no role: want read, write, sync or admin, with commas between", name)
}

// Has reports whether all of roles are in the set.
func (s Roles) Has(roles Roles) bool { return s&roles == roles }

// String returns the text that ParseRoles reads.
func (s Roles) String() string {
	var names []string
	for _, r := range roleNames {
		if s.Has(r.role) {
			names = append(names, r.name)
		}
	}
	if len(names) == 0 {
		return None
	}
	return strings.Join(names, ",")
}
