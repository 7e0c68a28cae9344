#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Throw bytes at a TURN server: hostile.py SEED udp|tcp|tls HOST PORT ROUNDS

Random bytes, STUN messages with a few bytes changed, cut or lengthened,
ChannelData of every length, and on connections half messages that go no
further. "tls" is a TCP port that expects a handshake; random bytes and
connections left open. The seed makes a run repeatable.
"""
import random
import socket
import struct
import sys

METHODS = [1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 0xfff]
ATTRIBUTES = [1, 3, 6, 8, 9, 0xa, 0xc, 0xd, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a,
              0x1b, 0x1c, 0x1d, 0x1e, 0x20, 0x22, 0x24, 0x25, 0x26, 0x27, 0x2a, 0x8000, 0x8001,
              0x8002, 0x8003, 0x8004, 0x8022, 0x8023, 0x8028, 0x8029, 0x802b, 0x8030, 0xffff]


def stun_type(method, message_class):
    return ((method & 0xf80) << 2 | (method & 0x70) << 1 | method & 0xf |
            (message_class & 2) << 7 | (message_class & 1) << 4)


def stun_message(rnd):
    body = b""
    for _ in range(rnd.randrange(8)):
        value = rnd.randbytes(rnd.choice([0, 1, 4, 8, 20, 32, rnd.randrange(600)]))
        length = len(value) if rnd.random() < 0.9 else rnd.randrange(65536)
        body += struct.pack("!HH", rnd.choice(ATTRIBUTES), length) + value
        body += b"\0" * (-len(value) % 4)
    length = len(body) if rnd.random() < 0.8 else rnd.randrange(65536)
    cookie = 0x2112a442 if rnd.random() < 0.95 else rnd.randrange(2 ** 32)
    kind = stun_type(rnd.choice(METHODS), rnd.randrange(4))
    return struct.pack("!HHI", kind, length, cookie) + rnd.randbytes(12) + body


def channel_data(rnd):
    payload = rnd.randbytes(rnd.randrange(64))
    length = len(payload) if rnd.random() < 0.5 else rnd.randrange(65536)
    return struct.pack("!HH", 0x4000 | rnd.randrange(0x1000), length) + payload


def mutate(rnd, message):
    message = bytearray(message)
    for _ in range(rnd.randrange(4)):
        if message:
            message[rnd.randrange(len(message))] = rnd.randrange(256)
    if rnd.random() < 0.2:
        del message[rnd.randrange(len(message) + 1):]
    return bytes(message)


def anything(rnd):
    kind = rnd.random()
    if kind < 0.3:
        return rnd.randbytes(rnd.choice([0, 1, 2, 3, 19, 20, 21, rnd.randrange(1500)]))
    if kind < 0.8:
        return mutate(rnd, stun_message(rnd))
    return mutate(rnd, channel_data(rnd))


def open_socket(kind, host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    s = socket.socket(family, kind)
    s.settimeout(5)
    s.connect((host, port))
    return s


def datagrams(rnd, host, port, rounds):
    for _ in range(rounds // 50):
        with open_socket(socket.SOCK_DGRAM, host, port) as s:
            for _ in range(50):
                try:
                    s.send(anything(rnd))
                except OSError:
                    pass


def connections(rnd, host, port, rounds, random_only):
    kept = []
    for _ in range(rounds // 20):
        s = open_socket(socket.SOCK_STREAM, host, port)
        try:
            for _ in range(rnd.randrange(4)):
                s.sendall(rnd.randbytes(300) if random_only else anything(rnd))
        except OSError:
            pass
        if rnd.random() < 0.5 and len(kept) < 100:
            kept.append(s)
        else:
            s.close()
    for s in kept:
        s.close()


def main():
    seed, transport, host, port, rounds = sys.argv[1:]
    rnd = random.Random(int(seed))
    if transport == "udp":
        datagrams(rnd, host, int(port), int(rounds))
    else:
        connections(rnd, host, int(port), int(rounds), transport == "tls")


main()
