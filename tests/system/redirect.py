#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where clients are sent: redirect.py ADDRESS PORT USER PASSWORD COUNT [follow]

So many clients, each of an address of its own in 127.20.0.0/16, ask that server for an
allocation. A line for each: its address and the alternate server it got, or "served", or the
error code. With "follow" they go there, and the code they get then is told, too.
"""
import hashlib
import hmac
import os
import socket
import struct
import sys

COOKIE = 0x2112A442
ALLOCATE = 0x003
USERNAME, INTEGRITY, ERROR, REALM, NONCE = 0x06, 0x08, 0x09, 0x14, 0x15
TRANSPORT, ALTERNATE_SERVER = 0x19, 0x8023


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def parse(message):
    attributes, at = {}, 20
    while at < len(message):
        kind, size = struct.unpack("!HH", message[at : at + 4])
        attributes.setdefault(kind, message[at + 4 : at + 4 + size])
        at += 4 + (size + 3) // 4 * 4
    return attributes


def message(body, size):
    return struct.pack("!HHI", ALLOCATE, size, COOKIE)


class Client:
    def __init__(self, source, user, password):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.settimeout(5)
        self.user, self.password = user.encode(), password.encode()

    def ask(self, server, challenge=None):
        """The attributes of the response to Allocate, past the challenge."""
        transaction = os.urandom(12)
        body = attribute(TRANSPORT, b"\x11\0\0\0")
        if challenge:
            body += attribute(USERNAME, self.user)
            body += attribute(REALM, challenge[REALM]) + attribute(NONCE, challenge[NONCE])
            header = message(body, len(body) + 24) + transaction
            key = hashlib.md5(b":".join((self.user, challenge[REALM], self.password))).digest()
            body += attribute(INTEGRITY, hmac.new(key, header + body, hashlib.sha1).digest())
        self.socket.sendto(message(body, len(body)) + transaction + body, server)
        response, sender = self.socket.recvfrom(2048)
        assert sender == server and response[8:20] == transaction
        attributes = parse(response)
        if not challenge and code(attributes) == 401:
            return self.ask(server, attributes)
        assert INTEGRITY in attributes  # RFC 8489 section 9.2.4: an answer to who is known
        return attributes


def code(attributes):
    error = attributes.get(ERROR)
    return error[2] * 100 + error[3] if error else 0


def alternate(attributes):
    value = attributes[ALTERNATE_SERVER]
    return socket.inet_ntoa(value[4:8]), struct.unpack("!H", value[2:4])[0]


def outcome(client, server, follow):
    attributes = client.ask(server)
    if code(attributes) != 300:
        return "served" if code(attributes) == 0 else str(code(attributes))
    there = alternate(attributes)
    text = f"{there[0]}:{there[1]}"
    return f"{text} {code(client.ask(there))}" if follow else text


def main():
    server = (sys.argv[1], int(sys.argv[2]))
    for i in range(int(sys.argv[5])):
        source = f"127.20.{i >> 8}.{i & 255}"
        client = Client(source, sys.argv[3], sys.argv[4])
        print(source, outcome(client, server, sys.argv[6:] == ["follow"]))


main()
