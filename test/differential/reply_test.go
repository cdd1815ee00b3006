//go:build interop

package differential

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// said is what a server said, in a form that can be compared: sections as sorted
// sets of records in lower case. OPT is left out, it is not the zone's.
type said struct {
	rcode      int
	aa, tc, cd bool
	answer     []string
	authority  []string
	additional []string
	twice      bool // a record stands twice in a section
}

func hear(m *dns.Msg) said {
	if m == nil {
		return said{rcode: -1}
	}
	s := said{rcode: m.Rcode, aa: m.Authoritative, tc: m.Truncated, cd: m.CheckingDisabled}
	for section, rrs := range map[*[]string][]dns.RR{&s.answer: m.Answer, &s.authority: m.Ns, &s.additional: m.Extra} {
		for _, rr := range rrs {
			if rr.Header().Rrtype != dns.TypeOPT {
				*section = append(*section, strings.ToLower(strings.ReplaceAll(rr.String(), "\t", " ")))
			}
		}
		slices.Sort(*section)
		before := len(*section)
		*section = slices.Compact(*section)
		s.twice = s.twice || len(*section) != before
	}
	return s
}

func (s said) clone() said {
	s.answer, s.authority, s.additional = slices.Clone(s.answer), slices.Clone(s.authority), slices.Clone(s.additional)
	return s
}

func (s said) equal(o said) bool {
	return s.rcode == o.rcode && s.aa == o.aa && s.tc == o.tc && s.cd == o.cd && s.twice == o.twice &&
		slices.Equal(s.answer, o.answer) && slices.Equal(s.authority, o.authority) && slices.Equal(s.additional, o.additional)
}

// diff shows what one server said and the other did not.
func (s said) diff(o said) string {
	var b strings.Builder
	if s.rcode != o.rcode || s.aa != o.aa || s.tc != o.tc || s.cd != o.cd || s.twice != o.twice {
		fmt.Fprintf(&b, "  ours:   %s\n  theirs: %s\n", s.head(), o.head())
	}
	for _, section := range []struct {
		name string
		a, b []string
	}{{"answer", s.answer, o.answer}, {"authority", s.authority, o.authority}, {"additional", s.additional, o.additional}} {
		for _, only := range []struct {
			who      string
			has, not []string
		}{{"ours", section.a, section.b}, {"theirs", section.b, section.a}} {
			for _, rr := range only.has {
				if !slices.Contains(only.not, rr) {
					fmt.Fprintf(&b, "  only %-6s in %s: %.110s\n", only.who, section.name, rr)
				}
			}
		}
	}
	return b.String()
}

// shape is the difference without names: which sections have more of which types.
func (s said) shape(o said) string {
	var parts []string
	for i, sections := range [][2][]string{{s.answer, o.answer}, {s.authority, o.authority}, {s.additional, o.additional}} {
		for j, has := range sections {
			for _, rr := range has {
				if part := fmt.Sprint(i, j, strings.Fields(rr)[3]); !slices.Contains(sections[1-j], rr) && !slices.Contains(parts, part) {
					parts = append(parts, part)
				}
			}
		}
	}
	slices.Sort(parts)
	if s.head() != o.head() {
		parts = append(parts, s.head(), o.head())
	}
	return strings.Join(parts, " ")
}

func (s said) head() string {
	if s.rcode == -1 {
		return "no answer"
	}
	return fmt.Sprintf("%s aa=%t tc=%t cd=%t twice=%t", dns.RcodeToString[s.rcode], s.aa, s.tc, s.cd, s.twice)
}
