#!/usr/bin/env python3
"""Publish one verification to usher and wait until it is stored.

Speaks the NATS protocol itself, so it needs nothing but Python 3:

    python3 publish.py 127.0.0.1:4222 crm approved u-1001 EVENT-ID

The same EVENT-ID again is the same event: repeat the call until it says that
the event is stored.
"""
import json
import socket
import sys


def publish(address, source, verb, user_id, event_id):
    host, port = address.rsplit(":", 1)
    body = json.dumps({"user_id": user_id}).encode()
    header = f"NATS/1.0\r\nce-specversion: 1.0\r\nce-id: {event_id}\r\nNats-Msg-Id: {event_id}\r\n\r\n".encode()
    inbox = "_INBOX.usher.example"
    with socket.create_connection((host, int(port)), timeout=5) as s:
        lines = s.makefile("rb")
        lines.readline()  # INFO
        s.sendall(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
        s.sendall(f"SUB {inbox} 1\r\n".encode())
        s.sendall(f"HPUB verifications.v1.{source}.{verb} {inbox} {len(header)} {len(header) + len(body)}\r\n".encode())
        s.sendall(header + body + b"\r\n")
        for line in lines:
            if line.startswith(b"PING"):
                s.sendall(b"PONG\r\n")
            if line.startswith(b"HMSG"):
                raise RuntimeError("no stream takes this subject: is usher running?")
            if line.startswith(b"MSG"):
                answer = json.loads(lines.read(int(line.split()[-1])))
                if "error" in answer:
                    raise RuntimeError(answer["error"]["description"])
                return answer
    raise RuntimeError("the connection was closed")


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    answer = publish(*sys.argv[1:])
    print("stored in", answer["stream"], "as", answer["seq"], "(known)" if answer.get("duplicate") else "")
