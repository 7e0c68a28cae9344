#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client and peers of RFC 6062, in one process.

    tcp_relay.py SCENARIO HOST PORT USER PASSWORD [--tls CA-FILE] [--pid DAEMON]

transfer  connections both ways round, megabytes each way at once, checked
pair      two allocations of one server, connected to each other
slow      a peer that does not read: the daemon keeps little of what it is sent
ends      what closes what
errors    what is refused, and with which code
hold      relays a little, prints the relayed address and waits for the end of its input
echo      a peer that sends back what it gets, on PORT; USER and PASSWORD do not matter
"""
import argparse
import hashlib
import hmac
import os
import socket
import ssl
import struct
import sys
import threading

COOKIE = 0x2112A442
ALLOCATE, REFRESH, PERMISSION, CHANNEL = 0x003, 0x004, 0x008, 0x009
CONNECT, BIND, ATTEMPT = 0x00A, 0x00B, 0x01C
USERNAME, INTEGRITY, ERROR, LIFETIME, PEER, REALM, NONCE = 6, 8, 9, 0x0D, 0x12, 0x14, 0x15
RELAYED, FAMILY, TRANSPORT, ID = 0x16, 0x17, 0x19, 0x2A
MEGABYTES = 8
PATIENCE_S = 60


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def xor_address(address, transaction):
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    mask = struct.pack("!I", COOKIE) + transaction
    return struct.pack("!BBH", 0, 2 if family == socket.AF_INET6 else 1,
                       port ^ (COOKIE >> 16)) + xor(socket.inet_pton(family, host), mask)


def read_address(value, transaction):
    family = socket.AF_INET6 if value[1] == 2 else socket.AF_INET
    port = struct.unpack_from("!H", value, 2)[0] ^ (COOKIE >> 16)
    return socket.inet_ntop(family, xor(value[4:], struct.pack("!I", COOKIE) + transaction)), port


class Link:
    """A connection to the server, and requests on it."""

    def __init__(self, options):
        self.options = options
        self.socket = socket.create_connection((options.host, options.port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.tls:
            context = ssl.create_default_context(cafile=options.tls)
            self.socket = context.wrap_socket(self.socket, server_hostname=options.host)
        self.realm = self.nonce = b""
        self.indications = []

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError("the server has closed")
            data += more
        return data

    def receive(self):
        """The next message: type, transaction id, attributes."""
        head = self.take(20)
        kind, length = struct.unpack_from("!HH", head)
        body = self.take(length)
        found = {}
        at = 0
        while at < length:
            name, size = struct.unpack_from("!HH", body, at)
            found.setdefault(name, body[at + 4:at + 4 + size])
            at += 4 + size + -size % 4
        return kind, head[8:], found

    def key(self):
        text = b":".join((self.options.user.encode(), self.realm, self.options.password.encode()))
        return hashlib.md5(text).digest()

    def send(self, method, attributes, transaction, behind=b""):
        if self.nonce:
            attributes += (attribute(USERNAME, self.options.user.encode()) +
                           attribute(REALM, self.realm) + attribute(NONCE, self.nonce))
            head = struct.pack("!HHI", method, len(attributes) + 24, COOKIE) + transaction
            mac = hmac.new(self.key(), head + attributes, hashlib.sha1).digest()
            attributes += attribute(INTEGRITY, mac)
        head = struct.pack("!HHI", method, len(attributes), COOKIE) + transaction
        self.socket.sendall(head + attributes + behind)

    def answer(self, transaction):
        while True:
            kind, number, found = self.receive()
            if kind == ATTEMPT:
                self.indications.append((struct.unpack("!I", found[ID])[0],
                                         read_address(found[PEER], number)))
            elif number == transaction:
                code = found[ERROR][2] * 100 + found[ERROR][3] if ERROR in found else 0
                return code, found

    def request(self, method, attributes=b"", peer=None, behind=b""):
        """Returns the code, 0 for success, and the attributes. Logs in first."""
        if not self.nonce:
            transaction = os.urandom(12)
            self.send(method, attributes, transaction)
            code, found = self.answer(transaction)
            assert code == 401, code
            self.realm, self.nonce = found[REALM], found[NONCE]
        transaction = os.urandom(12)
        if peer:
            attributes += attribute(PEER, xor_address(peer, transaction))
        self.send(method, attributes, transaction, behind)
        code, found = self.answer(transaction)
        if RELAYED in found:
            self.relayed = read_address(found[RELAYED], transaction)
        return code, found

    def attempt(self):
        """The next ConnectionAttempt: id and peer."""
        while not self.indications:
            kind, number, found = self.receive()
            assert kind == ATTEMPT, hex(kind)
            self.indications.append((struct.unpack("!I", found[ID])[0],
                                     read_address(found[PEER], number)))
        return self.indications.pop(0)


def control(options):
    link = Link(options)
    family = b"\2" if ":" in options.host else b"\1"
    code, _ = link.request(ALLOCATE, attribute(TRANSPORT, b"\6\0\0\0") +
                           attribute(FAMILY, family + bytes(3)))
    assert code == 0, code
    return link


def bind(options, number, behind=b""):
    """A client data connection. What is behind the request is the peer's already."""
    link = Link(options)
    code, _ = link.request(BIND, attribute(ID, struct.pack("!I", number)), behind=behind)
    assert code == 0, code
    return link.socket


def connect(link, peer):
    code, found = link.request(CONNECT, peer=peer)
    assert code == 0, code
    return struct.unpack("!I", found[ID])[0]


def listener(options):
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM)
    s.bind((options.host, 0))
    s.listen(16)
    s.settimeout(PATIENCE_S)
    return s


def accept(s):
    peer, _ = s.accept()
    peer.settimeout(PATIENCE_S)
    return peer


def ended(s):
    s.settimeout(PATIENCE_S)
    try:
        return s.recv(1) == b""
    except (ConnectionResetError, ssl.SSLError):
        return True


# --- bytes ----------------------------------------------------------------------


def drink(s, size, out):
    digest = hashlib.sha256()
    while size > 0:
        data = s.recv(min(size, 1 << 16))
        if not data:
            break
        digest.update(data)
        size -= len(data)
    out.append(digest.hexdigest())


def exchange(client, peer, early=b""):
    """Megabytes both ways at once; @early has been sent by the client before."""
    forth = os.urandom(MEGABYTES << 20)
    back = os.urandom(MEGABYTES << 20)
    at_peer, at_client = [], []
    threads = [
        threading.Thread(target=client.sendall, args=(forth,)),
        threading.Thread(target=peer.sendall, args=(back,)),
        threading.Thread(target=drink, args=(peer, len(early) + len(forth), at_peer)),
        threading.Thread(target=drink, args=(client, len(back), at_client)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at_peer == [hashlib.sha256(early + forth).hexdigest()], "client to peer"
    assert at_client == [hashlib.sha256(back).hexdigest()], "peer to client"


def alternate(client, peer):
    """The same by turns: a TLS session is not for two threads at a time here."""
    for _ in range(MEGABYTES):
        piece = os.urandom(1 << 20)
        for one, other, data in ((client, peer, piece), (peer, client, piece[::-1])):
            sender = threading.Thread(target=one.sendall, args=(data,))
            sender.start()
            got = receive_all(other, len(data))
            sender.join()
            assert got == data, "not what was sent"


def receive_all(s, size):
    data = bytearray()
    while len(data) < size:
        more = s.recv(size - len(data))
        assert more, "ended too early"
        data += more
    return bytes(data)


# --- scenarios ------------------------------------------------------------------


def transfer(options):
    link = control(options)
    peers = listener(options)
    early = b"\0\1 looks like STUN, is none"
    for _ in range(3):
        others = listener(options)
        number = connect(link, others.getsockname()[:2])
        peer = accept(others)
        assert peer.getpeername()[:2] == link.relayed, "not from the relayed address"
        peer.sendall(b"before the client was bound")
        client = bind(options, number, early)
        assert receive_all(client, 27) == b"before the client was bound"
        if options.tls:
            assert receive_all(peer, len(early)) == early
            alternate(client, peer)
        else:
            exchange(client, peer, early)
        finish(client, peer)
    code, _ = link.request(PERMISSION, peer=peers.getsockname()[:2])
    assert code == 0, code
    for _ in range(3):
        peer = socket.create_connection(link.relayed, PATIENCE_S)
        number, address = link.attempt()
        assert address == peer.getsockname()[:2], address
        client = bind(options, number)
        if options.tls:
            alternate(client, peer)
        else:
            exchange(client, peer)
        finish(client, peer)


def finish(client, peer):
    """Each end hears of the other's."""
    peer.sendall(b"last")
    peer.close()
    assert receive_all(client, 4) == b"last"
    assert ended(client), "the client does not hear of the end"
    client.close()


def pair(options):
    first, second = control(options), control(options)
    for link, other in ((first, second), (second, first)):
        code, _ = link.request(PERMISSION, peer=other.relayed)
        assert code == 0, code
    number = connect(first, second.relayed)
    second_number, address = second.attempt()
    assert address == first.relayed, address
    one, two = bind(options, number), bind(options, second_number)
    if options.tls:
        alternate(one, two)
    else:
        exchange(one, two)
    one.close()
    assert ended(two), "the other client does not hear of the end"


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise RuntimeError("no VmRSS")


def push(s, limit):
    """Send until nobody takes more for two seconds."""
    s.settimeout(2)
    sent = 0
    digest = hashlib.sha256()
    data = os.urandom(1 << 16)
    view = data
    while sent < limit:
        try:
            done = s.send(view)
        except (socket.timeout, ssl.SSLError):
            return sent, digest, view
        digest.update(view[:done])
        sent += done
        view = view[done:] or data
    raise AssertionError("somebody takes all of it")


def slow(options):
    link = control(options)
    peers = listener(options)
    number = connect(link, peers.getsockname()[:2])
    peer = accept(peers)
    client = bind(options, number)
    client.sendall(b"x")
    assert peer.recv(1) == b"x"
    before = memory_kib(options.pid)
    sent, digest, rest = push(client, 1 << 30)
    grown = memory_kib(options.pid) - before
    assert grown < 4096, f"{grown} KiB more for {sent} bytes under way"
    client.settimeout(PATIENCE_S)
    if options.tls:  # a record that was begun is sent again, and is whole
        sender = threading.Thread(target=client.sendall, args=(rest,))
        sender.start()
        digest.update(rest)
        sent += len(rest)
    result = []
    drink(peer, sent, result)
    assert result == [digest.hexdigest()], "not what was sent"


def ends(options):
    for how in ("refresh", "close"):
        link = control(options)
        peers = listener(options)
        number = connect(link, peers.getsockname()[:2])
        peer = accept(peers)
        client = bind(options, number)
        client.sendall(b"x")
        assert peer.recv(1) == b"x"
        waiting = listener(options)
        connect(link, waiting.getsockname()[:2])
        unbound = accept(waiting)
        if how == "refresh":
            code, _ = link.request(REFRESH, attribute(LIFETIME, bytes(4)))
            assert code == 0, code
        else:
            link.socket.close()
        for s in (client, peer, unbound):
            assert ended(s), f"{how} leaves a connection open"
    link = control(options)
    peers = listener(options)
    number = connect(link, peers.getsockname()[:2])
    peer = accept(peers)
    client = bind(options, number)
    client.close()
    assert ended(peer), "the peer does not hear of the end"
    peer.close()
    for _ in range(20):  # then there can be another
        others = listener(options)
        number = connect(link, others.getsockname()[:2])
        peer = accept(others)
        client = bind(options, number)
        peer.close()
        assert ended(client), "the client does not hear of the end"
        client.close()


def errors(options):
    link = control(options)
    peers = listener(options)
    address = peers.getsockname()[:2]
    v6 = ":" in options.host

    def expect(wanted, method, attributes=b"", peer=None, on=link):
        code, _ = on.request(method, attributes, peer)
        assert code == wanted, f"{code} instead of {wanted}"

    expect(400, CONNECT)
    expect(403, CONNECT, peer=("fe80::1" if v6 else "10.0.0.1", 80))
    expect(443, CONNECT, peer=("127.0.0.1" if v6 else "::1", 80))
    expect(403, CONNECT, peer=link.relayed)
    expect(403, CHANNEL, attribute(0x0C, b"\x40\0\0\0"), address)
    number = connect(link, address)
    expect(446, CONNECT, peer=address)
    closed = listener(options)
    gone = closed.getsockname()[:2]
    closed.close()
    expect(447, CONNECT, peer=gone)
    expect(437, BIND, attribute(ID, struct.pack("!I", number)))
    other = Link(options)
    expect(400, BIND, on=other)
    expect(400, BIND, attribute(ID, struct.pack("!I", number ^ 0x100)), on=other)
    expect(437, CONNECT, peer=address, on=other)
    expect(0, BIND, attribute(ID, struct.pack("!I", number)), on=other)
    third = Link(options)
    expect(400, BIND, attribute(ID, struct.pack("!I", number)), on=third)
    stranger = socket.create_connection(link.relayed, PATIENCE_S)
    assert ended(stranger), "a peer without permission stays"
    for _ in range(15):  # up to the ceiling
        more = listener(options)
        connect(link, more.getsockname()[:2])
    expect(508, CONNECT, peer=listener(options).getsockname()[:2])


def hold(options):
    link = control(options)
    peers = listener(options)
    number = connect(link, peers.getsockname()[:2])
    peer = accept(peers)
    client = bind(options, number)
    client.sendall(b"x" * 1000)
    receive_all(peer, 1000)
    peer.sendall(b"y" * 2345)
    receive_all(client, 2345)
    print(link.relayed[1], flush=True)
    sys.stdin.read()


def send_back(s):
    with s:
        while data := s.recv(1 << 16):
            s.sendall(data)


def echo(options):
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((options.host, options.port))
        s.listen(64)
        while True:
            peer, _ = s.accept()
            threading.Thread(target=send_back, args=(peer,), daemon=True).start()


def main():
    scenarios = {f.__name__: f for f in (transfer, pair, slow, ends, errors, hold, echo)}
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=scenarios)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("user")
    parser.add_argument("password")
    parser.add_argument("--tls")
    parser.add_argument("--pid", type=int)
    options = parser.parse_args()
    scenarios[options.scenario](options)


main()
