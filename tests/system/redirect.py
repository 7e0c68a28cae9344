#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Where clients are sent: redirect.py ADDRESS PORT USER PASSWORD COUNT [follow]

So many clients, each of an address of its own in 127.20.0.0/16, ask that server for an
allocation. A line for each: its address and the alternate server it got, or "served", or the
error code. With "follow" they go there, and the code they get then is told, too.
"""
import sys

from turn_client import ALLOCATE, TRANSPORT
from turn_client import Client, attribute, read_plain_address

INTEGRITY, ALTERNATE_SERVER = 0x08, 0x8023


def ask(server, source):
    """The code, and the attributes."""
    client = Client(server, sys.argv[3], sys.argv[4], source=source)
    wanted = attribute(TRANSPORT, b"\x11\0\0\0")
    code, _, attributes = client.ask(ALLOCATE, lambda _: wanted)
    # RFC 8489 section 9.2.4: an answer to who is known
    assert INTEGRITY in dict(attributes)
    return code, dict(reversed(attributes))


def outcome(server, source):
    code, attributes = ask(server, source)
    if code != 300:
        return str(code or "served")
    there = read_plain_address(attributes[ALTERNATE_SERVER])
    text = "%s:%d" % there
    return f"{text} {ask(there, source)[0]}" if sys.argv[6:] == ["follow"] else text


def main():
    server = (sys.argv[1], int(sys.argv[2]))
    for i in range(int(sys.argv[5])):
        source = f"127.20.{i >> 8}.{i & 255}"
        print(source, outcome(server, source))


main()
