#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stand between a client and a server and misbehave as a file says.

    unreliable.py LISTEN-ADDRESS SERVER-ADDRESS:PORT MODE-FILE

Prints the port it listens on. The file, read for each piece of what the server
answers, holds one of:

    pass        as it is
    delay S     so many seconds later
    hang        nothing any more
    cut         half of the piece, then the end
    garbage     other bytes, then the end
    down        nobody listens: connections end at once
"""
import os
import socket
import sys
import threading
import time


def mode():
    try:
        with open(sys.argv[3]) as file:
            return (file.read().split() or ["pass"])
    except OSError:
        return ["pass"]


def end(*sockets):
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        each.close()


def to_server(client, server):
    try:
        while data := client.recv(65536):
            server.sendall(data)
    except OSError:
        pass
    end(server)


def to_client(server, client):
    try:
        while data := server.recv(65536):
            how = mode()
            if how[0] == "delay":
                time.sleep(float(how[1]))
            elif how[0] == "cut":
                client.sendall(data[:len(data) // 2])
                break
            elif how[0] == "garbage":
                client.sendall(os.urandom(len(data) + 64))
                break
            elif how[0] == "down":
                break
            while mode()[0] == "hang":
                time.sleep(0.05)
            client.sendall(data)
    except OSError:
        pass
    end(client, server)


def serve(client):
    host, port = sys.argv[2].rsplit(":", 1)
    if mode()[0] == "down":
        end(client)
        return
    try:
        server = socket.create_connection((host, int(port)), 5)
        server.settimeout(None)
    except OSError:
        end(client)
        return
    threading.Thread(target=to_server, args=(client, server), daemon=True).start()
    to_client(server, client)


def main():
    listener = socket.create_server((sys.argv[1], 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


main()
