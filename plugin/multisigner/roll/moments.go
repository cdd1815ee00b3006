package roll

// The moments of a key are written here and nowhere else, each by what happens then. Their
// order is that of the phases of RFC 7583 3.1: Pub is Tpub; DataOn, or EntryOn, is Tact; DataOff,
// or Out, is Tret; Gone is Trem.

// enter puts k into our DNSKEY RRset, for the first time or again.
func (k *key) enter(t moment) { k.Pub, k.Gone = t, 0 }

// leave takes k out of our DNSKEY RRset, or out of the keys that may enter it.
func (k *key) leave(t moment) { k.Gone = t }

// unpublished is as if k had never been in our DNSKEY RRset.
func (k *key) unpublished() { k.Pub, k.Gone = 0, 0 }

// sign has k sign our data from now on.
func (k *key) sign(t moment) { k.DataOn, k.DataOff = t, 0 }

// stop has k sign our data no more.
func (k *key) stop(t moment) { k.DataOff = t }

// unsigned is as if k had never signed; signsOn, as if it had never stopped.
func (k *key) unsigned() { k.DataOn = 0 }
func (k *key) signsOn()  { k.DataOff = 0 }

// ask is since when k is to have a DS.
func (k *key) ask(t moment) { k.EntryOn, k.Out = t, 0 }

// retire is since when k is to have none any more.
func (k *key) retire(t moment) { k.Out = t }

// unasked is as if k was never to have a DS.
func (k *key) unasked() { k.EntryOn, k.Out = 0, 0 }
