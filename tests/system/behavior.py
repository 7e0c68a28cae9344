#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""RFC 5780 over a connection: behavior.py tcp|tls ADDRESS PORT

Prints RESPONSE-ORIGIN and OTHER-ADDRESS of a Binding response, and whether MAPPED-ADDRESS and
XOR-MAPPED-ADDRESS are ours; then the code of one with CHANGE-REQUEST.
"""
import os
import socket
import ssl
import struct
import sys

from turn_client import COOKIE
from turn_client import attribute, parse, read_address, read_plain_address

BINDING = 0x001
MAPPED, CHANGE, ERROR, XOR_MAPPED = 0x01, 0x03, 0x09, 0x20
ORIGIN, OTHER = 0x802B, 0x802C


def connect(transport, server):
    connection = socket.create_connection(server, timeout=10)
    if transport == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    return connection


def exchange(connection, body):
    """Transaction id and attributes of the response."""
    transaction = os.urandom(12)
    connection.sendall(struct.pack("!HHI", BINDING, len(body), COOKIE) + transaction + body)
    answer = b""
    while len(answer) < 20 or len(answer) < 20 + struct.unpack("!H", answer[2:4])[0]:
        more = connection.recv(2048)
        assert more, "the server has closed the connection"
        answer += more
    assert answer[8:20] == transaction
    return transaction, dict(parse(answer)[2])


def main():
    connection = connect(sys.argv[1], (sys.argv[2], int(sys.argv[3])))
    here = connection.getsockname()
    transaction, found = exchange(connection, b"")
    both = [read_plain_address(found[MAPPED]), read_address(found[XOR_MAPPED], transaction)]
    print(*("%s:%d" % read_plain_address(found[kind]) for kind in (ORIGIN, OTHER)), end=" ")
    print(both == [here, here])
    error = exchange(connection, attribute(CHANGE, struct.pack("!I", 6)))[1][ERROR]
    print(error[2] * 100 + error[3])


main()
