package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/nodes"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
)

// Token is the key with which a command identifies itself to a server.
type Token struct {
	text string
	file string // holds the key
}

// AddFlags adds the flags that give the key.
func (t *Token) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&t.text, "token", "", "`key` to send as Authorization: Bearer TOKEN; to another machine send it only over TLS or a tunnel")
	flags.StringVar(&t.file, "token-file", "", "`file` that holds the key")
	config.MarkSecret(flags.Lookup("token"))
}

// Read returns the key, or "" if none was given. Its error names the flag.
func (t *Token) Read() (string, error) {
	switch {
	case t.file == "":
		return t.text, nil
	case t.text != "":
		return "", errors.New("--token and --token-file: want one of them")
	}
	text, err := config.ReadSecret(t.file)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	return text, nil
}

// DialAdmin returns a connection to the admin listener at address, HOST:PORT, even if that server
// cannot serve. The connection takes torrents of up to maxTorrentSize bytes. DialAdmin fails only
// if the address is malformed.
func DialAdmin(address string, maxTorrentSize int64) (*nodes.Conn, error) {
	return nodes.Dial([]string{address}, nodes.Options{
		Ping: rpc.ClientPing, MaxMessageSize: server.MaxMessageSize(maxTorrentSize), Ailing: true})
}
