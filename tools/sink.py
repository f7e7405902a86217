#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tools/sink.py --port N --maildir DIR: an SMTP server that takes everything and stands for the internet.

Each message is written to DIR/new as received, octet for octet (after undoing dot-stuffing); the envelope
goes to a file of the same name in DIR/envelope, one JSON object. --fail CODE makes it refuse every DATA
with that code; --fail-times K only the first K. A message with X-Sink-Delay: S is answered S seconds after
it was taken. Loopback only.
"""
import argparse
import itertools
import json
import os
import signal
import socketserver
import sys
import threading
import time

counter = itertools.count(1)
lock = threading.Lock()


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.sender, self.recipients = None, []
        self.say("220 sink.internet.example ESMTP")
        while True:
            line = self.rfile.readline(4096)
            if not line:
                return
            text = line.rstrip(b"\r\n").decode("utf-8", "replace")
            verb = text[:4].upper()
            if verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            self.command(verb, text)

    def command(self, verb, text):
        if verb in ("EHLO", "HELO"):
            self.say("250-sink.internet.example")
            self.say("250-PIPELINING")
            self.say("250-8BITMIME")
            self.say("250-SMTPUTF8")
            self.say("250 ENHANCEDSTATUSCODES")
        elif verb == "MAIL":
            self.sender, self.recipients = text, []
            self.say("250 2.1.0 ok")
        elif verb == "RCPT":
            self.recipients.append(text)
            self.say("250 2.1.5 ok")
        elif verb == "DATA":
            self.say("354 go ahead")
            self.data()
        elif verb in ("RSET", "NOOP"):
            self.say("250 2.0.0 ok")
        else:
            self.say("502 5.5.1 unknown")

    def data(self):
        lines = []
        while True:
            line = self.rfile.readline(1 << 20)
            if not line or line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        with lock:
            if self.server.fail_times != 0:
                self.server.fail_times -= 1
                self.say("%d 4.0.0 not now" % self.server.fail_code)
                return
            name = "%d.%d" % (os.getpid(), next(counter))
            with open(os.path.join(self.server.maildir, "envelope", name), "w") as f:
                json.dump({"mail": self.sender, "rcpt": self.recipients}, f)
            tmp = os.path.join(self.server.maildir, "tmp", name)
            with open(tmp, "wb") as f:
                f.write(b"".join(lines))
            os.rename(tmp, os.path.join(self.server.maildir, "new", name))
        for line in lines:
            if line.startswith(b"X-Sink-Delay:"):
                time.sleep(float(line[13:]))
        self.say("250 2.0.0 taken")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--port", type=int, required=True)
    ap.add_argument("--maildir", required=True)
    ap.add_argument("--fail", type=int, default=0)
    ap.add_argument("--fail-times", type=int, default=-1)
    args = ap.parse_args()
    for d in ("tmp", "new", "cur", "envelope"):
        os.makedirs(os.path.join(args.maildir, d), exist_ok=True)
    server = Server(("127.0.0.1", args.port), Session)
    server.maildir = args.maildir
    server.fail_code = args.fail
    server.fail_times = args.fail_times if args.fail else 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()


if __name__ == "__main__":
    main()
