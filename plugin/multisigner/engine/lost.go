package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/multisigner/multisigner/plugin/multisigner/clock"
	"github.com/multisigner/multisigner/plugin/multisigner/kept"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// lost is that we were writer, and had records that the next one has not.
type lost struct {
	Records int       `json:"records"`
	Since   time.Time `json:"since"`
}

func (e *Engine) lostPath(apex zone.Name) string {
	return e.kept.File(apex, ".lost")
}

// keepLost adds to a file which records of ours the content of f has not, and gives how
// many they are.
func (e *Engine) keepLost(apex zone.Name, f *fetched, ours *zone.Version, now time.Time) (records int, err error) {
	if ours == nil {
		return 0, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "; %s: %s is the primary of the content, with serial %d. What it had not,\n; or had removed since it was promoted:\n", now.UTC().Format(time.RFC3339), f.primary, f.Result.Serial)
	for _, c := range zone.Compare(ours, f.Taken.Content).Changes {
		if c.Type() == zone.TypeSOA {
			continue
		}
		gone := c.Old
		var only []string
		for rdata := range c.Old.Rdata.All() {
			if !c.New.Rdata.Has(rdata) {
				only = append(only, rdata)
			}
		}
		if len(only) == 0 {
			continue
		}
		records += len(only)
		gone.Rdata, gone.Spelling = zone.Pack(only...), ""
		b.WriteString(zone.Text(gone.WithSigs("")))
	}
	if records == 0 {
		return 0, nil
	}
	file, err := os.OpenFile(e.lostPath(apex), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(b.String())
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err != nil {
		return 0, fmt.Errorf("keep what only this signer had of %s: %w", apex, err)
	}
	e.fail.reach("lost-after")
	return records, nil
}

// seeToLost forgets what was lost when somebody has taken the file away.
func (w *work) seeToLost(e *Engine, cfg *Config) {
	if w.record.Lost == nil {
		return
	}
	if _, err := os.Stat(e.lostPath(cfg.Apex)); errors.Is(err, os.ErrNotExist) {
		w.record.Lost, w.dirty = nil, true
	}
}

// alarmOfLost is there as long as the file is.
func (w *work) alarmOfLost(cfg *Config) (all []alarm) {
	if w.record.Lost == nil {
		return nil
	}
	return []alarm{newAlarm(status.AlarmLost, "",
		fmt.Sprintf("%d records that this signer had when another became the writer, at %s, are not in the content any more", w.record.Lost.Records, clock.Stamp(w.record.Lost.Since)),
		"look at zones/"+kept.FileName(cfg.Apex)+".lost of the state directory, send what is missing as updates, and remove the file")}
}
