#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Clients on shared relayed ports: shared_ports.py PORT USER PASSWORD DAEMON-PID FIRST LAST CLIENTS

So many clients at 127.0.0.1:PORT, each with a peer of its own; half of them bind a channel, half
use Send indications. Everything arrives where it belongs and nowhere else.
"""
import re
import socket
import struct
import subprocess
import sys

from turn_client import ALLOCATE, DATA, EVEN_PORT, PEER, TRANSPORT
from turn_client import Client, attribute, parse, read_address

NUMBER = 0x4001


class Pair:
    """A client and its peer."""

    def __init__(self, number, login):
        self.number = number
        self.client = Client(*login)
        self.relayed = self.client.allocate()[0]
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.settimeout(5)
        self.peer.bind(("127.0.0.1", 0))
        self.addr = self.peer.getsockname()
        self.uses_channel = number % 2 == 0
        if self.uses_channel:
            assert self.client.bind(NUMBER, self.addr) == 0
        else:
            self.client.permit(self.addr)

    def send(self, payload):
        if self.uses_channel:
            self.client.send_channel_data(NUMBER, payload)
        else:
            self.client.send(self.addr, payload)

    def exchange(self, turn):
        payload = b"client %d turn %d" % (self.number, turn)
        self.send(payload)
        got, sender = self.peer.recvfrom(2048)
        assert (got, sender) == (payload, self.relayed), (got, sender)
        self.peer.sendto(b"to " + payload, sender)
        got = self.client.socket.recv(2048)
        if self.uses_channel:
            number, size = struct.unpack("!HH", got[:4])
            assert (number, got[4 : 4 + size]) == (NUMBER, b"to " + payload), got
        else:
            _, transaction, attributes = parse(got)
            assert dict(attributes)[DATA] == b"to " + payload, got
            assert read_address(dict(attributes)[PEER], transaction) == self.addr

    def is_silent(self):
        self.client.socket.setblocking(False)
        try:
            return self.client.socket.recv(2048) is None
        except BlockingIOError:
            return True
        finally:
            self.client.socket.settimeout(5)


def ports_of(pid):
    """Local ports of the daemon's UDP sockets, as ss tells them."""
    out = subprocess.run(["ss", "-Hulnp"], capture_output=True, text=True, check=True).stdout
    lines = [line for line in out.splitlines() if "pid=%d," % pid in line]
    return sorted(int(re.search(r":(\d+)$", line.split()[3]).group(1)) for line in lines)


def memory_of(pid):
    return int(re.search(r"VmRSS:\s*(\d+)", open("/proc/%d/status" % pid).read()).group(1))


def main():
    login = (("127.0.0.1", int(sys.argv[1])), sys.argv[2], sys.argv[3])
    pid, first, last, count = map(int, sys.argv[4:])
    bound, memory = ports_of(pid), memory_of(pid)
    pairs = [Pair(i, login) for i in range(count)]
    print("kB for each allocation: %.1f" % ((memory_of(pid) - memory) / count))
    used = sorted({pair.relayed[1] for pair in pairs})
    print("relayed ports", used)
    assert used == list(range(first, last + 1)), used
    assert ports_of(pid) == bound, (ports_of(pid), bound)
    for turn in range(3):
        for pair in pairs:
            pair.exchange(turn)
    assert all(pair.is_silent() for pair in pairs)

    same = [pair for pair in pairs if pair.relayed == pairs[0].relayed]
    print("%d clients share %s:%d" % (len(same), *pairs[0].relayed))
    assert len(same) > 1
    assert same[1].client.bind(0x4002, same[0].addr) == 508
    other = next(pair for pair in pairs if pair.relayed != pairs[0].relayed)
    assert other.client.bind(0x4002, pairs[0].addr) == 0
    even = attribute(TRANSPORT, b"\x11\0\0\0") + attribute(EVEN_PORT, b"\x80")
    assert Client(*login).ask(ALLOCATE, lambda _: even)[0] == 508


main()
