// Package control shows operators what an engine does and takes their commands:
// JSON over HTTP on a unix socket in the state directory. What a command does is
// the engine's to decide; who may give one is decided by the socket's mode.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/commands"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
)

// Zones is what is shown and steered. Names are fully qualified and in lower case.
type Zones interface {
	Names() []string // in a stable order
	// Status tells of those that are served, in the order given.
	Status(names ...string) []status.Zone
	// Do carries out a command and says in a sentence what was done.
	Do(ctx context.Context, name, command string, args []string) (string, error)
	Check(ctx context.Context, name string) (status.Matrix, error)
	Plan(ctx context.Context, name string) (status.Plan, error)
	// Export gives a view of a zone, of engine.Views, as the lines of a zone file.
	Export(ctx context.Context, name, view string) (iter.Seq[string], error)
	Updates(ctx context.Context, name string) ([]status.Update, error)
}

// Limits of what one request may cost.
const (
	maxBody  = 64 << 10        // octets of a request
	maxPage  = 1000            // zones in one answer
	pageSize = 100             // unless asked otherwise
	maxWait  = 5 * time.Minute // for one command: a check of many addresses, each of which may time out
)

type handler struct{ zones Zones }

// Handler serves the interface:
//
//	GET  /v1/zones?after=ZONE&limit=N   {"zones": [status.Zone], "next": ZONE}
//	GET  /v1/zones/ZONE                 status.Zone
//	GET  /v1/zones/ZONE/plan            status.Plan
//	GET  /v1/zones/ZONE/export?view=V   a zone file; V is signed or content
//	GET  /v1/zones/ZONE/updates         [status.Update]
//	POST /v1/zones/ZONE/check           status.Matrix
//	POST /v1/zones/ZONE/COMMAND         {"args": [...]} -> {"done": "..."}
//
// An error is {"error": "..."}: what is wrong, and the cure.
func Handler(zones Zones) http.Handler {
	h := &handler{zones: zones}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/zones", h.list)
	mux.HandleFunc("GET /v1/zones/{zone}", h.show)
	mux.HandleFunc("GET /v1/zones/{zone}/plan", found(h, zones.Plan))
	mux.HandleFunc("GET /v1/zones/{zone}/export", h.export)
	mux.HandleFunc("GET /v1/zones/{zone}/updates", found(h, zones.Updates))
	mux.HandleFunc("POST /v1/zones/{zone}/check", found(h, zones.Check))
	mux.HandleFunc("POST /v1/zones/{zone}/{command}", h.do)
	if catalogs, ok := zones.(CatalogZones); ok {
		handleCatalogs(mux, catalogs)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, fmt.Errorf("there is no %s %s here", r.Method, r.URL.Path))
	})
	return mux
}

// Page is a part of the list of zones.
type Page struct {
	Zones []status.Zone `json:"zones"`
	Next  string        `json:"next,omitempty"` // what to give as after for those that follow
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	limit := pageSize
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			refuse(w, http.StatusBadRequest, fmt.Errorf("limit %q: it is a number from 1 to %d", text, maxPage))
			return
		}
		limit = n
	}
	names := h.zones.Names()
	if after := r.FormValue("after"); after != "" {
		at := slices.Index(names, after)
		if at < 0 {
			refuse(w, http.StatusGone, fmt.Errorf("zone %s is no longer served: begin again", after))
			return
		}
		names = names[at+1:]
	}
	page := Page{Zones: []status.Zone{}}
	if len(names) > limit {
		names = names[:limit]
		page.Next = names[limit-1]
	}
	page.Zones = append(page.Zones, h.zones.Status(names...)...)
	answer(w, page)
}

func (h *handler) show(w http.ResponseWriter, r *http.Request) {
	name := zoneOf(r)
	if found := h.zones.Status(name); len(found) > 0 {
		answer(w, found[0])
		return
	}
	h.unknown(w, name)
}

// found answers with what get finds out about a zone.
func found[T any](h *handler, get func(context.Context, string) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := zoneOf(r)
		if !slices.Contains(h.zones.Names(), name) {
			h.unknown(w, name)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), maxWait)
		defer cancel()
		value, err := get(ctx, name)
		if err != nil {
			refuse(w, http.StatusConflict, err)
			return
		}
		answer(w, value)
	}
}

func (h *handler) do(w http.ResponseWriter, r *http.Request) {
	name, command := zoneOf(r), r.PathValue("command")
	if !commands.Is(command, commands.Order, commands.List, commands.Part) {
		refuse(w, http.StatusNotFound, fmt.Errorf("there is no command %q: these are there: %s", command, strings.Join(commands.Names(commands.Order, commands.List, commands.Part), ", ")))
		return
	}
	if !slices.Contains(h.zones.Names(), name) {
		h.unknown(w, name)
		return
	}
	var body struct {
		Args []string `json:"args"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil && !errors.Is(err, io.EOF) {
		refuse(w, http.StatusBadRequest, fmt.Errorf(`body: %w: send {"args": [...]} or nothing`, err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxWait)
	defer cancel()
	done, err := h.zones.Do(ctx, name, command, body.Args)
	if err != nil {
		refuse(w, http.StatusConflict, err)
		return
	}
	answer(w, map[string]string{"done": done})
}

// unknown says which zones there are, where a person can read the list.
func (h *handler) unknown(w http.ResponseWriter, name string) {
	names := h.zones.Names()
	hint := fmt.Sprintf("%d others are", len(names))
	if len(names) <= 10 {
		hint = "these are: " + strings.Join(names, " ")
	}
	refuse(w, http.StatusNotFound, fmt.Errorf("zone %s is not served here; %s", name, hint))
}

// zoneOf is the request's zone, in whatever case and with or without the final dot.
func zoneOf(r *http.Request) string {
	return strings.TrimSuffix(strings.ToLower(r.PathValue("zone")), ".") + "."
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) // whoever asked has gone: there is nobody to tell
}

func refuse(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}
