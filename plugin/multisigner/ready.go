package multisigner

// Ready implements ready.Readiness. CoreDNS keeps one answer for each name of a
// plugin, so every handler speaks for the whole process.
func (h *Handler) Ready() bool { return process.ready() }

// ready reports whether the engines of the process have something to answer with.
func (r *registry) ready() bool {
	engines := r.engines()
	for _, e := range engines {
		if ready, _ := e.Ready(); !ready {
			return false
		}
	}
	return len(engines) > 0
}
