#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Log in many times at once, over UDP, and print what came of it as JSON.

    logins.py PORT [--users PATTERN] [--logins N] [--clients N] [--password TEXT]
                   [--peer ADDRESS]

PATTERN holds %d for a number of its own for each login, or not. Of all logins
--clients are under way at a time, each from a port of its own; what is allocated
is given back. With --peer each asks for a permission, too, and that answer counts.
"codes" counts the last answers by error code, 200 for success, 0 for none within
--seconds.
"""
import argparse
import collections
import hashlib
import hmac
import json
import os
import resource
import selectors
import socket
import struct
import time

COOKIE = 0x2112A442
ALLOCATE, REFRESH, CREATE_PERMISSION = 0x0003, 0x0004, 0x0008
USERNAME, INTEGRITY, ERROR_CODE, LIFETIME = 0x0006, 0x0008, 0x0009, 0x000D
XOR_PEER_ADDRESS, REALM, NONCE, TRANSPORT = 0x0012, 0x0014, 0x0015, 0x0019
RETRANSMIT_S = 0.5


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def build(method, transaction, attributes, key=None):
    def header(more):
        return struct.pack("!HHI", method, len(attributes) + more, COOKIE) + transaction

    if key is None:
        return header(0) + attributes
    mac = hmac.new(key, header(24) + attributes, hashlib.sha1).digest()
    return header(24) + attributes + attribute(INTEGRITY, mac)


def parse(message):
    found = {}
    at = 20
    while at + 4 <= len(message):
        kind, length = struct.unpack_from("!HH", message, at)
        found.setdefault(kind, message[at + 4:at + 4 + length])
        at += 4 + length + -length % 4
    return found


class Client:
    """One port; logs in as one user after another."""

    def __init__(self, run):
        self.run = run
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", run.port))
        self.socket.setblocking(False)
        self.nonce = self.realm = b""
        run.selector.register(self.socket, selectors.EVENT_READ, self)
        self.begin()

    def begin(self):
        self.user = self.run.next_user()
        self.started = time.monotonic()
        self.busy = self.user is not None
        if self.busy:
            self.send(ALLOCATE)

    def key(self):
        text = b":".join((self.user, self.realm, self.run.password))
        return hashlib.md5(text).digest()

    def send(self, method):
        attributes = {
            ALLOCATE: attribute(TRANSPORT, b"\x11\0\0\0"),
            REFRESH: attribute(LIFETIME, bytes(4)),
            CREATE_PERMISSION: attribute(XOR_PEER_ADDRESS, self.run.peer),
        }[method]
        key = None
        if self.nonce:
            key = self.key()
            attributes += (attribute(USERNAME, self.user) + attribute(REALM, self.realm) +
                           attribute(NONCE, self.nonce))
        self.method = method
        self.transaction = os.urandom(12)
        self.message = build(method, self.transaction, attributes, key)
        self.transmit()

    def transmit(self):
        self.sent = time.monotonic()
        try:
            self.socket.send(self.message)
        except OSError:
            pass  # as if it were lost

    def received(self):
        try:
            message = self.socket.recv(2048)
        except OSError:
            return
        if len(message) < 20 or message[8:20] != self.transaction:
            return
        found = parse(message)
        code = 200
        if ERROR_CODE in found:
            code = found[ERROR_CODE][2] * 100 + found[ERROR_CODE][3]
        stale = code == 438 or (code == 401 and not self.nonce)
        if stale and NONCE in found:
            self.nonce, self.realm = found[NONCE], found[REALM]
            self.started = time.monotonic()
            self.send(self.method)
        elif self.method == REFRESH:
            self.begin()
        elif self.method == ALLOCATE and code == 200 and self.run.peer:
            self.send(CREATE_PERMISSION)
        else:
            self.ended(code)
            if self.method == CREATE_PERMISSION or code == 200:
                self.send(REFRESH)
            else:
                self.begin()

    def ended(self, code):
        self.run.codes[code] += 1
        self.run.times.append((time.monotonic() - self.started) * 1000)

    def look(self, now):
        if not self.busy:
            return
        if now - self.started > self.run.seconds:
            if self.method != REFRESH:
                self.ended(0)
            self.begin()
        elif now - self.sent > RETRANSMIT_S:
            self.transmit()


class Run:
    def __init__(self, options):
        self.port = options.port
        self.pattern = options.users
        self.password = options.password.encode()
        self.seconds = options.seconds
        self.peer = b""
        if options.peer:
            address = struct.unpack("!I", socket.inet_aton(options.peer))[0]
            self.peer = struct.pack("!HHI", 1, COOKIE >> 16, address ^ COOKIE)
        self.left = options.logins
        self.codes = collections.Counter()
        self.times = []
        self.selector = selectors.DefaultSelector()
        self.clients = [Client(self) for _ in range(min(options.clients, options.logins))]

    def next_user(self):
        if self.left == 0:
            return None
        self.left -= 1
        user = self.pattern % self.left if "%d" in self.pattern else self.pattern
        return user.encode("utf-8", "surrogateescape")

    def loop(self):
        looked = time.monotonic()
        while any(client.busy for client in self.clients):
            for key, _ in self.selector.select(0.05):
                key.data.received()
            now = time.monotonic()
            if now - looked > 0.05:
                looked = now
                for client in self.clients:
                    client.look(now)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--users", default="alice")
    parser.add_argument("--logins", type=int, default=1)
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--password", default="wonderland")
    parser.add_argument("--peer")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run = Run(options)
    begun = time.monotonic()
    run.loop()
    times = sorted(run.times)
    print(json.dumps({
        "codes": {str(code): count for code, count in sorted(run.codes.items())},
        "seconds": round(time.monotonic() - begun, 3),
        "median_ms": round(times[len(times) // 2], 2),
        "max_ms": round(times[-1], 2),
    }))


main()
