package zone

// keyRoom holds the key of any name: every octet escaped.
const keyRoom = 2 * MaxName

// appendKey appends octets that sort, compared plainly, as names sort canonically
// (RFC 4034 6.1): the labels from the last to the first, each ended by a 0. So
// that a 0 or 1 inside a label does not end it, they are written 1 1 and 1 2.
//
// The key of an ancestor is a prefix of the key of a name, and every 0 ends one.
func appendKey(dst []byte, n Name) []byte {
	var at [128]uint8
	for i := n.offsets(&at) - 1; i >= 0; i-- {
		label := n[at[i]+1 : int(at[i])+1+int(n[at[i]])]
		for j := range len(label) {
			if c := label[j]; c <= 1 {
				dst = append(dst, 1, c+1)
			} else {
				dst = append(dst, c)
			}
		}
		dst = append(dst, 0)
	}
	return dst
}

// sharedKey is the length of the longest key of a name that is above, or is, the
// names of both keys.
func sharedKey(a []byte, b string) (end int) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		if a[i] == 0 {
			end = i + 1
		}
	}
	return end
}

// keyAbove is the length of the key of the ancestor that has so many labels.
func keyAbove(key []byte, labels int) int {
	end := 0
	for ; labels > 0; end++ {
		if key[end] == 0 {
			labels--
		}
	}
	return end
}

// head is the first eight octets as a number, which sorts as they do; a shorter
// one is filled up with 0.
func head[K string | []byte](s K) (h uint64) {
	if len(s) >= 8 {
		return uint64(s[7]) | uint64(s[6])<<8 | uint64(s[5])<<16 | uint64(s[4])<<24 |
			uint64(s[3])<<32 | uint64(s[2])<<40 | uint64(s[1])<<48 | uint64(s[0])<<56
	}
	for i := range len(s) {
		h |= uint64(s[i]) << (56 - 8*i)
	}
	return h
}
