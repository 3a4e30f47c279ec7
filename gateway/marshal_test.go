package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// everyField is an answer in which no field is empty.
func everyField(t *testing.T, torrent []byte) *torrentcachev1.GetTorrentResponse {
	t.Helper()
	m := &torrentcachev1.GetTorrentResponse{
		Torrent: torrent, InfoHash: "A", InfoHashV1: `"quoted"`, InfoHashV2: "é\u2028<", UpdateTime: timestamppb.New(time.Unix(1, 5)), Etag: "e", Stale: true,
	}
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if !m.ProtoReflect().Has(fields.Get(i)) {
			t.Fatalf("the field %s is new: teach everyField and wire.WithTorrent about it", fields.Get(i).Name())
		}
	}
	return m
}

func TestTorrentsAsJSONAreThoseOfProtojson(t *testing.T) {
	for name, m := range map[string]*torrentcachev1.GetTorrentResponse{
		"every field": everyField(t, []byte("d4:infoe")),
		"no field":    {},
		"one byte":    {Torrent: []byte{0xff}},
		"two bytes":   {Torrent: []byte{0xff, 0xfe}},
		"large":       everyField(t, bytes.Repeat([]byte{0, 0xfb, 0xff}, 100_000)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := appendTorrent([]byte("before"), m)
			if err != nil {
				t.Fatal(err)
			}
			got, isAfter := bytes.CutPrefix(got, []byte("before"))
			want, err := marshalJSON.Marshal(m)
			if err != nil || !isAfter || !bytes.Equal(got, want) {
				t.Errorf("%.300q\nwant %.300q, %v", got, want, err)
			}
			var object map[string]any
			if err := json.Unmarshal(got, &object); err != nil || len(object) != m.ProtoReflect().Descriptor().Fields().Len()-absent(m) {
				t.Errorf("%d fields, %v", len(object), err)
			}
		})
	}
}

// absent is how many fields are left out: a message that is not there is not null.
func absent(m *torrentcachev1.GetTorrentResponse) int {
	if m.UpdateTime == nil {
		return 1
	}
	return 0
}

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	if got, err := appendTorrent(nil, &torrentcachev1.GetTorrentResponse{Etag: "\xff"}); err == nil {
		t.Errorf("%q", got)
	}
}

// An answer to a read is not made into JSON if the client has left. An upload is acknowledged
// nevertheless.
func TestNoJSONForClientsThatLeft(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	for name, test := range map[string]struct {
		ctx    context.Context
		answer proto.Message
		want   error
	}{
		"a read":           {t.Context(), &torrentcachev1.DescribeTorrentResponse{}, nil},
		"a read in vain":   {gone, &torrentcachev1.DescribeTorrentResponse{}, context.Canceled},
		"an upload":        {gone, &torrentcachev1.CacheTorrentResponse{}, nil},
		"a search in vain": {gone, &torrentcachev1.FindMissingTorrentsResponse{}, context.Canceled},
	} {
		if err := setStatus(test.ctx, httptest.NewRecorder(), test.answer); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// digits is a torrent in base64 with every digit in it, long enough to be cut out.
func digits(encoding *base64.Encoding, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return encoding.EncodeToString(b)
}

// uploads returns requests that each way to read them must understand alike.
func uploads() []string {
	std, raw := digits(base64.StdEncoding, 1000), digits(base64.RawURLEncoding, 1001)
	return []string{
		`{"torrent":"` + std + `"}`,
		" {\t\"expectedInfoHash\" : \"ab\" ,\r\n \"torrent\" : \"" + digits(base64.URLEncoding, 1003) + "\" } \n",
		`{"expected_info_hash":"ab","torrent":"` + digits(base64.RawStdEncoding, 1001) + `"}`,
		`{"torrent":"` + raw + `","expectedInfoHash":"\u0041"}`,
		`{"torrent":"` + raw + `","expectedInfoHash":null}`,
		`{"torrent":"` + raw + `","other":"x"}`,
		`{"torrent":"` + strings.ReplaceAll(std, "/", `\/`) + `"}`,
		`{"torrent":"` + raw + `","other":[5,true,"\"",{"torrent":"AAAA"}]}`,
		`{"torrent":"` + raw + `","torrent":"` + raw + `"}`,
		`{"torrent":"` + raw + `","other":{"torrent":"` + std + std + `"}}`,
		`{"torrent":"` + raw + `","other":"` + std + std + `"}`,
		`{"torrent":"` + raw + `","` + std + std + `":1}`,
		`{"torrent":"` + raw + `","other":"\"` + std + std + `"}`,
		`{"torrent":"AAAA\"` + raw + `"}`,
		`{"other":{"torrent":"` + raw + `"}}`,
		`{"torrent":"` + raw + `","other":"` + raw + `"}`,
		`{"torrent":"` + raw + `","expectedInfoHash":"a","expected_info_hash":"b"}`,
		`{"torrent":"` + raw + `"} {}`,
		`{"torrent":"` + raw + `",}`,
		`{"torrent":"` + raw + `"`,
		`{"torrent":"` + raw,
		`{,"torrent":"` + raw + `"}`,
		`[{"torrent":"` + raw + `"}]`,
		`{"torrent":"` + std + "\n" + std + `"}`,
		`{"torrent":"` + std + `\n` + std + `"}`,
		`{"torrent":"` + std + `\"` + std + `"}`,
		`{"torrent":"` + std[:1000] + `\u0041` + std[1000:] + `"}`,
		`{"torrent":"` + std + `\\/` + std + `"}`,
		`{"torrent":"` + std + "-" + `"}`,
		`{"torrent":"` + std + "=" + `"}`,
		`{"torrent":"` + std + "====" + `"}`,
		`{"torrent":"` + std + std + `"}`,
		`{"torrent":"` + raw + "A" + `"}`,
		`{"torrent":"` + raw + " " + `"}`,
		`{"torrent":"` + strings.Repeat("A", 2000) + "\xff" + `"}`,
		`{"torrent":"` + strings.Repeat("AB", 1001) + `"}`,
		`{"torrent":"` + std + `","expectedInfoHash":"` + "\xff" + `"}`,
		`{"torrent":"` + std + `","expectedInfoHash":"` + "\x01" + `"}`,
		`{"Torrent":"` + std + `"}`, `{"torrent":5}`, `{"torrent":null}`, `{"torrent":""}`, `{}`, ``, `{`, `null`, `"`,
		"\ufeff" + `{"torrent":"` + std + `"}`,
	}
}

func TestUploadsAreReadAsProtojsonReadsThem(t *testing.T) {
	for _, text := range uploads() {
		compareUpload(t, []byte(text))
	}
}

func TestPlainUploadsTakeTheShortWay(t *testing.T) {
	for _, text := range uploads()[:8] {
		m := new(torrentcachev1.CacheTorrentRequest)
		if _, ok := unmarshalUpload([]byte(text), m); !ok || len(m.GetTorrent()) < 1000 {
			t.Errorf("%.100s: left to protojson", text)
		}
	}
}

func FuzzUpload(f *testing.F) {
	for _, text := range uploads() {
		f.Add([]byte(text))
	}
	f.Fuzz(compareUpload)
}

// compareUpload requires that the marshaler accepts and refuses the same bodies as protojson, with
// the same results and errors.
func compareUpload(t *testing.T, data []byte) {
	if len(bytes.TrimSpace(data)) == 0 {
		return // is no request; the marshaler says so before protojson sees it
	}
	want := new(torrentcachev1.CacheTorrentRequest)
	wantErr := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, want)
	got := new(torrentcachev1.CacheTorrentRequest)
	gotErr := jsonMarshaler{}.Unmarshal(data, got)
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("%.200q: %v, want %v", data, gotErr, wantErr)
	}
	if wantErr != nil && gotErr.Error() != "the JSON body: "+complaint(wantErr.Error()) {
		t.Fatalf("%.200q: %v, want %v", data, gotErr, wantErr)
	}
	if wantErr == nil && !proto.Equal(got, want) {
		t.Fatalf("%.200q: %v, want %v", data, got, want)
	}
}
