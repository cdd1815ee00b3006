package control

import (
	"context"
	"fmt"
	"iter"

	"github.com/multisigner/multisigner/plugin/multisigner/engine"
	"github.com/multisigner/multisigner/plugin/multisigner/status"
	"github.com/multisigner/multisigner/plugin/multisigner/zone"
)

// Of shows and steers the zones of an engine.
func Of(e *engine.Engine) Zones { return engineZones{e} }

// CatalogsOf shows and steers the catalogs of an engine.
func CatalogsOf(e *engine.Engine) CatalogZones { return engineZones{e} }

type engineZones struct{ engine *engine.Engine }

func (z engineZones) Names() []string {
	apexes := z.engine.Zones()
	names := make([]string, len(apexes))
	for i, apex := range apexes {
		names[i] = apex.String()
	}
	return names
}

func (z engineZones) Status(names ...string) []status.Zone {
	apexes := z.engine.Zones()
	at := make(map[string]int, len(apexes))
	for i, apex := range apexes {
		at[apex.String()] = i
	}
	var all []status.Zone
	for _, name := range names {
		if i, ok := at[name]; ok {
			if s, ok := z.engine.Status(apexes[i]); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

func (z engineZones) Do(ctx context.Context, name, command string, args []string) (string, error) {
	apex, err := z.apex(name)
	if err != nil {
		return "", err
	}
	return z.engine.Do(ctx, apex, engine.Command{Kind: command, Args: args})
}

func (z engineZones) Check(ctx context.Context, name string) (status.Matrix, error) {
	apex, err := z.apex(name)
	if err != nil {
		return status.Matrix{}, err
	}
	return z.engine.Check(ctx, apex)
}

func (z engineZones) Plan(ctx context.Context, name string) (status.Plan, error) {
	apex, err := z.apex(name)
	if err != nil {
		return status.Plan{}, err
	}
	return z.engine.Plan(ctx, apex)
}

func (z engineZones) Export(ctx context.Context, name, view string) (iter.Seq[string], error) {
	apex, err := z.apex(name)
	if err != nil {
		return nil, err
	}
	v, err := z.engine.View(ctx, apex, view)
	if err != nil {
		return nil, err
	}
	return v.Lines(), nil
}

func (z engineZones) Updates(ctx context.Context, name string) ([]status.Update, error) {
	apex, err := z.apex(name)
	if err != nil {
		return nil, err
	}
	return z.engine.Updates(ctx, apex)
}

// apex finds a zone by its name. It may have left the Corefile while the request was
// under way.
func (z engineZones) apex(name string) (zone.Name, error) {
	for _, apex := range z.engine.Zones() {
		if apex.String() == name {
			return apex, nil
		}
	}
	return "", fmt.Errorf("zone %s is no longer served", name)
}
