package side

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Median returns the median of values, the lower of the two middle ones if their number is even;
// 0 if there are none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// Table returns a Markdown table; the first row is its head.
func Table(rows [][]string) string {
	var out strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			out.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return out.String()
}

// Machine describes the machine in one line. It ends with the first line of output of each
// command in versions.
func Machine(versions ...[]string) string {
	parts := []string{fmt.Sprintf("%d x %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name")), "Linux " + line("/proc/sys/kernel/osrelease"),
		"TCP " + line("/proc/sys/net/ipv4/tcp_congestion_control"), runtime.Version()}
	for _, command := range versions {
		out, _ := exec.Command(command[0], command[1:]...).CombinedOutput() // wrk -v exits 1
		first, _, _ := strings.Cut(string(out), "\n")
		parts = append(parts, strings.TrimSpace(first))
	}
	return strings.Join(parts, ", ")
}

// LoadAverage returns the load averages of the last 1, 5 and 15 minutes, as Linux writes them.
func LoadAverage() string {
	return strings.Join(strings.Fields(line("/proc/loadavg"))[:3], ", ")
}

func line(file string) string {
	text, _ := os.ReadFile(file) // empty where there is none
	return strings.TrimSpace(string(text))
}

// field returns the value of the first line of file that begins with name.
func field(file, name string) string {
	for text := range strings.Lines(line(file)) {
		if rest, ok := strings.CutPrefix(text, name); ok {
			return strings.Trim(rest, "\t :\n")
		}
	}
	return "unknown"
}
