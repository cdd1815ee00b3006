package zone

import "strings"

// A node's content is one string, so that a million names are two million
// objects and not ten: the collector has less to follow, and what belongs together
// lies together. RRsets that are handed out refer to parts of it.
//
//	 4 octets  earliest end of a signature, or never
//	 4         largest TTL
//	 4         number of records, RRSIGs among them
//	           key
//	           name
//	14 each    heads of the RRsets, ascending by type
//	           of each RRset: rdata and signatures, packed, and its spelling if it has one
const (
	blobKey  = 12 // where the key begins
	headSize = 14
)

// setHead is the head of an RRset in a blob: type (2 octets), TTL (4), length of
// its rdata (4) and of its signatures (4). The highest bit of the last says that
// there is a spelling.
type setHead string

func (h setHead) Type() Type  { return Type(u16(string(h))) }
func (h setHead) ttl() uint32 { return u32(string(h[2:])) }
func (h setHead) rdata() int  { return int(u32(string(h[6:]))) }
func (h setHead) sigs() int   { return int(u32(string(h[10:])) &^ spelled) }

const spelled = 1 << 31

// spelling is the length of the RRset's spelling, 0 without one.
func (n *Node) spelling(h setHead) int {
	if h[10] < spelled>>24 {
		return 0
	}
	return int(n.nameSize) + h.rdata()
}

// size is what the body of the RRset with head h takes.
func (n *Node) size(h setHead) int { return h.rdata() + h.sigs() + n.spelling(h) }

func (n *Node) earliest() uint32 { return u32(n.blob) }
func (n *Node) maxTTL() uint32   { return u32(n.blob[4:]) }
func (n *Node) records() int     { return int(u32(n.blob[8:])) }
func (n *Node) key() string      { return n.blob[blobKey : blobKey+int(n.keySize)] }

// heads is where the heads of the RRsets begin.
func (n *Node) heads() int { return blobKey + int(n.keySize) + int(n.nameSize) }

// bodies is where the rdata of the first RRset begins.
func (n *Node) bodies() int { return n.heads() + headSize*int(n.sets) }

func (n *Node) head(i int) setHead {
	at := n.heads() + headSize*i
	return setHead(n.blob[at : at+headSize])
}

// set gives the RRset with head h whose rdata begins at body.
func (n *Node) set(h setHead, body int) RRset {
	sigs := body + h.rdata()
	spelling := sigs + h.sigs()
	return RRset{
		Name:     n.Name(),
		Type:     h.Type(),
		TTL:      h.ttl(),
		Rdata:    Packed(n.blob[body:sigs]),
		Sigs:     Packed(n.blob[sigs:spelling]),
		Spelling: n.blob[spelling : spelling+n.spelling(h)],
	}
}

// newNode makes a node of RRsets in ascending order of type. key is that of name.
func newNode(name Name, key []byte, sets []RRset) Node {
	size := blobKey + len(key) + len(name) + headSize*len(sets)
	records, first, maxTTL := 0, uint32(never), uint32(0)
	for i := range sets {
		s := &sets[i]
		size += len(s.Rdata) + len(s.Sigs) + len(s.Spelling)
		records += s.Rdata.Len() + s.Sigs.Len()
		first = min(first, earliest(s.Sigs))
		maxTTL = max(maxTTL, s.TTL)
	}
	var b strings.Builder
	b.Grow(size)
	write32(&b, first)
	write32(&b, maxTTL)
	write32(&b, uint32(records))
	b.Write(key)
	b.WriteString(string(name))
	for i := range sets {
		s := &sets[i]
		b.WriteByte(byte(s.Type >> 8))
		b.WriteByte(byte(s.Type))
		write32(&b, s.TTL)
		write32(&b, uint32(len(s.Rdata)))
		sigs := uint32(len(s.Sigs))
		if s.Spelling != "" {
			sigs |= spelled
		}
		write32(&b, sigs)
	}
	for i := range sets {
		b.WriteString(string(sets[i].Rdata))
		b.WriteString(string(sets[i].Sigs))
		b.WriteString(sets[i].Spelling)
	}
	return Node{
		blob:     b.String(),
		sets:     uint16(len(sets)),
		keySize:  uint16(len(key)),
		nameSize: uint8(len(name)),
		shadow:   -1,
	}
}

func write32(b *strings.Builder, x uint32) {
	b.WriteByte(byte(x >> 24))
	b.WriteByte(byte(x >> 16))
	b.WriteByte(byte(x >> 8))
	b.WriteByte(byte(x))
}
