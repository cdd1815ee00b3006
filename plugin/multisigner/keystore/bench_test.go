package keystore

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCreate is a first start: the keys of many zones, sixteen at a time.
func BenchmarkCreate(b *testing.B) {
	d := openTemp(b)
	work := make(chan int)
	done := make(chan error)
	for range 16 {
		go func() {
			for i := range work {
				zone := fmt.Sprintf("z%d.example.", i)
				for _, flags := range []uint16{256, 257} {
					if _, err := d.Create(zone, 13, flags, nil); err != nil {
						done <- err
						return
					}
				}
			}
			done <- nil
		}()
	}
	b.ResetTimer()
	for i := range b.N {
		work <- i
	}
	close(work)
	for range 16 {
		require.NoError(b, <-done)
	}
}

// BenchmarkList is a later start: it reads the two keys of a zone.
func BenchmarkList(b *testing.B) {
	for _, algorithm := range []uint8{8, 13, 14, 15} {
		b.Run(algorithms[algorithm].name, func(b *testing.B) {
			d := openTemp(b)
			create(b, d, "example.", algorithm, 257)
			create(b, d, "example.", algorithm, 256)
			for b.Loop() {
				if len(list(b, d, "example.")) != 2 {
					b.Fatal("keys are missing")
				}
			}
		})
	}
}
