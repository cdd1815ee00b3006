package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/miekg/dns"
)

// memory is what a registry must not forget between two starts.
type memory struct {
	Serial     uint32            `json:"serial"`
	DS         []string          `json:"ds"` // in presentation form
	Inceptions map[string]uint32 `json:"inceptions"`
}

const memoryFile = "delegation.json"

// recall reads what was kept; a registry that never was has no DS and serial 0.
func recall(c Config) (Delegation, uint32, error) {
	d := Delegation{Child: c.Child}
	path := filepath.Join(c.Dir, memoryFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d, 0, nil
	}
	if err != nil {
		return d, 0, err
	}
	var m memory
	if err := json.Unmarshal(text, &m); err != nil {
		return d, 0, fmt.Errorf("%s: %w", path, err)
	}
	for _, line := range m.DS {
		rr, err := dns.NewRR(c.Child + " IN DS " + line)
		if err != nil {
			return d, 0, fmt.Errorf("%s: %w", path, err)
		}
		d.DS = append(d.DS, rr.(*dns.DS))
	}
	d.Inceptions = m.Inceptions
	return d, m.Serial, nil
}

func remember(c Config, d Delegation, serial uint32) error {
	return WriteJSON(filepath.Join(c.Dir, memoryFile), memory{Serial: serial, DS: dsText(d.DS), Inceptions: d.Inceptions})
}
