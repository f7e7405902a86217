#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""LMTP with real clients (smtplib, swaks), each recipient by itself; and the limits per hour, over two workers and
a reload."""
import collections
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from harness import Imap, Province, Smtp, eventually, header, run
import scenario

STRANGER = "x@noi.khac.example"
TCP = 17  # behind the province's first port
MANY = 300


class Tools(scenario.Province):
    def ldap_set(self, user, attribute, value):
        bind = ["-x", "-H", self.env["CONGVU_LDAP_URI"], "-D", self.env["CONGVU_LDAP_ADMIN_DN"], "-w",
                self.env["CONGVU_LDAP_ADMIN_PASSWORD"]]
        found = subprocess.run(["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", self.env["CONGVU_LDAP_BASE"]] + bind +
                               ["(mail=%s)" % user, "dn"], stdout=subprocess.PIPE, text=True, check=True).stdout
        out = self.ldap("ldapmodify", "%s\nchangetype: modify\nreplace: %s\n%s: %s\n" % (
            found.split("\n")[0], attribute, attribute, value))
        assert out.returncode == 0, out.stdout

    def count(self, user, box="INBOX"):
        return len(self.uids(user, box) or [])


class Lmtp:
    """Says what it is told, over the UNIX socket or a port."""

    def __init__(self, p, port=None):
        if port is None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(p.env["CONGVU_LMTP_SOCKET"])
        else:
            self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.settimeout(60)
        self.file = self.sock.makefile("rb")
        assert self.reply().startswith("220"), "greeting"
        assert self.say("LHLO client.example").startswith("250"), "LHLO"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def reply(self):
        while True:
            line = self.file.readline(4096).decode()
            if line[3:4] != "-":
                return line.strip()

    def say(self, line):
        self.sock.sendall(line.encode() + b"\r\n")
        return self.reply()

    def message(self, to, data):
        """(replies to RCPT, replies to the text)"""
        assert self.say("MAIL FROM:<%s>" % STRANGER).startswith("250")
        rcpts = [self.say("RCPT TO:<%s>" % t) for t in to]
        go = self.say("DATA")
        if not go.startswith("354"):
            return rcpts, [go]
        self.sock.sendall(data + b".\r\n")
        return rcpts, [self.reply() for r in rcpts if r.startswith("250")]


def users(p):
    return [p.env["CONGVU_USER%d" % n] for n in (1, 2, 3, 4)]


def by_smtplib(p, t):
    """Over the socket and over a port; as received, with our trace on top. (smtplib reads one reply to a text.)"""
    u1 = users(p)[0]
    text = header(STRANGER, u1, "bang smtplib") + b"\r\nxin chao\r\n"
    before = t.count(u1)
    with smtplib.LMTP(p.env["CONGVU_LMTP_SOCKET"]) as s:
        assert s.sendmail(STRANGER, [u1, "khong.co@" + p.env["CONGVU_DOMAIN"]], text) == {
            "khong.co@" + p.env["CONGVU_DOMAIN"]: (550, b"5.1.1 khong co nguoi nhan nay / no such user")}
    assert eventually(lambda: t.count(u1) == before + 1)
    got = t.newest(u1, "INBOX")
    assert got.startswith(b"Return-Path: <%s>\r\nReceived: from " % STRANGER.encode()), got[:200]
    assert b"(unix)" in got and b"with LMTP id" in got.replace(b"\r\n ", b" ") and got.endswith(b"\r\nxin chao\r\n"), got
    with smtplib.LMTP("127.0.0.1", p.port_base + TCP) as s:
        assert s.sendmail(STRANGER, [u1], text) == {}
    assert eventually(lambda: t.count(u1) == before + 2)
    got = t.newest(u1, "INBOX").replace(b"\r\n ", b" ")
    assert b"([127.0.0.1])" in got and b"with LMTP id" in got, got


def by_swaks(p, t):
    u3 = users(p)[2]
    before = t.count(u3)
    out = subprocess.run(["swaks", "--protocol", "LMTP", "--socket", p.env["CONGVU_LMTP_SOCKET"], "--from", STRANGER,
                          "--to", u3, "--h-Subject", "bang swaks"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert out.returncode == 0, out.stdout.decode()
    assert eventually(lambda: t.count(u3) == before + 1)
    out = subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(p.port_base + TCP), "--protocol", "LMTP", "-tls",
                          "--from", STRANGER, "--to", u3], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert out.returncode == 0, out.stdout.decode()
    assert eventually(lambda: t.count(u3) == before + 2)
    assert b"with LMTPS id" in t.newest(u3, "INBOX").replace(b"\r\n ", b" ")


def nothing_is_relayed(p, t):
    before = len(t.sink())
    with Lmtp(p) as s:
        rcpts, text = s.message(["x@internet.example", "y@[127.0.0.1]"], b"")
        assert [r[:9] for r in rcpts] == ["550 5.7.1", "550 5.1.1"] and text[0].startswith("503 5.5.1"), (rcpts, text)
        assert s.say("EHLO a").startswith("500"), "EHLO"
        assert s.say("RSET").startswith("250"), "RSET"
        assert s.say("AUTH PLAIN AAAA").startswith("502"), "AUTH"
    assert len(t.sink()) == before


def each_by_the_policy(p, t):
    """A marked document from inside: the cleared get it, the others are refused, in the order of the names."""
    u1, u2, u3, u4 = users(p)
    before = [t.count(u1, "Mật"), t.count(u2, "Mật"), t.count(u3), t.count(u4)]
    mail = scenario.marked_mail(t, u1)
    with Lmtp(p) as s:
        rcpts, text = s.message([u3, u1, u4, u2, u3], mail)
    assert all(r.startswith("250") for r in rcpts), rcpts
    assert [r[:3] for r in text] == ["550", "250", "550", "250", "550"], text
    assert "rule=" in text[0] and text[0] == text[2] == text[4], text
    assert eventually(lambda: [t.count(u1, "Mật"), t.count(u2, "Mật")] == [before[0] + 1, before[1] + 1])
    assert [t.count(u3), t.count(u4)] == before[2:]
    audit = [r for r in t.ctl_json("audit", "list")[0] if r["level"] == "mat"][-2:]
    assert [r["verdict"] for r in audit] == ["reject", "allow"], audit
    assert sorted(audit[0]["recipients"]) == sorted([u3, u4]) and sorted(audit[1]["recipients"]) == sorted([u1, u2]), audit


def nothing_marked_from_outside(p, t):
    """The same over a listener of the internet zone: nobody gets it."""
    u1, u2 = users(p)[:2]
    before = t.count(u1, "Mật")
    with Lmtp(p, p.port_base + TCP) as s:
        rcpts, text = s.message([u1, u2], scenario.marked_mail(t, u1))
    assert [r[:3] for r in rcpts + text] == ["250", "250", "550", "550"], (rcpts, text)
    assert t.count(u1, "Mật") == before


def each_by_quota_and_state(p, t):
    """Room is asked about at RCPT when the size is said, and of each by itself after the text."""
    u1, u2, u3, u4 = users(p)
    big = header(STRANGER, u1, "lon") + b"\r\n" + b"0123456789abcdef\r\n" * 20000
    t.ldap_set(u3, "congvuQuota", "100000")
    t.ldap_set(u4, "congvuStatus", "locked")
    try:
        def settled():
            with Lmtp(p) as s:
                s.say("MAIL FROM:<%s> SIZE=360000" % STRANGER)
                return s.say("RCPT TO:<%s>" % u3)[:9], s.say("RCPT TO:<%s>" % u4)[:9]
        assert eventually(lambda: settled() == ("452 4.2.2", "550 5.2.1")), settled()
        before = t.count(u1), t.count(u2), t.count(u3)
        with Lmtp(p) as s:
            rcpts, text = s.message([u1, u3, u4, u2], big)
        assert [r[:3] for r in rcpts] == ["250", "250", "550", "250"], rcpts
        assert [r[:9] for r in text] == ["250 2.0.0", "552 5.2.2", "250 2.0.0"], text
        assert eventually(lambda: (t.count(u1), t.count(u2)) == (before[0] + 1, before[1] + 1))
        assert t.count(u3) == before[2]
    finally:
        t.ldap_set(u3, "congvuQuota", "0")
        t.ldap_set(u4, "congvuStatus", "active")


def an_agency_shares_a_quota(p, t):
    """Accounts below a unit with the class congvuAgency; what they have counts, and the last message is given once."""
    one, two = (p.env["CONGVU_BULK_FORMAT"] % n for n in (1, 2))
    unit = "dn: ou=Can bo,%s\nchangetype: modify\n" % p.env["CONGVU_LDAP_BASE"]

    def change(text, room):
        out = t.ldap("ldapmodify", unit + text)
        assert out.returncode == 0, out.stdout
        os.kill(p.pid("directoryd"), signal.SIGHUP)  # else the list of agencies is kept for a minute

        def settled():
            with Lmtp(p) as s:
                s.say("MAIL FROM:<%s> SIZE=100" % STRANGER)
                return s.say("RCPT TO:<%s>" % one)[:3]
        assert eventually(lambda: settled() == room), settled()

    def send(*to):
        with Lmtp(p) as s:
            return [r[:9] for r in s.message(list(to), header(STRANGER, one, "don vi") + b"\r\nxin\r\n")[1]]
    assert send(one) == ["250 2.0.0"]
    assert eventually(lambda: t.count(one) > 0)
    limit = t.count(one) + t.count(two) + 3
    change("add: objectClass\nobjectClass: congvuAgency\n-\nadd: congvuQuotaMessages\ncongvuQuotaMessages: %d\n" % t.count(one), "452")
    try:
        change("replace: congvuQuotaMessages\ncongvuQuotaMessages: %d\n" % limit, "250")
        said = p.ctl("directory", "test", one).stdout
        assert " %d messages, with all accounts below" % limit in said, said
        # One delivery is all or nothing: of the two at once, neither fits.
        got = [send(two), send(one), send(one, two), send(two)]
        assert got == [["250 2.0.0"]] * 2 + [["552 5.2.2"] * 2] + [["250 2.0.0"]], (got, limit)
        with Lmtp(p) as s:
            s.say("MAIL FROM:<%s>" % STRANGER)
            assert s.say("RCPT TO:<%s>" % two)[:9] == "452 4.2.2"
        assert eventually(lambda: t.count(one) + t.count(two) == limit)
    finally:
        change("delete: congvuQuotaMessages\n-\ndelete: objectClass\nobjectClass: congvuAgency\n", "250")


def many_at_once(p, t):
    """A long conversation sent in one piece, and a reply for each."""
    to = [p.env["CONGVU_BULK_FORMAT"] % n for n in range(1, MANY + 1)] + users(p)[:1]
    before, commits = (t.count(to[0]), t.count(to[-1])), commits_of(p)
    for text, codes in ((header(STRANGER, to[0]) + b"\r\nxin\r\n", [b"250"] * (MANY + 1)),
                        (scenario.marked_mail(t, to[0]), [b"550"] * MANY + [b"250"])):
        with Lmtp(p) as s:
            lines = ["MAIL FROM:<%s>" % STRANGER] + ["RCPT TO:<%s>" % a for a in to] + ["DATA"]
            s.sock.sendall("".join(line + "\r\n" for line in lines).encode())
            got = [s.reply()[:3] for _ in lines]
            assert got == ["250"] * (MANY + 2) + ["354"], got
            s.sock.sendall(text + b".\r\n")
            got = [s.reply() for _ in to]
            assert [g[:3].encode() for g in got] == codes, got
            assert s.say("NOOP").startswith("250")
    assert eventually(lambda: (t.count(to[0]), t.count(to[-1])) == (before[0] + 1, before[1] + 1))
    # The accounts are all new, and made together: a slow disk syncs seldom.
    time.sleep(0.3)	# a text is shown for a quarter of a second
    commits = commits_of(p) - commits
    print("     %d commits for %d new accounts" % (commits, MANY))
    assert commits < MANY // 20, commits


def commits_of(p):
    with urllib.request.urlopen(p.env["CONGVU_METRICS_URL"], timeout=60) as f:
        return int(re.search(rb"(?m)^congvu_store_commit_seconds_count(?:\{.*?\})? (\d+)", f.read()).group(1))


def ids(p, user):
    """How often each Message-ID is in the INBOX."""
    with Imap(p, user=user) as s:
        s.command("SELECT INBOX")
        _, got = s.command("UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")
    return collections.Counter(re.findall(rb"<([^>]*)>", got))


def nothing_is_lost_with_the_store(p, t):
    """mailstored killed under a sender: what a recipient's 250 stood for is there once, the rest at most once."""
    to, told, over = users(p)[:2], [], threading.Event()

    def good():
        return sum(codes == ["250", "250"] for _, codes in told)

    def send():
        while (not over.is_set() or good() < 40) and len(told) < 5000:
            mail = header(STRANGER, to[0], "lan %d" % len(told))
            name = re.search(rb"<([^>]*)>\r\n$", mail).group(1)
            with Lmtp(p) as s:
                rcpts, text = s.message(to, mail + b"\r\n" + b"xin chao\r\n" * 200)
            told.append((name, [r[:3] for r in (text if all(r[0] == "2" for r in rcpts) else ["451", "451"])]))
            if told[-1][1] != ["250", "250"]:
                over.wait(0.02)  # as a client that is told to come again

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    for k in range(3):
        before = good()
        assert eventually(lambda: good() >= before + 5), (k, good(), len(told))
        old = p.pid("mailstored")
        os.kill(old, signal.SIGKILL)
        assert eventually(lambda: p.pid("mailstored") not in (None, old))
    over.set()
    sender.join(180)
    assert good() >= 40, (good(), len(told))
    for k, user in enumerate(to):
        there = eventually(lambda: ids(p, user))
        for name, codes in told:
            assert there[name] <= 1 and (codes[k] != "250" or there[name] == 1), (name, codes, there[name])
    print("     %d of %d acknowledged to both" % (good(), len(told)))


def configure(p, *changes):
    with open(p.env["CONGVU_CONF"]) as f:
        text = f.read()
    for old, new in changes:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    with open(p.env["CONGVU_CONF"], "w") as f:
        f.write(text)
    os.kill(p.pid("smtpd"), signal.SIGHUP)


def children(p):
    pid = p.pid("smtpd")
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return set(f.read().split())


def mail_from(p, n, user):
    """Codes of MAIL in n sessions of their own."""
    codes = []
    for _ in range(n):
        with Smtp(p, "SUBMISSIONS", user=user) as s:
            codes.append(s.command("MAIL FROM:<%s>" % user))
    return codes


def an_account_sends_no_more_than_allowed(p, t):
    u1, u2 = users(p)[:2]
    configure(p, ("messages-per-hour = 0", "messages-per-hour = 4\n\tsmtp-workers = 2"),
              ("\trecipients-per-hour = 0", "\trecipients-per-hour = 6"))
    assert eventually(lambda: mail_from(p, 1, u2)[0][0] == 450), "the limit never came"
    codes = mail_from(p, 8, u1)
    assert [c for c, _ in codes] == [250] * 4 + [450] * 4, codes
    assert codes[4][1].startswith("4.7.1 tai khoan gui qua nhieu thu"), codes[4]
    old = children(p)
    os.kill(p.pid("smtpd"), signal.SIGHUP)  # what was counted outlives the workers
    assert eventually(lambda: len(children(p)) == len(old) and not children(p) & old)
    assert [c for c, _ in mail_from(p, 3, u1)] == [450] * 3


def an_account_names_no_more_than_allowed(p, t):
    u3 = users(p)[2]
    got = []
    for _ in range(2):
        with Smtp(p, "SUBMISSIONS", user=u3) as s:
            assert s.command("MAIL FROM:<%s>" % u3)[0] == 250
            got += [s.command("RCPT TO:<%s>" % to) for to in users(p)]
    assert [c for c, _ in got] == [250] * 6 + [450] * 2, got
    assert got[6][1].startswith("4.7.1 tai khoan gui toi qua nhieu nguoi nhan"), got[6]


def who_guesses_is_sent_away(p, t):
    configure(p, ("refused-recipients-per-hour = 0", "refused-recipients-per-hour = 5"))
    domain = p.env["CONGVU_DOMAIN"]

    def ask(n, name):
        codes = []
        with Smtp(p, "SMTP", tls=False) as s:
            s.command("MAIL FROM:<%s>" % STRANGER)
            while len(codes) < n and (not codes or codes[-1] not in (0, 421)):
                codes.append(s.command("RCPT TO:<%s%d@%s>" % (name, len(codes), domain))[0])
        return codes
    assert eventually(lambda: ask(7, "doan")[-1] == 421), "never sent away"
    assert ask(1, "nua") == [421]
    with Smtp(p, "SMTP", tls=False) as s:  # nor does it learn who exists
        s.command("MAIL FROM:<%s>" % STRANGER)
        assert s.command("RCPT TO:<%s>" % users(p)[0])[0] == 421
    with Lmtp(p) as s:
        assert s.message([users(p)[0]], header(STRANGER, "x") + b"\r\nx\r\n")[1][0].startswith("250")


TESTS = [by_smtplib, by_swaks, nothing_is_relayed, each_by_the_policy, nothing_marked_from_outside,
         each_by_quota_and_state, an_agency_shares_a_quota, many_at_once, nothing_is_lost_with_the_store,
         an_account_sends_no_more_than_allowed, an_account_names_no_more_than_allowed,
         who_guesses_is_sent_away]


def main():
    with Province(28100, "--accounts", str(MANY)) as p:
        configure(p, ('listener "lmtp"', 'listener "lmtp-tcp" { address = "127.0.0.1"\n\tport = %d\n\trole = lmtp\n'
                                         '\tzone = internet }\nlistener "lmtp"' % (p.port_base + TCP)))

        def open_now():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", p.port_base + TCP)) == 0
        assert eventually(open_now), "the new listener does not open"
        return run(TESTS, p, Tools(p.dir))


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
