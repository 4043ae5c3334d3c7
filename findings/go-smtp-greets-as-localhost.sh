#!/usr/bin/env bash
# go-smtp 0.25.1: a client that asks for STARTTLS (NewClientStartTLS, DialStartTLS)
# greets the server as localhost first, and no setting changes that name; Hello comes too
# late, because it is for the second greeting. Servers that look at the name refuse such
# a client, or keep the name in their logs and in what filters see.
#
# Reset makes the client greet the server once more before its next command. OpenSMTPD
# takes one greeting of a session and answers the second with 503 5.5.1, which the
# caller of Mail gets, and takes for a refusal of the sender.
#
# This script counts the greetings and fails when that changes. It needs Go and the Go
# module proxy.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.26

require github.com/emersion/go-smtp v0.25.1
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	h := httptest.NewTLSServer(nil) // for its certificate
	defer h.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer l.Close()
	var mu sync.Mutex
	var greetings []string
	go func() {
		conn, err := l.Accept()
		check(err)
		fmt.Fprint(conn, "220 test\r\n")
		in := bufio.NewReader(conn)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch verb {
			case "EHLO":
				mu.Lock()
				greetings = append(greetings, rest)
				mu.Unlock()
				fmt.Fprint(conn, "250-test\r\n250 STARTTLS\r\n")
			case "STARTTLS":
				fmt.Fprint(conn, "220 go on\r\n")
				conn = tls.Server(conn, &tls.Config{Certificates: h.TLS.Certificates})
				in = bufio.NewReader(conn)
			default:
				fmt.Fprint(conn, "250 fine\r\n")
			}
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	check(err)
	c, err := smtp.NewClientStartTLS(conn, &tls.Config{InsecureSkipVerify: true})
	check(err)
	check(c.Hello("mail.example.org"))
	check(c.Mail("a@example.org", nil))
	check(c.Reset())
	check(c.Mail("a@example.org", nil))
	mu.Lock()
	defer mu.Unlock()
	fmt.Println("greeted as", greetings)
	if want := "[localhost mail.example.org mail.example.org]"; fmt.Sprint(greetings) != want {
		fmt.Println("it was", want)
		os.Exit(1)
	}
}
GO
go mod tidy >/dev/null 2>&1
go run .
