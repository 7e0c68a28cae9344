#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of RFC 7635 on one port over UDP, and what each of its requests came to.

    oauth_client.py PORT SERVER-NAME STEP...

A step is METHOD=GRANT or METHOD:GRANT with "allocate", "refresh" or "end" for a
method, and a file with what the authorization server has granted, as JSON: with "="
the request bears the token, with ":" it does not and has the key alone. "sleep=S" lets
time pass. Prints a line for each: the step, the error code or 200, the lifetime.
"""
import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import sys
import time

COOKIE = 0x2112A442
METHODS = {"allocate": 0x0003, "refresh": 0x0004, "end": 0x0004}
USERNAME, INTEGRITY, ERROR_CODE, LIFETIME = 0x0006, 0x0008, 0x0009, 0x000D
REALM, NONCE, TRANSPORT = 0x0014, 0x0015, 0x0019
ACCESS_TOKEN, THIRD_PARTY_AUTHORIZATION = 0x001B, 0x802E


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def build(method, attributes, key):
    transaction = os.urandom(12)

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
    def __init__(self, port, server_name):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(5)
        found = self.exchange(METHODS["allocate"], self.attributes("allocate"))[1]
        if found.get(THIRD_PARTY_AUTHORIZATION) != server_name.encode():
            sys.exit("the 401 does not name the server")
        self.realm, self.nonce = found[REALM], found[NONCE]

    def attributes(self, name):
        lifetime = struct.pack("!I", 0 if name == "end" else 3600)
        attributes = attribute(LIFETIME, lifetime)
        if name == "allocate":
            attributes += attribute(TRANSPORT, b"\x11\0\0\0")
        return attributes

    def exchange(self, method, attributes, key=None):
        message = build(method, attributes, key)
        self.socket.send(message)
        found = parse(self.socket.recv(2048))
        error = found.get(ERROR_CODE)
        return 200 if error is None else error[2] * 100 + error[3], found

    def step(self, name, grant, with_token):
        attributes = self.attributes(name)
        attributes += attribute(USERNAME, grant["kid"].encode())
        attributes += attribute(REALM, self.realm)
        attributes += attribute(NONCE, self.nonce)
        if with_token:
            token = base64.b64decode(grant["access_token"])
            attributes += attribute(ACCESS_TOKEN, token)
        code, found = self.exchange(METHODS[name], attributes, base64.b64decode(grant["key"]))
        lifetime = found.get(LIFETIME)
        return code, "" if lifetime is None else struct.unpack("!I", lifetime)[0]


def main():
    client = Client(int(sys.argv[1]), sys.argv[2])
    for step in sys.argv[3:]:
        with_token = "=" in step
        name, value = step.split("=" if with_token else ":", 1)
        if name == "sleep":
            time.sleep(float(value))
            continue
        with open(value, encoding="utf-8") as file:
            grant = json.load(file)
        print(name, *client.step(name, grant, with_token))


if __name__ == "__main__":
    main()
