//go:build linux

package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An authority signs the certificates of a cluster. Everything it makes is in dir: NAME.crt,
// NAME.key and, for clients, NAME.conf. Its own certificate is ca.crt.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	template := a.template("ca")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	a.cert, a.key = template, a.newKey("ca")
	a.sign("ca", template, a.key)
	return a
}

func (a *authority) template(name string, groups ...string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	a.check(err)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: groups},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

// server makes the certificate of a server with these names and addresses.
func (a *authority) server(name string, names []string, addresses ...string) {
	a.t.Helper()
	template := a.template(name)
	template.ExtKeyUsage, template.DNSNames = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, names
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	a.sign(name, template, a.newKey(name))
}

// client makes the certificate of a user, and a kubeconfig for the API server at url.
func (a *authority) client(name, url, user string, groups ...string) {
	a.t.Helper()
	template := a.template(user, groups...)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	a.sign(name, template, a.newKey(name))
	type object = map[string]any
	config, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "default",
		"clusters": []object{{"name": "default", "cluster": object{"server": url, "certificate-authority": a.file("ca.crt")}}},
		"users":    []object{{"name": "default", "user": object{"client-certificate": a.file(name + ".crt"), "client-key": a.file(name + ".key")}}},
		"contexts": []object{{"name": "default", "context": object{"cluster": "default", "user": "default"}}},
	})
	a.check(err)
	a.check(os.WriteFile(a.file(name+".conf"), config, 0o600))
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// newKey makes NAME.key, and NAME.pub with its public half.
func (a *authority) newKey(name string) *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	a.check(err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	a.check(err)
	a.write(name+".key", "PRIVATE KEY", private)
	a.write(name+".pub", "PUBLIC KEY", public)
	return key
}

func (a *authority) sign(name string, template *x509.Certificate, key *ecdsa.PrivateKey) {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	a.check(err)
	a.write(name+".crt", "CERTIFICATE", der)
}

func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	a.check(os.WriteFile(a.file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func (a *authority) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}
