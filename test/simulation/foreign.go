package simulation

type foreign struct{ s *signer }

func newForeign(s *signer) *foreign { return &foreign{s} }
func (f *foreign) begin()           {}
