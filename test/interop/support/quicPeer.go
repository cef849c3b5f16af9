// Go's TLS for QUIC hosts as the other end of a test: CRYPTO data in and out as lines of hexadecimal digits.
//
//	quicPeer client|server CA CHAIN KEY GROUP,... none|require
//
// Reads "LEVEL HEX", and "again" for another connection, which may resume; writes "data LEVEL HEX", "secret read|write LEVEL SUITE HEX", "parameters HEX", "done ALPN CERTIFICATES full|resumed",
// "rejected" for early data,
// "error ALERT TEXT", and "." when it has no more to say for now.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

var levels = map[string]tls.QUICEncryptionLevel{
	"initial":     tls.QUICEncryptionLevelInitial,
	"early":       tls.QUICEncryptionLevelEarly,
	"handshake":   tls.QUICEncryptionLevelHandshake,
	"application": tls.QUICEncryptionLevelApplication,
}

func nameOf(level tls.QUICEncryptionLevel) string {
	for name, each := range levels {
		if each == level {
			return name
		}
	}
	return "unknown"
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Println("broken", err)
		os.Exit(1)
	}
	return value
}

func report(err error) {
	var alert tls.AlertError
	if errors.As(err, &alert) {
		fmt.Println("error", uint8(alert), err)
	} else {
		fmt.Println("error -1", err)
	}
}

func say(conn *tls.QUICConn) {
	for {
		event := conn.NextEvent()
		switch event.Kind {
		case tls.QUICNoEvent:
			fmt.Println(".")
			return
		case tls.QUICWriteData:
			fmt.Println("data", nameOf(event.Level), hex.EncodeToString(event.Data))
		case tls.QUICSetReadSecret:
			fmt.Println("secret read", nameOf(event.Level), tls.CipherSuiteName(event.Suite), hex.EncodeToString(event.Data))
		case tls.QUICSetWriteSecret:
			fmt.Println("secret write", nameOf(event.Level), tls.CipherSuiteName(event.Suite), hex.EncodeToString(event.Data))
		case tls.QUICTransportParameters:
			fmt.Println("parameters", hex.EncodeToString(event.Data))
		case tls.QUICRejectedEarlyData:
			fmt.Println("rejected")
		case tls.QUICHandshakeDone:
			state := conn.ConnectionState()
			kind := "full"
			if state.DidResume {
				kind = "resumed"
			}
			fmt.Println("done", state.NegotiatedProtocol, len(state.PeerCertificates), kind)
			// A ticket, for the client to hear at the application level.
			if !state.DidResume && os.Args[1] == "server" {
				must(0, conn.SendSessionTicket(tls.QUICSessionTicketOptions{EarlyData: true}))
			}
		}
	}
}

func main() {
	role := os.Args[1]
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(os.Args[2])))
	config := &tls.Config{
		MinVersion:         tls.VersionTLS13,
		RootCAs:            roots,
		ClientCAs:          roots,
		ServerName:         "localhost",
		NextProtos:         []string{"h3"},
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
		Certificates:       []tls.Certificate{must(tls.LoadX509KeyPair(os.Args[3], os.Args[4]))},
	}
	groups := map[string]tls.CurveID{"x25519": tls.X25519, "secp256r1": tls.CurveP256, "secp384r1": tls.CurveP384}
	for _, name := range strings.Split(os.Args[5], ",") {
		config.CurvePreferences = append(config.CurvePreferences, groups[name])
	}
	if os.Args[6] == "require" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}

	begin := func() *tls.QUICConn {
		var conn *tls.QUICConn
		if role == "client" {
			conn = tls.QUICClient(&tls.QUICConfig{TLSConfig: config})
		} else {
			conn = tls.QUICServer(&tls.QUICConfig{TLSConfig: config})
		}
		conn.SetTransportParameters([]byte("parameters of Go"))
		if err := conn.Start(context.Background()); err != nil {
			report(err)
		}
		say(conn)
		return conn
	}
	conn := begin()

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if lines.Text() == "again" {
			conn = begin()
			continue
		}
		level, data, _ := strings.Cut(lines.Text(), " ")
		if err := conn.HandleData(levels[level], must(hex.DecodeString(data))); err != nil {
			report(err)
		}
		say(conn)
	}
}
