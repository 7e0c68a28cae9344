# SPDX-License-Identifier: Apache-2.0
"""A TURN client over UDP, for tests that must say more than coturn's clients can."""
import hashlib
import hmac
import os
import socket
import struct

COOKIE = 0x2112A442
ALLOCATE, CREATE_PERMISSION, CHANNEL_BIND, SEND = 0x003, 0x008, 0x009, 0x016
CHANNEL_NUMBER, PEER, DATA, RELAYED, EVEN_PORT, TRANSPORT, ADDITIONAL = (
    0x0C, 0x12, 0x13, 0x16, 0x18, 0x19, 0x8000)


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def mask(family, transaction):
    return (struct.pack("!I", COOKIE) + transaction)[: 4 if family == socket.AF_INET else 16]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def xor_address(kind, addr, transaction):
    family = socket.AF_INET6 if ":" in addr[0] else socket.AF_INET
    ip = xor(socket.inet_pton(family, addr[0]), mask(family, transaction))
    number = 1 if family == socket.AF_INET else 2
    return attribute(kind, struct.pack("!HH", number, addr[1] ^ COOKIE >> 16) + ip)


def read_address(value, transaction):
    family = socket.AF_INET if value[1] == 1 else socket.AF_INET6
    port = struct.unpack("!H", value[2:4])[0] ^ COOKIE >> 16
    return socket.inet_ntop(family, xor(value[4:], mask(family, transaction))), port


def parse(message):
    attributes, at = [], 20
    while at < len(message):
        kind, size = struct.unpack("!HH", message[at : at + 4])
        attributes.append((kind, message[at + 4 : at + 4 + size]))
        at += 4 + (size + 3) // 4 * 4
    return struct.unpack("!H", message[:2])[0], message[8:20], attributes


class Client:
    def __init__(self, port, user, password):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(5)
        self.socket.connect(("127.0.0.1", port))
        self.user, self.password = user.encode(), password.encode()
        self.realm = self.nonce = None

    def ask(self, method, make):
        """The error code, 0 for success, transaction id and attributes of the response."""
        transaction = os.urandom(12)
        body = make(transaction)
        if self.realm:
            body += attribute(0x06, self.user) + attribute(0x14, self.realm)
            body += attribute(0x15, self.nonce)
            header = struct.pack("!HHI", method, len(body) + 24, COOKIE) + transaction
            key = hashlib.md5(b":".join((self.user, self.realm, self.password))).digest()
            body += attribute(0x08, hmac.new(key, header + body, hashlib.sha1).digest())
        self.socket.send(struct.pack("!HHI", method, len(body), COOKIE) + transaction + body)
        kind, transaction, attributes = parse(self.socket.recv(2048))
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
        wanted = b"".join([attribute(TRANSPORT, b"\x11\0\0\0"), *more])
        transaction, attributes = self.request(ALLOCATE, lambda _: wanted)
        return [read_address(v, transaction) for kind, v in attributes if kind == RELAYED]

    def bind(self, number, peer):
        """The error code of ChannelBind, 0 for success."""
        channel = attribute(CHANNEL_NUMBER, struct.pack("!HH", number, 0))
        return self.ask(CHANNEL_BIND, lambda t: channel + xor_address(PEER, peer, t))[0]

    def send_channel_data(self, number, payload):
        self.socket.send(struct.pack("!HH", number, len(payload)) + payload)

    def send(self, peer, payload):
        transaction = os.urandom(12)
        body = xor_address(PEER, peer, transaction) + attribute(DATA, payload)
        self.socket.send(struct.pack("!HHI", SEND, len(body), COOKIE) + transaction + body)
