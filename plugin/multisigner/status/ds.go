package status

import "slices"

// DSChange is what differs between the DS RRset that is safe now and what the
// parent was seen to have.
type DSChange struct {
	Safe   bool     `json:"safe"`   // the set, or that there is none, is safe at the parent now
	Add    []string `json:"add"`    // those of the set that an address of the parent lacks
	Remove []string `json:"remove"` // those that an address has and the set has not, but for those that are kept
	Unseen []string `json:"unseen"` // addresses of the parent whose DS are not known
	Done   bool     `json:"done"`   // every address of the parent has just this set, and nothing that is kept
}

// DSChange compares. Where nothing is safe yet there is nothing to add or remove;
// what an address that was not seen has is not known, and it is not done then.
func (z Zone) DSChange() DSChange {
	c := DSChange{Safe: len(z.DS) > 0 || z.DSDelete, Add: []string{}, Remove: []string{}, Unseen: []string{}}
	for _, a := range z.Parent.Addresses {
		if a.State != "good" {
			c.Unseen = append(c.Unseen, a.Address)
			continue
		}
		if !c.Safe {
			continue
		}
		for _, ds := range z.DS {
			if !slices.Contains(a.DS, ds) && !slices.Contains(c.Add, ds) {
				c.Add = append(c.Add, ds)
			}
		}
		for _, ds := range a.DS {
			if !slices.Contains(z.DS, ds) && !slices.Contains(z.DSKept, ds) && !slices.Contains(c.Remove, ds) {
				c.Remove = append(c.Remove, ds)
			}
		}
	}
	c.Done = c.Safe && len(z.Parent.Addresses) > 0 && len(c.Add)+len(c.Remove)+len(c.Unseen)+len(z.DSKept) == 0
	return c
}
