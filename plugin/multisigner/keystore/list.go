package keystore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A key is where its private file is: moving that is what retires a key and what
// brings it back. Its .key file follows, or waits in the other place until the
// move that a crash has cut off is done again.

// list reads the keys in use.
func (p place) list() (keys []Key, problems []error) { return p.listIn(p.dir, p.retired) }

// listRetired reads those that were put away.
func (p place) listRetired() (keys []Key, problems []error) { return p.listIn(p.retired, p.dir) }

func (p place) listIn(dir, other string) (keys []Key, problems []error) {
	privates, err := names(dir, ".private")
	if err != nil {
		return nil, []error{err}
	}
	seen := map[string]string{} // path by rdata
	for _, name := range privates {
		key, err := readKey(p.zone, filepath.Join(dir, name), publicOf(name, dir, other))
		switch {
		case err != nil:
			problems = append(problems, err)
		case seen[key.Rdata] != "":
			problems = append(problems, fmt.Errorf("%s.private is the same key as %s.private: remove one", key.Base, seen[key.Rdata]))
		default:
			seen[key.Rdata] = key.Base
			keys = append(keys, key)
		}
	}
	publics, err := names(dir, ".key")
	if err != nil {
		return keys, append(problems, err)
	}
	for _, name := range publics {
		private := filepath.Join(dir, name+".private")
		if exists(private) || exists(unfinishedName(private)) || exists(filepath.Join(other, name+".private")) {
			continue
		}
		problems = append(problems, fmt.Errorf("%s.key has no private key beside it: put %s.private back, or remove it", filepath.Join(dir, name), name))
	}
	return keys, problems
}

// names lists the key files in dir with the given ending, without it.
func names(dir, ending string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var found []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ending); ok && strings.HasPrefix(name, "K") {
			found = append(found, name)
		}
	}
	return found, nil
}

// publicOf is the .key file of a private file in dir: beside it, else in other.
func publicOf(name, dir, other string) string {
	beside, there := filepath.Join(dir, name+".key"), filepath.Join(other, name+".key")
	if !exists(beside) && exists(there) {
		return there
	}
	return beside
}

// readKey reads the pair of files base.private and public.
func readKey(zone, base, public string) (Key, error) {
	content, err := readPublic(public)
	if errors.Is(err, errNoFile) {
		return Key{}, fmt.Errorf("%s.private has no public key beside it: put %s back, or remove both", base, public)
	}
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	rdata, err := parsePublic(content, public, zone)
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	private, err := readPrivate(base + ".private")
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	key, err := readPair(base+".private", rdata, private)
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w", err)
	}
	key.Base = base
	return key, nil
}

// readPair reads the content of the private file at path, which must be that of
// rdata's key.
func readPair(path, rdata string, content []byte) (Key, error) {
	p, err := parsePrivate(content)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	if p.algorithm != rdata[3] {
		return Key{}, fmt.Errorf("%s is of algorithm %d, its public key of %d: one of the two files is another key's", path, p.algorithm, rdata[3])
	}
	signer, err := p.signer()
	if err == nil {
		err = matches(rdata, signer)
	}
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return Key{
		Rdata: rdata, Signer: signer,
		Created: p.moment("Created"), Publish: p.moment("Publish"), Activate: p.moment("Activate"),
		Inactive: p.moment("Inactive"), Delete: p.moment("Delete"),
	}, nil
}

// find gives the name of rdata's key files, in dir or its public half in other;
// "" when there is none. It reads public files only.
func (p place) find(rdata, dir, other string) (string, error) {
	privates, err := names(dir, ".private")
	if err != nil {
		return "", err
	}
	for _, name := range privates {
		public := publicOf(name, dir, other)
		content, err := readPublic(public)
		if err != nil {
			continue // List tells of it
		}
		if found, err := parsePublic(content, public, p.zone); err == nil && found == rdata {
			return name, nil
		}
	}
	return "", nil
}
