package source

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func bigZone(names int) []byte {
	var b bytes.Buffer
	b.WriteString(base)
	for i := range names {
		fmt.Fprintf(&b, "host%06d A 192.0.2.%d\n", i, i%250)
		fmt.Fprintf(&b, "host%06d AAAA 2001:db8::%x\n", i, i%65000)
	}
	return b.Bytes()
}

// BenchmarkReadLarge reads a zone of 100,000 names with an A and an AAAA each.
func BenchmarkReadLarge(b *testing.B) {
	path := filepath.Join(b.TempDir(), "zone")
	text := bigZone(100_000)
	require.NoError(b, os.WriteFile(path, text, 0o600))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := ReadFile(path, apex)
		require.NoError(b, err)
		require.Equal(b, 100_002, c.Version.Names())
	}
}

// BenchmarkReadSmall reads one of many small zones.
func BenchmarkReadSmall(b *testing.B) {
	path := filepath.Join(b.TempDir(), "zone")
	require.NoError(b, os.WriteFile(path, bigZone(3), 0o600))
	b.ReportAllocs()
	for b.Loop() {
		_, err := ReadFile(path, apex)
		require.NoError(b, err)
	}
}
