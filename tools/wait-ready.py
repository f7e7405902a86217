#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tools/wait-ready.py DIR: wait until the province of DIR serves: every listener greets, a sign-in works.

Start order is free, so "running" is not "ready": the last thing that works is what counts.
"""
import json
import os
import shlex
import socket
import ssl
import subprocess
import sys
import time

DEADLINE_S = 240.0
PROGRAMS = ("directoryd", "policyd", "mailstored", "smtpd", "imapd", "metricsd")


def read_env(top):
    env = {}
    with open(os.path.join(top, "env")) as f:
        for line in f:
            name, _, value = line.rstrip("\n").partition("=")
            env[name] = " ".join(shlex.split(value))
    return env


def connect(port, context):
    s = socket.create_connection(("127.0.0.1", int(port)), 5)
    s.settimeout(10)
    return context.wrap_socket(s, server_hostname="localhost") if context else s


def greets(port, context, start):
    try:
        with connect(port, context) as s:
            return s.recv(200).startswith(start)
    except OSError:
        return False


def signs_in(env, context):
    try:
        with connect(env["CONGVU_IMAPS_PORT"], context) as s:
            f = s.makefile("rwb")
            f.readline()
            f.write(b'a LOGIN "%s" "%s"\r\n' % (env["CONGVU_USER4"].encode(), env["CONGVU_PASS"].encode()))
            f.flush()
            while True:
                line = f.readline()
                if not line or line.startswith(b"a "):
                    return line.startswith(b"a OK")
    except OSError:
        return False


def all_answer(env):
    """policyd, too, which nobody needs before there is a message: the first one must not be told to come again."""
    p = subprocess.run([env["CONGVU_CTL"], "-c", env["CONGVU_CONF"], "status", "--json"], stdout=subprocess.PIPE,
                       stderr=subprocess.DEVNULL, timeout=DEADLINE_S)
    try:
        said = json.loads(p.stdout)
    except ValueError:
        return False
    return all(said[name] is not None for name in PROGRAMS) and said["mailstored"]["keyd-up"] and said["mailstored"]["relay-up"]


def main():
    env = read_env(sys.argv[1])
    context = ssl.create_default_context(cafile=env["CONGVU_CA"])
    lan = "zone = internet" not in open(env["CONGVU_CONF"]).read()
    checks = [lambda: greets(env["CONGVU_SUBMISSION_PORT"], None, b"220"),
              lambda: greets(env["CONGVU_SMTP_INTERNAL_PORT"], None, b"220"),
              lambda: greets(env["CONGVU_SUBMISSIONS_PORT"], context, b"220"),
              lambda: greets(env["CONGVU_IMAP_PORT"], None, b"* OK")]
    if not lan:
        checks += [lambda: greets(env["CONGVU_SMTP_PORT"], None, b"220"),
                   lambda: greets(env["CONGVU_SUBMISSIONS_INTERNET_PORT"], context, b"220"),
                   lambda: greets(env["CONGVU_IMAPS_INTERNET_PORT"], context, b"* OK")]
    checks += [lambda: signs_in(env, context), lambda: all_answer(env)]
    end = time.monotonic() + DEADLINE_S
    for i, check in enumerate(checks):
        while not check():
            if time.monotonic() > end:
                print("not ready: check %d" % i, file=sys.stderr)
                sys.exit(1)
            time.sleep(0.1)


if __name__ == "__main__":
    main()
