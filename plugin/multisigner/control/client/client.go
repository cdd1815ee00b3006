// Package client speaks to the control socket of a running server.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// Client asks the server that uses one state directory. It may be used from any goroutine.
type Client struct {
	dir  string
	http *http.Client
}

// New gives a client for the server whose state directory is dir. Nothing is
// opened before the first request.
func New(dir string) *Client {
	c := &Client{dir: dir}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", c.socket())
	}
	// The server takes few connections, and one on this machine costs nothing to make:
	// a program with many clients must not keep others from it.
	c.http = &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	return c
}

// socket is where the server listens: elsewhere, where dir's path is too long.
func (c *Client) socket() string {
	if text, err := os.ReadFile(filepath.Join(c.dir, "control.path")); err == nil {
		return strings.TrimSpace(string(text))
	}
	return filepath.Join(c.dir, "control.sock")
}

// Zones gives the state of every zone.
func (c *Client) Zones(ctx context.Context) ([]status.Zone, error) {
	var all []status.Zone
	after := ""
	for {
		var page struct {
			Zones []status.Zone `json:"zones"`
			Next  string        `json:"next"`
		}
		query := url.Values{"limit": {"1000"}}
		if after != "" {
			query.Set("after", after)
		}
		if err := c.call(ctx, http.MethodGet, "/v1/zones?"+query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Zones...)
		if page.Next == "" {
			return all, nil
		}
		after = page.Next
	}
}

// Zone gives the state of one zone.
func (c *Client) Zone(ctx context.Context, name string) (status.Zone, error) {
	var z status.Zone
	err := c.call(ctx, http.MethodGet, path(name), nil, &z)
	return z, err
}

// Do gives a command, and what the server says that it did.
func (c *Client) Do(ctx context.Context, name, command string, args ...string) (string, error) {
	body := struct {
		Args []string `json:"args"`
	}{args}
	var answer struct {
		Done string `json:"done"`
	}
	err := c.call(ctx, http.MethodPost, path(name)+"/"+url.PathEscape(command), body, &answer)
	return answer.Done, err
}

// Check has every address of every signer asked, and gives the matrix.
func (c *Client) Check(ctx context.Context, name string) (status.Matrix, error) {
	var m status.Matrix
	err := c.call(ctx, http.MethodPost, path(name)+"/check", nil, &m)
	return m, err
}

// Plan gives what will happen to a zone.
func (c *Client) Plan(ctx context.Context, name string) (status.Plan, error) {
	var p status.Plan
	err := c.call(ctx, http.MethodGet, path(name)+"/plan", nil, &p)
	return p, err
}

// Export writes a view of a zone, signed or content, as a zone file to w. After an error w
// has a part of it at most.
func (c *Client) Export(ctx context.Context, name, view string, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, path(name)+"/export?"+url.Values{"view": {view}}.Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the zone file is not whole: %w", err)
	}
	return nil
}

// Updates lists what updates have changed in a zone beside its file.
func (c *Client) Updates(ctx context.Context, name string) ([]status.Update, error) {
	var list []status.Update
	err := c.call(ctx, http.MethodGet, path(name)+"/updates", nil, &list)
	return list, err
}

// path is the zone's; the root's dot is escaped, since a path that ends in "/."
// means the one above it.
func path(name string) string {
	if name == "." {
		return "/v1/zones/%2E"
	}
	return "/v1/zones/" + url.PathEscape(name)
}

func (c *Client) call(ctx context.Context, method, path string, body, answer any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("answer of the server: %w", err)
	}
	return nil
}

// send asks, and gives an answer that is none of a refusal.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://multisigner"+path, &text)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, refusal(resp)
	}
	return resp, nil
}

// Refused is what the server answers to what it cannot or will not do.
type Refused struct {
	Code int // HTTP's: 404 for a zone that it does not serve
	Text string
}

func (r *Refused) Error() string { return r.Text }

func refusal(resp *http.Response) error {
	var answer struct {
		Error string `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Error == "" {
		return &Refused{resp.StatusCode, "the server answered " + resp.Status}
	}
	return &Refused{resp.StatusCode, answer.Error}
}

// explain says what to do when the socket cannot be used.
func (c *Client) explain(err error) error {
	dir := c.dir
	if abs, e := filepath.Abs(dir); e == nil {
		dir = abs
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, e := os.Stat(dir); errors.Is(e, fs.ErrNotExist) {
			return fmt.Errorf("there is no state directory %s: give the Corefile's with --state DIR or MULTISIGNER_STATE", dir)
		}
		return fmt.Errorf("no server uses the state directory %s: is coredns running, and is this the state directory of its Corefile?", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("not allowed to ask the server of %s: run this as the user that coredns runs as", dir)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("the server that used %s is gone: start coredns", dir)
	}
	return fmt.Errorf("ask the server of %s: %w", dir, err)
}
