#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client in a realm: realms_client.py udp|SERVER-NAME PORT USER PASSWORD [WORD...]

Comes to 127.0.0.1 by UDP, or by TLS with a name, and allocates. Prints "realm NAME",
"allocate CODE", and for a WORD that is an address "permit ADDRESS CODE"; 0 is success. With the
word "relay" it then exchanges packets with a peer until its standard input ends.
"""
import os
import select
import socket
import ssl
import struct
import sys

import turn_client as turn


class Client(turn.Client):
    def __init__(self, via, port, user, password):
        if via == "udp":
            super().__init__(("127.0.0.1", port), user, password)
            return
        context = ssl.create_default_context(cafile=os.environ["CA"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket = context.wrap_socket(plain, server_hostname=via)
        self.user, self.password = user.encode(), password.encode()
        self.realm = self.nonce = None


def relay(client):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(5)
    peer.bind(("127.0.0.1", 0))
    addr = peer.getsockname()
    client.permit(addr)
    count = 0
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        payload = struct.pack("!Q", count)
        client.send(addr, payload)
        received, relayed = peer.recvfrom(2048)
        assert received == payload, received
        peer.sendto(payload, relayed)
        _, _, attributes = turn.parse(client.receive())
        assert dict(attributes)[turn.DATA] == payload
        count += 1
        if count == 1:
            print("relaying", flush=True)
    print("relayed", count)


def main():
    client = Client(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4])
    wanted = turn.attribute(turn.TRANSPORT, b"\x11\0\0\0")
    code, _, _ = client.ask(turn.ALLOCATE, lambda _: wanted)
    print("realm", client.realm.decode())
    print("allocate", code, flush=True)
    for word in sys.argv[5:]:
        if word == "relay":
            relay(client)
            continue
        permit, _, _ = client.ask(
            turn.CREATE_PERMISSION, lambda t, w=word: turn.xor_address(turn.PEER, (w, 0), t)
        )
        print("permit", word, permit)


main()
