package zone

// A zone's names are the same in either case (RFC 4343), and all that signs,
// compares and orders works on the canonical form, in lower case (RFC 4034 6.2).
// What is served keeps the case of what was written: people read it, in a list of
// DNS-SD instances for one (RFC 6763 4.1.1). So an RRset with capitals has a
// second form beside the canonical one, and one without costs nothing.

// Record is one RR of class IN, in canonical form and as it was written.
type Record struct {
	Name  Name
	Type  Type
	TTL   uint32
	Rdata string
	// Owner and Written are Name and Rdata with letters in the case in which they
	// came; each is as long as the other.
	Owner, Written string
}

// NewRecord makes a record of an owner and rdata in uncompressed wire form. Rdata
// that the type cannot have is an error, as far as it is looked at: of names that
// must be lowered, and of types that the rooms inside read.
func NewRecord(owner []byte, t Type, ttl uint32, rdata []byte) (Record, error) {
	r := Record{Type: t, TTL: ttl, Written: string(rdata)}
	var err error
	if r.Name, _, err = NameFromWire(owner); err != nil {
		return Record{}, err
	}
	if r.Owner = string(r.Name); string(owner[:len(r.Name)]) != r.Owner {
		r.Owner = string(owner[:len(r.Name)])
	}
	if err = canonicalize(t, rdata); err != nil {
		return Record{}, err
	}
	if r.Rdata = r.Written; string(rdata) != r.Written {
		r.Rdata = string(rdata)
	}
	return r, nil
}

// Capitals reports whether r was written otherwise than its canonical form.
func (r Record) Capitals() bool { return r.Owner != string(r.Name) || r.Written != r.Rdata }

// Written gives the owner and the records as they were written, the records in the
// order of Rdata: what stands at some octet of one stands there in the other.
func (s RRset) Written() (owner string, rdata Packed) {
	if s.Spelling == "" {
		return string(s.Name), s.Rdata
	}
	return s.Spelling[:len(s.Name)], Packed(s.Spelling[len(s.Name):])
}

// Spell is s as it was written: owner and rdata are as long as Name and Rdata, and
// differ from them in the case of letters only; it panics when they are not as long.
func (s RRset) Spell(owner string, rdata Packed) RRset {
	if len(owner) != len(s.Name) || len(rdata) != len(s.Rdata) {
		panic("zone: " + s.Name.String() + " is spelled as another name or other rdata")
	}
	if s.Spelling = ""; owner != string(s.Name) || rdata != s.Rdata {
		s.Spelling = owner + string(rdata)
	}
	return s
}

// Gathering is the records of one RRset as they come in, before they are sorted.
// Of two that differ only in case, and of owners, the first counts.
type Gathering struct {
	rdata   []string
	owner   string
	written map[string]string // by the canonical form, where they differ
}

// Add takes a record in; its TTL is not looked at.
func (g *Gathering) Add(r Record) {
	if g.rdata = append(g.rdata, r.Rdata); len(g.rdata) == 1 {
		g.owner = r.Owner
	}
	if r.Written == r.Rdata && g.written == nil {
		return
	}
	if g.written == nil {
		g.written = map[string]string{}
		for _, before := range g.rdata[:len(g.rdata)-1] {
			g.written[before] = before
		}
	}
	if _, known := g.written[r.Rdata]; !known {
		g.written[r.Rdata] = r.Written
	}
}

// Rdata gives the records in canonical form, in the order in which they came.
func (g *Gathering) Rdata() []string { return g.rdata }

// RRset is what was gathered; g is used up.
func (g *Gathering) RRset(name Name, t Type, ttl uint32) RRset {
	s := RRset{Name: name, Type: t, TTL: ttl, Rdata: Pack(g.rdata...)}
	if len(g.rdata) == 0 || g.owner == string(name) && g.written == nil {
		return s
	}
	written := make([]byte, 0, len(s.Rdata))
	for rdata := range s.Rdata.All() {
		written = append(written, byte(len(rdata)>>8), byte(len(rdata)))
		if as, ok := g.written[rdata]; ok {
			rdata = as
		}
		written = append(written, rdata...)
	}
	return s.Spell(g.owner, Packed(written))
}
