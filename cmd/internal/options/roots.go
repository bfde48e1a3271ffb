package options

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasisock/wasisock/host"
)

// bundles lists the files in which systems keep the certificates of the authorities that they
// trust. Go's crypto/x509 looks for none of them on wasip1.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// Bundle returns this system's file of certificates: SSL_CERT_FILE, or the first of bundles that
// exists. It returns an error if none does.
func Bundle() (string, error) {
	if file := os.Getenv("SSL_CERT_FILE"); file != "" {
		return file, nil
	}
	for _, file := range bundles {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
	}
	return "", fmt.Errorf("none of %s is there; install the package ca-certificates, or name a file", strings.Join(bundles, ", "))
}

// Roots returns a directory that has file alone, or a copy of it alone, and the variable with
// which crypto/x509 in the guest finds the file. remove removes the copy. Roots returns an error
// for a file without certificates.
func Roots(file string) (dir host.Dir, env string, remove func(), err error) {
	const guest, name = "/run/wasisock/tls-roots", "roots.pem"
	text, err := os.ReadFile(file)
	if err != nil {
		return dir, "", nil, err
	}
	if !hasCertificate(text) {
		return dir, "", nil, fmt.Errorf("%s holds no certificate in PEM form; name a file with BEGIN CERTIFICATE in it", file)
	}
	give := func(in, name string) (host.Dir, string) {
		return host.Dir{Host: in, Guest: guest, ReadOnly: true}, "SSL_CERT_FILE=" + guest + "/" + name
	}
	temp, err := os.MkdirTemp("", "wasisock-roots-")
	if err != nil {
		// In an image there is nowhere to write, and the file has a directory of its own.
		if beside, _ := os.ReadDir(filepath.Dir(file)); len(beside) == 1 {
			dir, env = give(filepath.Dir(file), filepath.Base(file))
			return dir, env, func() {}, nil
		}
		return dir, "", nil, fmt.Errorf("%w; name a directory that can be written to in TMPDIR", err)
	}
	if err := os.WriteFile(filepath.Join(temp, name), text, 0o444); err != nil {
		os.RemoveAll(temp)
		return dir, "", nil, err
	}
	dir, env = give(temp, name)
	return dir, env, func() { os.RemoveAll(temp) }, nil
}

func hasCertificate(text []byte) bool {
	for block, rest := pem.Decode(bytes.TrimSpace(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return true
		}
	}
	return false
}
