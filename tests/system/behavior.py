#!/usr/bin/python3
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

COOKIE = 0x2112A442
MAPPED, CHANGE, ERROR, XOR_MAPPED = 0x01, 0x03, 0x09, 0x20
ORIGIN, OTHER = 0x802B, 0x802C


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece, "closed"
        data += piece
    return data


def exchange(connection, body):
    header = struct.pack("!HHI", 0x001, len(body), COOKIE) + os.urandom(12)
    connection.sendall(header + body)
    answer = read_exactly(connection, 20)
    assert answer[4:] == header[4:]
    rest = read_exactly(connection, struct.unpack("!H", answer[2:4])[0])
    attributes, at = {}, 0
    while at < len(rest):
        kind, size = struct.unpack("!HH", rest[at : at + 4])
        attributes[kind] = rest[at + 4 : at + 4 + size]
        at += 4 + (size + 3) // 4 * 4
    return attributes


def address(value, cookie=0):
    port, ip = struct.unpack("!HI", value[2:8])
    return socket.inet_ntoa(struct.pack("!I", ip ^ cookie)), port ^ cookie >> 16


def main():
    connection = socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=10)
    here = connection.getsockname()
    if sys.argv[1] == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    found = exchange(connection, b"")
    both = [address(found[MAPPED]), address(found[XOR_MAPPED], COOKIE)]
    print("%s:%d" % address(found[ORIGIN]), "%s:%d" % address(found[OTHER]), both == [here, here])
    error = exchange(connection, struct.pack("!HHI", CHANGE, 4, 6))[ERROR]
    print(error[2] * 100 + error[3])


main()
