#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What IMAP clients rely on when several of them work in one mailbox, and what they cannot use up.

test_imap.py [--long] [DIR]: with --long for longer. DIR: use the province that runs there.
"""
import os
import random
import re
import resource
import ssl
import subprocess
import sys
import threading
import time

from harness import Imap, Province, eventually, run

LONG = "--long" in sys.argv
SESSIONS, SECONDS = 6, 120 if LONG else 8


MARKED = ("Subject: =?utf-8?B?4buH?=\r\nFrom: <a@b.example>\r\nMIME-Version: 1.0\r\n"
          "Content-Type: text/plain; charset=utf-8\r\n\r\nMARK\r\nMẬT\r\n\r\nSố: 12/BC-UBND\r\nĐộ mật: Mật\r\n").encode()


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
        """What a client takes for granted with STORE .SILENT, unless it is told something else."""
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
            self.silent(uids, op, flag)
            status = self.run("UID STORE %s %sFLAGS.SILENT (%s)" % (",".join(map(str, uids)), op, flag))
            assert status.startswith("OK"), status
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


def ldap_set(p, user, attribute, value):
    env = p.env
    bind = ["-x", "-H", env["CONGVU_LDAP_URI"], "-D", env["CONGVU_LDAP_ADMIN_DN"],
            "-w", env["CONGVU_LDAP_ADMIN_PASSWORD"]]
    found = subprocess.run(["ldapsearch", "-LLL", "-o", "ldif-wrap=no"] + bind + ["-b", env["CONGVU_LDAP_BASE"],
                           "mail=" + user, "dn"], text=True, check=True, stdout=subprocess.PIPE).stdout
    change = "%s\nchangetype: modify\nreplace: %s\n%s: %s\n" % (found.split("\n")[0], attribute, attribute, value)
    subprocess.run(["ldapmodify"] + bind, input=change, text=True, check=True, stdout=subprocess.DEVNULL)


def clearance_is_for_reading_too(p):
    """Who loses the clearance loses what it was for, also what is in the mailbox."""
    user = p.env["CONGVU_USER2"]

    def read():
        with Imap(p, user=user) as c:
            c.command("SELECT M&Hq0-t")
            status, got = c.command("FETCH * (BODY.PEEK[] ENVELOPE)")
            return status.startswith("OK") and b"MARK" in got
    with Imap(p, user=user) as c:
        assert append(c, "M&Hq0-t", MARKED).startswith("OK")
    assert read()
    try:
        ldap_set(p, user, "congvuClearance", "thuong")
        assert eventually(lambda: not read()), "read without clearance"
        with Imap(p, user=user) as c:
            c.command("SELECT M&Hq0-t")
            assert c.command("SEARCH TEXT MARK")[1].strip() == b"* SEARCH"
    finally:
        ldap_set(p, user, "congvuClearance", "mat")
    assert eventually(read)


def the_selected_mailbox_goes(p):
    """What was done is told before the connection ends; nothing is done twice for want of an answer."""
    user, box, kept = bulk(p, 2), fresh("gone"), fresh("kept")
    with Imap(p, user=user) as a, Imap(p, user=user) as b:
        for name in (box, kept):
            assert a.command("CREATE " + name)[0].startswith("OK")
        assert a.command("SELECT " + box)[0].startswith("OK")
        assert b.command("DELETE " + box)[0].startswith("OK")
        assert append(a, kept, b"Subject: x\r\n\r\ny\r\n").startswith("OK [APPENDUID")
        assert a.line().startswith(b"* BYE") and a.line() == b""
        assert b.command("SELECT " + kept)[0].startswith("OK")
        assert b.command("DELETE " + kept)[0].startswith("OK")
        assert b.command("NOOP")[0].startswith("OK")


def a_keyword_that_is_taken_away_is_not_made(p):
    user, box = bulk(p, 3), fresh("kw")
    with Imap(p, user=user) as c:
        c.command("CREATE " + box)
        append(c, box, b"Subject: x\r\n\r\ny\r\n")
        c.command("SELECT " + box)
        for n in range(100):
            assert c.command("STORE 1 -FLAGS.SILENT ($No%d)" % n)[0].startswith("OK")
        assert c.command("STORE 1 +FLAGS ($Yes)")[0].startswith("OK")
        assert b"$No" not in c.command("SELECT " + box)[1]


def copies_count_for_the_quota(p):
    user, box = bulk(p, 4), fresh("quota")
    with Imap(p, user=user) as c:
        c.command("CREATE " + box)
        assert append(c, box, b"Subject: x\r\n\r\n" + b"y" * 998 + b"\r\n").startswith("OK")
    try:
        ldap_set(p, user, "congvuQuota", "100000")

        def full():
            with Imap(p, user=user) as c:
                c.command("SELECT " + box)
                answers = [c.command("COPY 1:* " + box)[0] for _ in range(8)]
                return any(a.startswith("NO [OVERQUOTA]") for a in answers)
        assert eventually(full)
        with Imap(p, user=user) as c:
            got = c.command("STATUS %s (MESSAGES)" % box)[1]
            assert int(re.search(rb"MESSAGES (\d+)", got).group(1)) < 100, got
    finally:
        ldap_set(p, user, "congvuQuota", "0")


def workers(p):
    pid = p.pid("imapd")
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(word) for word in f.read().split()]


def figure(pid, name):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name + ":"))


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def out_of_descriptors(p):
    """Those who are in are served, the worker does not run in a circle, and the rest come in afterwards."""
    with Imap(p, user=bulk(p, 5)) as c:
        pids = workers(p)
        was = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids}
        socks = []
        try:
            for pid in pids:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir("/proc/%d/fd" % pid)) + 3, was[pid][1]))
            socks = [p.connect("IMAP", False) for _ in range(20)]
            before = sum(map(cpu_s, pids))
            time.sleep(1.0)
            assert sum(map(cpu_s, pids)) - before < 0.3
            assert c.command("NOOP")[0].startswith("OK")
        finally:
            for pid in pids:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, was[pid])
        assert all(s.recv(4) == b"* OK" for s in socks)
        for s in socks:
            s.close()


def readers_that_do_not_read(p):
    """What waits to be written is bounded, whatever was asked for; idle sessions are small."""
    user, box = bulk(p, 6), fresh("big")
    with Imap(p, user=user) as c:
        c.command("CREATE " + box)
        assert append(c, box, b"Subject: x\r\n\r\n" + (b"y" * 76 + b"\r\n") * 50000).startswith("OK")
        c.command("SELECT " + box)
        for _ in range(4):
            assert c.command("COPY 1:* " + box)[0].startswith("OK")
    pids, stuck = workers(p), []
    before = sum(figure(pid, "Pss") for pid in pids)
    for n in range(60):
        c = Imap(p, user=user)
        c.command("SELECT " + box)
        c.send(b"x FETCH 1:* BODY.PEEK[]\r\n" if n < 30 else b"x IDLE\r\n")
        stuck.append(c)
    time.sleep(1.0)
    grown = sum(figure(pid, "Pss") for pid in pids) - before
    for c in stuck:
        c.file.close()
        c.sock.close()
    print("     %d KB for 30 stuck readers and 30 idle sessions" % grown)
    assert grown < 30 * 600 + 30 * 60, grown


TESTS = [sessions_in_one_mailbox, clearance_is_for_reading_too, the_selected_mailbox_goes,
         a_keyword_that_is_taken_away_is_not_made, copies_count_for_the_quota, out_of_descriptors,
         readers_that_do_not_read]

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
