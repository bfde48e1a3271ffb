package otlp

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// maxAnswer is the number of bytes of an answer that are read.
const maxAnswer = 64 << 10

// A client sends messages of one signal, such as TRACES, to a collector.
type client struct {
	url     string
	http    *http.Client
	headers http.Header
	gzip    bool
	timeout time.Duration // of one message, with all its tries
}

// newClient returns a client for the collector's path. The variables of OTLP for a signal apply,
// and those for all signals.
func newClient(endpoint *url.URL, path, signal string) (*client, error) {
	c := &client{url: endpoint.JoinPath(path).String(), headers: http.Header{}}
	variable := func(name string) (string, string) {
		const prefix = "OTEL_EXPORTER_OTLP_"
		if v := os.Getenv(prefix + signal + "_" + name); v != "" {
			return prefix + signal + "_" + name, v
		}
		return prefix + name, os.Getenv(prefix + name)
	}
	name, v := variable("TIMEOUT")
	ms, err := strconv.ParseUint(cmp.Or(v, "10000"), 10, 31)
	if err != nil || ms == 0 {
		return nil, fmt.Errorf("%s is %q; write a number of milliseconds", name, v)
	}
	c.timeout = time.Duration(ms) * time.Millisecond
	switch name, v = variable("COMPRESSION"); v {
	case "", "none":
	case "gzip":
		c.gzip = true
	default:
		return nil, fmt.Errorf("%s is %q; write gzip or none", name, v)
	}
	name, v = variable("HEADERS")
	for pair := range strings.SplitSeq(v, ",") {
		key, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		switch key = strings.TrimSpace(key); {
		case key == "" && !found:
		case key == "" || !found || err != nil:
			return nil, fmt.Errorf("%s is not a list of headers; write such as key=value,other=value, with %%2C for a comma in a value", name)
		default:
			c.headers.Set(key, value)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = tlsConfig(variable); err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: transport}
	return c, nil
}

// tlsConfig reads the certificates that variables name. It reads those of the system now, because
// their files may be out of reach later.
func tlsConfig(variable func(string) (name, value string)) (*tls.Config, error) {
	config := new(tls.Config)
	name, file := variable("CERTIFICATE")
	if file == "" {
		x509.SystemCertPool()
	} else {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s has no certificate; name a file of PEM", name, file)
		}
	}
	name, cert := variable("CLIENT_CERTIFICATE")
	_, key := variable("CLIENT_KEY")
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("%s and its key: %w", name, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// A rejection is the error of a message of which the collector did not take all.
type rejection struct {
	items int64 // not taken
	text  string
}

func (r *rejection) Error() string { return fmt.Sprintf("%d were rejected: %s", r.items, r.text) }

// send sends a message. It tries again for the timeout while the collector asks for that. It returns
// a *rejection if the collector took a part.
func (c *client) send(ctx context.Context, m proto.Message) error {
	body, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	if c.gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Write(body)
		w.Close()
		body = packed.Bytes()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %v", c.timeout))
	defer cancel()
	_, err = backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, c.try(ctx, body) }, backoff.WithMaxElapsedTime(c.timeout))
	return err
}

// try posts a body. The error is permanent unless the collector asks for another try.
func (c *client) try(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(err)
	}
	request.Header = c.headers.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	if c.gzip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		var about *url.Error // its URL is in the message already
		if errors.As(err, &about) {
			err = about.Err
		}
		return backoff.Permanent(cmp.Or(context.Cause(ctx), err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	protobuf := strings.HasPrefix(answer.Header.Get("Content-Type"), "application/x-protobuf")
	switch {
	case err != nil:
		return backoff.Permanent(cmp.Or(context.Cause(ctx), err))
	case answer.StatusCode/100 == 2 && protobuf:
		// ExportTraceServiceResponse and that of metrics have ExportTracePartialSuccess, and that of
		// metrics, in field 1. In these, field 1 is the number of rejected items, and field 2 a text.
		_, partial := fields(text)
		if items, why := fields(partial[1]); items > 0 {
			return backoff.Permanent(&rejection{int64(items), string(why[2])})
		}
		return nil
	case answer.StatusCode/100 == 2:
		return nil
	}
	if protobuf { // google.rpc.Status, whose field 2 is a text
		_, status := fields(text)
		text = status[2]
	}
	err = fmt.Errorf("%s: %s", answer.Status, bytes.TrimSpace(text))
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if seconds, later := strconv.Atoi(answer.Header.Get("Retry-After")); later == nil {
			return fmt.Errorf("%w, %w", err, backoff.RetryAfter(seconds))
		}
		return err
	}
	return backoff.Permanent(err)
}

// fields returns the number in field 1 of a message, and the bytes of its fields by number. It
// leaves out what is invalid.
func fields(message []byte) (number uint64, bytes map[protowire.Number][]byte) {
	bytes = map[protowire.Number][]byte{}
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			break
		}
		message = message[n:]
		switch {
		case kind == protowire.BytesType:
			bytes[field], n = protowire.ConsumeBytes(message)
		case kind == protowire.VarintType && field == 1:
			number, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(field, kind, message)
		}
		if n < 0 {
			break
		}
		message = message[n:]
	}
	return number, bytes
}
