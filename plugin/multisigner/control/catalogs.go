package control

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// CatalogZones is what is shown and steered of catalog zones (RFC 9432). Names are fully
// qualified and in lower case. A Zones that is a CatalogZones as well has these too:
//
//	GET  /v1/catalogs                   [status.Catalog], without members
//	GET  /v1/catalogs/NAME              status.Catalog
//	POST /v1/catalogs/NAME/accept       {"done": "..."}
//	POST /v1/catalogs/NAME/retransfer   {"done": "..."}
type CatalogZones interface {
	Catalogs() []status.Catalog
	Catalog(name string) (s status.Catalog, ok bool)
	// DoCatalog carries out accept or retransfer, and says in a sentence what was done.
	DoCatalog(name, command string) (string, error)
}

func handleCatalogs(mux *http.ServeMux, of CatalogZones) {
	mux.HandleFunc("GET /v1/catalogs", func(w http.ResponseWriter, r *http.Request) {
		all := of.Catalogs()
		if all == nil {
			all = []status.Catalog{}
		}
		answer(w, all)
	})
	unknown := func(w http.ResponseWriter, name string) {
		var names []string
		for _, c := range of.Catalogs() {
			names = append(names, c.Catalog)
		}
		hint := "there is none"
		if len(names) > 0 {
			hint = "these are: " + strings.Join(names, " ")
		}
		refuse(w, http.StatusNotFound, fmt.Errorf("%s is no catalog here; %s", name, hint))
	}
	mux.HandleFunc("GET /v1/catalogs/{zone}", func(w http.ResponseWriter, r *http.Request) {
		if s, ok := of.Catalog(zoneOf(r)); ok {
			answer(w, s)
			return
		}
		unknown(w, zoneOf(r))
	})
	mux.HandleFunc("POST /v1/catalogs/{zone}/{command}", func(w http.ResponseWriter, r *http.Request) {
		done, err := of.DoCatalog(zoneOf(r), r.PathValue("command"))
		switch {
		case errors.Is(err, engine.ErrNoCatalog):
			unknown(w, zoneOf(r))
		case err != nil:
			refuse(w, http.StatusConflict, err)
		default:
			answer(w, map[string]string{"done": done})
		}
	})
}

func (z engineZones) Catalogs() []status.Catalog { return z.engine.Catalogs() }

func (z engineZones) Catalog(name string) (status.Catalog, bool) {
	apex, err := zone.ParseName(name)
	if err != nil {
		return status.Catalog{}, false
	}
	return z.engine.CatalogStatus(apex)
}

func (z engineZones) DoCatalog(name, command string) (string, error) {
	apex, err := zone.ParseName(name)
	if err != nil {
		return "", fmt.Errorf("%q: %w", name, engine.ErrNoCatalog)
	}
	switch command {
	case "accept":
		return z.engine.AcceptCatalog(apex)
	case "retransfer":
		return z.engine.RetransferCatalog(apex)
	}
	return "", fmt.Errorf("there is no command %q for catalogs: these are there: accept, retransfer", command)
}
