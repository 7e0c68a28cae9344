#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""A client that moves while media flows: mobility.py USER PASSWORD CA TRANSPORT:PORT...

Allocates at the first place of 127.0.0.1, goes on from one to the next with its ticket
(RFC 8016), and has its peer send back whatever it sends. Nothing may be lost. Then its connection
breaks before it has made another, and then it shows tickets that are worth nothing.
"""
import hashlib
import hmac
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time

from turn_client import ALLOCATE, CHANNEL, CHANNEL_BIND, COOKIE, PEER, RELAYED, TRANSPORT
from turn_client import attribute, parse, read_address, xor_address

REFRESH = 0x004
ERROR, LIFETIME, TICKET = 0x09, 0x0D, 0x8030
NUMBER = 0x4000
PATIENCE_S = 20
WINDOW = 16


class Path:
    def __init__(self, transport, port, ca):
        self.datagrams = transport == "udp"
        self.buffer = b""
        kind = socket.SOCK_DGRAM if self.datagrams else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        if transport == "tls":
            context = ssl.create_default_context(cafile=ca)
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.setblocking(False)

    def send(self, message):
        self.socket.sendall(message)

    def fill(self):
        """Read what is there; False when the path has ended."""
        while True:
            try:
                data = self.socket.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError):
                return True
            if not data:
                return False
            self.buffer += data

    def messages(self):
        self.fill()
        while len(self.buffer) >= 4:
            kind, size = struct.unpack("!HH", self.buffer[:4])
            media = kind >= 0x4000
            size = size + 4 if media else size + 20
            room = size if self.datagrams else (size + 3) // 4 * 4
            if len(self.buffer) < room:
                return
            message, self.buffer = self.buffer[:size], self.buffer[room:]
            yield media, message


class Client:
    def __init__(self, user, password):
        self.user, self.password = user.encode(), password.encode()
        self.realm = self.nonce = self.ticket = None
        self.paths = []
        self.answers = {}
        self.sent = self.heard = 0
        self.waiting = set()

    def listen(self, wait_s=0.05):
        ready, _, _ = select.select([p.socket for p in self.paths], [], [], wait_s)
        for path in [p for p in self.paths if p.socket in ready]:
            for media, message in path.messages():
                if media:
                    (number,) = struct.unpack("!I", message[4:8])
                    self.waiting.discard(number)
                    self.heard += 1
                else:
                    kind, transaction, attributes = parse(message)
                    self.answers[transaction] = kind, attributes

    def ask(self, path, method, make):
        """The answer to one request: its error code, or 0, and attributes."""
        transaction = os.urandom(12)
        body = make(transaction)
        if self.nonce:
            body += attribute(0x06, self.user) + attribute(0x14, self.realm)
            body += attribute(0x15, self.nonce)
            header = struct.pack("!HHI", method, len(body) + 24, COOKIE) + transaction
            key = hashlib.md5(b":".join((self.user, self.realm, self.password))).digest()
            body += attribute(0x08, hmac.new(key, header + body, hashlib.sha1).digest())
        message = struct.pack("!HHI", method, len(body), COOKIE) + transaction + body
        until = time.monotonic() + PATIENCE_S
        again = 0
        while transaction not in self.answers:
            assert time.monotonic() < until, "no answer"
            if time.monotonic() >= again and (path.datagrams or not again):
                path.send(message)  # RFC 8489 section 6.2.1
                again = time.monotonic() + 0.5
            self.listen()
        kind, attributes = self.answers.pop(transaction)
        attributes = dict(attributes)
        code = attributes[ERROR][2] * 100 + attributes[ERROR][3] if ERROR in attributes else 0
        assert code or kind == method | 0x100, hex(kind)
        return code, attributes, transaction

    def request(self, path, method, make):
        answer = self.ask(path, method, make)
        if answer[0] in (401, 438):  # a nonce is for one address
            self.realm, self.nonce = answer[1][0x14], answer[1][0x15]
            answer = self.ask(path, method, make)
        return answer

    def show(self, path, ticket):
        return self.request(path, REFRESH, lambda _: attribute(TICKET, ticket))

    def go(self, path):
        code, attributes, _ = self.show(path, self.ticket)
        assert code == 0, code
        assert len(attributes[TICKET]) == len(self.ticket) and attributes[TICKET] != self.ticket
        self.ticket = attributes[TICKET]

    def media(self, path, count):
        """So many, with some of them under way at a time."""
        until = time.monotonic() + PATIENCE_S
        for _ in range(count):
            while len(self.waiting) >= WINDOW and time.monotonic() < until:
                self.listen()
            path.send(struct.pack("!HHI", NUMBER, 4, self.sent))
            self.waiting.add(self.sent)
            self.sent += 1

    def settle(self):
        until = time.monotonic() + PATIENCE_S
        while self.waiting and time.monotonic() < until:
            self.listen()


def echo(peer):
    while True:
        payload, sender = peer.recvfrom(2048)
        peer.sendto(payload, sender)


def start(client, path, peer):
    wanted = attribute(TRANSPORT, b"\x11\0\0\0") + attribute(TICKET, b"")
    code, attributes, transaction = client.request(path, ALLOCATE, lambda _: wanted)
    assert code == 0, code
    client.ticket = attributes[TICKET]
    bind = attribute(CHANNEL, struct.pack("!HH", NUMBER, 0))
    addr = peer.getsockname()
    code, _, _ = client.request(path, CHANNEL_BIND, lambda t: bind + xor_address(PEER, addr, t))
    assert code == 0, code
    return read_address(attributes[RELAYED], transaction)


def roam(client, path, places):
    for transport, port, ca in places:
        client.media(path, 50)
        old, path = path, Path(transport, port, ca)
        client.paths.append(path)
        client.go(path)
        client.media(old, 20)  # make before break
        client.settle()  # what the new path overtakes is lost with the old one
        client.media(path, 50)
        client.settle()
        client.paths.remove(old)
        old.socket.close()
    return path


def main():
    user, password, ca, *places = sys.argv[1:]
    places = [(*place.split(":"), ca) for place in places]
    places = [(transport, int(port), ca) for transport, port, ca in places]
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    threading.Thread(target=echo, args=(peer,), daemon=True).start()
    client = Client(user, password)
    path = Path(*places[0])
    client.paths.append(path)
    relayed = start(client, path, peer)
    path = roam(client, path, places[1:])
    print("relayed", relayed, "sent", client.sent, "lost", len(client.waiting))
    assert client.sent > 0 and client.heard == client.sent, client.heard

    # break before make: the connection is gone, and the allocation waits
    stream = next(place for place in places if place[0] != "udp")
    path = roam(client, path, [stream])
    client.paths.remove(path)
    path.socket.close()
    used = client.ticket
    path = Path(*places[0])
    client.paths.append(path)
    client.go(path)
    client.media(path, 50)
    client.settle()
    assert not client.waiting, len(client.waiting)

    # what a thief would try
    stranger = Client(user, password)
    other = Path(*places[0])
    stranger.paths.append(other)
    assert stranger.show(other, used)[0] == 400
    assert stranger.show(other, client.ticket[::-1])[0] == 400
    stranger.password = b"guess"
    assert stranger.show(other, client.ticket)[0] in (401, 438)
    client.media(path, 50)
    client.settle()
    assert not client.waiting, len(client.waiting)
    code, _, _ = client.request(path, REFRESH, lambda _: attribute(LIFETIME, bytes(4)))
    assert code == 0, code
    print("sent", client.sent, "lost", client.sent - client.heard)


main()
