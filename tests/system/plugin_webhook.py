#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A web server over TLS for webhook: plugin_webhook.py PORT CERTIFICATE KEY SECRET OUT

Checks token and signature of each request and appends its body to OUT, a line each.
Prints its port. PORT 0 is one of the kernel's choice.
"""
import hashlib
import hmac
import http.server
import ssl
import sys
import time

port, certificate, key, secret, out = sys.argv[1:]


def signature_fits(header, body):
    fields = dict(field.split("=", 1) for field in header.split(","))
    wanted = hmac.new(secret.encode(), fields["t"].encode() + b"." + body,
                      hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, fields["v1"]) and abs(time.time() - int(fields["t"])) < 60


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = (self.headers["Authorization"] == "Bearer ticket" and
                signature_fits(self.headers["Turnpike-Signature"], body))
        if good:
            with open(out, "ab") as file:
                file.write(body.replace(b"\n", b"") + b"\n")
        self.send_response(204 if good else 403)
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True


server = Server(("127.0.0.1", int(port)), Receiver)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate, key)
server.socket = tls.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
