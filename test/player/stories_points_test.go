//go:build failpoints

package player

import "time"

func init() { stories = append(stories, deaths...) }

// deaths are stories in which a process ends between two of its own steps.
var deaths = []story{
	{
		name:  "a CSK signs next, and the process dies before that is shown",
		tells: "what was saved and not shown has signed nothing that a secondary has",
		play: func(w *world) {
			w.content.ttl = 4 * hour
			w.group(1, 1)
			a := w.signers[0]
			a.core.csk = true
			w.atRest()
			w.expect(a.do("roll", "csk"))
			w.become("the new CSK may be in all caches", day, func() bool { return a.since("sign the zone with") > 45*minute })
			w.crashing.watch("a", "publish-before", 1, 100*minute)
			w.become("it has died", 6*hour, func() bool { return a.now() == nil })
			w.pass(2 * day)
			w.rest()
		},
	},
	{
		name:  "a ZSK signs, and that is shown to one secondary alone before the process dies",
		tells: "the data that the other one serves is waited out",
		play: func(w *world) {
			w.group(1, 2)
			a := w.signers[0]
			w.atRest()
			w.expect(a.do("roll", "zsk"))
			a.secondaries[1].lag = 40 * minute
			w.become("the new ZSK may be in all caches", day, func() bool { return a.since("sign the zone with") > 45*minute })
			w.crashing.watch("a", "tell-after", 1, 3*time.Hour)
			w.become("it has died", 6*hour, func() bool { return a.now() == nil })
			w.pass(2 * day)
			w.rest()
		},
	},
}
