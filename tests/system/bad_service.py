#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A web service for auth_rest that fails as it is told to.

    bad_service.py ADDRESS PORT MODE-FILE LOG-FILE [--cert FILE --key FILE [--ca FILE]]

Users are all whose names begin with "alice"; the password is "wonderland". The
first words of MODE-FILE, read for each request, say how to answer:

    good            as it should be
    slow SECONDS    the same, later
    hang            never
    drop            close in the middle of the answer
    noise           with bytes that are no HTTP
    garbage         200 with what is no JSON
    huge            200 with 64 MiB
    status N        with that status, and a place to go on to
    nostore         as good, with Cache-Control: no-store

With --ca clients must show a certificate of it. Questions are appended to LOG-FILE.
"""
import argparse
import json
import ssl
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        self.serve(json.loads(self.rfile.read(length)))

    def do_GET(self):
        query = urllib.parse.urlsplit(self.path).query
        self.serve(dict(urllib.parse.parse_qsl(query)))

    def serve(self, question):
        with open(options.log, "a", encoding="utf-8") as log:
            log.write(json.dumps(dict(question, path=self.path)) + "\n")
        with open(options.mode, encoding="utf-8") as file:
            mode, *words = file.read().split()
        getattr(self, mode)(question, *words)

    def answer(self, status, body, *headers):
        self.send_response(status)
        for name, value in (("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def good(self, question, *headers):
        if question.get("user", "").startswith("alice"):
            self.answer(200, b'{"password":"wonderland"}', *headers)
        else:
            self.answer(404, b"", *headers)

    def nostore(self, question):
        self.good(question, ("Cache-Control", "no-store"))

    def slow(self, question, seconds):
        time.sleep(float(seconds))
        self.good(question)

    def hang(self, _question):
        time.sleep(3600)

    def drop(self, _question):
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b'{"password":"wonder')
        self.close_connection = True

    def noise(self, _question):
        self.wfile.write(bytes(range(256)) * 16)
        self.close_connection = True

    def garbage(self, _question):
        self.answer(200, b"<html>It works!</html>")

    def huge(self, _question):
        self.answer(200, b"[" * (64 << 20))

    def status(self, _question, number):
        self.answer(int(number), b"", ("Location", "/elsewhere"))

    def log_message(self, *_args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # whoever hangs up is given up


parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("port", type=int)
parser.add_argument("mode")
parser.add_argument("log")
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--ca")
options = parser.parse_args()
server = Server((options.address, options.port), Service)
if options.cert:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    if options.ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(options.ca)
    # The handshake is the connection's own thread's, so that none holds up the others.
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
server.serve_forever()
