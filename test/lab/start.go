package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/multisigner/multisigner/test/lab/registry"
)

// start starts the parent and then the signers, and writes lab.json as soon as
// it can say where they are.
func (l *layout) start(ctx context.Context, running *processes) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Remove(l.path("parent", registry.AnchorsFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent, err := running.start("the parent", l.path("parent", "log"), l.dir, self, "lab-parent", "-config", l.path("parent", "config.json"))
	if err != nil {
		return err
	}
	l.Parent.PID = parent.cmd.Process.Pid
	if err := l.anchors(ctx, running); err != nil {
		return err
	}
	if p := l.Primary; p != nil {
		primary, err := running.start("the hidden primary", l.path("primary", "log"), l.path("primary"), p.Command[0], p.Command[1:]...)
		if err != nil {
			return err
		}
		p.PID = primary.cmd.Process.Pid
	}
	for i := range l.Signers {
		s := &l.Signers[i]
		p, err := running.start("signer "+s.Name, l.log(*s), l.path(s.Name), l.coredns, "-conf", l.path(s.Corefile))
		if err != nil {
			return err
		}
		s.PID = p.cmd.Process.Pid
	}
	return registry.WriteJSON(l.path(File), l.Description)
}

func (l *layout) log(s Signer) string { return l.path(s.Name, "log") }

// anchors waits for the parent to say which key it has.
func (l *layout) anchors(ctx context.Context, running *processes) error {
	return every(ctx, 20*time.Millisecond, func() (bool, error) {
		text, err := os.ReadFile(l.path("parent", registry.AnchorsFile))
		if err == nil {
			l.Parent.Anchors = strings.Split(strings.TrimSpace(string(text)), "\n")
			return true, nil
		}
		return false, running.fault()
	})
}

// every calls try at intervals until it is done, fails, or ctx ends.
func every(ctx context.Context, interval time.Duration, try func() (done bool, err error)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if done, err := try(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// ready says in lab.json that all agree, and writes the trust anchors of the
// zone in the form that delv reads.
func (l *layout) ready() error {
	var b strings.Builder
	b.WriteString("trust-anchors {\n")
	for _, ds := range l.ds {
		fmt.Fprintf(&b, "    %s static-ds %d %d %d \"%s\";\n", l.Zone, ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToUpper(ds.Digest))
	}
	b.WriteString("};\n")
	if err := os.WriteFile(l.path("anchors.conf"), []byte(b.String()), 0o644); err != nil {
		return err
	}
	l.Ready = true
	return registry.WriteJSON(l.path(File), l.Description)
}
