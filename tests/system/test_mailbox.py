#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""congvuctl mailbox: what goes out comes in again as it was, from every form; each message once; nothing damaged, refused
or hostile stops it silently."""
import calendar
import glob
import hashlib
import json
import mailbox
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from harness import TOP, Imap, Province, chosen, ended, eventually, header, run
import scenario  # in tools/, which harness makes known

LONG = "--long" in sys.argv

USER = "u%d@lamhoa.gov.vn.example"
MAT = "M&Hq0-t"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


# ---- helpers ----

def append(c, box, message, flags="", date=None):
    c.n += 1
    tag = b"t%d " % c.n
    when = ' "%s"' % date if date else ""
    c.send(tag + ('APPEND "%s" (%s)%s {%d+}\r\n' % (box, flags, when, len(message))).encode() + message + b"\r\n")
    line = c.line()
    while line and not line.startswith(tag):
        line = c.line()
    assert line.startswith(tag + b"OK"), (box, line)


def ctl(p, *words, status=0, env=None):
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", p.env["CONGVU_CONF"], "mailbox"] + [str(w) for w in words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=250, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, **(env or {})))
    assert done.returncode == status, (words, done)
    return done


def events(p, *words, status=0):
    done = ctl(p, *words, "--json", status=status)
    return [json.loads(line) for line in done.stdout.splitlines()]


def end_of(p, *words, status=0):
    (end,) = [e for e in events(p, *words, status=status) if e.get("event") == "end"]
    return end


def folder(p, name):
    path = os.path.join(p.dir, name)
    shutil.rmtree(path, ignore_errors=True)
    return path


def export(p, user, *words, form="maildir", name="out", status=0):
    path = folder(p, name)
    ctl(p, "export", user, "--to", path, "--format", form, *words, status=status)
    return path


def lists(path):
    """What the lists of an export say: {mailbox: [message]}."""
    out = {}
    for name in glob.glob(glob.escape(path) + "/**/*.jsonl", recursive=True, include_hidden=True):
        if os.path.basename(name) == "skipped.jsonl":
            continue
        with open(name) as f:
            head, *rest = [json.loads(line) for line in f]
        for m in rest:
            if "file" in m:
                with open(os.path.join(os.path.dirname(name), m["file"]), "rb") as f:
                    m["sum"] = hashlib.sha256(f.read()).hexdigest()
        out[head["mailbox"]] = rest
    return out


def same(a, b, *ignore):
    keys = {"flags", "keywords", "internal-date-s", "octets", "sum"} - set(ignore)
    short = [[{k: m[k] for k in sorted(keys) if k in m} for m in x] for x in (a, b)]
    assert short[0] == short[1], short


def mail(i, text=b""):
    return header(USER % 1, USER % 2, "thu so %d" % i) + b"\r\nNoi dung so %d.\r\n" % i + text


ODD = [b"From: a@b\r\n\r\nFrom me\r\n>From you\r\n>>From us\r\n", b"From: a@b\r\nSubject: x\n\nbare\nlines\n", b"From: a@b\r\n\r\nno end",
       b"From: a@b\r\n\r\nlast lines\r\n\r\n\r\n", b"Status: R\r\nX-Keywords: fake\r\nFrom: a@b\r\n\r\nits own fields\r\n",
       b"From: a@b\r\n\r\na CR\r alone\r\n", "From: a@b\r\n\r\nTiếng Việt\r\n".encode(), b"From: a@b\r\n\r\n" + b"x" * 200000 + b"\r\n",
       b"From: a@b\r\n\r\n\r\nFrom z@z Tue Feb  3 10:00:00 2026\r\nTo: nobody\r\n"]


def fill(p, user):
    with Imap(p, user=user) as c:
        for i, m in enumerate(ODD):
            append(c, "INBOX", m, ["", "\\Seen", "\\Flagged \\Answered", "\\Deleted kw1", "\\Draft $Forwarded kw2"][i % 5],
                   "%2d-Feb-20%02d 10:00:00 +0700" % (i + 1, i + 10))
        for name in ("A.b/c", "A.b/c/&-", "x%sy" % ("z" * 240)):
            assert c.command('CREATE "%s"' % name)[0].startswith("OK")
        append(c, "A.b/c", mail(1), "\\Seen")
        append(c, "A.b/c/&-", mail(2))
        append(c, "x%sy" % ("z" * 240), mail(3), "\\Flagged")
        append(c, "&ARAA4w- g&Hu0-i", mail(4), "\\Seen")
        append(c, MAT, mail(5), "\\Seen mk")


# ---- list, export ----

def listing(p):
    fill(p, USER % 1)
    every = events(p, "list")
    one = [a for a in every if a["address"] == USER % 1][0]
    boxes = {b["name"]: b for b in one["mailboxes"]}
    assert boxes["INBOX"]["messages"] == len(ODD) and boxes["INBOX"]["octets"] == sum(map(len, ODD)), one
    assert boxes["Mật"]["keyset"] == "mat" and boxes["INBOX"]["keyset"] == "open", one
    assert one["messages"] == sum(b["messages"] for b in boxes.values()) == len(ODD) + 5, one
    (by_uid,) = events(p, "list", one["uid"])
    (by_guid,) = events(p, "list", one["guid"])
    assert by_uid == by_guid and "quota-octets" in by_uid, by_uid
    assert "INBOX" in ctl(p, "list", USER % 1).stdout and "INBOX" not in ctl(p, "list").stdout
    ctl(p, "list", "nobody@nowhere", status=1)


def listed_while_it_is_made(p):
    """The keysets of an account are there before its mailboxes: who lists it just then finds it empty."""
    user, copy = USER % 14, folder(p, "while-made")
    shutil.copytree(os.path.join(p.dir, "state", "store"), os.path.join(copy, "store"))
    with Imap(p, user=user):
        pass
    shutil.rmtree(os.path.join(copy, "store", "control"))
    shutil.copytree(os.path.join(p.dir, "state", "store", "control"), os.path.join(copy, "store", "control"))
    conf = os.path.join(p.dir, "while-made.conf")
    with open(p.env["CONGVU_CONF"]) as f, open(conf, "w") as out:
        out.write(f.read().replace('"%s"' % os.path.join(p.dir, "state"), '"%s"' % copy))
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", conf, "mailbox", "list", "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    (made,) = [a for a in map(json.loads, done.stdout.splitlines()) if a["address"] == user]
    assert (made["messages"], made["mailboxes"]) == (0, []), made
    assert [a for a in events(p, "list") if a["address"] == user][0]["mailboxes"], "it never was made"


def round_trip(p):
    """Out, in, out: identical octets, flags, keywords and dates."""
    first = lists(export(p, USER % 1, "--mat", name="first"))
    assert len(first["INBOX"]) == len(ODD) and len(first["Mật"]) == 1, first.keys()
    sums = [hashlib.sha256(m).hexdigest() for m in ODD]
    assert [m["sum"] for m in first["INBOX"]] == sums
    export(p, USER % 1, "--mat", form="mbox", name="first-mbox")
    for n, source in ((2, "maildir:first"), (3, "mbox:first-mbox")):
        kind, _, where = source.partition(":")
        from_ = "%s:%s" % (kind, os.path.join(p.dir, where))
        trial = end_of(p, "import", USER % n, "--from", from_, "--dry-run")
        assert trial["imported"] == len(ODD) + 5 and trial["dry-run"], trial
        done = end_of(p, "import", USER % n, "--from", from_)
        assert (done["imported"], done["refused"], done["already-there"]) == (len(ODD) + 5, 0, 0), done
        again = lists(export(p, USER % n, "--mat", name="again"))
        for box in first:
            same(first[box], again[box])
        done = end_of(p, "import", USER % n, "--from", from_)
        assert (done["imported"], done["already-there"]) == (0, len(ODD) + 5), done
    # Without the file of the import, and after a move, the store itself knows.
    for state in glob.glob(os.path.join(p.dir, "state/import/*")):
        os.unlink(state)
    with Imap(p, user=USER % 2) as c:
        c.command("SELECT INBOX")
        assert c.command("MOVE 1:3 A.b/c")[0].startswith("OK")
    done = end_of(p, "import", USER % 2, "--from", "maildir:" + os.path.join(p.dir, "first"))
    assert (done["imported"], done["already-there"]) == (0, len(ODD) + 5), done


def exported_mail_is_explained(p):
    """The gate over a whole export: what would leave, and why not."""
    words = ("--role", "relay", "--to-zone", "internet")
    for kind, where in (("maildir", "first"), ("mbox", "first-mbox")):
        source = "%s:%s" % (kind, os.path.join(p.dir, where))
        r = p.ctl("policy", "explain", source, "--json", *words)
        said = [json.loads(line) for line in r.stdout.splitlines()]
        assert r.returncode == 0 and len(said) == len(ODD) + 5, (r.stderr, len(said))
        assert {"INBOX", "Mật"} <= {m["mailbox"] for m in said} and all(m["message"] for m in said), said
        assert "allow" in [m["verdict"] for m in said], said
        text = p.ctl("policy", "explain", source, "--at", "arrival", *words).stdout.splitlines()
        assert len(text) > len(said) and text[-1].split()[1] in [m["rule"] for m in said], text
    path = os.path.join(p.dir, "two.mbox")
    two = mailbox.mbox(path)
    for body in ("Chương trình làm việc tuần 47.", "ỦY BAN NHÂN DÂN TỈNH\nSố: 12/BC-UBND\nTỐI MẬT\nBÁO CÁO"):
        two.add("From: a@lamhoa.gov.vn.example\nContent-Type: text/plain; charset=utf-8\n\n%s\n".encode() % body.encode())
    two.close()
    said = [json.loads(line) for line in p.ctl("policy", "explain", "mbox:" + path, "--json", *words).stdout.splitlines()]
    assert [(m["rule"], m["level"]) for m in said] == [("allow", "thuong"), ("secret-internet", "toi-mat")], said
    assert p.ctl("policy", "explain", "maildir:/nonexistent").returncode == 2


def others_read_it(p):
    """Python's own readers, as a stand-in for other programs."""
    out = export(p, USER % 1, name="others")
    box = mailbox.Maildir(out, create=False)
    assert len(box) == len(ODD)
    assert {"F" in m.get_flags() for m in box} == {True, False}
    assert "A&AC4-b.c" in box.list_folders() and not any("&Hq0-" in f for f in box.list_folders()), box.list_folders()
    out = export(p, USER % 1, form="mbox", name="others-mbox")
    messages = list(mailbox.mbox(os.path.join(out, "INBOX.mbox"), create=False))
    assert len(messages) == len(ODD), len(messages)
    assert messages[1].get_flags().count("R") == 1 and "F" in messages[2].get_flags()
    for path, dirs, files in os.walk(out):
        for name in dirs + files:
            mode = os.stat(os.path.join(path, name)).st_mode & 0o777
            assert mode == (0o700 if name in dirs else 0o600), (name, oct(mode))


def what_export_refuses(p):
    out = folder(p, "open-to-all")
    os.mkdir(out)
    os.chmod(out, 0o755)
    assert "others may enter" in ctl(p, "export", USER % 1, "--to", out, status=2).stderr
    assert os.listdir(out) == []
    os.chmod(out, 0o700)
    assert "--mat" in ctl(p, "export", USER % 1, "Mật", "--to", out, status=2).stderr
    ctl(p, "export", USER % 1, "A.b/c", "--to", out)
    # A link that lies there would lead the mail elsewhere.
    linked = folder(p, "linked")
    os.mkdir(linked, 0o700)
    os.mkdir(folder(p, "elsewhere"))
    os.symlink(os.path.join(p.dir, "elsewhere"), linked + "/cur")
    assert "not empty" in ctl(p, "export", USER % 1, "--to", linked, status=2).stderr
    assert os.listdir(linked) == ["cur"] and os.listdir(linked + "/cur") == []
    with open("/dev/full", "w") as full:	# half of an answer
        assert subprocess.run([p.env["CONGVU_CTL"], "-c", p.env["CONGVU_CONF"], "mailbox", "list"], stdout=full).returncode == 2
    assert "an export already" in ctl(p, "export", USER % 1, "--to", out, status=2).stderr
    done = ctl(p, "export", USER % 1, "--to", folder(p, "no-mat"))
    assert "classified" in done.stderr and not any("&Hq0-" in f for f in os.listdir(os.path.join(p.dir, "no-mat")))
    got = lists(export(p, USER % 1, "INBOX", "--since", "2012-01-01", "--until", "2014-02-05", name="days"))
    assert [m["internal-date-s"] for m in got["INBOX"]] == [calendar.timegm((2010 + i, 2, i + 1, 3, 0, 0)) for i in (2, 3)], got
    for words in (["export", USER % 1], ["export", USER % 1, "--to", "/tmp/x", "--format", "zip"], ["export"], ["import", USER % 1],
                  ["export", "nobody@x", "--to", "/tmp/x"], ["import", "nobody@x", "--from", "maildir:/tmp"],
                  ["import", USER % 1, "--from", "pst:/x"], ["import", USER % 1, "--from", "mbox:/no/such/file"],
                  ["export", USER % 1, "--to", "/tmp/x", "--since", "2026-02-30"]):
        ctl(p, *words, status=2)


def the_audit_comes_first(p):
    """Who is not root gets no key; without a record in the audit nobody does."""
    shown = p.ctl("audit", "list", "--json").stdout.splitlines()
    opened = [json.loads(line) for line in shown if '"key-open"' in line]
    assert any("keyset=mat" in r["detail"] and "mailbox-export" in r["detail"] and "by-uid=" in r["detail"] for r in opened), opened
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", p.env["CONGVU_CONF"], "mailbox", "list"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **({"user": 65534, "group": 59882} if os.geteuid() == 0 else {}))
    assert os.geteuid() != 0 or done.returncode == 2, done
    log = os.path.join(p.dir, "log", "directoryd")
    count = lambda: sum(open(f, errors="replace").read().count("key-opened") for f in glob.glob(log + "*"))
    before = count()
    assert before > 0
    door = os.path.join(p.dir, "run", "store.control.sock")
    os.rename(door, door + ".away")
    try:
        ctl(p, "export", USER % 1, "--to", folder(p, "unaudited"), status=2)
    finally:
        os.rename(door + ".away", door)
    assert count() == before
    ctl(p, "export", USER % 1, "INBOX", "--to", folder(p, "audited"))
    assert count() == before + 1


def damage_is_skipped_and_listed(p):
    user = USER % 4
    with Imap(p, user=user) as c:
        append(c, "INBOX", mail(1))
        append(c, "INBOX", mail(2) + os.urandom(3000).hex().encode() + b"\r\n")
    newest = max(glob.glob(os.path.join(p.dir, "state/store/seg/*")), key=os.path.getmtime)
    with open(newest, "r+b") as f:
        f.seek(-200, 2)
        octet = f.read(1)
        f.seek(-200, 2)
        f.write(bytes([octet[0] ^ 1]))
    try:
        out = folder(p, "damaged")
        done = ctl(p, "export", user, "--to", out, status=1)
        assert "skipped" in done.stderr, done
        with open(os.path.join(out, "skipped.jsonl")) as f:
            (skipped,) = [json.loads(line) for line in f]
        assert skipped["mailbox"] == "INBOX" and skipped["uid"] == 2 and skipped["reason"], skipped
        assert [m["uid"] for m in lists(out)["INBOX"]] == [1]
    finally:
        with open(newest, "r+b") as f:
            f.seek(-200, 2)
            f.write(octet)
    assert [m["uid"] for m in lists(export(p, user, name="mended"))["INBOX"]] == [1, 2]


# ---- import ----

def write(path, data, when=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    if when is not None:
        os.utime(path, (when, when))


def a_maildir_of_others(p):
    """Maildir++ as Dovecot writes it, with LF; folders in folders as mbsync writes them; what must not be taken."""
    top = folder(p, "dovecot")
    lf = mail(1).replace(b"\r\n", b"\n")
    for name in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Old.Sub/cur", ".Old.Sub/new", ".&bad/cur", ".\xff\xfe/cur"):
        os.makedirs(os.path.join(os.fsencode(top), os.fsencode(name) if "\xff" not in name else name.encode("latin-1")))
    write(top + "/cur/1600000002.M1P1.host,S=%d:2,FSac" % len(lf), lf, 1500000000)
    write(top + "/cur/1600000001.M2P1.host:2,RT", lf, 1400000000)
    write(top + "/new/1600000009.M3P1.host", lf, 1300000000)
    write(top + "/dovecot-keywords", b"0 $Label1\n2 NonJunk\n")
    write(top + "/dovecot-uidlist", b"3 V1 N9\n1 :1600000002.M1P1.host,S=%d\n2 :1600000001.M2P1.host:2,RT\n" % len(lf))
    write(top + "/.Sent/cur/1.a:2,S", lf, 1)
    write(top + "/.Old.Sub/cur/2.b:2,PD", lf, 2)
    write(top + "/.Old.Sub/cur/3.empty:2,", b"")
    write(top + "/.Old.Sub/cur/4.nul:2,", b"From: a\n\n\0\n")
    os.symlink("/etc/passwd", top + "/.Old.Sub/cur/5.link:2,S")
    os.mkfifo(top + "/.Old.Sub/cur/6.fifo:2,S")
    os.symlink("/", top + "/root")
    user = USER % 5
    got = events(p, "import", user, "--from", "maildir:" + top, status=1)
    refused = {e["id"]: e["reason"] for e in got if e["event"] == "refused"}
    assert set(refused) == {"3.empty", "4.nul", "5.link", "6.fifo"}, refused
    assert got[-1]["imported"] == 5, got
    box = lists(export(p, user, name="from-dovecot"))
    assert [m["internal-date-s"] for m in box["INBOX"]] == [1500000000, 1400000000, 1300000000], box["INBOX"]
    assert [m["flags"] for m in box["INBOX"]] == [["\\Seen", "\\Flagged"], ["\\Answered", "\\Deleted"], []], box["INBOX"]
    assert box["INBOX"][0]["keywords"] == ["$Label1", "NonJunk"] and box["INBOX"][0]["octets"] == len(mail(1)), box["INBOX"]
    assert len(box["Đã gửi"]) == 1 and box["Old/Sub"][0]["keywords"] == ["$Forwarded"], box.keys()
    top = folder(p, "mbsync")
    for name in ("INBOX", "Work/2024", "Th&AbA- m&Hts-i"):
        write("%s/%s/cur/1.x,U=1:2,S" % (top, name), mail(2), 1)
        os.makedirs("%s/%s/new" % (top, name))
    done = end_of(p, "import", user, "--from", "maildir:" + top, "--prefix", "Cũ", "--json")
    assert done["imported"] == 3, done
    (account,) = events(p, "list", user)
    names = {b["name"] for b in account["mailboxes"] if b["messages"]}
    assert {"Cũ/INBOX", "Cũ/Work/2024", "Cũ/Thư mới"} <= names, names
    assert all(b["subscribed"] for b in account["mailboxes"] if b["name"].startswith("Cũ/")), account


def plain(text):
    assert all(c == "\n" or c.isprintable() for c in text), text


def a_folder_of_an_enemy(p):
    """Pipes where lists are looked for, lines without end, names that a terminal obeys, times that no calendar has."""
    user = USER % 13
    top = folder(p, "enemy")
    write(top + "/cur/1.\x1b]0;x\x07\x1b[2J\n\u202eb:2,S", b"")
    write(top + "/cur/2.a:2,S", mail(1))
    write(top + "/.\x1b[31mred/cur/1.b:2,S", mail(2))
    os.mkfifo(top + "/.\x1b[31mred/congvu-export.jsonl")
    for name in ("dovecot-uidlist", "dovecot-keywords"):
        os.mkfifo(os.path.join(top, name))
    write(top + "/congvu-export.jsonl", b'{"congvu-export":1,"mailbox":"x"}\n{"file":"cur/2.a:2,S","internal-date-s":9223372036854775807}\n')
    os.truncate(top + "/congvu-export.jsonl", 1 << 38)
    for words in ([], ["--dry-run"]):
        done = ctl(p, "import", user, "--from", "maildir:" + top, *words, status=1)
        plain(done.stdout + done.stderr)
        assert "\\x1b[2J" in done.stdout and "imported 3" not in done.stderr, done
    got = lists(export(p, user, name="of-an-enemy"))
    assert len(got["x"]) == 1 and got["x"][0]["internal-date-s"] == 253402128000, got
    top = folder(p, "enemy.mbox")
    write(top + "/a/a.mbox", b"From a\nSubject: x\n\nhi\n")
    os.mkfifo(top + "/a/a.mbox.jsonl")
    os.mkfifo(top + "/a/b.mbox")
    assert end_of(p, "import", user, "--from", "mbox:" + top)["imported"] == 1
    assert "neither a file" in ctl(p, "import", user, "--from", "mbox:" + top + "/a/b.mbox", status=2).stderr
    write(top + "/d" * 40 + "/a.mbox", b"From a\nSubject: x\n\nhi\n")
    assert "in more than 32" in ctl(p, "import", user, "--from", "mbox:" + top, status=2).stderr
    write(folder(p, "deep") + "/d" * 40 + "/cur/1.a:2,S", mail(1))
    assert "in more than 32" in ctl(p, "import", user, "--from", "maildir:" + p.dir + "/deep", status=2).stderr
    plain(ctl(p, "import", user, "--from", "maildir:/no\x1b[31m", status=2).stderr)


def an_mbox_of_others(p):
    path = folder(p, "Sent.mbox")
    write(path, b"From a@b Tue Feb  3 10:00:00 2026\nStatus: RO\nX-Status: AF\nX-Keywords: one two\nSubject: 1\n\n>From x\nFrom y\n\n"
          b"From MAILER-DAEMON Xyz 99 broken\nDate: Tue, 3 Feb 2026 17:00:00 +0700\nSubject: 2\n\nFrom here on\nwe go\n\n"
          b"From nobody\nSubject: 3\n\n" + b"From q@q Tue Feb  3 10:00:00 2026\nSubject: 1\n\nx\n\n" * 2, 1234567890)
    user = USER % 6
    done = end_of(p, "import", user, "--from", "mbox:" + path)
    assert done["imported"] == 5, done
    box = lists(export(p, user, name="from-mbox"))["Đã gửi"]
    assert [m["internal-date-s"] for m in box] == [1770112800, 1770112800, 1234567890, 1770112800, 1770112800], box
    assert box[0]["flags"] == ["\\Seen", "\\Answered", "\\Flagged"] and box[0]["keywords"] == ["one", "two"], box[0]
    assert box[0]["sum"] == hashlib.sha256(b"Subject: 1\r\n\r\nFrom x\r\nFrom y\r\n").hexdigest(), box[0]
    # What came to its end since is taken, the rest is known.
    with open(path, "ab") as f:
        f.write(b"From a@b Tue Feb  3 10:00:00 2026\nSubject: 9\n\nnew\n")
    done = end_of(p, "import", user, "--from", "mbox:" + path)
    assert (done["imported"], done["already-there"]) == (1, 5), done
    write(path, b"no mbox at all\n")
    assert "is no mbox" in ctl(p, "import", user, "--from", "mbox:" + path, "--mailbox", "X", status=2).stderr


def what_policy_refuses(p):
    """A classified document comes into Mật alone, and only for who may have it; the audit knows it."""
    s = scenario.Province(p.dir)
    data = scenario.docx(["ỦY BAN NHÂN DÂN", "MẬT", "BÁO CÁO"])
    secret = s.mail(1, p.env["CONGVU_USER2"], "Báo cáo", s.mixed_entity("Kính gửi.\n", "bao-cao.docx", DOCX, data))
    top = folder(p, "secret")
    write(top + "/cur/1.secret:2,S", secret)
    write(top + "/cur/2.plain:2,S", mail(1))
    write(top + "/cur/3.large:2,S", b"From: a\r\n\r\n" + b"x" * (50 << 20))
    write(top + "/.%s/cur/1.secret:2,S" % MAT, secret)
    user = p.env["CONGVU_USER2"]
    before = len(p.ctl("audit", "list", "--json").stdout.splitlines())
    got = events(p, "import", user, "--from", "maildir:" + top, status=1)
    refused = {e["id"]: e for e in got if e["event"] == "refused"}
    assert set(refused) == {"1.secret", "3.large"} and got[-1]["imported"] == 2, got
    (account,) = events(p, "list", user)
    boxes = {b["name"]: b["messages"] for b in account["mailboxes"]}
    assert (boxes["INBOX"], boxes["Mật"]) == (1, 1), boxes
    records = [json.loads(line) for line in p.ctl("audit", "list", "--json").stdout.splitlines()[before:]]
    assert [r["verdict"] for r in records if r["event"] == "import" and r["level"] == "mat"].count("reject") == 1, records
    signed = [r["detail"] for r in records if r["event"] == "import" and r["level"] == "mat"]
    assert len(signed) == 2 and all(d.startswith("signer=valid:%s:" % p.env["CONGVU_USER1"]) for d in signed), signed
    # What was among the classified ones does not come out of them under another name.
    end = end_of(p, "import", user, "--from", "maildir:" + top, "--prefix", "X", status=1)
    assert end["imported"] == 1 and end["refused"] == 3, end


def quota_holds(p):
    from failure import set_quota
    user = USER % 7
    top = folder(p, "much")
    for i in range(20):
        write(top + "/cur/%d.x:2,S" % i, mail(i, b"x" * 10000))
    with Imap(p, user=user):
        pass
    set_quota(p, user, 105000)
    assert eventually(lambda: events(p, "list", user)[0].get("quota-octets") == 105000)
    done = ctl(p, "import", user, "--from", "maildir:" + top, status=2)
    assert "quota" in done.stderr, done
    (account,) = events(p, "list", user)
    assert 9 <= account["messages"] <= 10 and account["octets"] <= 105000, account
    set_quota(p, user, 0)
    assert eventually(lambda: events(p, "list", user)[0].get("quota-octets") == 0)
    end = end_of(p, "import", user, "--from", "maildir:" + top)
    assert end["imported"] + account["messages"] == 20, end


def killed_and_run_again(p):
    user, total = USER % 8, 1200
    top = folder(p, "killed")
    for i in range(total):
        write(top + "/cur/%04d.x:2,S" % i, mail(i))
    words = [p.env["CONGVU_CTL"], "-c", p.env["CONGVU_CONF"], "mailbox", "import", user, "--from", "maildir:" + top]
    counts = []
    for wanted in (100, 500):
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        done = lambda: sum(os.path.getsize(f) for f in glob.glob(os.path.join(p.dir, "state/import/*")) if os.path.getmtime(f) > start)
        start = time.time() - 1
        eventually(lambda: count_messages(p, user) >= wanted or child.poll() is not None)
        child.send_signal(signal.SIGKILL)
        child.wait()
        counts.append(count_messages(p, user))
    assert 0 < counts[0] < total, counts
    end = end_of(p, "import", user, "--from", "maildir:" + top)
    assert end["imported"] + end["already-there"] == total and end["already-there"] > 0, end
    got = lists(export(p, user, name="after-kill"))["INBOX"]
    assert len(got) == total and len({m["sum"] for m in got}) == total, len(got)


def count_messages(p, user):
    found = [a for a in events(p, "list") if a["address"] == user]
    return found[0]["messages"] if found else 0


# ---- IMAP ----

def secret_file(p, word):
    path = os.path.join(p.dir, "imap.password")
    with open(path, "w") as f:
        f.write(word + "\n")
    os.chmod(path, 0o600)
    return path


def from_imap(p):
    """Our own imapd as the source: TLS from the beginning, and STARTTLS."""
    source = lists(export(p, USER % 1, "--mat", name="imap-source"))
    password = secret_file(p, p.env["CONGVU_PASS"])
    for n, kind, port in ((9, "imaps", "IMAPS"), (10, "imap", "IMAP")):
        url = "%s://%s@localhost:%d/" % (kind, (USER % 1).replace("@", "%40"), p.port(port))
        words = ["import", USER % n, "--from", url, "--password-file", password, "--ca", p.env["CONGVU_CA"]]
        end = end_of(p, *words)
        assert (end["imported"], end["refused"]) == (len(ODD) + 5, 0), end
        got = lists(export(p, USER % n, "--mat", name="imap-got"))
        for box in source:
            same(source[box], got[box])
        end = end_of(p, *words)
        assert (end["imported"], end["already-there"]) == (0, len(ODD) + 5), end
    url = "imaps://u1%%40x@localhost:%d/" % p.port("IMAPS")
    assert "TLS" in ctl(p, "import", USER % 9, "--from", url, "--password-file", password, status=2).stderr	# an unknown CA
    os.chmod(password, 0o644)
    assert "others may read" in ctl(p, *words, status=2).stderr
    os.chmod(password, 0o600)
    if os.geteuid() == 0:
        os.chown(password, 65534, -1)
        assert "others may read" in ctl(p, *words, status=2).stderr
        os.chown(password, 0, -1)
    done = ctl(p, "import", USER % 9, "--from", "imaps://u1:Secret@localhost/", "--password-file", password, status=2)
    assert "--password-file" in done.stderr and "Secret" not in done.stderr, done
    wrong = ["--password-file", secret_file(p, "wrong"), "--ca", p.env["CONGVU_CA"]]
    assert ctl(p, *words[:4], *wrong, status=2).stderr


class Fake(threading.Thread):
    """A server that says what it is told, to each word of the client."""

    def __init__(self, answers):
        super().__init__(daemon=True)
        self.answers = answers
        self.listen = socket.create_server(("127.0.0.1", 0))
        self.port = self.listen.getsockname()[1]
        self.start()

    def run(self):
        sock, _ = self.listen.accept()
        self.listen.close()
        sock.settimeout(300 if LONG else 20)	# longer than whoever waits for us
        file = sock.makefile("rb")
        try:
            sock.sendall(self.answers.get("greeting", b"* OK fake\r\n"))
            while True:
                line = file.readline(65536)
                if not line:
                    break
                tag, _, rest = line.strip().partition(b" ")
                word = rest.split(b" ")[0].upper().decode("latin-1")
                word += " " + rest.split(b" ")[1].decode("latin-1") if word == "UID" else ""
                if word == "LOGIN":
                    for _ in range(2):
                        sock.sendall(b"+ go\r\n")
                        file.readline(65536)
                answer = self.answers.get(word, b"")
                if callable(answer):
                    answer(sock)
                    continue
                sock.sendall(answer)
                if word not in self.answers.get("silent", ()):
                    sock.sendall(tag + b" OK done\r\n")
        except OSError:
            pass
        sock.close()


def hang_up(sock):
    sock.shutdown(socket.SHUT_RDWR)


def flood(octets):
    def say(sock):
        for _ in range(200):
            sock.sendall(octets * 65536)
    return say


def hostile_servers(p):
    password = secret_file(p, "x")
    one = b"* 1 FETCH (UID 7 FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 30)\r\n"
    good = {"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n", "LIST": b'* LIST () "/" INBOX\r\n', "STATUS": b"* STATUS INBOX (MESSAGES 1)\r\n",
            "EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n", "FETCH": one,
            "UID FETCH": b"* 1 FETCH (UID 7 BODY[] {17}\r\nFrom: a\r\n\r\nnice\r\n)\r\n".replace(b"{17}", b"{17}")}
    rows = [  # name, what differs, status, imported, what is said
        ("good", {}, 0, 1, ""),
        ("greets with nonsense", {"greeting": b"220 smtp\r\n"}, 2, 0, ""),
        ("bye", {"greeting": b"* BYE go away\r\n"}, 2, 0, "does not want us"),
        ("a line without end", {"LIST": flood(b"x"), "silent": ("LIST",)}, 2, 0, "line without end"),
        ("a literal of nonsense", {"LIST": b'* LIST () "/" {99999999999999999999999}\r\n'}, 2, 0, "literal of nonsense"),
        ("a literal without end", {"LIST": lambda s: (s.sendall(b'* LIST () "/" {900000000000}\r\n'), flood(b"x")(s), hang_up(s))}, 2, 0, ""),
        ("brackets", {"FETCH": b"* 1 FETCH (X " + b"(" * 10000 + b"\r\n" + one}, 0, 1, ""),
        ("no uidvalidity", {"EXAMINE": b"* 1 EXISTS\r\n"}, 2, 0, "UIDVALIDITY"),
        ("many that are not there", {"EXAMINE": b"* 4000000000 EXISTS\r\n* OK [UIDVALIDITY 9] ok\r\n", "FETCH": hang_up}, 2, 0, ""),
        ("closes in the message", {"UID FETCH": lambda s: (s.sendall(b"* 1 FETCH (UID 7 BODY[] {17}\r\nFrom"), hang_up(s))}, 2, 0, "closed"),
        ("another message", {"UID FETCH": b"* 1 FETCH (UID 8 BODY[] {17}\r\nFrom: a\r\n\r\nnice\r\n)\r\n"}, 1, 0, "did not give it"),
        ("twice the same", {"UID FETCH": good["UID FETCH"] * 2}, 0, 1, ""),
        ("larger than it said", {"UID FETCH": b"* 1 FETCH (UID 7 BODY[] {%d}\r\n" % (45 << 20) + b"x" * (45 << 20) + b")\r\n"}, 1, 0, "too large"),
        ("said to be large", {"FETCH": one.replace(b"SIZE 30", b"SIZE 99999999999")}, 1, 0, "too large"),
        ("flags of nonsense", {"FETCH": one.replace(b"\\Seen", b'(x)')}, 0, 0, ""),
        ("a broken date", {"FETCH": one.replace(b"17-Jul-1996", b"99-Foo-0000")}, 0, 1, ""),
        ("NUL", {"UID FETCH": b"* 1 FETCH (UID 7 BODY[] {3}\r\na\0b)\r\n"}, 1, 0, "NUL"),
        ("a name of nonsense", {"LIST": b'* LIST () "/" "\xff\xfe"\r\n* LIST () "/" "../../x"\r\n* LIST (\\Noselect) "/" y\r\n'}, 1, 1, "neither UTF-7"),
        ("a name that cannot be asked for", {"LIST": good["LIST"] + b'* LIST () "/" {4}\r\na\r\nb\r\n'}, 1, 1, "cannot be asked"),
        *[("a folder that is shut", {"EXAMINE": b"", "silent": ("EXAMINE",)}, 2, 0, "does not answer")] * LONG,
        ("wants plain words", {"CAPABILITY": b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n"}, 2, 0, "takes no password"),
    ]
    for i, (name, other, status, imported, said) in enumerate(rows):
        fake = Fake({**good, **other})
        done = ctl(p, "import", USER % 11, "--from", "imap://u%d@127.0.0.1:%d/" % (i, fake.port), "--password-file", password,
                   "--insecure-plain", "--prefix", "f%d" % i, "--json", status=status)
        ends = [json.loads(line) for line in done.stdout.splitlines() if '"end"' in line]
        assert (ends[0]["imported"] if ends else 0) == imported, (name, done)
        assert said in done.stdout + done.stderr, (name, done)
    # Nothing goes out in the clear, but to this machine, and only when told so.
    fake = Fake(good)
    assert "offers no TLS" in ctl(p, "import", USER % 11, "--from", "imap://u@127.0.0.1:%d/" % fake.port, "--password-file", password,
                                  status=2).stderr


def from_dovecot(p):
    """The server of others, if it is there."""
    if shutil.which("dovecot") is None:
        print("     (dovecot is not installed)")
        return
    base = folder(p, "dovecot-imap")
    mails = os.path.join(base, "mail")
    for i in range(30):
        write(mails + "/cur/%d.x:2,%s" % (i, "FS" if i % 3 == 0 else ""), mail(i).replace(b"\r\n", b"\n"), 1500000000 + i)
    for name in ("new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp", ".A.B/cur", ".A.B/new", ".A.B/tmp"):
        os.makedirs(os.path.join(mails, name), exist_ok=True)
    write(mails + "/.A.B/cur/1.y:2,R", mail(99), 1400000000)
    os.makedirs(base + "/run")
    port = p.port_base + 31
    with open(base + "/dovecot.conf", "w") as f:
        f.write("""base_dir = %(b)s/run\nstate_dir = %(b)s/run\nlog_path = %(b)s/log\nprotocols = imap\nlisten = 127.0.0.1\nssl = no
disable_plaintext_auth = no\nmail_location = maildir:%(b)s/mail\ndefault_internal_user = nobody\ndefault_login_user = nobody
default_internal_group = nogroup\nfirst_valid_uid = 0\nmail_uid = nobody\nmail_gid = nogroup
service imap-login {\n  chroot =\n  inet_listener imap {\n    port = %(p)d\n  }\n  inet_listener imaps {\n    port = 0\n  }\n}
service anvil {\n  chroot =\n}
passdb {\n  driver = static\n  args = password=dove\n}\nuserdb {\n  driver = static\n  args = uid=nobody gid=nogroup home=%(b)s\n}
namespace inbox {\n  inbox = yes\n  separator = .\n  mailbox Sent {\n    special_use = \\Sent\n  }\n}
""" % {"b": base, "p": port})
    subprocess.run(["chown", "-R", "nobody:nogroup", base + "/mail"], check=True)
    os.chmod(base, 0o755)
    for path in (p.dir,):
        os.chmod(path, os.stat(path).st_mode | 0o011)
    server = subprocess.Popen(["dovecot", "-F", "-c", base + "/dovecot.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def up():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        assert eventually(up), open(base + "/log").read()
        words = ["import", USER % 12, "--from", "imap://annv@127.0.0.1:%d/" % port, "--password-file", secret_file(p, "dove"), "--insecure-plain"]
        end = end_of(p, *words)
        assert (end["imported"], end["refused"]) == (31, 0), end
        got = lists(export(p, USER % 12, name="got-dovecot"))
        assert [m["internal-date-s"] for m in got["INBOX"]] == [1500000000 + i for i in range(30)], got["INBOX"]
        assert all(m["flags"] == (["\\Seen", "\\Flagged"] if i % 3 == 0 else []) for i, m in enumerate(got["INBOX"])), got["INBOX"]
        assert got["A/B"][0]["flags"] == ["\\Answered"] and got["A/B"][0]["sum"] == hashlib.sha256(mail_of(mails)).hexdigest(), got["A/B"]
        end = end_of(p, *words)
        assert (end["imported"], end["already-there"]) == (0, 31), end
    finally:
        server.terminate()
        ended(server)


def mail_of(mails):
    (name,) = glob.glob(mails + "/.A.B/cur/*")
    with open(name, "rb") as f:
        return f.read()


def main():
    tests = [listing, listed_while_it_is_made, round_trip, exported_mail_is_explained, others_read_it, what_export_refuses,
             the_audit_comes_first, damage_is_skipped_and_listed,
             a_maildir_of_others, a_folder_of_an_enemy, an_mbox_of_others, what_policy_refuses, quota_holds, killed_and_run_again, from_imap,
             hostile_servers, from_dovecot]
    with Province(24300, "--accounts", "14") as p:
        os.environ.update({k: v for k, v in p.env.items() if k.startswith("CONGVU_")})
        sys.exit(run(chosen(tests), p))


if __name__ == "__main__":
    main()
