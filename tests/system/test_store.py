#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What was acknowledged is there, once, whatever happens to mailstored: killed, stopped, out of disk.

test_store.py [--long] [DIR]: with --long more rounds. DIR: use the province that runs there.
"""
import collections
import errno
import os
import random
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from harness import Imap, Province, Smtp, eventually, header, run

LONG = "--long" in sys.argv
ROUNDS = 40 if LONG else 5
SENDERS, WRITERS, RECIPIENTS = 8, 4, 4


def bulk(p, n):
    return p.env["CONGVU_BULK_FORMAT"] % n


class Load:
    """Threads that write mail and note what they were told."""

    def __init__(self, p):
        self.p, self.stopping, self.threads, self.errors = p, threading.Event(), [], []
        self.sent = collections.defaultdict(set)	# recipient -> tokens acknowledged
        self.boxes, self.box = {}, "w%d" % time.monotonic_ns()

    def start(self):
        jobs = [(self.sender, i) for i in range(SENDERS)] + [(self.writer, i) for i in range(WRITERS)]
        for fn, i in jobs:
            t = threading.Thread(target=self.guard, args=(fn, i))
            t.start()
            self.threads.append(t)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join()
        assert not self.errors, self.errors[:3]

    def guard(self, fn, i):
        while not self.stopping.is_set():
            try:
                fn(i)
            except (AssertionError, OSError, ssl.SSLError, ValueError, IndexError):
                time.sleep(0.1)		# the server closed: begin anew
            except Exception as e:
                self.errors.append(repr(e))
                return

    def sender(self, i):
        u1 = bulk(self.p, 1)
        rng = random.Random()
        with Smtp(self.p, user=u1) as s:
            while not self.stopping.is_set():
                to = [bulk(self.p, 2 + n) for n in rng.sample(range(RECIPIENTS), rng.randint(1, 3))]
                token = "%d.%d" % (i, rng.getrandbits(60))
                code, text = s.message(u1, to, header(u1, to[0], "k" + token) + b"\r\n" + b"x" * rng.choice(
                    (10, 3000, 90000)) + b"\r\n", b".\r\n")
                if code == 250:
                    for t in to:
                        self.sent[t].add(token)
                elif code == 0:
                    return
                else:
                    assert code in (451, 452), (code, text)
                    s.command("RSET")
                    time.sleep(0.05)

    def writer(self, i):
        user = bulk(self.p, 2 + RECIPIENTS + i)
        box = self.boxes.setdefault(user, Writer(self.box))
        with Imap(self.p, user=user) as c:
            c.command("CREATE " + self.box)
            c.command("SELECT " + self.box)
            status = c.command("STATUS %s (UIDVALIDITY)" % self.box)[1]
            assert box.validity in (None, status)
            box.validity = status
            while not self.stopping.is_set():
                box.one_act(c)


class Writer:
    """One mailbox as its only client believes it to be."""

    def __init__(self, name):
        self.name, self.rng, self.validity = name, random.Random(), None
        self.uids = {}		# uid -> token, of all that was ever acknowledged
        self.there, self.maybe_gone, self.gone = set(), set(), set()
        self.flagged, self.maybe_flagged = set(), set()
        self.tokens = set()

    def one_act(self, c):
        act = self.rng.random()
        if act < 0.5 or not self.there:
            self.append(c)
        elif act < 0.8:
            uid = self.rng.choice(sorted(self.there))
            self.maybe_flagged.add(uid)
            if c.command("UID STORE %d +FLAGS.SILENT (\\Flagged $K%d)" % (uid, uid % 3))[0].startswith("OK"):
                self.flagged.add(uid)
        else:
            uids = self.rng.sample(sorted(self.there), min(len(self.there), self.rng.randint(1, 5)))
            self.there -= set(uids)
            self.maybe_gone |= set(uids)
            text = ",".join(map(str, uids))
            if c.command("UID STORE %s +FLAGS.SILENT (\\Deleted)" % text)[0].startswith("OK") and \
                    c.command("UID EXPUNGE " + text)[0].startswith("OK"):
                self.gone |= set(uids)

    def append(self, c):
        token = "%d" % self.rng.getrandbits(60)
        self.tokens.add(token)
        data = b"Subject: k" + token.encode() + b"\r\n\r\n" + b"y" * self.rng.choice((10, 3000, 50000)) + b"\r\n"
        c.n += 1
        tag = b"t%d" % c.n
        c.send(tag + b" APPEND %s (\\Seen) {%d+}\r\n" % (self.name.encode(), len(data)) + data + b"\r\n")
        line = b"* "
        while line.startswith(b"* "):
            line = c.line()
        assert line, "closed"
        m = re.match(tag + rb" OK \[APPENDUID (\d+) (\d+)\]", line)
        if m is None:
            time.sleep(0.05)
            return
        uid = int(m.group(2))
        assert m.group(1) in self.validity
        if uid in self.uids:
            raise RuntimeError("UID %d was given twice: %s and %s" % (uid, self.uids[uid], token))
        self.uids[uid] = token
        self.there.add(uid)


def listing(p, user, box):
    """[(uid, flags, token)], STATUS of the mailbox as a dict."""
    with Imap(p, user=user) as c:
        status = c.command("STATUS %s (MESSAGES UNSEEN UIDNEXT)" % box)[1].decode()
        assert c.command("SELECT " + box)[0].startswith("OK")
        text, raw = c.command("FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[]<0.20>)")
        assert text.startswith("OK") or b"* 0 EXISTS" in raw or "BAD" in text, text
    rows = [(int(u), f.decode(), t.decode()) for u, f, t in re.findall(
        rb"UID (\d+) FLAGS \(([^)]*)\) BODY\[HEADER.FIELDS \(SUBJECT\)\] \{\d+\}\r\n(?:Subject: k)?([0-9.]*)", raw)]
    return rows, {k: int(v) for k, v in re.findall(r"([A-Z]+) (\d+)", status.split("(")[-1])}


def check_counters(p, user, box, rows, status):
    assert status["MESSAGES"] == len(rows), (user, box, status, len(rows))
    assert status["UNSEEN"] == sum("\\Seen" not in f for _, f, _ in rows), (user, box, status)
    uids = [u for u, _, _ in rows]
    assert uids == sorted(set(uids)) and (not uids or uids[-1] < status["UIDNEXT"]), (user, box)


def check_all(p, load):
    for user, sent in load.sent.items():
        rows, status = listing(p, user, "INBOX")
        check_counters(p, user, "INBOX", rows, status)
        count = collections.Counter(t for _, _, t in rows if t)
        lost, twice = sent - set(count), [t for t, n in count.items() if n > 1]
        assert not lost and not twice, (user, "lost", sorted(lost)[:3], "twice", twice[:3])
    for user, w in load.boxes.items():
        rows, status = listing(p, user, w.name)
        check_counters(p, user, w.name, rows, status)
        have = {u: (f, t) for u, f, t in rows}
        assert w.there <= set(have), (user, "lost", sorted(w.there - set(have))[:5])
        assert not w.gone & set(have), (user, "came back", sorted(w.gone & set(have))[:5])
        count = collections.Counter(t for _, _, t in rows)
        assert all(n == 1 for n in count.values()), (user, "twice")
        for uid, (flags, token) in have.items():
            assert token in w.tokens and w.uids.get(uid, token) == token, (user, uid, token)
            assert uid not in w.flagged or "\\Flagged" in flags, (user, uid, flags)
            assert uid in w.maybe_flagged or "\\Flagged" not in flags, (user, uid, flags)
    out = p.ctl("audit", "verify")
    assert out.returncode == 0, out.stdout


def store_up(p):
    try:
        with Imap(p, user=bulk(p, 1)) as c:
            return c.command("CREATE up%d" % time.monotonic_ns())[0].startswith("OK")
    except (AssertionError, OSError):
        return False


def new_pid(p, old):
    def other():
        pid = p.pid("mailstored")
        return pid if pid not in (None, old) and os.path.exists("/proc/%d" % pid) else None
    pid = eventually(other)
    assert pid, "mailstored was not started again"
    return pid


def killed_under_load(p):
    load = Load(p)
    load.start()
    try:
        for _ in range(ROUNDS):
            time.sleep(random.uniform(0.3, 1.5))
            pid = new_pid(p, None)
            os.kill(pid, signal.SIGKILL)
            new_pid(p, pid)
            assert eventually(lambda: store_up(p)), "the store does not come back"
        time.sleep(0.5)
    finally:
        load.stop()
    copies, appended = sum(map(len, load.sent.values())), sum(len(w.uids) for w in load.boxes.values())
    print("     %d copies acknowledged, %d appended, %d kills" % (copies, appended, ROUNDS))
    assert copies > 10 * ROUNDS and appended > 5 * ROUNDS
    check_all(p, load)


def stopped_under_load(p):
    """A store that answers late is not one that forgets, or does it twice."""
    load = Load(p)
    load.start()
    try:
        for _ in range(ROUNDS // 2):
            time.sleep(random.uniform(0.2, 0.6))
            pid = new_pid(p, None)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(random.uniform(0.2, 2.0))
            os.kill(pid, signal.SIGCONT)
    finally:
        load.stop()
    assert eventually(lambda: store_up(p))
    check_all(p, load)


def fill(path, leave):
    """A file that takes the free space up to so many octets."""
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                st = os.statvfs(os.path.dirname(path))
                step = st.f_bavail * st.f_frsize - leave
                if step <= 0 and leave > 0:
                    return
                f.write(bytes(max(4096, min(step, 1 << 20))))
        except OSError as e:
            assert e.errno == errno.ENOSPC, e


def full_disk(p):
    """452 and NO, nothing lost, and service goes on when there is room again."""
    load = Load(p)
    load.start()
    filler = os.path.join(p.dir, "filler")
    u1 = bulk(p, 1)
    try:
        time.sleep(1)
        for leave in (48 << 20, 200000, 0, 0):
            fill(filler, leave)
            with Smtp(p, user=u1) as s:
                code, text = s.message(u1, [bulk(p, 2)], header(u1, bulk(p, 2)) + b"\r\n" + b"z" * 100000, b"\r\n.\r\n")
                assert code in (451, 452), (code, text)
            time.sleep(1.5)
            if leave == 0:
                pid = p.pid("mailstored")
                if pid:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(1)
            os.unlink(filler)
            assert eventually(lambda: store_up(p)), "no service after the disk was full"
            time.sleep(0.5)
    finally:
        if os.path.exists(filler):
            os.unlink(filler)
        load.stop()
    check_all(p, load)


def small_disk():
    """A folder on a disk of its own, or None without the right to make one."""
    path = tempfile.mkdtemp(prefix="congvu-disk-")
    mount = ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", path]
    done = os.geteuid() == 0 and subprocess.run(mount).returncode == 0
    if not done:
        os.rmdir(path)
    return path if done else None


TESTS = [killed_under_load, stopped_under_load]

if __name__ == "__main__":
    directory = [a for a in sys.argv[1:] if not a.startswith("-")]
    if directory:
        province = Province(0, directory=directory[0])
        province.read_env()
        province.context = ssl.create_default_context(cafile=province.env["CONGVU_CA"])
        sys.exit(1 if run(TESTS, province) else 0)
    disk = small_disk()
    if disk is None:
        print("skip full_disk: only root may make a small disk")
    try:
        with Province(23500, "--signing", "mark", "--accounts", "12",
                      directory=None if disk is None else os.path.join(disk, "p")) as province:
            failures = run(TESTS + ([full_disk] if disk else []), province)
            if failures:
                province.show_logs()
    finally:
        if disk is not None:
            subprocess.run(["umount", disk], check=False)
            os.rmdir(disk)
    sys.exit(1 if failures else 0)
