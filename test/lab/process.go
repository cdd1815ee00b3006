package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is how long a process may take to end after SIGTERM before it is killed.
var grace = 5 * time.Second

// process is a child of the lab. Its output goes to a log file.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // why, once done is closed
}

// processes are all that a lab has started.
type processes struct{ all []*process }

// start runs a program with its output in log. It gets a process group of its
// own, so that Ctrl-C reaches only the lab, which then stops the rest in order.
func (ps *processes) start(name, log, dir string, program string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, log: log, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	ps.all = append(ps.all, p)
	return p, nil
}

// Start starts cmd in a process group of its own. On Linux the kernel kills it
// when this process ends in whatever way, SIGKILL too.
func Start(cmd *exec.Cmd) error {
	tie(cmd)
	result := make(chan error)
	starting.Do(func() { go serveStarts() })
	starts <- func() { result <- cmd.Start() }
	return <-result
}

// The kernel's promise above is about the thread that made the child, so one
// goroutine with a thread that never ends makes all of them.
var (
	starting sync.Once
	starts   = make(chan func())
)

func serveStarts() {
	runtime.LockOSThread()
	for start := range starts {
		start()
	}
}

// stop ends all processes, the last started first, and returns when they are gone.
func (ps *processes) stop() {
	for _, p := range slices.Backward(ps.all) {
		p.signal(syscall.SIGTERM)
	}
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	for _, p := range slices.Backward(ps.all) {
		select {
		case <-p.done:
			continue
		case <-deadline.C:
			deadline.Reset(0) // the time is up for those after it too
		}
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// signal reaches the process and whatever it started. One that has ended is left
// alone: its number may be another's by now.
func (p *process) signal(s syscall.Signal) {
	if !p.ended() {
		_ = signalGroup(p.cmd.Process, s) // it may end between the two lines
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// fault reports the first process that has ended, with the end of its log.
func (ps *processes) fault() error {
	for _, p := range ps.all {
		if p.ended() {
			return p.obituary()
		}
	}
	return nil
}

func (p *process) obituary() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s has ended (%s); its log %s ends with\n%s", p.name, how, p.log, tail(p.log, 15))
}

// tail gives the last lines of a file, indented.
func tail(path string, lines int) string {
	const most = 16 << 10
	f, err := os.Open(path)
	if err != nil {
		return "    (" + err.Error() + ")"
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return "    (" + err.Error() + ")"
		}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return "    (" + err.Error() + ")"
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return "    " + strings.Join(all[max(0, len(all)-lines):], "\n    ")
}

// watch says when a process ends, and returns when ctx does. It restarts
// nothing: what happens when a signer dies is what a lab is for.
func (ps *processes) watch(ctx context.Context, stdout io.Writer) {
	ended := make(chan *process)
	for _, p := range ps.all {
		go func() {
			select {
			case <-p.done:
			case <-ctx.Done():
				return
			}
			select {
			case ended <- p:
			case <-ctx.Done():
			}
		}()
	}
	for {
		select {
		case p := <-ended:
			fmt.Fprintf(stdout, "\n%v\n", p.obituary())
		case <-ctx.Done():
			return
		}
	}
}

// lastLine is the last line of a log, without its time.
func lastLine(path string) string {
	line := strings.TrimSpace(tail(path, 1))
	if _, text, found := strings.Cut(line, "msg="); found {
		return text
	}
	return line
}
