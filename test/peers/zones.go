package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// seed makes zones and questions the same each time.
const seed = 4711

// questionsInFile is after how many dnsperf begins anew.
const questionsInFile = 200_000

// benchZone is a zone to be served, and the questions that it is asked.
type benchZone struct {
	name   string
	dir    string
	apex   string
	denial string
	loads  []load
}

// load is a file of questions.
type load struct {
	name string
	path string
	tcp  bool
}

func (z *benchZone) unsigned() string { return filepath.Join(z.dir, "unsigned") }
func (z *benchZone) signed() string   { return filepath.Join(z.dir, "signed") }

// makeZone writes the zone file and the questions of a zone such as
// hosting-100000-nsec3: its kind, its names, and how it denies.
func makeZone(dir, name string) (*benchZone, error) {
	parts := strings.Split(name, "-")
	z := &benchZone{name: name, dir: filepath.Join(dir, name), apex: "bench.test.", denial: "nsec"}
	if len(parts) < 2 || len(parts) > 3 || len(parts) == 3 && parts[2] != "nsec3" {
		return nil, fmt.Errorf("no such zone: write hosting-100000, hosting-100000-nsec3 or tld-100000")
	}
	names, err := strconv.Atoi(parts[1])
	if err != nil {
		return nil, err
	}
	if len(parts) == 3 {
		z.denial = "nsec3"
	}
	if err := os.MkdirAll(z.dir, 0o755); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(seed, uint64(names)))
	switch parts[0] {
	case "hosting":
		err = z.hosting(names, random)
	case "tld":
		z.denial = "nsec3-optout"
		err = z.tld(names, random)
	default:
		err = fmt.Errorf("no such kind of zone: %s", parts[0])
	}
	return z, err
}

const head = "$ORIGIN bench.test.\n$TTL 3600\n@ SOA ns1 hostmaster 1 7200 3600 1209600 3600\n@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n"

// hosting has hosts as hosting companies have them.
func (z *benchZone) hosting(names int, random *rand.Rand) error {
	lines := func(yield func(string)) {
		for i := range names {
			n := hostName(i)
			switch kind := random.IntN(100); {
			case kind < 5:
				yield(fmt.Sprintf("%s CNAME %s\n", n, hostName(random.IntN(names))))
				continue
			case kind < 35:
				yield(fmt.Sprintf("%s AAAA 2001:db8::%x:%x\n", n, i>>16, i&0xffff))
			case kind < 50:
				yield(fmt.Sprintf("%[1]s MX 10 mx.%[1]s\nmx.%[1]s A 192.0.2.%[2]d\n", n, i%256))
			case kind < 60:
				yield(fmt.Sprintf("%s TXT \"v=spf1 ip4:192.0.2.%d -all\"\n", n, i%256))
			}
			yield(fmt.Sprintf("%s A 192.0.2.%d\n", n, i%256))
		}
	}
	if err := writeLines(z.unsigned(), func(yield func(string)) { yield(head); lines(yield) }); err != nil {
		return err
	}
	positive := func() string { return hostName(random.IntN(names)) + ".bench.test A\n" }
	nxdomain := func() string { return fmt.Sprintf("nx%08x.bench.test A\n", random.Uint32()) }
	noData := func() string { return hostName(random.IntN(names)) + ".bench.test SRV\n" }
	mix := func() string {
		switch kind := random.IntN(10); {
		case kind < 7:
			return positive()
		case kind < 9:
			return nxdomain()
		}
		return noData()
	}
	return z.questions(map[string]func() string{"positive": positive, "nxdomain": nxdomain, "mix": mix}, "positive", "nxdomain", "mix")
}

// tld has delegations: a third with glue, a third with DS.
func (z *benchZone) tld(names int, random *rand.Rand) error {
	if err := writeLines(z.unsigned(), func(yield func(string)) {
		yield(head)
		for i := range names {
			n := hostName(i)
			if random.IntN(10) < 3 {
				yield(fmt.Sprintf("%[1]s NS ns1.%[1]s\n%[1]s NS ns2.%[1]s\nns1.%[1]s A 192.0.2.%[2]d\nns2.%[1]s A 198.51.100.%[2]d\n", n, i%256))
			} else {
				yield(fmt.Sprintf("%[1]s NS ns1.host%[2]d.example.\n%[1]s NS ns2.host%[2]d.example.\n", n, i%1000))
			}
			if random.IntN(10) < 3 {
				yield(fmt.Sprintf("%s DS %d 13 2 %064x\n", n, i%65536, i))
			}
		}
	}); err != nil {
		return err
	}
	return z.questions(map[string]func() string{
		"referral": func() string { return "www." + hostName(random.IntN(names)) + ".bench.test A\n" },
		"nxdomain": func() string { return fmt.Sprintf("nx%08x.bench.test A\n", random.Uint32()) },
	}, "referral", "nxdomain")
}

// hostName scatters names over the order of the zone.
func hostName(i int) string { return fmt.Sprintf("h%08x", uint32(i)*2654435761) }

// questions writes the files in order, and has the first asked over TCP as well.
func (z *benchZone) questions(kinds map[string]func() string, order ...string) error {
	for _, kind := range order {
		path := filepath.Join(z.dir, "questions-"+kind)
		if err := writeLines(path, func(yield func(string)) {
			for range questionsInFile {
				yield(kinds[kind]())
			}
		}); err != nil {
			return err
		}
		z.loads = append(z.loads, load{name: kind, path: path})
	}
	z.loads = append(z.loads, load{name: order[0] + "-tcp", path: z.loads[0].path, tcp: true})
	return nil
}

func writeLines(path string, lines func(yield func(string))) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	b := bufio.NewWriter(file)
	lines(func(line string) { _, _ = b.WriteString(line) })
	return b.Flush()
}
