#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Make the daemon send every message it can: every_message.py PART

PART is "plain", "narrow" or "redirected", after the daemon that tshark.sh has started, or
"broken", for which there is none. What comes back is checked for its kind only: how it is
made is for others to judge.
"""
import hashlib
import hmac
import os
import socket
import ssl
import struct
import sys
import zlib

from turn_client import ADDITIONAL, ALLOCATE, CHANNEL, CHANNEL_BIND, COOKIE, CREATE_PERMISSION
from turn_client import DATA, DATA_INDICATION, EVEN_PORT, FAMILY, ICMP, PEER, RELAYED, SEND
from turn_client import TRANSPORT, attribute, family_of, parse, read_address, xor_address

REALM = b"turn.example.org"
BINDING, REFRESH, CONNECT, CONNECTION_BIND, ATTEMPT = 0x001, 0x004, 0x00A, 0x00B, 0x01C
USERNAME, INTEGRITY, ERROR_CODE, LIFETIME, REALM_ATTRIBUTE = 0x06, 0x08, 0x09, 0x0D, 0x14
NONCE, INTEGRITY_SHA256, ALGORITHM, USERHASH, RESERVATION = 0x15, 0x1C, 0x1D, 0x1E, 0x22
PADDING, RESPONSE_PORT, CONNECTION_ID, UNKNOWN, ALGORITHMS = 0x26, 0x27, 0x2A, 0x7F00, 0x8002
ALTERNATE_SERVER, TRANSMIT_COUNTER, FINGERPRINT, TICKET = 0x8023, 0x8025, 0x8028, 0x8030
UDP_PROTOCOL, TCP_PROTOCOL = b"\x11\0\0\0", b"\x06\0\0\0"
SUCCESS, ERROR = 0x100, 0x110


class Client:
    """One five-tuple; what requests of it have in common may be changed at any time."""

    def __init__(self, port, host="127.0.0.1", stream=False, tls=None):
        self.stream = stream or tls is not None
        kind = socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM
        self.socket = socket.socket(family_of(host), kind)
        self.socket.settimeout(10)
        self.socket.connect((host, port))
        if tls is not None:
            self.socket = Shown(tls.wrap_socket(self.socket, server_hostname="localhost"))
        self.user, self.password = b"alice", b"wonderland"
        self.nonce = self.algorithms = None
        self.algorithm = 0  # 0: a client of RFC 5389; 1: MD5, 2: SHA-256
        self.userhash = self.fingerprint = False
        self.transaction = self.pairs = None  # of the last response

    def take(self, size):
        taken = b""
        while len(taken) < size:
            more = self.socket.recv(size - len(taken))
            assert more, "the server has closed"
            taken += more
        return taken

    def receive(self):
        """The next message: STUN, or ChannelData without padding."""
        if not self.stream:
            return self.socket.recv(65536)
        head = self.take(4)
        size = struct.unpack("!H", head[2:])[0]
        if head[0] < 4:
            message = head + self.take(16 + size)
            if isinstance(self.socket, Shown):
                self.socket.show(message)
            return message
        return (head + self.take((size + 3) // 4 * 4))[: 4 + size]

    def key(self):
        text = b":".join((self.user, REALM, self.password))
        return (hashlib.sha256 if self.algorithm == 2 else hashlib.md5)(text).digest()

    def credentials(self):
        if self.userhash:
            body = attribute(USERHASH, hashlib.sha256(self.user + b":" + REALM).digest())
        else:
            body = attribute(USERNAME, self.user)
        body += attribute(REALM_ATTRIBUTE, REALM) + attribute(NONCE, self.nonce)
        if self.algorithm:
            body += attribute(ALGORITHMS, self.algorithms)
            body += attribute(ALGORITHM, struct.pack("!HH", self.algorithm, 0))
        return body

    def sign(self, method, transaction, body):
        kind, hash_of = INTEGRITY, hashlib.sha1
        if self.algorithm:
            kind, hash_of = INTEGRITY_SHA256, hashlib.sha256
        size = hash_of().digest_size
        header = struct.pack("!HHI", method, len(body) + 4 + size, COOKIE) + transaction
        return body + attribute(kind, hmac.new(self.key(), header + body, hash_of).digest())

    def request(self, method, *parts, want=0):
        """Attributes as bytes, or as (attribute, address). Returns those of the response."""
        transaction = os.urandom(12)
        body = b""
        for part in parts:
            body += part if isinstance(part, bytes) else xor_address(*part, transaction)
        if self.nonce and method != BINDING:
            body = self.sign(method, transaction, body + self.credentials())
        if self.fingerprint:
            header = struct.pack("!HHI", method, len(body) + 8, COOKIE) + transaction
            crc = zlib.crc32(header + body) ^ 0x5354554E
            body += attribute(FINGERPRINT, struct.pack("!I", crc))
        message = struct.pack("!HHI", method, len(body), COOKIE) + transaction + body
        self.socket.sendall(message)
        kind, self.transaction, self.pairs = parse(self.receive())
        attributes, code = dict(self.pairs), 0
        if kind == method | ERROR:
            code = attributes[ERROR_CODE][2] * 100 + attributes[ERROR_CODE][3]
        else:
            assert kind == method | SUCCESS, hex(kind)
        assert code == want, f"method {method}: {code} instead of {want}"
        return attributes

    def log_in(self, algorithm=0):
        challenge = self.request(ALLOCATE, attribute(TRANSPORT, UDP_PROTOCOL), want=401)
        self.nonce, self.algorithms = challenge[NONCE], challenge[ALGORITHMS]
        self.algorithm = algorithm

    def allocate(self, *parts, want=0):
        return self.request(ALLOCATE, attribute(TRANSPORT, UDP_PROTOCOL), *parts, want=want)

    def send(self, peer, payload):
        transaction = os.urandom(12)
        body = xor_address(PEER, peer, transaction) + attribute(DATA, payload)
        self.socket.sendall(struct.pack("!HHI", SEND, len(body), COOKIE) + transaction + body)

    def send_channel(self, number, payload):
        padding = bytes(-len(payload) % 4) if self.stream else b""
        self.socket.sendall(struct.pack("!HH", number, len(payload)) + payload + padding)

    def expect_data(self, kind):
        method, _, attributes = parse(self.receive())
        assert method == DATA_INDICATION and kind in dict(attributes), hex(method)

    def expect_channel_data(self, number, payload):
        message = self.receive()
        assert message == struct.pack("!HH", number, len(payload)) + payload, message


class Peer:
    def __init__(self, host):
        self.socket = socket.socket(family_of(host), socket.SOCK_DGRAM)
        self.socket.settimeout(10)
        self.socket.bind((host, 0))
        self.addr = (host, self.socket.getsockname()[1])

    def echo(self, wanted):
        payload, relayed = self.socket.recvfrom(65536)
        assert payload == wanted, payload
        self.socket.sendto(payload, relayed)


def requested_family(host):
    return b"\x02\0\0\0" if ":" in host else b"\x01\0\0\0"


def media(client, host):
    """Indications and ChannelData of several paddings, and what ICMP tells."""
    peer, nobody = Peer(host), Peer(host)
    nobody.socket.close()
    client.request(CREATE_PERMISSION, (PEER, peer.addr))
    for payload in (b"", b"a", b"ab", b"abc", b"abcd", b"x" * 1001):
        client.send(peer.addr, payload)
        peer.echo(payload)
        client.expect_data(DATA)
    client.send(nobody.addr, b"x")
    client.expect_data(ICMP)
    client.request(CHANNEL_BIND, attribute(CHANNEL, b"\x40\x00\0\0"), (PEER, peer.addr))
    for payload in (b"", b"a", b"ab", b"abc", b"abcd", b"x" * 1001):
        client.send_channel(0x4000, payload)
        peer.echo(payload)
        client.expect_channel_data(0x4000, payload)


def conversation(host, stream, algorithm, userhash=False, fingerprint=False):
    client = Client(3478, host, stream)
    client.fingerprint, client.userhash = fingerprint, userhash
    client.request(BINDING, attribute(TRANSMIT_COUNTER, b"\0\0\1\0"))
    client.log_in(algorithm)
    client.allocate(attribute(FAMILY, requested_family(host)))
    media(client, host)
    client.request(REFRESH)
    client.request(REFRESH, attribute(LIFETIME, bytes(4)))


def refused_before_allocation():
    client = Client(3478)
    client.fingerprint = True
    client.request(BINDING, attribute(UNKNOWN), attribute(UNKNOWN + 1), want=420)
    client.log_in()
    client.nonce = b"obMatJos2AAAA" + bytes(40).hex().encode()
    client.allocate(want=438)
    client.nonce = None
    client.log_in()
    client.password = b"wrong"
    client.allocate(want=401)
    client.password = b"wonderland"
    client.request(ALLOCATE, want=400)
    client.allocate(attribute(UNKNOWN), want=420)
    client.request(ALLOCATE, attribute(TRANSPORT, b"\x84\0\0\0"), want=442)
    client.allocate(attribute(FAMILY, b"\x03\0\0\0"), want=440)
    client.allocate(attribute(RESERVATION, b"\xff" * 8), want=508)
    client.request(REFRESH, want=437)
    client.request(CREATE_PERMISSION, (PEER, ("127.0.0.1", 9)), want=437)
    client.request(CHANNEL_BIND, want=437)


def refused_with_allocation():
    ipv4, ipv6, refused = ("127.0.0.1", 9), ("::1", 9), ("169.254.1.1", 9)
    number = attribute(CHANNEL, b"\x40\x00\0\0")
    client = Client(3478)
    client.log_in(2)
    client.allocate()
    client.allocate(want=437)
    client.request(CREATE_PERMISSION, want=400)
    client.request(CREATE_PERMISSION, (PEER, refused), want=403)
    client.request(CREATE_PERMISSION, (PEER, ipv6), want=443)
    several = [(PEER, (f"127.0.0.{i}", 9)) for i in range(1, 10)]
    client.request(CREATE_PERMISSION, *several, want=508)
    client.request(CHANNEL_BIND, number, want=400)
    client.request(CHANNEL_BIND, number, (PEER, refused), want=403)
    client.request(CHANNEL_BIND, number, (PEER, ipv6), want=443)
    client.request(CHANNEL_BIND, number, (PEER, ipv4))
    for i in range(1, 5):
        another = attribute(CHANNEL, struct.pack("!HH", 0x4000 + i, 0))
        code = 508 if i == 4 else 0
        client.request(CHANNEL_BIND, another, (PEER, ("127.0.0.1", 9 + i)), want=code)
    client.request(REFRESH, attribute(LIFETIME, b"\0"), want=400)
    client.request(REFRESH, attribute(FAMILY, b"\x02\0\0\0"), want=443)
    client.user, client.password = b"bob", b"builder"
    client.request(REFRESH, want=441)
    client.request(CREATE_PERMISSION, (PEER, ipv4), want=441)
    client.request(CHANNEL_BIND, number, (PEER, ipv4), want=441)


def behavior():
    client = Client(3480)
    client.request(BINDING)
    client.request(BINDING, attribute(PADDING, bytes(1000)))
    own = attribute(RESPONSE_PORT, struct.pack("!HH", client.socket.getsockname()[1], 0))
    client.request(BINDING, attribute(PADDING, bytes(8)), own, want=400)
    client.request(BINDING, own)
    for port in (3480, 3481):
        stream = Client(port, "127.0.0.1" if port == 3480 else "127.0.0.2", stream=True)
        stream.request(BINDING)
        stream.request(BINDING, attribute(PADDING, bytes(8)), want=420)


def relays_tcp(host="127.0.0.1"):
    """A client with a TCP allocation, and the relayed address."""
    client = Client(3478, host, stream=True)
    client.log_in()
    protocol, family = attribute(TRANSPORT, TCP_PROTOCOL), requested_family(host)
    relayed = client.request(ALLOCATE, protocol, attribute(FAMILY, family))[RELAYED]
    return client, read_address(relayed, client.transaction)


def bind_connection(host, number, want=0):
    """Another connection of the client's: bound to one with a peer."""
    connection = Client(3478, host, stream=True)
    connection.log_in()
    connection.request(CONNECTION_BIND, attribute(CONNECTION_ID, number), want=want)
    return connection


def data_connections(host):
    client, relayed = relays_tcp(host)
    with socket.create_server((host, 0), family=family_of(host)) as peer:
        addr = peer.getsockname()[:2]
        number = client.request(CONNECT, (PEER, addr))[CONNECTION_ID]
        client.request(CONNECT, (PEER, addr), want=446)
        called = peer.accept()[0]
    bound = bind_connection(host, number)
    called.sendall(b"\xff to the client")  # no first byte of STUN or ChannelData
    assert bound.take(15) == b"\xff to the client"
    client.request(CONNECT, (PEER, addr), want=446)
    client.request(CREATE_PERMISSION, (PEER, addr))
    with socket.create_connection(relayed, 10):
        kind, _, attributes = parse(client.receive())
        assert kind == ATTEMPT and PEER in dict(attributes), hex(kind)
        bind_connection(host, dict(attributes)[CONNECTION_ID])


def refused_connections():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()
    client = Client(3478)
    client.log_in()
    client.request(CONNECT, (PEER, nobody), want=437)
    client.request(ALLOCATE, attribute(TRANSPORT, TCP_PROTOCOL), want=400)
    client.allocate()
    client.request(CONNECT, (PEER, nobody), want=437)
    client, _ = relays_tcp()
    client.request(CONNECT, want=400)
    client.request(CONNECT, (PEER, ("169.254.1.1", 9)), want=403)
    client.request(CONNECT, (PEER, ("::1", 9)), want=443)
    client.request(CONNECT, (PEER, nobody), want=447)
    client.request(CONNECTION_BIND, attribute(CONNECTION_ID, bytes(4)), want=437)
    bind_connection("127.0.0.1", b"\xff" * 4, want=400)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as other:
        client.request(CONNECT, (PEER, one.getsockname()))
        client.request(CONNECT, (PEER, ("127.0.0.1", other.getsockname()[1])))
        client.request(CONNECT, (PEER, nobody), want=508)  # max_data_connections
    client.user, client.password = b"bob", b"builder"
    client.request(CONNECT, (PEER, nobody), want=441)


def mobile():
    """RFC 8016: another five-tuple goes on with the allocation."""
    first, second = Client(3478), Client(3478, stream=True)
    first.log_in()
    ticket = first.allocate(attribute(TICKET))[TICKET]
    second.log_in()
    second.request(REFRESH, attribute(TICKET, b"none of ours"), want=400)
    assert second.request(REFRESH, attribute(TICKET, ticket))[TICKET] != ticket
    third = Client(3478)
    third.log_in()
    third.request(REFRESH, attribute(TICKET, ticket), want=400)  # has been used


def plain():
    for host in ("127.0.0.1", "::1"):
        for stream in (False, True):
            conversation(host, stream, algorithm=0)
            conversation(host, stream, algorithm=1, userhash=True)
            conversation(host, stream, algorithm=2, fingerprint=True)
    refused_before_allocation()
    refused_with_allocation()
    behavior()
    for host in ("127.0.0.1", "::1"):
        data_connections(host)
    refused_connections()
    mobile()
    pair = Client(3478)
    pair.log_in()
    token = pair.allocate(attribute(EVEN_PORT, b"\x80"))[RESERVATION]
    dual = Client(3478)
    dual.log_in()
    dual.allocate(attribute(ADDITIONAL, b"\x02\0\0\0"))
    next_one = Client(3478)
    next_one.log_in()
    next_one.allocate(attribute(RESERVATION, token))


def narrow():
    """One family, one allocation for each user, which stays where it is and relays UDP."""
    client, late = Client(3478), Client(3478)
    client.log_in()
    client.allocate(attribute(ADDITIONAL, b"\x02\0\0\0"))
    late.log_in()
    late.allocate(want=486)
    late.allocate(attribute(TICKET), want=405)
    late.request(REFRESH, attribute(TICKET, b"a ticket"), want=405)
    late.request(ALLOCATE, attribute(TRANSPORT, TCP_PROTOCOL), want=442)


class Shown:
    """A TLS connection; what comes out of it is shown in datagrams from port 3479."""

    def __init__(self, connection):
        self.connection = connection
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 3479))
        self.sendall = connection.sendall

    def recv(self, size):
        return self.connection.recv(size)

    def show(self, message):
        self.datagrams.sendto(message, ("127.0.0.1", 9))


def broken():
    """What the server never sends: an attribute longer than its message, a wrong FINGERPRINT."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 3482))
    head = struct.pack("!HHI", BINDING | SUCCESS, 8, COOKIE) + bytes(12)
    datagrams.sendto(head + struct.pack("!HHI", 0x20, 64, 0), ("127.0.0.1", 9))
    datagrams.sendto(head + attribute(FINGERPRINT, bytes(4)), ("127.0.0.1", 9))


def redirected():
    client = Client(3478)
    client.log_in(2)
    client.allocate(want=300)
    others = [value for kind, value in client.pairs if kind == ALTERNATE_SERVER]
    assert len(others) == 2, others  # of the other family, too: RFC 8489 section 14.15
    tls = ssl.create_default_context(cafile=os.environ["CA"])
    client = Client(5349, tls=tls)
    client.log_in(2)
    client.allocate(want=300)


{"plain": plain, "narrow": narrow, "redirected": redirected, "broken": broken}[sys.argv[1]]()
