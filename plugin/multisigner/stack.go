package multisigner

import "github.com/miekg/dns"

// The library answers each datagram on a new goroutine. Its stack is small and grows by
// being copied, frame by frame: twice on the way through CoreDNS and its plugins, the
// second time 12 calls deep, which was a quarter of what a query cost. Here it grows once,
// while next to nothing is on it.

func init() {
	accept := dns.DefaultMsgAcceptFunc // the first that is called, with nothing unpacked
	dns.DefaultMsgAcceptFunc = func(h dns.Header) dns.MsgAcceptAction {
		deepen(false)
		return accept(h)
	}
}

// deepen makes room on the stack for what a query needs: entering a function is what
// makes a stack grow, by what its variables would take. It does nothing else.
//
//go:noinline
func deepen(really bool) {
	if really {
		var room [5 << 10]byte
		touch(&room)
	}
}

//go:noinline
func touch(room *[5 << 10]byte) { room[0] = 1 }
