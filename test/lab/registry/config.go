package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// Config is what a registry serves and whom it asks. A delegation's NS records
// carry no port, so the addresses of each nameserver are listed with theirs.
type Config struct {
	Zone        string              `json:"zone"`        // fully qualified: "test."
	Address     string              `json:"address"`     // address:port to serve on, UDP and TCP
	Child       string              `json:"child"`       // the delegated zone
	Nameservers map[string][]string `json:"nameservers"` // of the delegation: host name -> address:port
	Dir         string              `json:"dir"`         // holds the zone's key and the delegation's state
	TTL         uint32              `json:"ttl"`         // of every record, seconds
	DSTTL       uint32              `json:"ds_ttl"`      // of the DS RRset; 0: TTL
	Interval    Duration            `json:"interval"`    // from one look at the child to the next
	Rounds      int                 `json:"rounds"`      // looks that must agree before a first DS is accepted (RFC 8078 3.3)
	Calm        Duration            `json:"calm"`        // from one look to the next that a NOTIFY asks for; 0: a second
}

// calm is how soon after a look the next one may be.
func (c Config) calm() time.Duration {
	if c.Calm > 0 {
		return time.Duration(c.Calm)
	}
	return time.Second
}

// dsTTL is the TTL of the DS RRset.
func (c Config) dsTTL() uint32 {
	if c.DSTTL > 0 {
		return c.DSTTL
	}
	return c.TTL
}

// Duration is a time.Duration that JSON carries in Go's notation: "1s".
type Duration time.Duration

// MarshalText writes d as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// ReadConfig reads and checks the Config at path. Addresses written there
// without all they need are errors: a registry that asked fewer servers than
// there are would not be strict.
func ReadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	var c Config
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, c.check()
}

func (c Config) check() error {
	if c.Zone == "" || c.Child == "" || c.Dir == "" || c.Interval <= 0 || c.Rounds <= 0 {
		return errors.New("config lacks one of zone, child, dir, interval, rounds")
	}
	if len(c.Nameservers) == 0 {
		return errors.New("config names no nameserver of the child")
	}
	for host, addresses := range c.Nameservers {
		if len(addresses) == 0 {
			return fmt.Errorf("config has no address for %s", host)
		}
		for _, a := range addresses {
			if _, err := netip.ParseAddrPort(a); err != nil {
				return fmt.Errorf("address of %s: %w", host, err)
			}
		}
	}
	return nil
}

// WriteJSON replaces the file at path by v in one step, so that a reader sees the
// old or the new text and never half of it.
func WriteJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(text, '\n'))
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
