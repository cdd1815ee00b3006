package commands

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Built says what a program was made from.
type Built struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, where it was known
	Go       string `json:"go"`
}

// Version is what this program was made from.
func Version() Built {
	v := Built{Version: "unknown", Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	return v
}

func (v Built) String() string {
	return fmt.Sprintf("multisigner %s %s/%s %s", v.Version, runtime.GOOS, runtime.GOARCH, v.Go)
}
