package gateway

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const jsonType = "application/json"

// marshalJSON also writes empty fields, except messages that are not set.
var marshalJSON = protojson.MarshalOptions{EmitDefaultValues: true}

// exactJSON refuses fields that it does not know; tolerantJSON ignores them.
var (
	exactJSON    = protojson.UnmarshalOptions{}
	tolerantJSON = protojson.UnmarshalOptions{DiscardUnknown: true}
)

// maxComplaint bounds how much of a decoder's error is repeated, in bytes: the error quotes the
// wrong value, which may be all of the torrent.
const maxComplaint = 160

// jsonMarshaler is protojson. It ignores unknown fields, as gRPC does; anything after the one
// value is an error.
type jsonMarshaler struct{}

// Marshal implements [runtime.Marshaler].
func (jsonMarshaler) Marshal(v any) ([]byte, error) {
	message, ok := v.(proto.Message)
	if !ok {
		return nil, errors.New("not a protobuf message")
	}
	return marshalJSON.Marshal(message)
}

// Unmarshal implements [runtime.Marshaler].
func (m jsonMarshaler) Unmarshal(data []byte, v any) error {
	_, err := m.unmarshal(data, v)
	return err
}

// unmarshal reads data into v, and returns the names of the fields that it ignored. For an empty
// text it returns io.EOF, which generated code takes for a message without fields.
func (jsonMarshaler) unmarshal(data []byte, v any) (ignored []string, err error) {
	message, ok := v.(proto.Message)
	if !ok {
		return nil, errors.New("not a protobuf message")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, io.EOF
	}
	if upload, ok := v.(*torrentcachev1.CacheTorrentRequest); ok {
		if ignored, ok := unmarshalUpload(data, upload); ok {
			return ignored, nil
		}
	}
	ignored, err = unmarshalTolerantly(data, message)
	if err != nil {
		return nil, errors.New("the JSON body: " + complaint(err.Error()))
	}
	return ignored, nil
}

// unmarshalTolerantly searches for unknown fields only if the exact reading fails.
func unmarshalTolerantly(data []byte, m proto.Message) (ignored []string, err error) {
	if exactJSON.Unmarshal(data, m) == nil {
		return nil, nil
	}
	if err := tolerantJSON.Unmarshal(data, m); err != nil {
		return nil, err
	}
	return unknownFields(data, m.ProtoReflect().Descriptor()), nil
}

// NewDecoder implements [runtime.Marshaler].
func (m jsonMarshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		held, ok := r.(heldBody)
		if !ok {
			return errors.New("the body was not read beforehand")
		}
		ignored, err := m.unmarshal(held.Bytes(), v)
		warn(held.answer, ignored)
		return err
	})
}

// NewEncoder implements [runtime.Marshaler].
func (m jsonMarshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		data, err := m.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
}

// ContentType implements [runtime.Marshaler].
func (jsonMarshaler) ContentType(any) string { return jsonType }

var notBase64 = regexp.MustCompile(`invalid value for bytes field (\w+)`)

// complaint returns an error of protojson in one short line.
func complaint(text string) string {
	if m := notBase64.FindStringSubmatch(text); m != nil {
		return "field " + m[1] + " is not base64 (RFC 4648)"
	}
	text = strings.TrimLeft(strings.TrimPrefix(text, "proto:"), " \u00a0") // protojson varies its blanks
	if rest, ok := strings.CutPrefix(text, "(line "); ok {
		text = "line " + strings.Replace(rest, "):", ":", 1)
	}
	if text == io.ErrUnexpectedEOF.Error() {
		return "it ends too early"
	}
	if len(text) > maxComplaint {
		text = text[:maxComplaint] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}
