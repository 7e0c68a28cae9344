# SPDX-License-Identifier: Apache-2.0
"""A TURN client that does what a test says: messages as bytes, and one socket."""
import hashlib
import hmac
import os
import socket
import struct

COOKIE = 0x2112A442
ALLOCATE, SEND, DATA_INDICATION, CREATE_PERMISSION, CHANNEL_BIND = 0x003, 0x016, 0x017, 0x008, 0x009
CHANNEL, PEER, DATA, RELAYED, FAMILY, TRANSPORT = 0x0C, 0x12, 0x13, 0x16, 0x17, 0x19
EVEN_PORT, DONT_FRAGMENT, ADDITIONAL, ICMP = 0x18, 0x1A, 0x8000, 0x8004


def attribute(kind, value=b""):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def mask(family, transaction):
    return (struct.pack("!I", COOKIE) + transaction)[: 4 if family == socket.AF_INET else 16]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def xor_address(kind, addr, transaction):
    family = family_of(addr[0])
    ip = xor(socket.inet_pton(family, addr[0]), mask(family, transaction))
    number = 1 if family == socket.AF_INET else 2
    return attribute(kind, struct.pack("!HH", number, addr[1] ^ COOKIE >> 16) + ip)


def read_address(value, transaction):
    family = socket.AF_INET if value[1] == 1 else socket.AF_INET6
    port = struct.unpack("!H", value[2:4])[0] ^ COOKIE >> 16
    return socket.inet_ntop(family, xor(value[4:], mask(family, transaction))), port


def read_plain_address(value):
    """IPv4, not XORed."""
    return read_address(xor(value, b"\0\0" + struct.pack("!HI", COOKIE >> 16, COOKIE)), b"")


def parse(message):
    attributes, at = [], 20
    while at < len(message):
        kind, size = struct.unpack("!HH", message[at : at + 4])
        attributes.append((kind, message[at + 4 : at + 4 + size]))
        at += 4 + (size + 3) // 4 * 4
    return struct.unpack("!H", message[:2])[0], message[8:20], attributes


class Client:
    def __init__(self, server, user, password, kind=socket.SOCK_DGRAM, source=None):
        self.socket = socket.socket(family_of(server[0]), kind)
        self.socket.settimeout(10)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(server)
        self.user, self.password = user.encode(), password.encode()
        self.realm = self.nonce = None

    def _exactly(self, size):
        got = b""
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            assert more, "the server has closed the connection"
            got += more
        return got

    def receive(self):
        """The next message, whole."""
        if self.socket.type == socket.SOCK_DGRAM:
            return self.socket.recv(65536)
        head = self._exactly(4)
        size = struct.unpack("!H", head[2:])[0]
        size = size + 16 if head[0] < 0x40 else (size + 3) // 4 * 4
        return head + self._exactly(size)

    def ask(self, method, make):
        """The error code, 0 for success, with the response's transaction id and attributes.

        make(transaction) returns those of the request; media that comes meanwhile is passed over.
        """
        transaction = os.urandom(12)
        body = make(transaction)
        if self.realm:
            body += attribute(0x06, self.user) + attribute(0x14, self.realm)
            body += attribute(0x15, self.nonce)
            header = struct.pack("!HHI", method, len(body) + 24, COOKIE) + transaction
            key = hashlib.md5(b":".join((self.user, self.realm, self.password))).digest()
            body += attribute(0x08, hmac.new(key, header + body, hashlib.sha1).digest())
        self.socket.send(struct.pack("!HHI", method, len(body), COOKIE) + transaction + body)
        answer = self.receive()
        while answer[8:20] != transaction:
            answer = self.receive()
        kind, transaction, attributes = parse(answer)
        if not self.realm:
            self.realm, self.nonce = dict(attributes)[0x14], dict(attributes)[0x15]
            return self.ask(method, make)
        if kind == method | 0x100:
            return 0, transaction, attributes
        error = dict(attributes)[0x09]
        return error[2] * 100 + error[3], transaction, attributes

    def request(self, method, make):
        code, transaction, attributes = self.ask(method, make)
        assert code == 0, code
        return transaction, attributes

    def allocate(self, *more):
        """The relayed addresses."""
        wanted = b"".join([attribute(TRANSPORT, b"\x11\0\0\0"), *more])
        transaction, attributes = self.request(ALLOCATE, lambda _: wanted)
        return [read_address(v, transaction) for kind, v in attributes if kind == RELAYED]

    def permit(self, peer):
        self.request(CREATE_PERMISSION, lambda t: xor_address(PEER, peer, t))

    def bind(self, number, peer):
        """The error code of ChannelBind, 0 for success."""
        channel = attribute(CHANNEL, struct.pack("!HH", number, 0))
        return self.ask(CHANNEL_BIND, lambda t: channel + xor_address(PEER, peer, t))[0]

    def send(self, peer, payload, extra=b""):
        transaction = os.urandom(12)
        body = xor_address(PEER, peer, transaction) + extra + attribute(DATA, payload)
        self.socket.send(struct.pack("!HHI", SEND, len(body), COOKIE) + transaction + body)

    def send_channel_data(self, number, payload):
        padding = 0 if self.socket.type == socket.SOCK_DGRAM else -len(payload) % 4
        self.socket.send(struct.pack("!HH", number, len(payload)) + payload + bytes(padding))
