#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A UDP proxy that says for whom it speaks: PROXY protocol, version 2.

    udp_proxy.py SOURCE PORT

Passes what comes to a port of the kernel's choice, which it prints, on to PORT on
127.0.0.1, from a port of SOURCE of its own for each client; each datagram with a
header before it. Answers go back as they are.
"""

import selectors
import socket
import struct
import sys

CLIENTS_MAX = 200


def header(client, front):
    ends = socket.inet_aton(client[0]) + socket.inet_aton(front[0])
    return (b"\r\n\r\n\0\r\nQUIT\n\x21\x12" + struct.pack("!H", 12) + ends +
            struct.pack("!HH", client[1], front[1]))


def main():
    source, port = sys.argv[1], int(sys.argv[2])
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    front.bind(("127.0.0.1", 0))
    print(front.getsockname()[1], flush=True)
    waiting = selectors.DefaultSelector()
    waiting.register(front, selectors.EVENT_READ)
    backs = {}
    while True:
        for key, _ in waiting.select():
            if key.fileobj is not front:
                front.sendto(key.fileobj.recv(65535), key.data)
                continue
            datagram, client = front.recvfrom(65535)
            if client not in backs and len(backs) < CLIENTS_MAX:
                back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                back.bind((source, 0))
                back.connect(("127.0.0.1", port))
                backs[client] = back
                waiting.register(back, selectors.EVENT_READ, client)
            if client in backs:
                backs[client].send(header(client, front.getsockname()) + datagram)


main()
