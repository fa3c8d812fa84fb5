#!/usr/bin/env python3
"""Receives webhooks and hands them to SQL as they came: POST /webhooks/<server>.

    apt-get install python3-psycopg2
    PGHOST=… PGDATABASE=… PGUSER=<role with ob.grant_webhook> PORT=8080 ./webhook_receiver.py
"""
import json
import os
import re
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import psycopg2

LARGEST_BODY = 2**20
RECEIVE = """SELECT status, reason, http_status
    FROM ob.webhook_receive(%s, %s::jsonb, %s::bytea, %s, %s, remote_addr => %s::inet)"""


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds without a byte

    def do_POST(self):
        try:
            status = self.receive()
        except Exception as error:  # no database, or an unknown server: the provider sends it again
            self.log_error("%s", error)
            status = 503
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def receive(self):
        path = self.path.split("?", 1)[0]
        server = re.fullmatch(r"/webhooks/([^/]+)/?", path)
        if not server:
            return 404
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            return 411
        if int(length) > LARGEST_BODY:
            return 413
        body = self.rfile.read(int(length))  # the bytes as they are on the wire: the signature is over these
        headers = {name: self.headers.get_all(name) for name in self.headers.keys()}  # all, if one was sent twice
        values = (unquote(server[1]), json.dumps(headers), body, self.command, path, self.client_address[0])
        with closing(psycopg2.connect("connect_timeout=5")) as database, database, database.cursor() as cursor:
            cursor.execute(RECEIVE, values)
            outcome, reason, http_status = cursor.fetchone()
        if reason:
            self.log_error("%s: %s", outcome, reason)
        return http_status


if __name__ == "__main__":
    receiver = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), Receiver)
    print("http://%s:%d/webhooks/" % receiver.server_address, flush=True)
    sys.exit(receiver.serve_forever())
