package engine

import (
	"github.com/multisigner/multisigner/plugin/multisigner/peer"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// tellApart looks whether one of our own servers has another version under the serial
// of the one that is served. It was shown before a crash, when the disk took nothing,
// and the serial was given once more since: the server would keep it until the next
// change, so the version gets a serial of its own. That can be only of before the start,
// and is seen to once: a server that shows what is nobody's business here would else
// have serials made without end.
func (w *work) tellApart() {
	if w.toldApart || w.sight == nil || w.signed == nil {
		return
	}
	ours := w.signed.SOA()
	for _, a := range w.sight.self.Addresses {
		soa := a.Sets[zone.TypeSOA]
		if a.Status != peer.Good || a.Host != "" || !sameSerial(soa, ours) {
			continue // Host: nobody has named it, and it may be anybody's
		}
		if soa.Rdata != ours.Rdata || soa.Sigs != ours.Sigs {
			w.renumber, w.toldApart = true, true
		}
	}
}

func sameSerial(a, b zone.RRset) bool {
	return a.Exists() && b.Exists() && a.Rdata.Serial() == b.Rdata.Serial()
}
