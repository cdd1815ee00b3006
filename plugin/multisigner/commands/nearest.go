package commands

import "slices"

// Nearest is the candidate that a mistyped word most likely meant; "" when none is close.
func Nearest(word string, candidates []string) string {
	best, least := "", len(word)/2+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace on the way from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
