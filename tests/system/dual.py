#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""A dual allocation: dual.py PORT USER PASSWORD

Allocates both families at 127.0.0.1:PORT, sends to a peer of each and takes what they send back.
"""
import socket
import sys

from turn_client import ADDITIONAL, DATA, PEER
from turn_client import Client, attribute, parse, read_address


def main():
    client = Client(("127.0.0.1", int(sys.argv[1])), sys.argv[2], sys.argv[3])
    relayed = client.allocate(attribute(ADDITIONAL, b"\x02\0\0\0"))
    print("relayed", relayed)
    for (host, port), family in zip(relayed, (socket.AF_INET, socket.AF_INET6), strict=True):
        peer = socket.socket(family, socket.SOCK_DGRAM)
        peer.settimeout(5)
        peer.bind((host, 0))
        addr = peer.getsockname()[:2]
        client.permit(addr)
        client.send(addr, b"to the peer")
        payload, sender = peer.recvfrom(2048)
        assert (payload, sender[:2]) == (b"to the peer", (host, port)), sender
        peer.sendto(b"to the client", sender)
        _, transaction, attributes = parse(client.receive())
        assert dict(attributes)[DATA] == b"to the client"
        assert read_address(dict(attributes)[PEER], transaction) == addr


main()
