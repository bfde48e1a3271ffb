package libraries

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

func bind9(w *world) (*server, error) {
	program, err := installed("named", "bind9")
	if err != nil {
		return nil, err
	}
	v, err := version(program, "-v")
	if err != nil {
		return nil, err
	}
	user := nobody()
	dir, err := w.directory("bind9", user)
	if err != nil {
		return nil, err
	}
	var example, transfer strings.Builder
	const begin = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
	example.WriteString(begin + `@ MX 10 mail
mail A 192.0.2.25
www A 192.0.2.80
www AAAA 2001:db8::80
alias CNAME www
_web._tcp SRV 1 2 80 www
large TXT`)
	for range 40 {
		example.WriteString(" " + strings.Repeat("x", 200))
	}
	for i := range 250 {
		fmt.Fprintf(&example, "\nhost%d A 198.51.100.%d", i, i)
	}
	transfer.WriteString(begin)
	for i := range 5000 {
		fmt.Fprintf(&transfer, "name%d TXT %s\n", i, strings.Repeat("y", 200))
	}
	conf := fmt.Sprintf(`options {
	directory %q;
	listen-on-v6 { none; };
	pid-file none;
	recursion no;
	tcp-listen-queue 64;
	dnssec-validation no;
	allow-transfer { any; };
};
controls { };
zone "example.test" { type primary; file "example"; };
zone "transfer.test" { type primary; file "transfer"; };
zone "2.0.192.in-addr.arpa" { type primary; file "reverse"; };
`, dir)
	for name, text := range map[string]string{
		"named.conf": conf, "example": example.String() + "\n", "transfer": transfer.String(),
		"reverse": "$TTL 60\n@ SOA ns.example.test. hostmaster 1 3600 600 86400 60\n@ NS ns.example.test.\n80 PTR www.example.test.\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	s, err := w.simple("bind9", "DNS_SERVER", "", user, func(port string) []string {
		listen := strings.Replace(conf, "options {", "options {\n\tsession-keyfile none;\n\tlisten-on port "+port+" { 127.0.0.1; };", 1)
		os.WriteFile(filepath.Join(dir, "named.conf"), []byte(listen), 0o644)
		return []string{program, "-g", "-c", filepath.Join(dir, "named.conf")}
	})
	if err == nil {
		s.version = v
		s.allow = append(s.allow, "dial udp "+s.env["DNS_SERVER"])
	}
	return s, err
}

func sshd(w *world) (*server, error) {
	program, err := installed("sshd", "openssh-server")
	if err != nil {
		return nil, err
	}
	// sshd lets nobody in but the user that runs it, unless that is root, whose
	// sshd wants this directory.
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	who, err := user.Current()
	if err != nil {
		return nil, err
	}
	dir, err := w.directory("sshd", nil)
	if err != nil {
		return nil, err
	}
	var private, public [2]string // of the host, and of the user
	for i := range private {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return nil, err
		}
		private[i] = string(pem.EncodeToMemory(block))
		sshKey, err := ssh.NewPublicKey(pub)
		if err != nil {
			return nil, err
		}
		public[i] = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshKey)))
	}
	host, authorized := filepath.Join(dir, "host"), filepath.Join(dir, "authorized")
	if err := os.WriteFile(host, []byte(private[0]), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(authorized, []byte(public[1]+"\n"), 0o600); err != nil {
		return nil, err
	}
	s, err := w.simple("sshd", "SSH_ADDR", "", nil, func(port string) []string {
		argv := []string{program, "-D", "-e", "-f", "/dev/null", "-h", host}
		for _, option := range []string{
			"ListenAddress=" + net.JoinHostPort("127.0.0.1", port), "AuthorizedKeysFile=" + authorized, "PidFile=none", "UsePAM=no",
			"StrictModes=no", "PermitRootLogin=prohibit-password", "PasswordAuthentication=no", "MaxSessions=64", "MaxStartups=64",
		} {
			argv = append(argv, "-o", option)
		}
		return argv
	})
	if err != nil {
		return nil, err
	}
	s.env["SSH_USER"], s.env["SSH_KEY"], s.env["SSH_HOST_KEY"] = who.Username, oneLine(private[1]), public[0]
	ssh, err := installed("ssh", "openssh-client")
	if err == nil {
		s.version, err = version(ssh, "-V")
	}
	return s, err
}

func nats(w *world) (*server, error) {
	const module = "github.com/nats-io/nats-server/v2"
	out, err := goCommand(nil, "list", "-m", "-f", "{{.Version}}", module)
	if err != nil {
		return nil, err
	}
	program, err := w.tool(module)
	if err != nil {
		return nil, err
	}
	dir, err := w.directory("nats", nil)
	if err != nil {
		return nil, err
	}
	// Interpreters need longer than the usual 2 seconds.
	conf := filepath.Join(dir, "conf")
	text := fmt.Sprintf("jetstream { store_dir: %q }\ntls { cert_file: %q, key_file: %q, timeout: 120 }\n", dir, w.tls.cert, w.tls.key)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	s, err := w.simple("nats", "NATS_URL", "tls://", nil, func(port string) []string {
		return []string{program, "-a", "127.0.0.1", "-p", port, "-c", conf}
	})
	if err == nil {
		s.version = strings.TrimPrefix(out, "v")
	}
	return s, err
}

func mosquitto(w *world) (*server, error) {
	program, err := installed("mosquitto", "mosquitto")
	if err != nil {
		return nil, err
	}
	user := nobody()
	dir, err := w.directory("mosquitto", user)
	if err != nil {
		return nil, err
	}
	key, err := w.keyFor(dir, user)
	if err != nil {
		return nil, err
	}
	tls, err := port()
	if err != nil {
		return nil, err
	}
	ws, err := port()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "conf")
	s, err := w.simple("mosquitto", "MQTT_TCP", "tcp://", user, func(port string) []string {
		os.WriteFile(conf, fmt.Appendf(nil, `allow_anonymous true
listener %s 127.0.0.1
listener %s 127.0.0.1
certfile %s
keyfile %s
listener %s 127.0.0.1
protocol websockets
`, port, tls, w.tls.cert, key, ws), 0o644)
		return []string{program, "-c", conf}
	})
	if err != nil {
		return nil, err
	}
	s.env["MQTT_TLS"], s.env["MQTT_WS"] = "ssl://127.0.0.1:"+tls, "ws://127.0.0.1:"+ws
	s.allow = append(s.allow, "dial tcp 127.0.0.1:"+tls, "dial tcp 127.0.0.1:"+ws)
	out, err := command(nil, "dpkg-query", "-W", "-f", "${Version}", "mosquitto") // its -h ends with an error
	s.version = number.FindString(out)
	return s, err
}

func beanstalkd(w *world) (*server, error) {
	program, err := installed("beanstalkd", "beanstalkd")
	if err != nil {
		return nil, err
	}
	v, err := version(program, "-v")
	if err != nil {
		return nil, err
	}
	s, err := w.simple("beanstalkd", "BEANSTALKD_ADDR", "", nobody(), func(port string) []string {
		return []string{program, "-l", "127.0.0.1", "-p", port, "-z", "4194304"}
	})
	if err == nil {
		s.version = v
	}
	return s, err
}

func etcd(w *world) (*server, error) {
	program, err := installed("etcd", "etcd-server")
	if err != nil {
		return nil, err
	}
	v, err := version(program, "--version")
	if err != nil {
		return nil, err
	}
	dir, err := w.directory("etcd", nil)
	if err != nil {
		return nil, err
	}
	s, err := w.simple("etcd", "ETCD_ADDR", "", nil, func(port string) []string {
		clients := "http://127.0.0.1:" + port
		return []string{program, "--data-dir", filepath.Join(dir, "data"), "--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls", "http://127.0.0.1:0"}
	})
	if err == nil {
		s.version = v
	}
	return s, err
}
