#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A dual allocation: dual.py PORT USER PASSWORD

Allocates both families at 127.0.0.1:PORT, sends to a peer of each and takes what they send back.
"""
import hashlib
import hmac
import os
import socket
import struct
import sys

COOKIE = 0x2112A442
ALLOCATE, CREATE_PERMISSION, SEND = 0x003, 0x008, 0x016
PEER, DATA, RELAYED, TRANSPORT, ADDITIONAL = 0x12, 0x13, 0x16, 0x19, 0x8000


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

    def request(self, method, make):
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
            return self.request(method, make)
        assert kind == method | 0x100, hex(kind)
        return transaction, attributes

    def send(self, peer, payload):
        transaction = os.urandom(12)
        body = xor_address(PEER, peer, transaction) + attribute(DATA, payload)
        self.socket.send(struct.pack("!HHI", SEND, len(body), COOKIE) + transaction + body)


def main():
    client = Client(int(sys.argv[1]), sys.argv[2], sys.argv[3])
    wanted = attribute(TRANSPORT, b"\x11\0\0\0") + attribute(ADDITIONAL, b"\x02\0\0\0")
    transaction, attributes = client.request(ALLOCATE, lambda _: wanted)
    relayed = [read_address(v, transaction) for kind, v in attributes if kind == RELAYED]
    print("relayed", relayed)
    for (host, port), family in zip(relayed, (socket.AF_INET, socket.AF_INET6), strict=True):
        peer = socket.socket(family, socket.SOCK_DGRAM)
        peer.settimeout(5)
        peer.bind((host, 0))
        addr = peer.getsockname()[:2]
        client.request(CREATE_PERMISSION, lambda t: xor_address(PEER, addr, t))
        client.send(addr, b"to the peer")
        payload, sender = peer.recvfrom(2048)
        assert (payload, sender[:2]) == (b"to the peer", (host, port)), sender
        peer.sendto(b"to the client", sender)
        _, transaction, attributes = parse(client.socket.recv(2048))
        assert dict(attributes)[DATA] == b"to the client"
        assert read_address(dict(attributes)[PEER], transaction) == addr


main()
