package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// upload is a way in. It returns the info hash, or what the door answers
// instead: a reason for gRPC, else a status, with the legacy code where there
// is one.
type upload func(t *testing.T, d *doors, torrent []byte) (hash, refusal string)

var uploads = map[string]upload{
	"gRPC": uploadGRPC, "JSON": uploadJSON, "raw": uploadRaw, "form": uploadForm, "SOAP": uploadSOAP,
}

func uploadGRPC(t *testing.T, d *doors, torrent []byte) (string, string) {
	answer, err := d.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	if err != nil {
		return "", string(reason.Of(err).Reason)
	}
	return answer.GetInfoHash(), ""
}

func uploadJSON(t *testing.T, d *doors, torrent []byte) (string, string) {
	body := fmt.Sprintf(`{"torrent": %q}`, base64.StdEncoding.EncodeToString(torrent))
	return apiAnswer(httpDo(t, http.MethodPost, d.http+"v1/torrents", "application/json", []byte(body)))
}

func uploadRaw(t *testing.T, d *doors, torrent []byte) (string, string) {
	return apiAnswer(httpDo(t, http.MethodPost, d.http+"v1/torrents", "application/x-bittorrent", torrent))
}

func apiAnswer(code int, _ http.Header, body []byte) (hash, refusal string) {
	var answer struct {
		InfoHash string
		Details  []struct{ Reason string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Sprintf("%d, not JSON: %s", code, body)
	}
	if code == http.StatusOK || code == http.StatusCreated {
		return answer.InfoHash, ""
	}
	if len(answer.Details) == 0 {
		return "", fmt.Sprintf("%d without a reason: %s", code, body)
	}
	return "", fmt.Sprint(code, " ", answer.Details[0].Reason)
}

func uploadForm(t *testing.T, d *doors, torrent []byte) (string, string) {
	body, contentType := form(t, torrent)
	code, header, text := httpDo(t, http.MethodPost, d.http+"autoupload.php", contentType, body)
	if hash := header.Get("X-Torrage-Infohash"); hash != "" && code == http.StatusOK && string(text) == hash+"\n" {
		return hash, ""
	}
	if header.Get("X-Torrage-Error-Msg") == "" {
		return "", fmt.Sprintf("%d without X-Torrage-Error-Msg: %s", code, text)
	}
	return "", fmt.Sprint(code, " ", regexp.MustCompile(`^Error \d+`).FindString(string(text)))
}

func form(t *testing.T, torrent []byte) (body []byte, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="torrent"; filename="my.torrent"`},
		"Content-Type":        {"application/x-bittorrent"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(torrent); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), w.FormDataContentType()
}

var soapResult = regexp.MustCompile(`<Result xsi:type="xsd:string">([^<]*)</Result>`)

func uploadSOAP(t *testing.T, d *doors, torrent []byte) (string, string) {
	code, _, body := httpDo(t, http.MethodPost, d.http+"api/index.php", "text/xml; charset=utf-8", soapCall(torrent))
	found := soapResult.FindSubmatch(body)
	if code != http.StatusOK || found == nil {
		return "", fmt.Sprintf("%d: %s", code, body)
	}
	if result := string(found[1]); len(result) != 3 {
		return result, ""
	}
	return "", "200 " + string(found[1])
}

func soapCall(torrent []byte) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:ns1="urn:xmethods-delayed-quotes"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><SOAP-ENV:Body>
<ns1:cacheTorrent><torrent xsi:type="xsd:string">` + base64.StdEncoding.EncodeToString(torrent) +
		`</torrent></ns1:cacheTorrent></SOAP-ENV:Body></SOAP-ENV:Envelope>`)
}

// fetch is a way out. It returns the torrent, or what the door answers instead.
type fetch func(t *testing.T, d *doors, hash string) (torrent []byte, refusal string)

var fetches = map[string]fetch{
	"gRPC": fetchGRPC, "JSON": fetchJSON, "raw": fetchRaw, "download": fetchDownload,
}

func fetchGRPC(t *testing.T, d *doors, hash string) ([]byte, string) {
	answer, err := d.cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		return nil, status.Code(err).String() + " " + string(reason.Of(err).Reason)
	}
	return answer.GetTorrent(), ""
}

func fetchJSON(t *testing.T, d *doors, hash string) ([]byte, string) {
	code, _, body := httpGet(t, d.http+"v1/torrents/"+hash)
	var answer struct{ Torrent []byte }
	if err := json.Unmarshal(body, &answer); err != nil || code != http.StatusOK {
		_, refusal := apiAnswer(code, nil, body)
		return nil, refusal
	}
	return answer.Torrent, ""
}

func fetchRaw(t *testing.T, d *doors, hash string) ([]byte, string) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.http+"v1/torrents/"+hash, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/x-bittorrent")
	code, header, body := send(t, http.DefaultTransport, req)
	if code != http.StatusOK || header.Get("Content-Type") != "application/x-bittorrent" {
		_, refusal := apiAnswer(code, nil, body)
		return nil, refusal
	}
	return body, ""
}

func fetchDownload(t *testing.T, d *doors, hash string) ([]byte, string) {
	code, header, body := httpGet(t, d.http+"torrent/"+hash+".torrent")
	if code != http.StatusOK || header.Get("Content-Type") != "application/x-bittorrent" {
		return nil, fmt.Sprint(code)
	}
	return body, ""
}

// infoHash finds the hash without the program's own code: in these torrents
// info is the last key.
func infoHash(torrent []byte) string {
	const key = "4:info"
	at := bytes.Index(torrent, []byte(key)) + len(key)
	sum := sha1.Sum(torrent[at : len(torrent)-1])
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
