package config

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Off as an address means that there is no such listener.
const Off = "off"

// Bounds of the largest torrent, in bytes. Torrents are held in memory whole,
// several at a time; a gRPC message ends at 2 GiB.
const (
	minTorrentSize = 1000
	maxTorrentSize = 256 << 20
)

// minMemoryLimit is the memory that the process needs, in bytes: with less, the garbage collector
// would run all the time.
const minMemoryLimit = 64 << 20

// Doors are the settings of the HTTP doors, which serve and gateway share.
// Addresses are HOST:PORT, or [Off].
type Doors struct {
	Limits
	TLS
	HTTPAddr        string
	HTTPSAddr       string
	AdminAddr       string
	PublicURL       string // without a slash at its end; empty if not set
	PublicGRPCAddr  string // HOST:PORT at which clients reach gRPC, perhaps behind tls://; empty if not set
	MaxTorrentSize  Size
	Contact         string // e-mail address or URL for questions; empty if there is none
	RemovedStatus   int    // HTTP status of removed torrents
	DenyLists       Files
	AdminHosts      string // with commas between
	DownloadMaxAge  time.Duration
	MissingMaxAge   time.Duration
	Origins         Origins // of other sites whose pages may upload
	MemoryLimit     Size    // 0: a share of the available memory
	CacheSize       Size    // 0: a share of MemoryLimit
	FastPath        string  // on or [Off]
	TorrentPages    string  // likewise
	ShutdownTimeout time.Duration
	LogFormat       string // text or json
	LogLevel        string // debug, info, warn or error
	AccessLog       string // file name, or - for the log; empty: there is none
	LogAddresses    bool   // in the access log
	File            string // of further settings; "" if there is none
}

// Titles of the help's sections that have flags of several structs.
const (
	addressSection = "Addresses"
	torrentSection = "Torrents"
	tlsSection     = "TLS"
)

// AddFlags binds the settings to flags and sets their defaults.
func (d *Doors) AddFlags(flags *pflag.FlagSet) {
	addSection(flags, addressSection, d.addAddresses)
	addSection(flags, torrentSection, d.addTorrents)
	addSection(flags, tlsSection, d.TLS.addFlags)
	addSection(flags, "Memory", d.addMemory)
	d.Limits.AddFlags(flags)
	addSection(flags, "Process", d.addProcess)
}

func (d *Doors) addAddresses(flags *pflag.FlagSet) {
	flags.StringVar(&d.HTTPAddr, "http-addr", "127.0.0.1:8080", "`address` to listen on for HTTP: pages, JSON, downloads, SOAP, forms (host:port, :port or off)")
	flags.StringVar(&d.HTTPSAddr, "https-addr", Off, "`address` to listen on for the same content over HTTPS; needs --tls-cert and --tls-key, or --acme")
	flags.StringVar(&d.AdminAddr, "admin-addr", "127.0.0.1:9091", "`address` to listen on for the operator: metrics, health, pprof, removals; keep it private")
	flags.StringVar(&d.AdminHosts, "admin-hosts", "", "further host `names` that the admin listener answers to, with commas between; it always answers to addresses, localhost and the name of the machine")
	flags.StringVar(&d.PublicURL, "public-url", "", "`URL` of this server in pages and the WSDL, such as https://example.org (default: the address of each request)")
	flags.StringVar(&d.PublicGRPCAddr, "public-grpc-addr", "", "gRPC `address` in the API guide, HOST:PORT, or tls://HOST:PORT if it speaks TLS (default: this process's own)")
	flags.Var(&d.Origins, "cors-origins", "`origins` of other sites, such as https://example.org, whose pages may upload and ask by JSON; with it or --public-url all sites' pages may read torrents that everybody may read")
}

func (d *Doors) addTorrents(flags *pflag.FlagSet) {
	d.MaxTorrentSize = 10_000_000
	flags.Var(&d.MaxTorrentSize, "max-torrent-size", "largest torrent to accept, before and after decompression")
	DurationVar(flags, &d.DownloadMaxAge, "download-max-age", 24*time.Hour, "how long browsers and proxies may keep a download")
	DurationVar(flags, &d.MissingMaxAge, "missing-max-age", 0, "how long browsers and proxies may keep the answer that a torrent is missing (404); an upload does not change their copy; 0 lets them keep none")
	choiceVar(flags, &d.FastPath, "fast-path", "answer plain downloads in a faster way: on or off", "on", Off)
	choiceVar(flags, &d.TorrentPages, "torrent-pages", "serve a page for each torrent at /info/HASH, with its files and trackers; the look-up leads there: on or off", "on", Off)
	flags.IntVar(&d.RemovedStatus, "removed-status", http.StatusGone, "HTTP status of removed torrents: 410 (gone) or 451 (unavailable for legal reasons)")
	flags.Var(&d.DenyLists, "deny-list", "`file` that lists torrents to hide and to refuse: info hashes, magnet links, or // and the SHA-256 of a hash, one a line; several with commas or by several flags; read again on SIGHUP and when it has changed")
	flags.StringVar(&d.Contact, "contact", "", "e-mail address or URL for questions about the server and its removals; shown on pages and in the answer for a removed torrent")
}

func (d *Doors) addMemory(flags *pflag.FlagSet) {
	flags.Var(&d.MemoryLimit, "memory-limit", "memory that the process tries to stay within; a tenth is for memory outside the heap; 0 takes GOMEMLIMIT, or the container's or the machine's memory")
	flags.Var(&d.CacheSize, "cache-size", "memory for the most requested torrents; 0 is a quarter of --memory-limit")
}

func (d *Doors) addProcess(flags *pflag.FlagSet) {
	flags.StringVar(&d.File, fileFlag, "", "`file` of settings, one a line: a flag's name without --, a colon, its value (YAML)")
	choiceVar(flags, &d.LogFormat, "log-format", "text or json", "text", "json")
	choiceVar(flags, &d.LogLevel, "log-level", "info, debug, warn or error", "info", "debug", "warn", "error")
	flags.StringVar(&d.AccessLog, "access-log", "", "`file` to which a line is written for each request, in the format of --log-format; reopened on SIGHUP; - is the log (default: requests are not logged)")
	flags.BoolVar(&d.LogAddresses, "log-addresses", false, "also write clients' addresses to --access-log")
	DurationVar(flags, &d.ShutdownTimeout, "shutdown-timeout", 30*time.Second, "how long requests in flight may take to finish on SIGTERM or SIGINT")
}

// Validate reports the first wrong setting, by its flag.
func (d *Doors) Validate() error {
	d.PublicURL = strings.TrimSuffix(d.PublicURL, "/")
	return firstOf(
		address("http-addr", d.HTTPAddr),
		address("https-addr", d.HTTPSAddr),
		address("admin-addr", d.AdminAddr),
		clash(d.listeners()...),
		d.validateTLS(),
		d.validatePublicURL(),
		d.validatePublicGRPC(),
		d.validateNumbers(),
		d.validateContact(),
		d.Limits.Validate(),
		d.validateAccessLog(),
	)
}

func (d *Doors) validateTLS() error {
	switch {
	case d.HTTPAddr == Off && d.HTTPSAddr == Off:
		return errors.New("--http-addr and --https-addr are both off: one of them must listen")
	case d.HTTPSAddr != Off && !d.TLS.hasCertificate():
		return errors.New("--https-addr needs --tls-cert and --tls-key, or --acme on")
	}
	return d.TLS.validate(d.PublicURL)
}

func (d *Doors) validatePublicURL() error {
	if d.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(d.PublicURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" {
		return fmt.Errorf("--public-url %q: want a scheme and a host, such as https://example.org", Redact(d.PublicURL))
	}
	return nil
}

func (d *Doors) validateAccessLog() error {
	if d.LogAddresses && d.AccessLog == "" {
		return errors.New("--log-addresses needs --access-log: no other log has addresses")
	}
	return nil
}

func (d *Doors) validateNumbers() error {
	switch {
	case d.RemovedStatus != http.StatusGone && d.RemovedStatus != http.StatusUnavailableForLegalReasons:
		return fmt.Errorf("--removed-status %d: want 410 or 451", d.RemovedStatus)
	case d.MaxTorrentSize < minTorrentSize || d.MaxTorrentSize > maxTorrentSize:
		return fmt.Errorf("--max-torrent-size %s: want %s to %s", d.MaxTorrentSize, Size(minTorrentSize), Size(maxTorrentSize))
	case d.MemoryLimit != 0 && d.MemoryLimit < minMemoryLimit:
		return fmt.Errorf("--memory-limit %s: want %s or more, or 0", d.MemoryLimit, Size(minMemoryLimit))
	case d.DownloadMaxAge < 0:
		return fmt.Errorf("--download-max-age %s: want zero or more", d.DownloadMaxAge)
	case d.MissingMaxAge < 0:
		return fmt.Errorf("--missing-max-age %s: want zero or more", d.MissingMaxAge)
	case d.ShutdownTimeout <= 0:
		return fmt.Errorf("--shutdown-timeout %s: want more than zero", d.ShutdownTimeout)
	}
	return nil
}

// firstOf returns the first error that is not nil.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
