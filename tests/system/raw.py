#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Send bytes as they are: raw.py udp|tcp HOST PORT HEX...

Each HEX is one datagram, or one write to a connection. Answers are not waited for.
"""
import socket
import sys
import time


def main():
    transport, host, port, *messages = sys.argv[1:]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as s:
        s.settimeout(5)
        s.connect((host, int(port)))
        for message in messages:
            s.sendall(bytes.fromhex(message))
        time.sleep(0.2)


main()
