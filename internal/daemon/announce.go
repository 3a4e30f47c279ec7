package daemon

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
)

// announcement is the message at the start: where everything is, and how to open it to the
// network. Addresses of listeners that are off are nil.
type announcement struct {
	version                  string
	http, https, grpc, admin net.Addr
	data, backend            string // one of them is set
	notReady                 error  // why it cannot serve yet; nil if it can
	adminClosed              string // why the admin listener serves next to nothing; "" if it serves all

	out    io.Writer
	json   bool // one line to the logger in place of the text to out
	logger *slog.Logger
}

// print writes the announcement.
func (a announcement) print() {
	if a.json {
		var attrs []any
		for _, line := range a.lines() {
			attrs = append(attrs, strings.ToLower(line[0]), line[1])
		}
		if a.adminClosed != "" {
			attrs = append(attrs, "admin_closed", a.adminClosed)
		}
		if a.notReady != nil {
			a.logger.Warn("not ready yet", append(attrs, "cause", a.notReady, "version", a.version)...)
			return
		}
		a.logger.Info("ready", append(attrs, "others_reach", a.reachable(), "version", a.version)...)
		return
	}
	_, _ = io.WriteString(a.out, a.text()) // a closed stdout is no reason not to serve
}

// lines returns the names and values of the listeners, the store and the backend that there are.
func (a announcement) lines() [][2]string {
	var lines [][2]string
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, [2]string{name, value})
		}
	}
	add("HTTP", webURL("http", a.http))
	add("HTTPS", webURL("https", a.https))
	if a.grpc != nil {
		add("gRPC", a.grpc.String())
	}
	add("Admin", webURL("http", a.admin))
	add("Data", a.data)
	add("Backend", a.backend)
	return lines
}

func (a announcement) text() string {
	var b strings.Builder
	if a.notReady != nil {
		fmt.Fprintf(&b, "torrentcache %s is not ready yet: %v.\n\n", a.version, a.notReady)
	} else {
		fmt.Fprintf(&b, "torrentcache %s is ready.\n\n", a.version)
	}
	for _, line := range a.lines() {
		fmt.Fprintf(&b, "  %-8s %s\n", line[0], line[1])
	}
	if closed := a.adminClosed; closed != "" {
		fmt.Fprintf(&b, "\nAdmin listener: %s.\n", closed)
	}
	site := cmp.Or(webURL("http", a.http), webURL("https", a.https))
	fmt.Fprintf(&b, "\nPut a torrent in:\n  curl -F torrent=@my.torrent %sautoupload.php\n", site)
	if names := a.reachable(); len(names) > 0 {
		fmt.Fprintf(&b, "\nOthers can reach: %s.\n", strings.Join(names, ", "))
	} else {
		fmt.Fprintf(&b, "\nOnly this machine can reach it. To open it to the network: --http-addr :8080")
		if a.grpc != nil {
			fmt.Fprintf(&b, " --grpc-addr :9090")
		}
		fmt.Fprintf(&b, "\n(keep --admin-addr private: anyone who reaches it can %s).\n", a.power())
	}
	return b.String() + "\n"
}

// power returns the action that the admin listener lets every caller take.
func (a announcement) power() string {
	if a.backend != "" {
		return "read profiles of the process"
	}
	return "remove torrents"
}

// reachable returns the names of the listeners that are open to the network.
func (a announcement) reachable() (names []string) {
	for _, l := range []struct {
		name string
		addr net.Addr
	}{{"HTTP", a.http}, {"HTTPS", a.https}, {"gRPC", a.grpc}, {"Admin", a.admin}} {
		if tcp, ok := l.addr.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
			names = append(names, l.name)
		}
	}
	return names
}

// webURL returns the address of a listener as a browser on this machine takes
// it, with a slash at its end; empty for nil.
func webURL(scheme string, addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return fmt.Sprintf("%s://%s/", scheme, net.JoinHostPort(host, fmt.Sprint(tcp.Port)))
}
