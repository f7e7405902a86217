#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What single commands cost in a mailbox of 100,000 messages: CPU of imapd's workers, and time.

CONGVU_BUILD=... tests/bench/large_mailbox.py [MESSAGES]
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from harness import Imap, Province

MESSAGES = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
MAIL = ("From: An <an@x.example>\r\nTo: b@x.example\r\nSubject: =?utf-8?q?b=C3=A1o?=\r\n"
        "Date: Mon, 02 Feb 2026 08:00:00 +0700\r\nMessage-ID: <1@x>\r\n\r\n" + "y" * 1800 + "\r\n").encode()


class Meter:
    def __init__(self, p):
        with open("/proc/%d/task/%d/children" % (p.pid("imapd"), p.pid("imapd"))) as f:
            self.pids = f.read().split()

    def cpu_us(self):
        total = 0
        for pid in self.pids:
            with open("/proc/%s/schedstat" % pid) as f:
                total += int(f.read().split()[0])
        return total / 1000.0

    def measure(self, name, count, act, per="each"):
        cpu, wall = self.cpu_us(), time.monotonic()
        act()
        print("%-45s %9.2f us CPU %9.2f us wall, %s" % (
            name, (self.cpu_us() - cpu) / count, (time.monotonic() - wall) * 1e6 / count, per))
        sys.stdout.flush()


def ok(c, text):
    status, got = c.command(text)
    assert status.startswith("OK"), (text, status)
    return got


def append(c, box):
    c.send(b"x APPEND %s (\\Seen) {%d+}\r\n" % (box, len(MAIL)) + MAIL + b"\r\n")
    line = c.line()
    while not line.startswith(b"x "):
        line = c.line()
    assert line.startswith(b"x OK"), line


def fill(c):
    ok(c, "CREATE lon")
    append(c, b"lon")
    ok(c, "SELECT lon")
    n = 1
    while n < MESSAGES:
        some = min(n, MESSAGES - n, 20000)
        ok(c, "UID COPY 1:%d lon" % some)
        n += some


def until_exists(c):
    line = c.line()
    while b"EXISTS" not in line:
        assert line, "closed"
        line = c.line()


def several(n, act):
    return lambda: [act(i) for i in range(n)]


def main():
    with Province(24900, "--signing", "mark", "--accounts", "1") as p:
        user = p.env["CONGVU_BULK_FORMAT"] % 1
        a, b = Imap(p, user=user), Imap(p, user=user)
        fill(a)
        m = Meter(p)
        ok(a, "UNSELECT")
        m.measure("SELECT, the first", 1, lambda: ok(a, "SELECT lon"))
        m.measure("SELECT", 20, several(20, lambda i: ok(a, "SELECT lon")))
        m.measure("NOOP", 100, several(100, lambda i: ok(a, "NOOP")))
        m.measure("STORE one flag", 50, several(50, lambda i: ok(a, "UID STORE %d +FLAGS (\\Flagged)" % (7 * i + 1))))
        m.measure("APPEND to the selected mailbox", 20, several(20, lambda i: append(a, b"lon")))
        ok(b, "SELECT lon")
        m.measure("a flag set by one, told to the other", 20, several(20, lambda i: (
            ok(a, "UID STORE %d +FLAGS.SILENT (\\Draft)" % (9 * i + 2)), ok(b, "NOOP"))))
        b.send(b"i IDLE\r\n")
        while not b.line().startswith(b"+"):
            pass
        m.measure("APPEND, told to one in IDLE", 20, several(20, lambda i: (append(a, b"lon"), until_exists(b))))
        m.measure("UID FETCH 1:* FLAGS", MESSAGES, lambda: ok(a, "UID FETCH 1:* (UID FLAGS)"), "a message")
        n = min(MESSAGES, 20000)
        m.measure("list with ENVELOPE and BODYSTRUCTURE", n, lambda: ok(
            a, "UID FETCH 1:%d (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)" % n), "a message")


if __name__ == "__main__":
    main()
