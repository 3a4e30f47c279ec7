package side

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running command and its children.
type Process struct {
	cmd *exec.Cmd
}

// Start runs a command on the given cores, in the format of taskset ("0", "0,1"), with its output
// in the file log. The command ends with this process.
func Start(cores, log string, args ...string) (*Process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command("taskset", append([]string{"-c", cores}, args...)...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Process{cmd}, nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop sends SIGTERM to the process and waits for its end.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait() // how it ends does not matter
}

// ticks is the unit of CPU times in /proc (USER_HZ). It is the same on all Linux ports that Go
// has.
const ticks = 10 * time.Millisecond

// CPU returns the user and system time that the process and its children have used, with a
// resolution of 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	return cpuOfTree(p.cmd.Process.Pid)
}

func cpuOfTree(pid int) (time.Duration, error) {
	total, err := CPUOf(pid)
	if err != nil {
		return 0, err
	}
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, file := range children {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return 0, err
			}
			t, err := cpuOfTree(child)
			if err != nil {
				return 0, err
			}
			total += t
		}
	}
	return total, nil
}

// CPUOf returns the CPU time that a process has used, without its children. It reads fields 14
// and 15 of /proc/PID/stat; the name before them, in parentheses, may contain spaces.
func CPUOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat has too few fields", pid)
	}
	total := 0
	for _, i := range []int{user, system} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, err
		}
		total += n
	}
	return time.Duration(total) * ticks, nil
}

// MachineCPU returns the CPU time that the whole machine has used since it started.
func MachineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(first)
	const idle, waiting, guest = 4, 5, 9 // user time includes guest time
	total := 0
	for i := 1; i < min(len(fields), guest); i++ {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if i != idle && i != waiting {
			total += n
		}
	}
	return time.Duration(total) * ticks, nil
}
