package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
)

// door is a way in over HTTP.
type door struct {
	name, path string
	// body returns the request body that carries a torrent, and its content type.
	body func(torrent []byte) (contentType string, body []byte)
	// once makes each upload use a new connection, as scripts do.
	once bool
}

var overHTTP = []door{
	{name: "the form", path: "/autoupload.php", body: form, once: true},
	{name: "SOAP", path: "/api/index.php", body: func(torrent []byte) (string, []byte) {
		return "text/xml", []byte(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><cacheTorrent><torrent>` +
			base64.StdEncoding.EncodeToString(torrent) + `</torrent></cacheTorrent></e:Body></e:Envelope>`)
	}},
	{name: "JSON", path: "/v1/torrents", body: func(torrent []byte) (string, []byte) {
		return "application/json", fmt.Appendf(nil, `{"torrent":%q}`, base64.StdEncoding.EncodeToString(torrent))
	}},
	{name: "bare bytes", path: "/v1/torrents", body: func(torrent []byte) (string, []byte) { return "application/x-bittorrent", torrent }},
}

func form(torrent []byte) (string, []byte) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, _ := w.CreateFormFile("torrent", "x.torrent") // writing to memory does not fail
	_, _ = part.Write(torrent)
	_ = w.Close()
	return w.FormDataContentType(), body.Bytes()
}

// through uploads a torrent by an HTTP door of the server at base. Every door answers with the
// info hash.
func (l *load) through(d door, base string, torrent []byte, id infohash.ID) error {
	contentType, body := d.body(torrent)
	code, text, err := l.do("POST", base+d.path, contentType, body, d.once)
	switch {
	case err != nil:
		return err
	case (code == 200 || code == 201) && strings.Contains(string(text), id.String()):
		return nil
	case code == 503, code == 200 && strings.Contains(string(text), ">114<"): // the SOAP code of an unavailable server
		return errAway
	}
	return fmt.Errorf("%s answered %d %.300s", d.name, code, text)
}

// overGRPC are the gRPC calls that upload.
var overGRPC = []func(*load, context.Context, []byte) error{(*load).call, (*load).stream}

func (l *load) call(ctx context.Context, torrent []byte) error {
	_, err := l.cache.Cache(ctx, torrent)
	return err
}

// stream uploads a torrent by a new stream.
func (l *load) stream(ctx context.Context, torrent []byte) error {
	stream, err := l.cache.RPC().CacheTorrents(ctx)
	if err != nil {
		return err
	}
	_ = stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: 1, Torrent: torrent}) // Recv returns the same error
	_ = stream.CloseSend()
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	if refusal := answer.GetError(); refusal != nil {
		return fmt.Errorf("the stream answered %v", refusal)
	}
	return nil
}
