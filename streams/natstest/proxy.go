package natstest

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Proxy stands between clients and a server. It notes what each user asks of the
// server and what the server denies, and it can freeze: then connections stay
// open and nothing passes, as with a node whose process is stopped.
type Proxy struct {
	listener net.Listener
	server   string
	wg       sync.WaitGroup

	mu     sync.Mutex
	thawed *sync.Cond
	frozen bool
	at     string // freeze when a client publishes to a subject that begins so
	lose   bool   // instead, drop that message's answer: the next message to a client
	losing bool
	closed bool
	conns  []net.Conn
	users  map[string]*asked
}

type asked struct{ published, subscribed, denied map[string]bool }

// Between starts a proxy before the server at url until the test ends.
func Between(t testing.TB, url string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, server: strings.TrimPrefix(url, "nats://"), users: map[string]*asked{}}
	p.thawed = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// URL is where clients find the server behind the proxy.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Freeze stops all traffic and keeps the connections, or lets it flow again.
func (p *Proxy) Freeze(frozen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = frozen
	p.thawed.Broadcast()
}

// FreezeAt freezes all traffic once a client has published to a subject that begins
// with prefix; the message itself does not pass.
func (p *Proxy) FreezeAt(prefix string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.lose = prefix, false
}

// LoseAnswer drops the message to a client that follows the first one published to a
// subject that begins with prefix: mostly its answer.
func (p *Proxy) LoseAnswer(prefix string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.lose = prefix, true
}

// Published are the subjects that a user has published or sent requests to, in
// order of their names; Subscribed those it listened to, and Denied what the server
// did not let it do. A client without a user is "".
func (p *Proxy) Published(user string) []string {
	return p.list(user, func(a *asked) map[string]bool { return a.published })
}

// Subscribed is described at Published.
func (p *Proxy) Subscribed(user string) []string {
	return p.list(user, func(a *asked) map[string]bool { return a.subscribed })
}

// Denied is described at Published.
func (p *Proxy) Denied(user string) []string {
	return p.list(user, func(a *asked) map[string]bool { return a.denied })
}

func (p *Proxy) list(user string, of func(*asked) map[string]bool) (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.users[user]; a != nil {
		for s := range of(a) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		closed := p.closed
		p.mu.Unlock()
		if closed {
			client.Close()
			server.Close()
			return
		}
		c := &conversation{proxy: p}
		p.wg.Go(func() { c.carry(client, server) })
		p.wg.Go(func() { c.carry(server, client) })
	}
}

func (p *Proxy) close() {
	p.Freeze(false)
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	conns := p.conns
	p.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	p.wg.Wait()
}

// wait returns once the proxy is not frozen.
func (p *Proxy) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.frozen {
		p.thawed.Wait()
	}
}

// conversation is one connection; user is set by the client's first line.
type conversation struct {
	proxy *Proxy
	mu    sync.Mutex
	user  string
}

// carry passes on what one side says, a line or a message at a time.
func (c *conversation) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	in, out := bufio.NewReaderSize(from, 64<<10), bufio.NewWriterSize(to, 64<<10)
	for {
		line, err := in.ReadString('\n')
		body, lost := c.note(line)
		c.proxy.wait()
		if lost {
			if _, err := io.CopyN(io.Discard, in, body); err != nil {
				return
			}
			continue
		}
		if _, err := out.WriteString(line); err != nil || line == "" {
			return
		}
		if body > 0 {
			if _, err := io.CopyN(out, in, body); err != nil {
				return
			}
		}
		if in.Buffered() == 0 || err != nil {
			if out.Flush() != nil || err != nil {
				return
			}
		}
	}
}

// note reads one line of the protocol and returns how many bytes of a message follow
// it, and whether the message is to be lost.
func (c *conversation) note(line string) (body int64, lost bool) {
	op, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	fields := strings.Fields(rest)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	a := c.proxy.users[c.user]
	if a == nil {
		a = &asked{map[string]bool{}, map[string]bool{}, map[string]bool{}}
		c.proxy.users[c.user] = a
	}
	switch strings.ToUpper(op) {
	case "CONNECT":
		var said struct {
			User string `json:"user"`
		}
		_ = json.Unmarshal([]byte(rest), &said) // the server answers what cannot be read
		c.user = said.User
	case "PUB", "HPUB", "MSG", "HMSG":
		switch p := c.proxy; {
		case op[len(op)-3:] == "MSG":
			lost, p.losing = p.losing, false
		case p.at != "" && strings.HasPrefix(fields[0], p.at):
			p.losing, p.frozen, p.at = p.lose, !p.lose, ""
			fallthrough
		default:
			a.published[fields[0]] = true
		}
		size, _ := strconv.ParseInt(fields[len(fields)-1], 10, 64)
		return size + 2, lost // the end of a line
	case "SUB":
		a.subscribed[fields[0]] = true
	case "-ERR":
		a.denied[strings.Trim(rest, "'")] = true
	}
	return 0, false
}
