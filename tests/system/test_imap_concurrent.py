#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Several IMAP sessions in one mailbox while mail arrives. Each keeps a model made of nothing but untagged responses;
it must be what is there whenever all are quiet, and no response may contradict it.

test_imap_concurrent.py [--long] [--seed N]
"""
import random
import re
import sys
import threading
import time

from harness import Imap, Province, Smtp, header, join, run

LONG = "--long" in sys.argv
SEED = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else random.getrandbits(30)
SESSIONS, SECONDS, ROUND_S = 6, 300 if LONG else 15, 1.5

KEEPS = ("FETCH", "STORE", "SEARCH")   # no EXPUNGE during these (RFC 3501 7.4.1)
MESSAGE = b"Subject: a\r\n\r\nb\r\n"


class Entry:
    """A message as the client knows it; uid and flags are None until it was told."""

    def __init__(self):
        self.uid, self.flags = None, None


class Client:
    def __init__(self, p, user, box, seed):
        self.rng, self.box = random.Random(seed), box
        self.c = Imap(p, user=user)
        self.recent, self.waiting, self.log = set(), [], []
        self.entries = []
        self.select()

    # ---- the wire ----

    def response(self):
        """One response with the literals in it."""
        line = self.c.line()
        assert line.endswith(b"\r\n"), "the connection ended: %r" % line
        while True:
            m = re.search(rb"\{(\d+)\}\r\n$", line)
            if m is None:
                self.log = self.log[-30:] + ["S: %r" % line]
                return line.decode()
            line = line[:m.start()] + b"<" + self.c.file.read(int(m.group(1))) + b">" + self.c.line()

    def send(self, text, data=None):
        self.c.n += 1
        tag = "t%d" % self.c.n
        self.log = self.log[-30:] + ["C: %s %s" % (tag, text)]
        literal = b"" if data is None else b" {%d+}\r\n" % len(data) + data
        self.c.send(("%s %s" % (tag, text)).encode() + literal + b"\r\n")
        self.waiting.append((tag, text))

    def finish(self):
        """Read until the oldest command is answered: its status."""
        tag, text = self.waiting.pop(0)
        while True:
            line = self.response()
            if line.startswith(tag + " "):
                status = line[len(tag) + 1:].strip()
                assert re.match(r"OK|NO \[EXPUNGEISSUED\]", status), (text, status)
                return status
            self.hear(line, text)

    def command(self, text, data=None):
        self.send(text, data)
        return self.finish()

    # ---- what is heard ----

    def hear(self, line, text):
        m = re.match(r"\* (\d+) (EXPUNGE|EXISTS|RECENT|FETCH)\b(.*)", line, re.S)
        if m is None:
            self.hear_search(line, text)
            return
        n, what = int(m.group(1)), m.group(2)
        if what == "EXPUNGE":
            assert text.split(" ")[0] not in KEEPS, (text, line)
            assert 1 <= n <= len(self.entries), (text, line, len(self.entries))
            del self.entries[n - 1]
        elif what == "EXISTS":
            assert n >= len(self.entries), (text, line, len(self.entries))
            self.entries += [Entry() for _ in range(n - len(self.entries))]
        elif what == "RECENT":
            assert n <= len(self.entries), (text, line, len(self.entries))
            self.told_recent = n  # must come with SELECT and EXISTS
        else:
            self.hear_fetch(n, m.group(3), text)

    def hear_search(self, line, text):
        assert line.startswith(("* SEARCH", "* OK [", "* FLAGS (")), (text, line)
        numbers = [int(n) for n in line.split()[2:]] if line.startswith("* SEARCH") else []
        assert numbers == sorted(set(numbers)), (text, line)
        if text.startswith("SEARCH"):
            assert all(1 <= n <= len(self.entries) for n in numbers), (text, line, len(self.entries))
        if text.startswith("UID SEARCH") and all(e.uid for e in self.entries):
            assert set(numbers) <= {e.uid for e in self.entries}, (text, line)

    def hear_fetch(self, n, rest, text):
        assert 1 <= n <= len(self.entries), (text, n, rest, len(self.entries))
        e, uid = self.entries[n - 1], re.search(r"UID (\d+)", rest)
        assert uid or not text.startswith("UID "), (text, n, rest)
        if uid:
            uid = int(uid.group(1))
            assert e.uid in (None, uid), (text, n, "was", e.uid, "is", uid)
            e.uid = uid
            known = [x.uid for x in self.entries if x.uid]
            assert known == sorted(set(known)), (text, n, uid)
        flags = re.search(r"FLAGS \(([^)]*)\)", rest)
        if flags:
            e.flags = set(flags.group(1).lower().split())
            if "\\recent" in e.flags and e.uid:
                self.recent.add(e.uid)
                self.recent_now.add(e.uid)
            e.flags.discard("\\recent")

    # ---- what is done ----

    def select(self):
        """Everything that was known is forgotten; so are the marks of what was recent, once they were seen."""
        while any(e.uid is None or e.flags is None for e in self.entries):
            self.look()
            self.command("NOOP")  # what is gone is told by this
        self.entries, self.recent_now = [], set()
        self.command("SELECT " + self.box)
        self.look()

    def look(self, items="UID FLAGS"):
        if self.entries:
            self.command("FETCH 1:* (%s)" % items)

    def some(self):
        n = len(self.entries)
        return ",".join("%d:%d" % tuple(sorted((self.rng.randint(1, n), self.rng.randint(1, n))))
                        if self.rng.random() < 0.2 else str(self.rng.randint(1, n))
                        for _ in range(self.rng.randint(1, 3)))

    def uids(self):
        known = [e for e in self.entries if e.uid]
        return self.rng.sample(known, min(len(known), self.rng.randint(1, 4)))

    def uid_set(self, entries):
        return ",".join(str(e.uid) for e in entries) or "1"

    def silent(self):
        """With .SILENT the client takes for granted what it asked for, unless it is told something else."""
        op, flag, entries = self.rng.choice("+-"), self.rng.choice(("\\answered", "\\draft", "$k2")), self.uids()
        for e in entries:
            if e.flags is not None:
                (e.flags.add if op == "+" else e.flags.discard)(flag)
        self.command("UID STORE %s %sFLAGS.SILENT (%s)" % (self.uid_set(entries), op, flag))

    def idle(self):
        self.send("IDLE")
        line = self.response()
        while not line.startswith("+"):
            self.hear(line, "IDLE")
            line = self.response()
        time.sleep(self.rng.random() * 0.05)
        self.c.send(b"DONE\r\n")
        self.finish()

    def in_flight(self):
        """Commands whose meaning does not depend on numbers may be sent all at once."""
        self.send("UID FETCH %s (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])" % self.uid_set(self.uids()))
        self.send("UID SEARCH ALL")
        self.send("NOOP")
        self.send("UID STORE %s +FLAGS (\\Seen)" % self.uid_set(self.uids()))
        self.send("UID FETCH 1:* (UID)")
        while self.waiting:
            self.finish()

    def step(self):
        rng, n = self.rng, len(self.entries)
        acts = [(8, lambda: self.command("APPEND " + self.box, MESSAGE))]
        if n >= 6:
            acts += [
                # Few: what a client asks for hides what it was not told.
                (3, lambda: self.command("FETCH %s (UID FLAGS)" % self.some())),
                (4, lambda: self.look("UID")),
                (4, lambda: self.command("FETCH %s (FLAGS BODY[TEXT])" % self.some())),
                (12, lambda: self.command("STORE %s %sFLAGS (%s)" % (
                    self.some(), rng.choice("+-"), rng.choice(("\\Seen", "\\Flagged", "$K1"))))),
                (10, self.silent),
                (8, lambda: self.command("STORE %s +FLAGS (\\Deleted)" % self.some())),
                (8, lambda: self.command("EXPUNGE")),
                (4, lambda: self.command("UID EXPUNGE %s" % self.uid_set(self.uids()))),
                (3, lambda: self.command("COPY %s %s" % (self.some(), self.box))),
                (3, lambda: self.command("UID COPY %s %s" % (self.uid_set(self.uids()), self.box))),
                (3, lambda: self.command("UID MOVE %s %s" % (self.uid_set(self.uids()), self.box))),
                (2, lambda: self.command("MOVE %d %s" % (rng.randint(1, n), self.box))),
                (5, lambda: self.command("SEARCH " + rng.choice(("ALL", "UNSEEN", "1:*", "DELETED", "RECENT")))),
                (3, lambda: self.command("UID SEARCH " + rng.choice(("ALL", "KEYWORD $K1", "NOT SEEN")))),
                (3, lambda: self.command("CHECK")), (5, lambda: self.command("NOOP")), (5, self.idle),
                (5, self.in_flight), (1, self.select)]
        rng.choices([a for _, a in acts], [w for w, _ in acts])[0]()

    def must_be(self, truth):
        """truth: [(uid, flags)] as a session that looks for the first time sees it."""
        self.command("NOOP")
        have = [(e.uid or uid, flags if e.flags is None else e.flags) for e, (uid, flags) in zip(self.entries, truth)]
        assert len(self.entries) == len(truth), (len(self.entries), len(truth))
        assert have == truth, [(h, t) for h, t in zip(have, truth) if h != t]


def look_anew(p, user, box):
    with Imap(p, user=user) as c:
        c.command("EXAMINE " + box)
        _, got = c.command("UID FETCH 1:* (FLAGS)")
    return [(int(uid), set(flags.decode().lower().split()) - {"\\recent"})
            for flags, uid in re.findall(rb"\* \d+ FETCH \(FLAGS \(([^)]*)\) UID (\d+)\)", got)]


class Crowd:
    """The sessions and the one that sends mail, in rounds; between rounds all are quiet."""

    def __init__(self, p, user, sender, sessions, messages=0):
        self.p, self.user, self.sender, self.box = p, user, sender, "INBOX"
        self.fill(messages)
        self.before = max(uid for uid, _ in look_anew(p, user, self.box))  # recent to the session that filled it
        self.clients = [Client(p, user, self.box, SEED + i) for i in range(sessions)]
        self.errors, self.delivered, self.steps = [], 0, 0

    def fill(self, messages):
        with Imap(self.p, user=self.user) as c:
            c.command("SELECT " + self.box)
            n = 1
            c.send(b"a APPEND %s {%d+}\r\n" % (self.box.encode(), len(MESSAGE)) + MESSAGE + b"\r\n")
            line = c.until(b"a ")
            assert line.startswith(b"a OK"), line
            while n < messages:
                some = min(n, messages - n)
                status, _ = c.command("UID COPY 1:%d %s" % (some, self.box))
                assert status.startswith("OK"), status
                n += some

    def guard(self, work, end, client=None):
        try:
            while time.monotonic() < end and not self.errors:
                work()
        except Exception as e:
            self.errors.append("seed %d: %r\n%s" % (SEED, e, "\n".join(client.log[-12:] if client else [])))

    def deliver(self):
        with Smtp(self.p, user=self.sender) as s:
            code, text = s.message(self.sender, [self.user], header(self.sender, self.user) + b"\r\nthu\r\n")
        assert code == 250, (code, text)
        self.delivered += 1
        time.sleep(0.02)

    def step(self, client):
        client.step()
        self.steps += 1

    def round(self):
        end = time.monotonic() + ROUND_S
        threads = [threading.Thread(target=self.guard, args=(lambda c=c: self.step(c), end, c), daemon=True) for c in self.clients]
        threads.append(threading.Thread(target=self.guard, args=(self.deliver, end), daemon=True))
        for t in threads:
            t.start()
        join(*threads)
        assert not self.errors, self.errors[0]
        # Nobody is told what a session that looks anew does not see; the sessions are told the rest by NOOP.
        truth = look_anew(self.p, self.user, self.box)
        for c in self.clients:
            c.must_be(truth)


def work(crowd, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end or crowd.delivered <= 10:
        crowd.round()
    print("     seed %d: %d commands, %d messages delivered" % (SEED, crowd.steps, crowd.delivered))
    assert crowd.delivered > 10
    recent_once(crowd)


def every_model_is_what_is_there(p):
    bulk = p.env["CONGVU_BULK_FORMAT"]
    work(Crowd(p, bulk % 1, bulk % 2, SESSIONS), SECONDS)


def a_large_mailbox_is_the_same_for_all(p):
    """So large that the worker keeps its UIDs for the next SELECT."""
    bulk = p.env["CONGVU_BULK_FORMAT"]
    work(Crowd(p, bulk % 4, bulk % 2, 3, 2010), SECONDS / 3)


def recent_once(crowd):
    """Each message was recent in one session, and only one."""
    for c in crowd.clients:
        c.look()
    seen = [c.recent for c in crowd.clients]
    for i, a in enumerate(seen):
        for b in seen[i + 1:]:
            assert not a & b, sorted(a & b)
    there = {uid for uid, _ in look_anew(crowd.p, crowd.user, crowd.box) if uid > crowd.before}
    assert there <= set().union(*seen), sorted(there - set().union(*seen))
    for c in crowd.clients:
        now = sum(1 for e in c.entries if e.uid in c.recent_now)
        status, got = c.c.command("SEARCH RECENT")
        assert status.startswith("OK") and len(got.split()) - 2 == now, (got, now)


def another_sees_nothing_of_it(p):
    """No name leads into the mailbox of another account, and numbers are those of the own one."""
    owner, other = p.env["CONGVU_BULK_FORMAT"] % 1, p.env["CONGVU_BULK_FORMAT"] % 3
    local = owner.split("@")[0]
    with Imap(p, user=owner) as a, Imap(p, user=other) as b:
        assert a.command("CREATE rieng")[0].startswith(("OK", "NO [ALREADYEXISTS]"))
        for name in ("rieng", "~%s/rieng" % local, "#user/%s" % local, "user/%s" % local, "%s/INBOX" % owner,
                     "Other Users/%s" % local, "/%s/rieng" % local, "../%s/rieng" % local, "INBOX/../%s" % local):
            for command in ('SELECT "%s"', 'EXAMINE "%s"', 'STATUS "%s" (MESSAGES)', 'DELETE "%s"', 'RENAME "%s" x'):
                status, _ = b.command(command % name)
                assert status.startswith("NO ["), (command % name, status)
        for pattern in ('"" "*rieng*"', '"~%s" "*"' % local, '"#" "*"', '"user/" "*"', '"../" "*"'):
            assert b.command("LIST " + pattern)[1] == b"", pattern
        assert b.command("SELECT INBOX")[0].startswith("OK")
        assert b"EXISTS" not in b.command("UID FETCH 1:* (UID)")[1]


TESTS = [every_model_is_what_is_there, a_large_mailbox_is_the_same_for_all, another_sees_nothing_of_it]

if __name__ == "__main__":
    with Province(24700, "--signing", "mark", "--accounts", "4") as province:
        failures = run(TESTS, province)
        if failures:
            province.show_logs()
    sys.exit(1 if failures else 0)
