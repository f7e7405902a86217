#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What IMAP clients rely on in the whole server, and what they cannot use up.

test_imap.py [--long] [DIR]: DIR: use the province that runs there.
"""
import os
import re
import ssl
import subprocess
import sys
import time

from harness import Imap, Province, eventually, run


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


def keywords_have_an_end(p):
    user, box = bulk(p, 3), fresh("kw")
    with Imap(p, user=user) as c:
        c.command("CREATE " + box)
        append(c, box, b"Subject: x\r\n\r\ny\r\n")
        assert b"\\*" in c.command("SELECT " + box)[1]
        for n in range(64):
            assert c.command("STORE 1 +FLAGS.SILENT ($K%d)" % n)[0].startswith("OK")
        assert c.command("STORE 1 +FLAGS.SILENT ($K64)")[0].startswith("NO [LIMIT]")
        assert c.command("STORE 1 +FLAGS.SILENT ($k0)")[0].startswith("OK")
        got = c.command("SELECT " + box)[1]
        assert b"$K63" in got and b"\\*" not in got, got
        assert c.command("FETCH 1 FLAGS")[1].count(b"$K") == 64


def listed(c, pattern, command="LIST"):
    return re.findall(rb'\) "/" "?([^"\r]*)"?\r\n', c.command('%s "" "%s"' % (command, pattern))[1])


def names_and_what_is_below_them(p):
    """RFC 3501 6.3.3 to 6.3.5 with the store that is really there."""
    user, top = bulk(p, 7), fresh("n")
    new, third = top + "b", top + "c"
    with Imap(p, user=user) as c, Imap(p, user=user) as d:
        assert c.command("CREATE %s/1/2/" % top)[0].startswith("OK")
        assert listed(c, top + "*") == [(top + e).encode() for e in ("", "/1", "/1/2")]
        append(c, top + "/1/2", b"Subject: x\r\n\r\ny\r\n")
        uidvalidity = c.command("STATUS %s/1/2 (UIDVALIDITY MESSAGES)" % top)[1].split(b"(")[1]
        d.command("SELECT %s/1/2" % top)
        assert c.command("DELETE %s/1" % top)[0].startswith("OK")
        assert b"(\\Noselect \\HasChildren)" in c.command('LIST "" %s/1' % top)[1]
        assert c.command("SELECT %s/1" % top)[0].startswith("NO [NONEXISTENT]")
        assert c.command("DELETE %s/1" % top)[0].startswith("NO")
        assert c.command("RENAME %s/1 %s/x/y" % (top, new))[0].startswith("OK"), "a level without a mailbox"
        assert listed(c, new + "*") == [(new + e).encode() for e in ("", "/x", "/x/y", "/x/y/2")]
        assert c.command("STATUS %s/x/y/2 (UIDVALIDITY MESSAGES)" % new)[1].split(b"(")[1] == uidvalidity
        assert d.command("FETCH 1 UID")[0].startswith("OK"), "the session that selected it goes on"
        for to in (new + "/x/y/2", "INBOX", new + "/x/z/"):
            assert c.command("RENAME %s/x %s" % (new, to))[0].startswith("NO"), to
        assert c.command("RENAME %s/q %s" % (new, third))[0].startswith("NO [NONEXISTENT]")
        assert c.command("CREATE %s/1/2" % top)[0].startswith("OK")
        again = c.command("STATUS %s/1/2 (UIDVALIDITY MESSAGES)" % top)[1].split(b"(")[1]
        assert again.split()[3] != uidvalidity.split()[3], "a new mailbox of that name has other UIDs"
        assert c.command("UNSUBSCRIBE " + new)[0].startswith("OK")
        assert new.encode() not in listed(c, new + "*", "LSUB")


def the_inbox_is_renamed(p):
    """Its mail moves, itself stays and is empty, what is below it stays where it is (RFC 3501 6.3.5)."""
    user, to = bulk(p, 7), fresh("cu")
    with Imap(p, user=user) as c, Imap(p, user=user) as d:
        c.command("CREATE INBOX/con")
        for _ in range(2):
            append(c, "INBOX", b"Subject: x\r\n\r\ny\r\n", "(\\Flagged) ")
        c.command("SELECT INBOX")
        d.command("SELECT INBOX")
        status, got = c.command("RENAME inbox " + to)
        assert status.startswith("OK") and got.count(b"EXPUNGE") == 2, (status, got)
        assert d.command("NOOP")[1].count(b"EXPUNGE") == 2
        assert b"MESSAGES 2 UIDNEXT 3" in c.command("STATUS %s (MESSAGES UIDNEXT)" % to)[1]
        assert b"MESSAGES 0" in c.command("STATUS INBOX (MESSAGES)")[1]
        assert listed(c, "inbox*") == [b"INBOX", b"INBOX/con"]
        c.command("SELECT " + to)
        assert c.command("FETCH 1:* FLAGS")[1].count(b"\\Flagged") == 2
        assert c.command("RENAME INBOX " + to)[0].startswith("NO [ALREADYEXISTS]")


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


def open_files_limit(pid):
    with open("/proc/%d/limits" % pid) as f:
        return int(next(line.split()[3] for line in f if line.startswith("Max open files")))


def limit_open_files(pid, soft):
    """As the user of that process: root may not everywhere."""
    with open("/proc/%d/status" % pid) as f:
        ids = {line[:3]: int(line.split()[1]) for line in f if line.startswith(("Uid:", "Gid:"))}
    other = {} if os.getuid() else {"user": ids["Uid"], "group": ids["Gid"], "extra_groups": []}
    subprocess.run(["prlimit", "--pid", str(pid), "--nofile=%d:" % soft], check=True, **other)


def out_of_descriptors(p):
    """Those who are in are served, the worker does not run in a circle, and the rest come in afterwards."""
    with Imap(p, user=bulk(p, 5)) as c:
        pids = workers(p)
        was = {pid: open_files_limit(pid) for pid in pids}
        socks = []
        try:
            for pid in pids:
                limit_open_files(pid, len(os.listdir("/proc/%d/fd" % pid)) + 3)
            socks = [p.connect("IMAP", False) for _ in range(20)]
            before = sum(map(cpu_s, pids))
            time.sleep(1.0)
            assert sum(map(cpu_s, pids)) - before < 0.3
            assert c.command("NOOP")[0].startswith("OK")
        finally:
            for pid in pids:
                limit_open_files(pid, was[pid])
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


TESTS = [clearance_is_for_reading_too, the_selected_mailbox_goes,
         a_keyword_that_is_taken_away_is_not_made, keywords_have_an_end, names_and_what_is_below_them,
         the_inbox_is_renamed, copies_count_for_the_quota, out_of_descriptors, readers_that_do_not_read]

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
