//go:build interop

package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// generic is how BIND's checker writes data in the form of unknown types.
var generic = regexp.MustCompile(`\\# \d+ ?([0-9A-Fa-f ]*)`)

// What is legal in text is what two of BIND, Knot and NSD take, or BIND where it alone
// knows the type; in octets, what BIND takes, and only BIND is asked: NSD hardly looks at
// them, Knot's checker crashes at some every other time, but a BIND secondary refuses the
// transfer. What is taken is the octets that BIND makes of it.
// Where we differ, it says why.
// go test -tags interop ./plugin/multisigner/source -run TestTypesElsewhere -update writes it anew.
func TestTypesElsewhere(t *testing.T) {
	dir := t.TempDir()
	cases := readTypes(t)
	for i, c := range cases {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "zone"), []byte(base+"x "+c.line+"\n"), 0o600))
		typ, data, _ := strings.Cut(c.line, " ")
		octets := strings.HasPrefix(data, `\#`)
		var said []string
		legal := 0
		checkers := []struct {
			name string
			args []string
		}{
			{"named-checkzone", []string{"-i", "none", "-k", "ignore", "-n", "ignore", "example.org.", "zone"}},
			{"kzonecheck", []string{"-o", "example.org.", "zone"}},
			{"nsd-checkzone", []string{"example.org.", "zone"}},
		}
		if octets {
			checkers = checkers[:1]
		}
		for _, checker := range checkers {
			cmd := exec.Command(checker.name, checker.args...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if _, failed := err.(*exec.ExitError); err != nil && !failed {
				t.Fatalf("%v: make interop installs it", err)
			}
			verdict := "ok"
			if text := strings.ToLower(string(out)); err == nil {
				legal++
			} else if verdict = "no"; strings.Contains(text, "unknown type") || strings.Contains(text, "unrecognized") || strings.Contains(text, "unknown rr type") {
				verdict = "unknown"
			}
			said = append(said, checker.name+" "+verdict)
		}
		bind := strings.HasSuffix(said[0], " ok")
		taken := legal >= 2 || bind && (octets || slices.Contains(bindOnly, typ))
		cases[i].others = strings.Join(said, ", ")
		if !*update {
			require.Equal(t, c.others, cases[i].others, c.line)
		}
		ours := strings.HasPrefix(c.ours, "= ")
		if why, differs := otherwise[c.line]; differs {
			require.NotEmpty(t, why)
			require.NotEqual(t, taken, ours, "%s: the difference is gone", c.line)
		} else if ours != taken {
			t.Errorf("%s: ours %s, others %s", c.line, c.ours, cases[i].others)
		}
		if !ours || c.ours == "= left out" {
			continue
		}
		cmd := exec.Command("named-rrchecker", "-o", "example.org.", "-u")
		cmd.Stdin = strings.NewReader("IN " + c.line + "\n")
		if out, err := cmd.Output(); err == nil {
			found := generic.FindStringSubmatch(string(out))
			require.NotNil(t, found, "%s: %s", c.line, out)
			if theirs := "= " + strings.ToLower(strings.ReplaceAll(found[1], " ", "")); theirs != c.ours {
				t.Errorf("%s: ours %s, BIND's %s", c.line, c.ours, theirs)
			}
		}
	}
	if *update {
		writeTypes(t, cases)
	}
}

// otherwise are the lines that we judge otherwise than two of three, and why.
var otherwise = map[string]string{
	"SSHFP 6 2 AB CD":            "BIND refuses it in transfers",
	`CLA "a"`:                    "the others are older than the type",
	"IPN 1":                      "the others are older than the type",
	`SVCB 1 foo key1="h2"`:       "no list of protocols, and BIND refuses it in transfers",
	"WKS 192.0.2.1 6":            "RFC 1035 3.4.2 allows it, and BIND takes it",
	`SINK 1 2 AQID`:              "a form that the registry's entry has, and nobody else reads",
	`UINFO "a"`:                  "a form that nobody else reads",
	"UID 1":                      "a form that nobody else reads",
	"GID 1":                      "a form that nobody else reads",
	"UNSPEC AQID":                "a form that nobody else reads",
	"SVCB 1 foo ohttp":           "RFC 9540 4 is younger than the others",
	"IPSECKEY 10 1 0 192.0.2.3":  "BIND refuses it in transfers",
	"IPSECKEY 10 1 2 192.0.2.3":  "BIND refuses it in transfers",
	`NSEC \# 8 0161000001408001`: "left out, whatever it holds",
	"SVCB 1 foo no-default-alpn": "RFC 9460 7.1.1, and BIND refuses it in transfers",
	"SVCB 1 foo key007=x":        "RFC 9460 2.1: no leading zeros",
	`HTTPS 1 . key1=\003h2`:      "no list of protocols, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!^.*$!sip:info@foo\\1.se!i" .`: "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!(a)!\\2!" .`:                  "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!!b!" .`:                       "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "noregexp" .`:                   "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!a!b!c" .`:                     "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!a!b" .`:                       "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!(a!b!" .`:                     "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "1a1b1" .`:                      "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "iaibi" .`:                      "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!a!\\0!" .`:                    "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "![a!b!" .`:                     "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!(!x!" .`:                      "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!x!y!z!" .`:                    "RFC 3402 3.2, and BIND refuses it in transfers",
	`NAPTR 100 10 "u" "sip+E2U" "!.*!a\\!" .`:                   "RFC 3402 3.2, and BIND refuses it in transfers",
	"LOC 90 0 1 N 180 0 0 E 0m":                                 "no latitude, and BIND refuses it in transfers",
	`SVCB 1 foo alpn=h2 key7=/dns-query`:                        "RFC 9461 5, and BIND refuses it in transfers",
}

// bindOnly are the types that Knot and NSD know by number only.
var bindOnly = []string{
	"NSAP-PTR", "EID", "NIMLOC", "ATMA", "A6", "HIP", "NINFO", "RKEY", "TALINK", "DSYNC", "HHIT", "BRID", "DOA", "AMTRELAY",
	"RESINFO", "WALLET", "TA", "SINK", "GPOS",
}

// What an export writes of each legal record, BIND's checker reads to the same octets. Knot's
// takes it, too, but for those types and forms of which it says that it knows them not.
func TestTypesAreReadElsewhere(t *testing.T) {
	dir := t.TempDir()
	for _, c := range readTypes(t) {
		v := written(t, c.line)
		if v == nil {
			continue
		}
		var text strings.Builder
		for lines := range v.Lines() {
			text.WriteString(lines)
		}
		path := filepath.Join(dir, "zone")
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
		out, err := exec.Command("named-checkzone", "-q", "-i", "none", "-k", "ignore", "-n", "ignore", "example.org.", path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %s%s", c.line, text.String(), out)
			continue
		}
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		last := strings.SplitN(lines[len(lines)-1], "\t", 3)
		cmd := exec.Command("named-rrchecker", "-u")
		cmd.Stdin = strings.NewReader(last[2] + "\n")
		octets, err := cmd.Output()
		require.NoError(t, err, "%s\n%s", c.line, last[2])
		found := generic.FindStringSubmatch(string(octets))
		require.NotNil(t, found, "%s: %s", c.line, octets)
		require.Equal(t, c.ours, "= "+strings.ToLower(strings.ReplaceAll(found[1], " ", "")), "%s\n%s", c.line, last[2])
		if strings.Contains(c.others, "kzonecheck ok") {
			out, err := exec.Command("kzonecheck", "-o", "example.org.", path).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s%s", c.line, text.String(), out)
			}
		}
	}
}
