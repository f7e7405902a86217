# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What the failure tests share: clients that write down what they were told, and the comparison afterwards.

Traffic runs senders (signed submissions, mail from the internet, and among both what must never leave or arrive), IMAP
writers, readers and idlers. Each message has a token of its own and octets that follow from the token, so every copy can
be compared whole. A thing asked for is "ok", "no" (refused: it must not be there) or "unknown" (the connection went, or
the answer took so long that the server itself could not know: it may be there, whole and at every recipient).
"""
import collections
import itertools
import os
import random
import re
import subprocess
import sys
import threading
import time

from harness import TOP, Imap, Province, Smtp, eventually, join
import scenario  # in tools/, which harness makes known

STRANGER = "la@khach.example"
LATE_S = 20.0		# a 451 after so long ends a repeated, unanswered question to the store
SIZES = (10, 10, 700, 3000, 60000)
CONF = {"relay": "retry = { 1, 1, 2 }", "limits": "policy-time = 5000\n\tsmtp-workers = 2\n\timap-workers = 2"}
RECIPIENTS, WRITERS = range(1, 5), range(5, 9)	# the last writer's mailbox is soon full
SMALL_QUOTA = 400000


def bulk(p, n):
    return p.env["CONGVU_BULK_FORMAT"] % n


def set_quota(p, user, octets):
    """0: none."""
    change = "dn: uid=%s,%s\nchangetype: modify\nreplace: congvuQuota\ncongvuQuota: %d\n" % (
        user.partition("@")[0], p.env["CONGVU_LDAP_PEOPLE"], octets)
    out = subprocess.run(["ldapmodify", "-x", "-H", p.env["CONGVU_LDAP_URI"], "-D", p.env["CONGVU_LDAP_ADMIN_DN"], "-w",
                          p.env["CONGVU_LDAP_ADMIN_PASSWORD"]], input=change, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert out.returncode == 0, out.stdout


class FailingProvince(Province):
    """A province that demands signatures, with short waiting times, whose programs come back at once."""

    def __init__(self, port_base, *options, directory=None, environment=None):
        super().__init__(port_base, "--accounts", "10", *options, directory=directory)
        self.environment = dict(environment or {}, CONGVU_RESTART_MAX_S="0.2")

    def __enter__(self):
        os.environ.update(self.environment)
        super().__enter__()
        for name in self.environment:
            del os.environ[name]
        with open(self.env["CONGVU_CONF"]) as f:
            text = f.read()
        for section, keys in CONF.items():
            start = "\n%s {" % section
            text = text.replace(start, "%s %s\n\t" % (start, keys)) if start in text else "%s%s %s }\n" % (text, start, keys)
        with open(self.env["CONGVU_CONF"], "w") as f:
            f.write(text)
        before = self.env["CONGVU_PIDS"]
        for word in before.split():
            os.kill(int(word.partition(":")[2]), 15)
        assert eventually(lambda: self.all_new(before)), "the programs do not end at SIGTERM"
        self.wait_ready()
        set_quota(self, bulk(self, WRITERS[-1]), SMALL_QUOTA)
        return self

    def all_new(self, before):
        self.read_env()
        return len(self.env["CONGVU_PIDS"].split()) == 5 and not set(before.split()) & set(self.env["CONGVU_PIDS"].split())

    def wait_ready(self):
        subprocess.run([sys.executable, os.path.join(TOP, "tools/wait-ready.py"), self.dir], check=True)


# ---- messages ----

class Message:
    """One message: what was asked for, and what came of it."""

    __slots__ = ("token", "sender", "to", "kind", "size", "outcome", "said")

    def __init__(self, token, sender, to, kind, size):
        self.token, self.sender, self.to, self.kind, self.size = token, sender, to, kind, size
        self.outcome, self.said = None, ""


class Writer:
    """Makes messages: the signed part is made once for each official, kind and size, the token is a header field."""

    def __init__(self, p):
        self.tools, self.made, self.lock = scenario.Province(p.dir), {}, threading.Lock()
        self.numbers = {self.tools.user(n)[0]: n for n in (1, 2, 3, 4)}

    def entity(self, sender, kind, size):
        with self.lock:
            key = (sender, kind, size)
            if key not in self.made:
                self.made[key] = self.make(*key)
            return self.made[key]

    def make(self, sender, kind, size):
        text = "xin chao\n" * (size // 9 + 1)
        if kind == "mat":
            text = "S\u1ede N\u1ed8I V\u1ee4\nM\u1eacT\n" + text
        entity = self.tools.text_entity(text)
        if kind == "opaque":
            entity = self.tools.mixed_entity("xin chao\n", "a.bin", "application/octet-stream",
                                             random.Random(size).randbytes(20000))
        n = self.numbers.get(sender)
        if n is None or kind == "unsigned":
            return b"MIME-Version: 1.0\r\n" + entity
        _, cert, key = self.tools.user(n % 4 + 1 if kind == "other" else n)
        signed = self.tools.sign(entity, cert, key)
        if kind == "altered":
            at = signed.index(b"base64\r\n\r\n") + 10
            signed = signed[:at] + b"QU" + signed[at + 2:]
        return signed

    def octets(self, m):
        head = ("From: <%s>\r\nTo: <%s>\r\nSubject: k%s\r\nDate: Sun, 22 Nov 2026 10:00:00 +0700\r\n"
                "Message-ID: <%s@test.example>\r\n" % (m.sender, m.to[0], m.token, m.token)).encode()
        return head + self.entity(m.sender, m.kind, m.size)


# What an official may not send outside, and a stranger not inside.
BAD_OUT = ("mat", "opaque", "unsigned", "other", "altered")


def appended(token, size):
    return b"Subject: k" + token.encode() + b"\r\nFrom: <x@y.example>\r\n\r\n" + b"y" * size + b"\r\n"


# ---- clients ----

class Client(Imap):
    """IMAP with whole answers: [(octets, [literal, ...])], each untagged line with its literals taken out."""

    def response(self):
        line, literals = b"", []
        while True:
            piece = self.line()
            if not piece.endswith(b"\r\n"):
                raise OSError("closed")
            m = re.search(rb"\{(\d+)\}\r\n$", piece)
            if m is None:
                return line + piece[:-2], literals
            line += piece[:m.start()] + b"{}"
            data = self.file.read(int(m.group(1)))
            if len(data) < int(m.group(1)):
                raise OSError("closed")
            literals.append(data)

    def do(self, command, data=None):
        """(tagged answer, untagged ones); OSError when the connection goes."""
        self.n += 1
        tag = b"t%d " % self.n
        self.sock.sendall(tag + command.encode() + (b"" if data is None else b" {%d+}\r\n" % len(data) + data) + b"\r\n")
        got = []
        while True:
            line, literals = self.response()
            if line.startswith(tag):
                return line[len(tag):].decode(), got
            if line.startswith(b"* BYE"):
                raise OSError(line.decode())
            got.append((line, literals))


class Box:
    """A mailbox as its only writer believes it to be."""

    def __init__(self, name):
        self.name, self.validity = name, None
        self.ever, self.there, self.gone = {}, set(), set()	# uid -> token; uids
        self.flagged, self.maybe_flagged, self.last = set(), set(), 0
        self.maybe = {}		# token -> group that may be here, whole or not

    def got(self, uid, token):
        if uid <= self.last:
            raise RuntimeError("UID %d after %d in %s" % (uid, self.last, self.name))
        self.last, self.ever[uid] = uid, token
        self.there.add(uid)


class Account:
    """One IMAP account with one writer: two mailboxes, and names that come and go."""

    def __init__(self, p, user):
        self.p, self.user, self.rng, self.names = p, user, random.Random(), {}
        self.stem = "w%d" % time.monotonic_ns()
        self.a, self.b = Box(self.stem + "a"), Box(self.stem + "b")
        self.copied, self.groups, self.counts = set(), [], collections.Counter()
        self.sizes, self.closed = {}, False
        self.quota = SMALL_QUOTA if user == bulk(p, WRITERS[-1]) else 0

    def session(self, stopping):
        with Client(self.p, user=self.user) as c:
            for box in (self.b, self.a):
                c.do("CREATE " + box.name)
                status, got = c.do("SELECT " + box.name)
                if not status.startswith("OK"):
                    return
                validity = re.search(rb"UIDVALIDITY (\d+)", b" ".join(g[0] for g in got)).group(1)
                if box.validity not in (None, validity):
                    raise RuntimeError("UIDVALIDITY of %s changed" % box.name)
                box.validity = validity
            while not stopping.is_set() and not self.closed:
                self.act(c)
        self.closed = False

    def ask(self, c, what, *command):
        """"ok", "no" or "unknown" (after which the session may be closed), with the tagged answer."""
        began, text = time.monotonic(), ""
        try:
            text, _ = c.do(*command)
        except (OSError, ValueError):
            self.closed = True
        late = time.monotonic() - began > LATE_S
        outcome = "ok" if text.startswith("OK") else "unknown" if self.closed or late or "UNAVAILABLE" in text else "no"
        self.counts[what, outcome] += 1
        if outcome != "ok":
            time.sleep(0.05)
        return outcome, text

    def act(self, c):
        x = self.rng.random()
        if x < 0.4 or not self.a.there:
            self.append(c)
        elif x < 0.6:
            self.flag(c)
        elif x < 0.75:
            self.expunge(c)
        elif x < 0.95:
            self.copy(c, self.rng.random() < 0.5)
        else:
            self.rename(c)

    def append(self, c):
        token, size = "%d" % self.rng.getrandbits(60), self.rng.choice(SIZES)
        self.sizes[token] = size
        self.a.maybe[token] = None
        outcome, text = self.ask(c, "append", "APPEND %s (\\Seen)" % self.a.name, appended(token, size))
        if outcome == "ok":
            m = re.search(r"APPENDUID (\d+) (\d+)", text)
            del self.a.maybe[token]
            self.a.got(int(m.group(2)), token)
        elif outcome == "no":
            del self.a.maybe[token]

    def flag(self, c):
        uid = self.rng.choice(sorted(self.a.there))
        self.a.maybe_flagged.add(uid)
        outcome, _ = self.ask(c, "store", "UID STORE %d +FLAGS.SILENT (\\Flagged $K%d)" % (uid, uid % 3))
        if outcome == "ok":
            self.a.flagged.add(uid)

    def some(self, uids, n):
        return sorted(self.rng.sample(sorted(uids), min(len(uids), self.rng.randint(1, n))))

    def expunge(self, c):
        uids = self.some(self.a.there, 5)
        text = ",".join(map(str, uids))
        self.a.there -= set(uids)
        if self.ask(c, "store", "UID STORE %s +FLAGS.SILENT (\\Deleted)" % text)[0] == "ok" and \
                self.ask(c, "expunge", "UID EXPUNGE " + text)[0] == "ok":
            self.a.gone |= set(uids)

    def copy(self, c, move):
        uids = self.some({u for u in self.a.there if self.a.ever[u] not in self.copied}, 4) if self.a.there else []
        if not uids:
            return
        tokens = [self.a.ever[u] for u in uids]
        self.copied |= set(tokens)
        group = {"tokens": tokens, "move": move, "uids": uids}
        for t in tokens:
            self.b.maybe[t] = group
        if move:
            self.a.there -= set(uids)
        outcome, text = self.ask(c, "move" if move else "copy", "UID %s %s %s" % (
            "MOVE" if move else "COPY", ",".join(map(str, uids)), self.b.name))
        if outcome == "unknown":
            self.groups.append(group)
            return
        for t in tokens:
            del self.b.maybe[t]
        if outcome == "no":
            self.a.there |= set(uids) if move else set()
            return
        if move:
            self.a.gone |= set(uids)
        m = re.search(r"COPYUID \d+ (\S+) (\S+?)\]", text)
        if m is None:	# of a MOVE it stands in an untagged answer: the UIDs are read at the end
            for t in tokens:
                self.b.maybe[t] = "certain"
            return
        for t, uid in zip(tokens, numbers(m.group(2))):
            self.b.got(uid, t)

    def rename(self, c):
        name = "%sn%d" % (self.stem, self.rng.getrandbits(40))
        self.names[name] = "unknown"
        self.names[name] = self.ask(c, "create", "CREATE " + name)[0]
        if self.names[name] == "ok" and self.rng.random() < 0.5:
            other = name + "r"
            outcome = self.ask(c, "rename", "RENAME %s %s" % (name, other))[0]
            self.names[name], self.names[other] = {
                "ok": ("no", "ok"), "no": ("ok", "no")}.get(outcome, ("unknown", "unknown"))


def numbers(text):
    for piece in text.split(","):
        lo, _, hi = piece.partition(":")
        yield from range(int(lo), int(hi or lo) + 1)


class Traffic:
    """All the clients. start(), then stop(), then check()."""

    def __init__(self, p, submitters=5, strangers=3, writer=None):
        self.p, self.stopping, self.threads, self.errors = p, threading.Event(), [], []
        self.sent, self.writer, self.serial = [], writer or Writer(p), itertools.count(1)
        self.stem = "%d" % (time.time_ns() // 1000000 % 10**9)
        self.accounts = [Account(p, bulk(p, n)) for n in WRITERS]
        self.jobs = [(self.submit, i) for i in range(submitters)] + [(self.receive, i) for i in range(strangers)] + \
            [(self.write, a) for a in self.accounts] + [(self.idle, 1), (self.idle, 2), (self.read, 3)]
        self.heard, self.fetched = 0, 0

    def __enter__(self):
        for fn, arg in self.jobs:
            t = threading.Thread(target=self.guard, args=(fn, arg), daemon=True, name="%s %s" % (fn.__name__, arg))
            t.start()
            self.threads.append(t)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        join(*self.threads)
        self.threads = []

    def guard(self, fn, arg):
        while not self.stopping.is_set():
            try:
                fn(arg)
            except (AssertionError, OSError, ValueError, IndexError, AttributeError):
                pass		# the server closed, or did not greet: begin anew
            except Exception as e:
                self.errors.append(repr(e))
                return
            self.stopping.wait(0.1)

    # -- SMTP --

    def submit(self, i):
        user = self.p.env["CONGVU_USER%d" % (i % 4 + 1)]
        with Smtp(self.p, "SUBMISSIONS_INTERNET" if i == 4 else "SUBMISSIONS", user=user) as s:
            self.send_all(s, user, random.Random())

    def receive(self, i):
        with Smtp(self.p, "SMTP", tls=False) as s:
            self.send_all(s, STRANGER, random.Random())

    def draw(self, sender, rng):
        token = "%s.%d" % (self.stem, next(self.serial))
        to = [bulk(self.p, n) for n in rng.sample(RECIPIENTS, rng.randint(1, 3))]
        kind = "text"
        if sender == STRANGER:
            kind = "mat" if rng.random() < 0.15 else "text"
        elif rng.random() < 0.3:
            kind = rng.choice(BAD_OUT)
            to = to[:rng.randint(0, 1)] + ["x%d@internet.example" % rng.randint(1, 3)]
        elif rng.random() < 0.5:
            to = to[:rng.randint(0, 2)] + ["y%d@internet.example" % rng.randint(1, 3)]
        return Message(token, sender, to, kind, rng.choice(SIZES))

    def send_all(self, s, sender, rng):
        while not self.stopping.is_set():
            m = self.draw(sender, rng)
            self.sent.append(m)
            code = self.send(s, m)
            if code in (0, 421):
                return
            if code >= 400:
                s.command("RSET")
                self.stopping.wait(0.02 if code >= 500 else 0.1)

    def send(self, s, m):
        m.outcome = "no"
        for line in ["MAIL FROM:<%s>" % m.sender] + ["RCPT TO:<%s>" % t for t in m.to] + ["DATA"]:
            code, m.said = s.command(line)
            if code == 0 or code >= 400:
                return code
        data = self.writer.octets(m) + b".\r\n"
        s.sock.sendall(data[:-3])
        began = time.monotonic()
        m.outcome = "unknown"
        s.sock.sendall(data[-3:])
        code, m.said = s.reply()
        if code >= 400 and (code != 451 or time.monotonic() - began < LATE_S):
            m.outcome = "no"
        elif code == 250:
            m.outcome = "ok"
        m.said = "%d %s" % (code, m.said)
        return code

    # -- IMAP --

    def write(self, account):
        account.session(self.stopping)

    def idle(self, n):
        with Client(self.p, user=bulk(self.p, n)) as c:
            c.do("SELECT INBOX")
            c.sock.settimeout(1.0)
            c.sock.sendall(b"i IDLE\r\n")
            buf = b""
            while not self.stopping.is_set():
                try:
                    piece = c.sock.recv(4096)
                except TimeoutError:
                    continue
                if not piece:
                    return
                buf = (buf + piece)[-100:]
                self.heard += piece.count(b" EXISTS")

    def read(self, n):
        with Client(self.p, user=bulk(self.p, n)) as c:
            c.do("SELECT INBOX")
            while not self.stopping.is_set():
                c.do("NOOP")
                _, got = c.do("UID FETCH *:* BODY%s[]" % random.choice(("", ".PEEK")))
                for line, literals in got:
                    if literals and not re.search(rb"^Subject: k\S+\r\n", literals[0], re.M):
                        raise RuntimeError("a broken message: %r" % literals[0][:200])
                    self.fetched += 1
                self.stopping.wait(0.02)

    # -- afterwards --

    def count(self, outcome, good):
        return sum(m.outcome == outcome and (m.kind == "text") == good for m in self.sent)

    def told(self):
        acts = sum((a.counts for a in self.accounts), collections.Counter())
        per = collections.Counter()
        for (_, outcome), n in acts.items():
            per[outcome] += n
        return "mail ok %d no %d unknown %d; forbidden no %d unknown %d; IMAP ok %d no %d unknown %d; heard %d read %d" % (
            self.count("ok", True), self.count("no", True), self.count("unknown", True), self.count("no", False),
            self.count("unknown", False), per["ok"], per["no"], per["unknown"], self.heard, self.fetched)
