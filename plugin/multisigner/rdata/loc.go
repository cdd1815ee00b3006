package rdata

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// location is a LOC record (RFC 1876 3): degrees, and perhaps minutes and seconds, of
// latitude and longitude, an altitude, and perhaps a size and precisions.
var location = kind{
	func(r *reader) error {
		latitude, err := r.angle(90, "N", "S")
		if err != nil {
			return fmt.Errorf("the latitude: %w", err)
		}
		longitude, err := r.angle(180, "E", "W")
		if err != nil {
			return fmt.Errorf("the longitude: %w", err)
		}
		w, err := r.next()
		if err != nil {
			return fmt.Errorf("the altitude %w", err)
		}
		altitude, err := centimetres(string(w.Text))
		if altitude += 10_000_000; err != nil || altitude < 0 || altitude > 1<<32-1 {
			return fmt.Errorf("%s is no altitude in metres, from -100000.00 to 42849672.95", w)
		}
		sizes := [3]int64{100, 1_000_000, 1_000} // 1 m, 10 km and 10 m
		for i := 0; i < 3 && len(r.words) > 0; i++ {
			w, _ := r.next()
			if sizes[i], err = centimetres(string(w.Text)); err != nil || sizes[i] < 0 || sizes[i] > 9_000_000_000 {
				return fmt.Errorf("%s is no size in metres, from 0 to 90000000.00", w)
			}
		}
		r.out = append(r.out, 0)
		for _, size := range sizes {
			exponent := byte(0)
			for ; size > 9; exponent++ {
				size /= 10
			}
			r.out = append(r.out, byte(size)<<4|exponent)
		}
		r.number(4, uint64(latitude))
		r.number(4, uint64(longitude))
		r.number(4, uint64(altitude))
		return nil
	},
	func(data []byte) (int, error) {
		if len(data) > 0 && data[0] != 0 { // of another version nothing is known
			return len(data), nil
		}
		return 16, nil
	},
}

// located wants sizes and angles that can be.
func located(data []byte) error {
	if data[0] != 0 {
		return nil
	}
	for _, size := range data[1:4] {
		if size>>4 > 9 || size&15 > 9 {
			return errors.New("a size has a digit or a power of ten above 9")
		}
	}
	for i, limit := range []int64{90, 180} {
		at := data[4+4*i:]
		angle := int64(at[0])<<24 | int64(at[1])<<16 | int64(at[2])<<8 | int64(at[3])
		if angle -= 1 << 31; angle > limit*3_600_000 || angle < -limit*3_600_000 {
			return fmt.Errorf("an angle is above %d degrees", limit)
		}
	}
	return nil
}

// angle reads degrees, minutes, seconds and a direction; it gives thousandths of a
// second, 2^31 standing for none.
func (r *reader) angle(limit int64, positive, negative string) (int64, error) {
	var parts [3]int64
	for i := 0; ; i++ {
		w, err := r.next()
		if err != nil {
			return 0, err
		}
		text := strings.ToUpper(string(w.Text))
		if (text == positive || text == negative) && i > 0 {
			angle := (parts[0]*60+parts[1])*60_000 + parts[2]
			if angle > limit*3_600_000 {
				return 0, fmt.Errorf("it is above %d degrees", limit)
			}
			if text == negative {
				angle = -angle
			}
			return angle + 1<<31, nil
		}
		if i > 2 {
			return 0, fmt.Errorf("%s is neither %s nor %s", w, positive, negative)
		}
		digits, most := 0, limit
		if i == 2 {
			digits = 3
		}
		n, err := decimal(text, digits)
		if i > 0 {
			most = 59
		}
		if i == 2 {
			most = 59_999
		}
		if err != nil || n < 0 || n > most {
			return 0, fmt.Errorf("%s is not %s", w, []string{"a number of degrees", "a number of minutes", "a number of seconds"}[i])
		}
		parts[i] = n
	}
}

// centimetres reads metres, with or without an m.
func centimetres(s string) (int64, error) {
	return decimal(strings.TrimSuffix(strings.TrimSuffix(s, "m"), "M"), 2)
}

// decimal reads a number with at most so many digits after the point, and gives it
// without the point.
func decimal(s string, digits int) (int64, error) {
	whole, part, point := strings.Cut(s, ".")
	if len(part) > digits || point && digits == 0 || strings.Trim(strings.TrimPrefix(whole, "-"), "0123456789") != "" || strings.Trim(part, "0123456789") != "" {
		return 0, errors.New("no number")
	}
	return strconv.ParseInt(whole+part+strings.Repeat("0", digits-len(part)), 10, 64)
}
