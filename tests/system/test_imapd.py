#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""imapd with the real programs behind it, and real clients in front: imaplib, mbsync, curl, raw sockets."""
import imaplib
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from harness import Imap, MachineClock, Province, eventually, join, run

MESSAGE = (b"From: <a@b.example>\r\nTo: <c@d.example>\r\nSubject: thu\r\nDate: Mon, 02 Feb 2026 08:00:00 +0700\r\n"
           b"Message-ID: <%s@test.example>\r\n\r\nxin chao\r\n")
MARKED = MESSAGE.replace(b"Subject: thu", b"X-Do-Mat: mat\r\nSubject: [MAT] thu")
IDLE_MEMORY_KB = 64
CLOCK = MachineClock()


def append(c, box, message):
    """Without waiting for leave: LITERAL+."""
    c.n += 1
    tag = b"t%d" % c.n
    c.send(b"%s APPEND %s {%d+}\r\n%s\r\n" % (tag, box.encode(), len(message), message))
    while True:
        line = c.line()
        if not line or line.startswith(tag + b" "):
            return line[len(tag) + 1:].decode().strip()


def octets_come_back(p):
    with Imap(p, user=p.env["CONGVU_USER1"]) as c:
        assert c.command("CREATE Octet")[0].startswith("OK")
        big = (MESSAGE % b"lon") + b"dong thu\r\n" * 200000
        for m in (MESSAGE % b"nho", big):
            assert append(c, "Octet", m).startswith("OK [APPENDUID"), m[:20]
        assert c.command("SELECT Octet")[0].startswith("OK [READ-WRITE]")
        for n, m in ((1, MESSAGE % b"nho"), (2, big)):
            got = c.command("FETCH %d BODY.PEEK[]" % n)[1]
            assert m in got and len(got) < len(m) + 100, len(got)
        assert b"* SEARCH 1 2" in c.command("SEARCH BODY \"XIN CHAO\"")[1]
        assert b"* SEARCH 2" in c.command("SEARCH LARGER 100000")[1]
        assert c.command("UID COPY 1 Octet")[0].startswith("OK [COPYUID")
        assert c.command("STORE 1:2 +FLAGS.SILENT (\\Deleted)")[0].startswith("OK")
        assert c.command("EXPUNGE")[1].count(b"EXPUNGE") == 2
        assert c.command("CLOSE")[0].startswith("OK") and c.command("DELETE Octet")[0].startswith("OK")


def idle_learns_at_once(p):
    user = p.env["CONGVU_USER1"]
    with Imap(p, user=user) as idle, Imap(p, user=user) as other:
        assert idle.command("SELECT INBOX")[0].startswith("OK")
        idle.send(b"i IDLE\r\n")
        assert idle.line().startswith(b"+")
        waits = []
        for n in range(5):
            done = threading.Thread(target=append, args=(other, "INBOX", MESSAGE % b"idle%d" % n), daemon=True)
            began = CLOCK.now()
            done.start()
            line = idle.line()
            waits.append(CLOCK.now() - began)
            join(done)
            assert b"EXISTS" in line, line
            assert b"RECENT" in idle.line()
        assert max(waits) < 1.0, waits
        idle.send(b"DONE\r\n")
        assert idle.line().startswith(b"i OK")


def zones_are_two_worlds(p):
    user = p.env["CONGVU_USER1"]
    with Imap(p, user=user) as inside, Imap(p, "IMAPS_INTERNET", user=user) as outside:
        assert append(inside, "INBOX", MARKED % b"m1").startswith("NO [CANNOT] ")
        assert append(inside, "M&Hq0-t", MARKED % b"m2").startswith("OK [APPENDUID")
        assert append(outside, "INBOX", MARKED % b"m3").startswith("NO [CANNOT] ")
        assert b"M&Hq0-t" in inside.command('LIST "" "*"')[1]
        assert inside.command("SUBSCRIBE M&Hq0-t")[0].startswith("OK")
        for command in ('LIST "" "*"', 'LSUB "" "*"', 'LIST (SUBSCRIBED) "" "*"', 'LIST "" "M*" RETURN (STATUS (MESSAGES))'):
            status, got = outside.command(command)
            assert status.startswith("OK") and b"M&" not in got, got
        want = outside.command("SELECT a//b")[0]
        for command in ("SELECT", "EXAMINE", "CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE"):
            for name in ("M&Hq0-t", "m&HqwA-t", "M&AOIDIw-t", "M&HqEDAg-t", "M&Hq0-t/x", "M&HqwA-T"):
                status = outside.command("%s %s" % (command, name))[0]
                assert status == want or "M&HqwA" in name.upper(), (command, name, status)
        assert inside.command("SELECT INBOX")[0].startswith("OK")
        assert outside.command("SELECT INBOX")[0].startswith("OK")
        assert outside.command("COPY 1 M&Hq0-t")[0].startswith("NO [CANNOT]")
        assert inside.command("COPY 1 M&Hq0-t")[0].startswith("OK [COPYUID")	# in it may go, out it may not
        assert inside.command("SELECT M&Hq0-t")[0].startswith("OK")
        assert inside.command("UID MOVE 1:* INBOX")[0].startswith("NO [CANNOT]")
        audit = p.ctl("audit", "list", "--json").stdout
        assert audit.count('"append"') >= 3, audit[-2000:]


def sign_in_outcomes(p):
    with Imap(p) as c:
        began = time.monotonic()
        assert c.command("LOGIN %s sai" % p.env["CONGVU_USER2"])[0].startswith("NO [AUTHENTICATIONFAILED]")
        assert time.monotonic() - began > 1.0
    with Imap(p, "IMAP", tls=False) as c:
        assert b"LOGINDISABLED" in c.greeting and b"AUTH=" not in c.greeting
        assert c.command("LOGIN a b")[0].startswith("NO [PRIVACYREQUIRED]")
        assert c.command("AUTHENTICATE PLAIN AGEAYg==")[0].startswith("NO [PRIVACYREQUIRED]")


def starttls(p):
    with imaplib.IMAP4("127.0.0.1", p.port("IMAP")) as m:
        m.starttls(loose(p))
        m.login(p.env["CONGVU_USER1"], p.env["CONGVU_PASS"])
        assert m.select("INBOX", readonly=True)[0] == "OK"
    with Imap(p, "IMAP", tls=False) as c:
        c.send(b"a STARTTLS\r\nb NOOP\r\n")
        assert c.line().startswith(b"* BYE") and c.line() == b""


def loose(p):
    context = ssl.create_default_context(cafile=p.env["CONGVU_CA"])
    context.check_hostname = False
    return context


def foreign_alpn_is_refused(p):
    context = loose(p)
    context.set_alpn_protocols(["http/1.1"])
    with socket.create_connection(("127.0.0.1", p.port("IMAPS")), 20) as s:
        try:
            context.wrap_socket(s)
        except (ssl.SSLError, ConnectionError):
            return
    raise AssertionError("a browser was let in")


def literals_before_sign_in(p):
    with Imap(p) as c:
        assert c.command("LOGIN {8193}")[0].startswith("BAD [TOOBIG]")
    with Imap(p) as c:
        c.send(b"a LOGIN {99999999+}\r\n")
        assert c.line().startswith(b"* BYE [TOOBIG]") and c.line() == b""


class Model:
    """A client that believes the server: numbers move only with EXPUNGE and EXISTS, and stand for one UID each."""

    def __init__(self, p, box):
        self.imap, self.uids = Imap(p, user=p.env["CONGVU_USER1"]), []
        self.command("SELECT " + box)

    def command(self, text, keeps=False):
        status, got = self.imap.command(text)
        self.listen(got, keeps)
        return status

    def append(self, box, message):
        status = self.command("APPEND %s {%d+}\r\n%s" % (box, len(message), message.decode()))
        assert status.startswith("OK [APPENDUID"), status

    def listen(self, got, keeps):
        for line in got.split(b"\r\n"):
            m = re.match(rb"\* (\d+) (EXPUNGE|EXISTS|FETCH)(.*)", line)
            if m is None:
                continue
            n, what = int(m.group(1)), m.group(2)
            if what == b"EXPUNGE":
                assert not keeps and 1 <= n <= len(self.uids), (line, len(self.uids))
                del self.uids[n - 1]
            elif what == b"EXISTS":
                assert n >= len(self.uids), (line, len(self.uids))
                self.uids += [None] * (n - len(self.uids))
            else:
                assert 1 <= n <= len(self.uids), (line, len(self.uids))
                uid = re.search(rb"UID (\d+)", m.group(3))
                if uid is not None:
                    assert self.uids[n - 1] in (None, int(uid.group(1))), (line, self.uids)
                    self.uids[n - 1] = int(uid.group(1))


def numbers_stay_true_among_others(p):
    rng = random.Random(20261122)
    with Imap(p, user=p.env["CONGVU_USER1"]) as c:
        assert c.command("CREATE Chung")[0].startswith("OK")
    models = [Model(p, "Chung") for _ in range(3)]
    for step in range(400):
        m = rng.choice(models)
        n = rng.randint(1, len(m.uids)) if m.uids else 0
        what = rng.choice(["append", "append", "delete", "expunge", "noop", "fetch", "search", "copy", "move", "flag"])
        if what == "append":
            m.append("Chung", MESSAGE % b"s%d" % step)
            if m.uids:
                m.command("FETCH %d (UID)" % len(m.uids), True)
        elif what in ("expunge", "noop"):
            assert m.command(what).startswith("OK")
        elif n == 0:
            continue
        elif what in ("delete", "flag"):
            m.command("STORE %d +FLAGS (%s)" % (n, "\\Deleted" if what == "delete" else "$k%d" % (step % 5)), True)
        elif what == "fetch":
            m.command("FETCH 1:* (UID FLAGS)", True)
        elif what == "search":
            m.command("SEARCH UNDELETED", True)
        else:
            m.command("UID FETCH %d (UID)" % (m.uids[n - 1] or 1))
            if len(m.uids) >= n:
                m.command("%s %d Chung" % (what.upper(), n))
    for m in models:
        assert m.command("NOOP").startswith("OK")
        if m.uids:
            assert m.command("FETCH 1:* (UID)").startswith("OK")
    assert models[0].uids == models[1].uids == models[2].uids and None not in models[0].uids
    assert models[0].uids == sorted(set(models[0].uids))
    for m in models:
        m.imap.file.close()
        m.imap.sock.close()


def mbsync_goes_both_ways(p):
    with tempfile.TemporaryDirectory() as d, Imap(p, user=p.env["CONGVU_USER3"]) as c:
        for n in range(30):
            assert append(c, "INBOX", MESSAGE % b"sync%d" % n).startswith("OK")
        rc = os.path.join(d, "rc")
        with open(rc, "w") as f:
            f.write("IMAPAccount a\nHost localhost\nPort %d\nUser %s\nPass %s\nSSLType IMAPS\nCertificateFile %s\n\n"
                    "IMAPStore far\nAccount a\n\nMaildirStore near\nPath %s/m/\nInbox %s/m/INBOX\n"
                    "SubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Both\nExpunge Both\n"
                    "SyncState *\n"
                    % (p.port("IMAPS"), p.env["CONGVU_USER3"], p.env["CONGVU_PASS"], p.env["CONGVU_CA"], d, d))
        os.mkdir(os.path.join(d, "m"))

        def sync():
            r = subprocess.run(["mbsync", "-c", rc, "c"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert r.returncode == 0 and not re.search("warning|error|bad ", r.stdout, re.I), r.stdout

        def near():
            top = os.path.join(d, "m", "INBOX")
            return sorted(os.path.join(top, s, n) for s in ("cur", "new") for n in os.listdir(os.path.join(top, s)))
        sync()
        assert len(near()) == 30, len(near())
        os.unlink(near()[0])
        with open(os.path.join(d, "m", "INBOX", "cur", "1.local:2,S"), "wb") as f:
            f.write((MESSAGE % b"tu-may-con").replace(b"\r\n", b"\n"))
        sync()
        status = c.command("STATUS INBOX (MESSAGES)")[1]
        assert b"MESSAGES 30" in status, status
        assert c.command("SELECT INBOX")[0].startswith("OK")
        assert b"* SEARCH" in c.command("SEARCH HEADER Message-ID tu-may-con")[1]
        sync()
        assert len(near()) == 30


def curl_reads(p):
    r = subprocess.run(["curl", "-s", "--cacert", p.env["CONGVU_CA"], "-u", "%s:%s" % (p.env["CONGVU_USER3"], p.env["CONGVU_PASS"]),
                        "imaps://localhost:%d/INBOX" % p.port("IMAPS"), "-X", "UID SEARCH ALL"], stdout=subprocess.PIPE)
    assert r.returncode == 0 and r.stdout.startswith(b"* SEARCH "), r


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(c) for c in f.read().split()]


def pss_kb(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def idle_sessions_are_small(p):
    workers = children(p.pid("imapd"))
    before = sum(pss_kb(w) for w in workers)
    sessions = []
    for _ in range(100):
        c = Imap(p, user=p.env["CONGVU_USER2"])
        c.command("SELECT INBOX")
        c.send(b"i IDLE\r\n")
        c.line()
        sessions.append(c)
    each = (sum(pss_kb(w) for w in workers) - before) / len(sessions)
    print("     %.1f KB for an idle TLS session" % each)
    for c in sessions:
        c.sock.close()
    assert each < IDLE_MEMORY_KB, each


def tls12(p):
    """What comes of a handshake with nothing newer than TLS 1.2."""
    context = loose(p)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", p.port("IMAPS")), 20) as s:
        try:
            return context.wrap_socket(s).version()
        except (ssl.SSLError, ConnectionError):
            return None


def lowest_tls_version_is_that_of_the_file(p):
    path = p.env["CONGVU_CONF"]
    with open(path) as f:
        before = f.read()
    assert tls12(p) == "TLSv1.2"
    for text, expected in ((before.replace("tls {", "tls { minimum = 1.3\n\t", 1), None), (before, "TLSv1.2")):
        with open(path, "w") as f:
            f.write(text)
        os.kill(p.pid("imapd"), signal.SIGHUP)
        assert eventually(lambda want=expected: tls12(p) == want), expected
        assert eventually(lambda: len(children(p.pid("imapd"))) == 2)	# those of before have ended
        with Imap(p, user=p.env["CONGVU_USER1"]) as c:
            assert c.command("NOOP")[0].startswith("OK")


def a_dead_worker_is_started_again(p):
    parent = p.pid("imapd")
    before = children(parent)
    for w in before:
        os.kill(w, signal.SIGKILL)
    assert eventually(lambda: len(children(parent)) == len(before) and not set(children(parent)) & set(before))

    def serves():
        try:
            with Imap(p, user=p.env["CONGVU_USER1"]) as c:
                return c.command("NOOP")[0].startswith("OK")
        except (OSError, AssertionError):
            return False
    assert eventually(serves)
    assert p.pid("imapd") == parent


def reload_keeps_sessions(p):
    parent = p.pid("imapd")
    with Imap(p, user=p.env["CONGVU_USER1"]) as old:
        before = children(parent)
        os.kill(parent, signal.SIGHUP)
        assert eventually(lambda: len(set(children(parent)) - set(before)) == 2)
        assert old.command("SELECT INBOX")[0].startswith("OK")

        def fresh():
            try:
                with Imap(p, user=p.env["CONGVU_USER1"]) as c:
                    return c.command("SELECT INBOX")[0].startswith("OK")
            except (OSError, AssertionError):
                return False
        assert eventually(fresh)
        assert old.command("NOOP")[0].startswith("OK")
        old.file.close()
    assert eventually(lambda: not set(children(parent)) & set(before))


def without_the_others(p):
    """A hung directoryd or policyd is a temporary failure; a hung mailstored still lets people read."""
    with Imap(p, user=p.env["CONGVU_USER3"]) as c:
        assert c.command("SELECT INBOX")[0].startswith("OK")
        p.read_env()
        store = p.pid("mailstored")
        os.kill(store, signal.SIGSTOP)
        try:
            assert b"BODY[]" in c.command("FETCH 1 BODY.PEEK[]")[1]
            assert c.command("SELECT INBOX")[0].startswith("OK [READ-WRITE]")
        finally:
            os.kill(store, signal.SIGCONT)
        assert c.command("STORE 1 +FLAGS.SILENT (\\Seen)")[0].startswith("OK")


def others_die_and_come_back(p):
    """Killed, not hung: the answer comes at once, it is temporary, and an idling client loses nothing."""
    user = p.env["CONGVU_USER1"]
    login = 'LOGIN "%s" "%s"' % (user, p.env["CONGVU_PASS"])
    with Imap(p, user=user) as idle, Imap(p, user=user) as other:
        idle.command("SELECT INBOX")
        idle.send(b"i IDLE\r\n")
        assert idle.line().startswith(b"+")

        def comes_back(program, old):
            assert eventually(lambda: p.pid(program) not in (None, old)), program
            assert eventually(lambda: signs_in(p, login)), program
        for program in ("mailstored", "directoryd"):
            old = p.pid(program)
            os.kill(old, signal.SIGKILL)
            began = CLOCK.now()
            with Imap(p) as c:
                status = c.command(login)[0]
            assert status.startswith(("NO [UNAVAILABLE]", "OK")) and CLOCK.now() - began < 5, status
            comes_back(program, old)
        old = p.pid("policyd")
        os.kill(old, signal.SIGKILL)
        status = append(other, "INBOX", MESSAGE % b"policy")
        assert status.startswith(("NO [UNAVAILABLE]", "OK [APPENDUID")), status
        comes_back("policyd", old)
        assert eventually(lambda: append(other, "INBOX", MESSAGE % b"again").startswith("OK [APPENDUID"))
        assert b"EXISTS" in idle.line()


def signs_in(p, login):
    try:
        with Imap(p) as c:
            return c.command(login)[0].startswith("OK")
    except OSError:
        return False


def main():
    with Province(24000) as p:
        return run([octets_come_back, idle_learns_at_once, zones_are_two_worlds, sign_in_outcomes, starttls,
                    foreign_alpn_is_refused, literals_before_sign_in, numbers_stay_true_among_others, mbsync_goes_both_ways, curl_reads,
                    idle_sessions_are_small, without_the_others, others_die_and_come_back, reload_keeps_sessions, lowest_tls_version_is_that_of_the_file,
                    a_dead_worker_is_started_again], p)


if __name__ == "__main__":
    sys.exit(main() != 0)
