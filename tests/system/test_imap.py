#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What IMAP clients rely on when several of them work in one mailbox, and what they cannot use up.

test_imap.py [--long] [DIR]: with --long for longer. DIR: use the province that runs there.
"""
import os
import random
import re
import ssl
import subprocess
import sys
import threading
import time

from harness import Imap, Province, eventually, run

LONG = "--long" in sys.argv
SESSIONS, SECONDS = 6, 120 if LONG else 8


def bulk(p, n):
    return p.env["CONGVU_BULK_FORMAT"] % n


def fresh(prefix):
    return "%s%d" % (prefix, time.monotonic_ns())


def append(c, box, data, rest=""):
    """The tagged reply to APPEND."""
    c.n += 1
    tag = b"t%d" % c.n
    c.send(tag + b" APPEND %s %s{%d+}\r\n" % (box.encode(), rest.encode(), len(data)) + data + b"\r\n")
    while True:
        line = c.line()
        if not line or line.startswith(tag + b" "):
            return line[len(tag) + 1:].decode().strip()


class View:
    """A session that believes what it is told, and complains when that does not fit together."""

    KEEPS = ("FETCH", "STORE", "SEARCH")

    def __init__(self, p, user, box):
        self.c = Imap(p, user=user)
        self.box, self.uids, self.flags, self.recent = box, [], {}, 0
        self.run("SELECT " + box)
        self.run("FETCH 1:* (UID FLAGS)")

    def run(self, text, data=None, keeps=None):
        c = self.c
        c.n += 1
        tag = b"t%d" % c.n
        c.send(tag + b" " + text.encode() + (b" {%d+}\r\n" % len(data) + data if data is not None else b"") + b"\r\n")
        keeps = text.split(" ")[0] in self.KEEPS
        while True:
            line = c.line()
            assert line, "closed after " + text
            if line.startswith(tag + b" "):
                status = line[len(tag) + 1:].decode().strip()
                assert not status.startswith("BAD") or not self.uids, (text, status)
                return status
            self.hear(line, text, keeps)

    def idle(self, seconds):
        c = self.c
        c.n += 1
        tag = b"t%d" % c.n
        c.send(tag + b" IDLE\r\n")
        line = c.line()
        while not line.startswith(b"+"):
            self.hear(line, "IDLE", False)
            line = c.line()
        time.sleep(seconds)
        c.send(b"DONE\r\n")
        line = c.line()
        while not line.startswith(tag + b" OK"):
            assert line, "closed in IDLE"
            self.hear(line, "IDLE", False)
            line = c.line()

    def hear(self, line, text, keeps):
        m = re.match(rb"\* (\d+) (EXPUNGE|EXISTS|RECENT|FETCH)(.*)", line)
        if m is None:
            m = re.match(rb"\* SEARCH((?: \d+)*)", line)
            if m and text.startswith("SEARCH"):
                assert all(1 <= int(n) <= len(self.uids) for n in m.group(1).split()), (text, line)
            return
        n, what, rest = int(m.group(1)), m.group(2), m.group(3).decode()
        if what == b"EXPUNGE":
            assert not keeps, (text, line)
            assert 1 <= n <= len(self.uids), (text, line, len(self.uids))
            self.flags.pop(self.uids.pop(n - 1), None)
        elif what == b"EXISTS":
            assert n >= len(self.uids), (text, line, len(self.uids))
            self.uids += [None] * (n - len(self.uids))
        elif what == b"FETCH":
            self.hear_fetch(n, rest, text)

    def hear_fetch(self, n, rest, text):
        assert 1 <= n <= len(self.uids), (text, n, rest, len(self.uids))
        uid = re.search(r"UID (\d+)", rest)
        if uid:
            uid = int(uid.group(1))
            known = self.uids[n - 1]
            assert known in (None, uid), (text, n, "was", known, "is", uid)
            left = [u for u in self.uids[:n - 1] if u is not None]
            right = [u for u in self.uids[n:] if u is not None]
            assert (not left or left[-1] < uid) and (not right or uid < right[0]), (text, n, uid)
            self.uids[n - 1] = uid
        flags = re.search(r"FLAGS \(([^)]*)\)", rest)
        if flags and self.uids[n - 1] is not None:
            self.flags[self.uids[n - 1]] = set(flags.group(1).split()) - {"\\Recent"}

    def silent(self, uids, op, flag):
        """What a client concludes from STORE .SILENT that was answered OK."""
        for uid in uids:
            if uid in self.flags:
                (self.flags[uid].add if op == "+" else self.flags[uid].discard)(flag)

    def act(self, rng):
        n, act = len(self.uids), rng.random()
        some = ",".join(str(rng.randint(1, n)) for _ in range(rng.randint(1, 3))) if n else "1:*"
        uids = [u for u in rng.sample(self.uids, min(n, 3)) if u is not None]
        if act < 0.2 or n < 5:
            self.run("APPEND " + self.box, b"Subject: a\r\n\r\nb\r\n")
        elif act < 0.3:
            self.run("FETCH %s (UID FLAGS)" % some)
        elif act < 0.4:
            self.run("STORE %s %sFLAGS (%s)" % (some, rng.choice("+-"), rng.choice(("\\Seen", "\\Flagged", "$K1"))))
        elif act < 0.55 and uids:
            op, flag = rng.choice("+-"), rng.choice(("\\Answered", "\\Draft", "$K2"))
            status = self.run("UID STORE %s %sFLAGS.SILENT (%s)" % (",".join(map(str, uids)), op, flag))
            if status.startswith("OK"):
                self.silent(uids, op, flag)
        elif act < 0.65:
            self.run("STORE %s +FLAGS (\\Deleted)" % some)
        elif act < 0.75:
            self.run("EXPUNGE")
        elif act < 0.8:
            self.run("UID %s %s %s" % (rng.choice(("COPY", "MOVE")), ",".join(map(str, uids)) or "1", self.box))
        elif act < 0.85:
            self.run("SEARCH " + rng.choice(("ALL", "UNSEEN", "1:*", "DELETED")))
        elif act < 0.9:
            self.idle(0.02)
        else:
            self.run("UID FETCH %d:* (FLAGS)" % (uids[0] if uids else 1))


def sessions_in_one_mailbox(p):
    """Numbers, UIDs and flags of each fit together at every step, and at the end all know the same."""
    user, box, errors = bulk(p, 1), fresh("many"), []
    with Imap(p, user=user) as c:
        c.command("CREATE " + box)
        for _ in range(8):
            append(c, box, b"Subject: a\r\n\r\nb\r\n")
    views = [View(p, user, box) for _ in range(SESSIONS)]
    end = time.monotonic() + SECONDS

    def work(v, seed):
        rng = random.Random(seed)
        try:
            while time.monotonic() < end and not errors:
                v.act(rng)
        except Exception as e:
            errors.append("seed %d: %r" % (seed, e))
    threads = [threading.Thread(target=work, args=(v, random.getrandbits(30))) for v in views]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors
    for v in views:
        v.run("NOOP")
        told = dict(v.flags)
        v.flags = {}
        v.run("FETCH 1:* (UID FLAGS)")
        different = {u: (sorted(told[u]), sorted(v.flags[u])) for u in told if told[u] != v.flags.get(u)}
        assert not different, different
    assert all(v.uids == views[0].uids and v.flags == views[0].flags for v in views)
    print("     %d UIDs given" % max(u for u in views[0].uids))


TESTS = [sessions_in_one_mailbox]

if __name__ == "__main__":
    directory = [a for a in sys.argv[1:] if not a.startswith("-")]
    if directory:
        province = Province(0, directory=directory[0])
        province.read_env()
        province.context = ssl.create_default_context(cafile=province.env["CONGVU_CA"])
        sys.exit(1 if run(TESTS, province) else 0)
    with Province(24500, "--signing", "mark", "--accounts", "8") as province:
        failures = run(TESTS, province)
        if failures:
            province.show_logs()
    sys.exit(1 if failures else 0)
