package validate

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// absent checks what is said of a name that has no answer: a name error, NODATA,
// or a referral.
func (r *response) absent() error {
	soa, cut := false, zone.Name("")
	for _, s := range r.authority {
		switch {
		case s.Type == zone.TypeSOA && s.Name == r.apex:
			soa = true
		case s.Type == zone.TypeNS && s.Name != r.apex && r.name.Under(s.Name):
			cut = s.Name
		}
	}
	switch {
	case soa && r.rcode == dns.RcodeNameError:
		return r.proof.nameError(r.name)
	case soa:
		return r.proof.noData(r.name, r.qtype)
	case cut != "" && r.rcode == dns.RcodeSuccess:
		return r.referral(cut)
	}
	return errors.New("neither an answer, nor a referral, nor a denial with its SOA")
}

// referral wants a signed DS, which has been checked, or the proof that there is none.
func (r *response) referral(cut zone.Name) error {
	for _, s := range r.authority {
		if s.Type == zone.TypeDS && s.Name == cut {
			return nil
		}
	}
	if err := r.proof.insecure(cut); err != nil {
		return fmt.Errorf("referral to %s without DS: %w", cut, err)
	}
	return nil
}

// proof is what the NSEC or NSEC3 records of a response say; they are signed.
type proof struct {
	apex   zone.Name
	plain  []nsec
	hashed []nsec3
	circle *circle // the parameters of hashed
	shown  bitmap  // what has denied a type, if showed; an empty non-terminal shows nothing
	showed bool
}

// add takes the records of an NSEC or NSEC3 RRset in.
func (p *proof) add(s zone.RRset, apex zone.Name) error {
	p.apex = apex
	for rdata := range s.Rdata.All() {
		if s.Type == zone.TypeNSEC {
			n, err := readNSEC(s.Name, rdata)
			if err != nil {
				return err
			}
			p.plain = append(p.plain, n)
			continue
		}
		n, c, err := readNSEC3(s.Name, apex, rdata)
		if err != nil {
			return err
		}
		if p.circle != nil && *p.circle != c {
			return errors.New("NSEC3 records have different parameters") // RFC 5155 8.2
		}
		p.circle, p.hashed = &c, append(p.hashed, n)
	}
	return nil
}

func (p *proof) nameError(n zone.Name) error {
	if p.circle != nil {
		return p.nameError3(n)
	}
	return p.nameErrorPlain(n)
}

func (p *proof) noData(n zone.Name, t zone.Type) error {
	if p.circle != nil {
		return p.noData3(n, t)
	}
	return p.noDataPlain(n, t)
}

// noCloser wants the proof that no name between encloser and n exists, nor n.
func (p *proof) noCloser(n, encloser zone.Name) error {
	if p.circle != nil {
		return p.noCloser3(n, encloser)
	}
	return p.noCloserPlain(n, encloser)
}

// insecure wants the proof that cut is a delegation without DS (RFC 6840 4.4): its
// types, or those of the wildcard that made it, or else a span that opts out.
func (p *proof) insecure(cut zone.Name) error {
	if err := p.noData(cut, zone.TypeDS); err != nil {
		return err
	}
	if optOut := !p.showed && p.circle != nil; !optOut && !p.shown.has(zone.TypeNS) {
		return errors.New("it is no delegation")
	}
	return nil
}

// lacks denies t by the types that are shown for a name, and remembers them.
func (p *proof) lacks(types bitmap, t zone.Type) error {
	p.shown, p.showed = types, true
	return types.lacks(t)
}

// bitmap is the type bitmap of an NSEC or NSEC3 record (RFC 4034 4.1.2).
type bitmap string

func readBitmap(b string) (bitmap, error) {
	last := -1
	for rest := b; rest != ""; {
		if len(rest) < 3 || int(rest[0]) <= last || rest[1] == 0 || rest[1] > 32 || len(rest) < 2+int(rest[1]) {
			return "", errors.New("its type bitmap is broken")
		}
		last, rest = int(rest[0]), rest[2+int(rest[1]):]
	}
	return bitmap(b), nil
}

func (b bitmap) has(t zone.Type) bool {
	for b != "" {
		window, size := b[0], int(b[1])
		if at := int(t&0xff) / 8; window == byte(t>>8) && at < size {
			return b[2+at]&(0x80>>(t&7)) != 0
		}
		b = b[2+size:]
	}
	return false
}

// delegates reports whether the record is of the parent's side of a zone cut.
func (b bitmap) delegates() bool { return b.has(zone.TypeNS) && !b.has(zone.TypeSOA) }

// hidesBelow reports whether names below the record's owner are not the zone's:
// then it says nothing of them (RFC 6840 4.1, RFC 6672 5.3.4.1).
func (b bitmap) hidesBelow() bool { return b.delegates() || b.has(zone.TypeDNAME) }

// lacks says why a bitmap shown for a name does not deny t there.
func (b bitmap) lacks(t zone.Type) error {
	switch {
	case b.has(t):
		return fmt.Errorf("the proof shows that there is %s", t)
	case b.has(zone.TypeCNAME):
		return errors.New("the proof shows that there is CNAME")
	case t == zone.TypeDS && b.has(zone.TypeSOA):
		return errors.New("the child cannot say that it has no DS")
	case t != zone.TypeDS && b.delegates():
		return errors.New("the parent cannot say what the child has")
	}
	return nil
}
