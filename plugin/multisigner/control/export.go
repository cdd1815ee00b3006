package control

import (
	"bufio"
	"context"
	"net/http"
	"slices"
	"time"
)

// Limits of what an export costs while it is read: our choice. It is made as it is read,
// so that a zone of any size takes so much memory; and it is ended when nothing was read
// for so long, since the version that it tells of is kept meanwhile.
const (
	exportAtOnce = 64 << 10 // octets
	exportUnread = 5 * time.Minute
)

// export writes a view of a zone as a zone file (text/dns, RFC 4027). One that cannot be
// ended is cut off in a way that the client notices.
func (h *handler) export(w http.ResponseWriter, r *http.Request) {
	name := zoneOf(r)
	if !slices.Contains(h.zones.Names(), name) {
		h.unknown(w, name)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxWait)
	defer cancel()
	lines, err := h.zones.Export(ctx, name, r.FormValue("view"))
	if err != nil {
		refuse(w, http.StatusConflict, err)
		return
	}
	w.Header().Set("Content-Type", "text/dns")
	out := bufio.NewWriterSize(patient{w, http.NewResponseController(w)}, exportAtOnce)
	for line := range lines {
		if _, err := out.WriteString(line); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if out.Flush() != nil {
		panic(http.ErrAbortHandler)
	}
}

// patient gives each part of an answer its own time to be read.
type patient struct {
	http.ResponseWriter
	*http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(exportUnread)); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}
