#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""What becomes of IP headers on the way through a relay.

    marks.py peer ADDRESS FILE       a peer: writes its port to FILE, then does as it is told
    marks.py CASE OPTIONS            a client: asserts that the case is as it should be

A peer is told "TTL TOS CHECKSUM" and answers, with that TTL and TOS and with a UDP checksum or
without, what it has got: "TTL TOS LENGTH REASSEMBLED".
"""
import argparse
import socket
import struct
import sys

from turn_client import ALLOCATE, DATA, DONT_FRAGMENT, FAMILY, ICMP, PEER, TRANSPORT
from turn_client import Client, attribute, family_of, parse, read_address

IP_RECVTTL, SO_NO_CHECK, UDP_NO_CHECK6_TX = 12, 11, 101
CHANNEL = 0x4001
BIG = 1400  # payload bytes: too many for the narrow link, few enough for the others

# By family: level, option to hear of it, type of what is told
TTL = {
    socket.AF_INET: (socket.IPPROTO_IP, IP_RECVTTL, socket.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, socket.IPV6_HOPLIMIT),
}
SET_TTL = {socket.AF_INET: socket.IP_TTL, socket.AF_INET6: socket.IPV6_UNICAST_HOPS}
TOS = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_RECVTOS, socket.IP_TOS),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, socket.IPV6_TCLASS),
}


def hear_marks(s):
    for level, hear, _ in (TTL[s.family], TOS[s.family]):
        s.setsockopt(level, hear, 1)


def set_marks(s, ttl, tos):
    s.setsockopt(TTL[s.family][0], SET_TTL[s.family], ttl)
    s.setsockopt(TOS[s.family][0], TOS[s.family][2], tos)


def receive_marked(s):
    """Bytes, sender, (TTL, TOS)."""
    message, control, _, sender = s.recvmsg(65536, 256)
    told = {(level, kind): value for level, kind, value in control}
    ttl = struct.unpack("i", told[TTL[s.family][0], TTL[s.family][2]])[0]
    return message, sender, (ttl, told[TOS[s.family][0], TOS[s.family][2]][0])


def reassembled(family):
    """Datagrams that this network has put together of fragments."""
    if family == socket.AF_INET6:
        with open("/proc/net/snmp6", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("Ip6ReasmOKs"))
    with open("/proc/net/snmp", encoding="ascii") as lines:
        names, values = [line.split() for line in lines if line.startswith("Ip:")]
    return int(values[names.index("ReasmOKs")])


def checksum(s, wanted):
    if s.family == socket.AF_INET:
        s.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, not wanted)
    else:
        s.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_TX, not wanted)


def peer(address, file):
    s = socket.socket(family_of(address), socket.SOCK_DGRAM)
    s.bind((address, 0))
    hear_marks(s)
    with open(file, "w", encoding="ascii") as port:
        print(s.getsockname()[1], file=port)
    before = reassembled(s.family)
    while True:
        message, sender, (ttl, tos) = receive_marked(s)
        reply_ttl, reply_tos, with_checksum = map(int, message.split())
        set_marks(s, reply_ttl, reply_tos)
        checksum(s, with_checksum)
        count = reassembled(s.family)
        s.sendto(b"%d %d %d %d" % (ttl, tos, len(message), count - before), sender)
        before = count


class MarkedClient(Client):
    """Keeps what the latest message came with in .marks, over UDP."""

    def __init__(self, options, kind=socket.SOCK_DGRAM):
        super().__init__(options.server, options.user, options.password, kind)
        self.peer = options.peer
        self.marks = None
        if kind == socket.SOCK_DGRAM:
            hear_marks(self.socket)
        number = 1 if family_of(self.peer[0]) == socket.AF_INET else 2
        wanted = attribute(TRANSPORT, b"\x11\0\0\0") + attribute(FAMILY, bytes((number, 0, 0, 0)))
        self.request(ALLOCATE, lambda _: wanted)
        self.permit(self.peer)

    def receive(self):
        if self.socket.type != socket.SOCK_DGRAM:
            return super().receive()
        message, _, self.marks = receive_marked(self.socket)
        return message

    def tell(self, ttl, tos, length=0, with_checksum=True, whole=False):
        """Send the peer what it shall answer with."""
        payload = b"%d %d %d" % (ttl, tos, with_checksum)
        extra = attribute(DONT_FRAGMENT) if whole else b""
        self.send(self.peer, payload.ljust(length), extra)

    def next(self):
        """What the peer has got (TTL, TOS, length, datagrams put together), or what ICMP tells."""
        message = self.receive()
        if message[0] >= 0x40:
            return "answer", tuple(map(int, message[4:].split()))
        _, transaction, attributes = parse(message)
        attributes = dict(attributes)
        if ICMP not in attributes:
            return "answer", tuple(map(int, attributes[DATA].split()))
        assert DATA not in attributes
        _, kind, code, mtu = struct.unpack("!HBBI", attributes[ICMP])
        return "icmp", (kind, code, mtu, read_address(attributes[PEER], transaction))

    def answer(self):
        kind, got = self.next()
        same(kind, "answer")
        return got

    def icmp(self):
        """Type, code, MTU, about whom."""
        kind, told = self.next()
        same(kind, "icmp")
        return told


def same(got, wanted):
    assert got == wanted, f"{got} instead of {wanted}"


def kinds(options):
    """Of ICMP or ICMPv6: port unreachable, time exceeded, too big."""
    if family_of(options.peer[0]) == socket.AF_INET:
        return (3, 3), (11, 0), (3, 4)
    return (1, 4), (3, 0), (2, 0)


# --- cases; between client and server, and between server and peer, there is one router -------


def carried(options):
    client = MarkedClient(options)
    set_marks(client.socket, 40, 0xB9)
    client.tell(30, 0x2A)
    same(client.answer()[:2], (37, 0xB9))
    same(client.marks, (27, 0x2A))
    assert client.bind(CHANNEL, client.peer) == 0
    same(client.marks, (63, 0))  # a response is the server's own
    set_marks(client.socket, 50, 0x03)
    client.send_channel_data(CHANNEL, b"20 1 1")
    same(client.answer()[:2], (47, 0x03))
    same(client.marks, (17, 0x01))


def not_carried(options):
    client = MarkedClient(options)
    set_marks(client.socket, 40, 0xB9)
    client.tell(30, 0x2A)
    same(client.answer()[:2], (63, 0))
    same(client.marks, (63, 0))


def last_hop(options):
    """Two hops: the server has none left. Three: the router after it."""
    client = MarkedClient(options)
    set_marks(client.socket, 2, 0)
    client.tell(30, 1)
    set_marks(client.socket, 3, 0)
    client.tell(30, 2)
    same(client.icmp(), (*kinds(options)[1], 0, client.peer))
    set_marks(client.socket, 64, 0)
    client.tell(2, 3)  # back, it ends at the server
    client.tell(3, 4)
    client.tell(30, 5)
    same(client.answer()[0], 61)
    same(client.marks, (27, 5))


def port_unreachable(options):
    client = MarkedClient(options)
    for host in (client.peer[0], options.router):
        nobody = (host, 9)
        client.permit(nobody)
        client.send(nobody, b"x")
        same(client.icmp(), (*kinds(options)[0], 0, nobody))


def too_big(client, options, mtu):
    for _ in range(2):
        client.tell(64, 0, BIG, whole=True)
        same(client.icmp(), (*kinds(options)[2], mtu, client.peer))


def whole_or_told(options):
    """With DF: told each time, by whoever cannot pass it on; others pass in fragments."""
    client = MarkedClient(options, options.kind)
    too_big(client, options, options.mtu)
    client.tell(64, 0, 1000, whole=True)
    same(client.answer()[2:], (1000, 0))
    for _ in range(2):
        client.tell(64, 0, BIG)
        same(client.answer()[2:], (BIG, 1))
    too_big(client, options, options.mtu)
    # the answer comes when the socket has sent without DF since
    client.tell(64, 0, BIG, whole=True)
    client.tell(64, 0)
    same({client.next()[0], client.next()[0]}, {"answer", "icmp"})


def ignored_attribute(options):
    """RFC 8656 section 13.2: IPv6 over UDP is as without DONT-FRAGMENT."""
    client = MarkedClient(options)
    client.tell(64, 0, BIG, whole=True)
    same(client.icmp(), (*kinds(options)[2], options.mtu, client.peer))
    client.tell(64, 0, BIG, whole=True)
    same(client.answer()[2:], (BIG, 1))


def no_checksum(options):
    """Without: relayed of IPv4, dropped of IPv6."""
    client = MarkedClient(options)
    client.tell(64, 0, 100, with_checksum=False)
    client.tell(64, 0, 200)
    if family_of(client.peer[0]) == socket.AF_INET:
        same(client.answer()[2], 100)
    same(client.answer()[2], 200)


CASES = {
    "carried": carried,
    "not_carried": not_carried,
    "last_hop": last_hop,
    "port_unreachable": port_unreachable,
    "whole_or_told": whole_or_told,
    "ignored_attribute": ignored_attribute,
    "no_checksum": no_checksum,
}


def main():
    if sys.argv[1] == "peer":
        peer(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--server", nargs=2, required=True)
    parser.add_argument("--peer", nargs=2, required=True)
    parser.add_argument("--router", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--tcp", dest="kind", action="store_const", const=socket.SOCK_STREAM)
    parser.add_argument("--mtu", type=int, default=0)
    parser.set_defaults(kind=socket.SOCK_DGRAM)
    options = parser.parse_args()
    options.server = (options.server[0], int(options.server[1]))
    options.peer = (options.peer[0], int(options.peer[1]))
    CASES[options.case](options)


main()
