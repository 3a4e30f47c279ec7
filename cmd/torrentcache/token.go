package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/torrentcache/torrentcache/internal/config"
)

// token is the key that a command shows.
type token struct {
	text string
	file string // that holds it
}

func (t *token) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&t.text, "token", "", "`key` to show as Authorization: Bearer TOKEN; with it use TLS or a tunnel outside this machine")
	flags.StringVar(&t.file, "token-file", "", "`file` that holds the key")
	config.MarkSecret(flags.Lookup("token"))
}

// read returns the key, "" if there is none.
func (t *token) read() (string, error) {
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

// keyedConn shows a key with each call.
type keyedConn struct {
	grpc.ClientConnInterface
	key string
}

// Invoke implements [grpc.ClientConnInterface].
func (c keyedConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.ClientConnInterface.Invoke(c.shown(ctx), method, args, reply, opts...)
}

// NewStream implements [grpc.ClientConnInterface].
func (c keyedConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.ClientConnInterface.NewStream(c.shown(ctx), desc, method, opts...)
}

func (c keyedConn) shown(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.key)
}
