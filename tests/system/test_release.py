#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Releases with the real servers: a refused message, two officers who sign with openssl, and the same content sent again,
which passes once and only once; and everybody who tries it otherwise."""
import base64
import calendar
import glob
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from harness import Imap, Province, Smtp, chosen, eventually, join, run

TO = ["gia.dinh@ngoai.example", "ban.be@ngoai.example"]
BLOB = bytes(range(1, 9)) * 40
serial = 0


def part(data, name="ban ve.dwg"):
    return (b"Content-Type: application/octet-stream; name=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" % name.encode()
            + base64.encodebytes(data).replace(b"\n", b"\r\n"))


def text(words="Kính gửi quý cơ quan, xin gửi bản vẽ.\r\n"):
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + words.encode()


def mixed(*parts):
    global serial
    serial += 1
    b = b"b%d" % serial
    return (b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n" % b + b"".join(b"--%s\r\n%s\r\n" % (b, p) for p in parts)
            + b"--%s--\r\n" % b)


def message(p, entity, user=1):
    """A message of that user's with the entity in it, signed; never the same octets twice."""
    global serial
    serial += 1
    r = subprocess.run(["openssl", "cms", "-sign", "-binary", "-crlfeol", "-md", "sha256", "-signer",
                        p.env["CONGVU_CERT%d" % user], "-inkey", p.env["CONGVU_KEY%d" % user]],
                       input=entity, stdout=subprocess.PIPE, check=True)
    signed = r.stdout.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return ("From: <%s>\r\nTo: <%s>\r\nSubject: ho so %d\r\nMessage-ID: <%d.%d@test.example>\r\n" % (
        p.env["CONGVU_USER%d" % user], TO[0], serial, serial, os.getpid())).encode() + signed


def send(p, data, to=TO, user=1):
    me = p.env["CONGVU_USER%d" % user]
    with Smtp(p, user=me) as s:
        return s.message(me, to, data)


def ctl(p, *words, ok=True):
    r = p.ctl("policy", "release", *words)
    assert ok is None or (r.returncode == 0) == ok, r.stdout
    return r.stdout


def prepare(p, data, *options, to=TO, ok=True):
    """The statement that two officers are to sign; or the complaint."""
    file = os.path.join(p.dir, "refused.eml")
    with open(file, "wb") as f:
        f.write(data)
    words = [w for t in to for w in ("--to", t)]
    return ctl(p, "prepare", file, "--reason", "Bản vẽ kỹ thuật, không có bí mật", *words, *options, ok=ok)


def sign(p, statement, who, *options):
    """A file with the statement signed by CONGVU_OFFICERn (who is a number) or USERn ("u2")."""
    global serial
    serial += 1
    name = os.path.join(p.dir, "signed%d" % serial)
    cert, key = ((p.env["CONGVU_CERT" + who[1:]], p.env["CONGVU_KEY" + who[1:]]) if isinstance(who, str) else
                 (p.env["CONGVU_OFFICER_CERT%d" % who], p.env["CONGVU_OFFICER_KEY%d" % who]))
    subprocess.run(["openssl", "cms", "-sign", "-md", "sha256", "-signer", cert, "-inkey", key, "-out", name]
                   + list(options or ("-nodetach", "-outform", "DER")), input=statement.encode(), check=True)
    return name


def release(p, statement, ok=True, second=2, more=()):
    return ctl(p, "submit", sign(p, statement, 1), sign(p, statement, second), *more, ok=ok)


def state(p, statement):
    for line in ctl(p, "list", "--json").splitlines():
        row = json.loads(line)
        if row["id"] == ident(statement):
            return row
    return None


def ident(statement):
    return re.search(r"^id: ([0-9a-f]{32})$", statement, re.M).group(1)


def audit(p, event):
    lines = p.ctl("audit", "list", "--json").stdout.splitlines()
    return [r for r in map(json.loads, lines) if r["event"] == event]


def in_sink(p, words):
    return [f for f in glob.glob(os.path.join(p.env["CONGVU_SINK"], "new/*")) if words in open(f, "rb").read()]


def expect(what, got, want):
    assert got[0] == want, "%s: %r" % (what, got)
    return got[1]


def passes_once_and_only_once(p):
    entity = lambda: mixed(text(), part(BLOB))
    first = message(p, entity())
    said = expect("refused", send(p, first), 550)
    assert "rule=opaque-out" in said and "Security officers may release it" in said, said
    reference = re.search(r"ref=([0-9a-f]+)", said).group(1)
    assert reference in said.split("Can bo bao mat")[1]
    statement = prepare(p, first, "--reference", reference)
    explained = json.loads(p.ctl("policy", "explain", os.path.join(p.dir, "refused.eml"), "--json").stdout)
    assert explained["liftable"] and explained["class"] == "review", explained
    for line in ["sender: " + p.env["CONGVU_USER1"], "to: " + TO[0], "to: " + TO[1], "lift: review", "reference: " + reference]:
        assert line in statement.splitlines(), statement
    import hashlib
    assert "part: " + hashlib.sha256(BLOB).hexdigest() in statement.splitlines(), statement
    release(p, statement)
    row = state(p, statement)
    assert row["state"] == "open" and row["officers"] == [p.env["CONGVU_OFFICER1"], p.env["CONGVU_OFFICER2"]], row

    # what it does not name
    expect("an added part", send(p, message(p, mixed(text(), part(BLOB), part(BLOB[1:] + b"\x01")))), 550)
    expect("another part", send(p, message(p, mixed(text(), part(BLOB + b"\x01")))), 550)
    said = expect("a recipient less", send(p, message(p, entity()), TO[:1]), 550)
    assert "A release is open, but for other recipients [recipients]" in said and "nguoi nhan khong dung" in said, said
    expect("a recipient more", send(p, message(p, entity()), TO + ["la@ngoai.example"]), 550)
    expect("another sender", send(p, message(p, entity(), 2), user=2), 550)
    expect("a mark beside it", send(p, message(p, mixed(text("Độ mật: Mật\r\n"), part(BLOB)))), 550)
    assert state(p, statement)["state"] == "open"
    unfit = [r for r in audit(p, "submit") if "release-unfit=" in r["detail"]]
    assert {"release-unfit=not-covered", "release-unfit=recipients"} <= {r["detail"].split()[0] for r in unfit}, unfit

    # it is there after a fall, and in force
    os.kill(p.pid("mailstored"), signal.SIGKILL)
    assert eventually(lambda: p.ctl("policy", "release", "list").returncode == 0)
    data = message(p, entity())
    assert eventually(lambda: send(p, data)[0] == 250)
    mark = re.search(rb"Message-ID: (<[^>]*>)", data).group(1)
    assert eventually(lambda: in_sink(p, mark)), "it never left"
    row = state(p, statement)
    assert row["state"] == "used" and row["delivery"], row
    used = audit(p, "release-used")[-1]
    for word in (ident(statement), p.env["CONGVU_OFFICER1"], p.env["CONGVU_OFFICER2"]):
        assert word in used["detail"], used
    added = audit(p, "release-add")[-1]
    assert "reason=Bản vẽ" in added["detail"] and "by-uid=0" in added["detail"], added
    told = audit(p, "submit")[-1]["detail"].split()
    assert told[0] == "release=" + ident(statement) and told[1].startswith("signer=valid:%s:" % p.env["CONGVU_USER1"]), told

    expect("once more", send(p, message(p, entity())), 550)
    expect("the same octets", send(p, data), 550)
    assert "exists already" in release(p, statement, ok=False)


def told_as_used(p):
    with open(os.path.join(p.dir, "log", "smtpd.log")) as log:
        return log.read().count("ev=release-used ")


def of_two_at_once_one_wins(p):
    data = [message(p, mixed(text(), part(BLOB[::-1]))) for _ in range(4)]
    release(p, prepare(p, data[0]))
    got, gate, told = [], threading.Barrier(len(data), timeout=60), told_as_used(p)

    def one(d):
        me = p.env["CONGVU_USER1"]
        try:
            with Smtp(p, user=me) as s:
                for line in ["MAIL FROM:<%s>" % me] + ["RCPT TO:<%s>" % t for t in TO] + ["DATA"]:
                    code, said = s.command(line)
                    assert 0 < code < 400, (line, code, said)
                gate.wait()
                s.send(d + b"\r\n.\r\n")
                got.append(s.reply()[0])
        except (AssertionError, OSError, threading.BrokenBarrierError) as e:
            gate.abort()
            got.append(repr(e))

    threads = [threading.Thread(target=one, args=(d,), daemon=True) for d in data]
    for t in threads:
        t.start()
    join(*threads)
    assert got.count(250) == 1 and all(c in (250, 451, 550) for c in got), got
    assert told_as_used(p) == told + 1, "the log tells of a use that was none"


def signed_mail_will_do(p):
    """Other forms in which officers may hand in what they signed: PEM, and a mail, opaque or clear."""
    forms = [("-nodetach", "-outform", "PEM"), ("-nodetach", "-outform", "SMIME"), ("-outform", "SMIME", "-text")]
    for n, form in enumerate(forms):
        data = lambda: message(p, mixed(text(), part(BLOB + bytes([n + 1]))))
        statement = prepare(p, data())
        ctl(p, "submit", sign(p, statement, 1, *form), sign(p, statement, 2))
        expect(" ".join(form), send(p, data()), 250)


def who_may_not(p):
    data = message(p, mixed(text(), part(BLOB * 2)))
    statement = prepare(p, data)
    assert "same-officer" in release(p, statement, ok=False, second=1)
    assert "officer" in release(p, statement, ok=False, second="u2")
    assert "not-same" in ctl(p, "submit", sign(p, statement, 1), sign(p, prepare(p, data), 2), ok=False)
    assert "statement" in release(p, statement.replace("lift: review", "lift: all"), ok=False)
    assert "statement" in release(p, "# x\n" + statement, ok=False)
    assert "signature" in ctl(p, "submit", sign(p, statement, 1), sign(p, statement, 2, "-nocerts", "-nodetach", "-outform", "DER"),
                              ok=False)
    expect("nothing was released", send(p, message(p, mixed(text(), part(BLOB * 2)))), 550)
    assert "From is" in prepare(p, data, "--from", p.env["CONGVU_USER2"], ok=False)
    assert "nothing to release" in prepare(p, message(p, text()), ok=False)
    assert "no release can lift" in prepare(p, b"From: <a@b.example>\r\n\r\nx\r\n", ok=False)
    assert "not found" in ctl(p, "revoke", "00" * 16, ok=False)


def an_end_comes(p):
    """Revoked, over, or an officer who is none any more."""
    entity = lambda: mixed(text(), part(BLOB * 3))
    statement = prepare(p, message(p, entity()))
    release(p, statement)
    ctl(p, "revoke", ident(statement))
    expect("revoked", send(p, message(p, entity())), 550)
    assert "not valid in this state" in ctl(p, "revoke", ident(statement), ok=False)
    assert audit(p, "release-revoke")[-1]["detail"].startswith("release=" + ident(statement))

    statement = prepare(p, message(p, entity()))
    for seconds in (3, 10, 40):	# until they are in hands
        short = re.sub(r"^expires: .*$", "expires: " + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds)),
                       statement, flags=re.M)
        if "expired" not in release(p, short, ok=None):
            break
    assert eventually(lambda: state(p, short)["state"] == "expired")
    expect("over", send(p, message(p, entity())), 550)
    issued = calendar.timegm(time.strptime(re.search(r"issued: (.*)Z", statement).group(1), "%Y-%m-%dT%H:%M:%S"))
    long = re.sub(r"^expires: .*$", "expires: " + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued + 72 * 3600 + 1)), statement,
                  flags=re.M)
    assert "expired" in release(p, long, ok=False)

    statement = prepare(p, message(p, entity()))
    release(p, statement)
    again = [sign(p, statement, 1), sign(p, statement, 2)]
    role(p, "delete")
    assert eventually(lambda: "officer" in ctl(p, "submit", *again, ok=False))  # the directory knows
    expect("no officer any more", send(p, message(p, entity())), 550)
    assert audit(p, "submit")[-1]["detail"].split()[0] == "release-unfit=officer"
    role(p, "add")
    assert eventually(lambda: "exists already" in ctl(p, "submit", *again, ok=False))
    expect("an officer again", send(p, message(p, entity())), 250)


def role(p, act):
    uid = p.env["CONGVU_OFFICER2"].split("@")[0]
    found = subprocess.run(["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-x", "-H", p.env["CONGVU_LDAP_URI"], "-D",
                            p.env["CONGVU_LDAP_ADMIN_DN"], "-w", p.env["CONGVU_LDAP_ADMIN_PASSWORD"], "-b",
                            p.env["CONGVU_LDAP_BASE"], "(uid=%s)" % uid, "dn"], stdout=subprocess.PIPE, text=True, check=True)
    subprocess.run(["ldapmodify", "-x", "-H", p.env["CONGVU_LDAP_URI"], "-D", p.env["CONGVU_LDAP_ADMIN_DN"], "-w",
                    p.env["CONGVU_LDAP_ADMIN_PASSWORD"]], input="%s\nchangetype: modify\n%s: congvuRole\ncongvuRole: securityOfficer\n"
                   % (found.stdout.strip(), act), text=True, stdout=subprocess.DEVNULL, check=True)


def a_mark_that_is_none(p):
    """What looks like a mark leaves only as what officers state to be none, and then lies with all other mail."""
    words = "Độ mật: Mật\r\n\r\nVí dụ về cách ghi trong tập huấn.\r\n"
    data = message(p, text(words))
    said = expect("marked", send(p, data), 550)
    assert "rule=secret-internet" in said and "may release" in said, said
    assert "only as no marks" in prepare(p, data, ok=False)
    statement = prepare(p, data, "--lift", "false-positive", "--expires", "2")
    assert "what: mark-mat" in statement
    release(p, statement.replace("lift: false-positive", "lift: review"), ok=False)
    release(p, statement)
    expect("another level beside it", send(p, message(p, mixed(text(words), text("Độ mật: Tối mật\r\n")))), 550)
    data = message(p, text(words))
    expect("no mark", send(p, data), 250)
    mark = re.search(rb"Message-ID: (<[^>]*>)", data).group(1)
    assert eventually(lambda: in_sink(p, mark)), "it never left"
    assert audit(p, "submit")[-1]["level"] == "thuong"
    expect("once", send(p, message(p, text(words))), 550)


def keep_copy(p, data, listener="IMAPS"):
    """The reply to APPEND to Sent; and, if it was stored, to a FETCH of it over the internet."""
    with Imap(p, listener, user=p.env["CONGVU_USER1"]) as c:
        c.command("CREATE Sent")
        c.send(b"a APPEND Sent {%d+}\r\n%s\r\n" % (len(data), data))
        said = c.until(b"a ").decode()
    stored = re.search(r"APPENDUID \d+ (\d+)", said)
    if not stored:
        return said, ""
    with Imap(p, "IMAPS_INTERNET", user=p.env["CONGVU_USER1"]) as c:
        assert c.command("SELECT Sent")[0].startswith("OK")
        return said, c.command("UID FETCH %s BODY.PEEK[]" % stored.group(1))[0]


def the_copy_is_kept_as_it_was_sent(p):
    """Sent holds what was released, as the released mail that it is: before it is sent and after, and no other content."""
    words = "Độ mật: Mật\r\n\r\nBài tập về cách ghi độ mật.\r\n"
    no_mark = lambda more="": message(p, text(words + more))
    may_leave = lambda end=b"": message(p, mixed(text(), part(BLOB * 5 + end)))
    for listener in ("IMAPS", "IMAPS_INTERNET"):
        said, _ = keep_copy(p, no_mark(), listener)
        assert said.startswith("a NO [CANNOT]"), said
    assert keep_copy(p, may_leave())[1].startswith("NO [CANNOT]")

    for data, options in ((no_mark, ("--lift", "false-positive")), (may_leave, ())):
        statement = prepare(p, data(), *options)
        release(p, statement)
        assert keep_copy(p, data())[1].startswith("OK")
        assert state(p, statement)["state"] == "open", "a copy has used it up"
        sent = data()
        expect("released", send(p, sent), 250)
        for listener in ("IMAPS_INTERNET", "IMAPS"):
            said, read = keep_copy(p, sent, listener)
            assert "APPENDUID" in said and read.startswith("OK"), (said, read)
        told = audit(p, "append")[-1]
        assert told["level"] == "thuong", told
        assert told["detail"].startswith("release=%s signer=valid:%s:" % (ident(statement), p.env["CONGVU_USER1"])), told
        assert state(p, statement)["state"] == "used"
        expect("copies give nothing back", send(p, data()), 550)
    assert keep_copy(p, no_mark("Độ mật: Tối mật\r\n"))[0].startswith("a NO [CANNOT]")
    assert audit(p, "append")[-1]["detail"].startswith("release-unfit="), audit(p, "append")[-1]
    assert keep_copy(p, may_leave(b"x"))[1].startswith("NO [CANNOT]")


def who_sends_does_not_release(p):
    """What an officer sends two others release."""
    me, keys = p.env["CONGVU_OFFICER1"], [p.env["CONGVU_OFFICER_%s1" % k] for k in ("CERT", "KEY")]
    r = subprocess.run(["openssl", "cms", "-sign", "-binary", "-crlfeol", "-md", "sha256", "-signer", keys[0], "-inkey", keys[1]],
                       input=mixed(text(), part(BLOB * 6)), stdout=subprocess.PIPE, check=True)
    data = ("From: <%s>\r\nTo: <%s>\r\nMessage-ID: <%d@officer.example>\r\n" % (me, TO[0], os.getpid())).encode() + \
        r.stdout.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    with Smtp(p, user=me) as s:
        assert "rule=opaque-out" in expect("an officer's mail", s.message(me, TO, data), 550)
    statement = prepare(p, data)
    assert "người gửi thư không được" in statement.lower() and "is not one of the two" in statement, statement
    said = release(p, statement, ok=False)
    assert "own-message" in said and "nguoi gui thu" in said and "whoever sends" in said, said
    conf = p.env["CONGVU_CONF"]
    was = open(conf).read()
    with open(conf, "w") as f:  # congvuctl alone reads it now
        f.write("release-by-sender = true\n" + was)
    try:
        release(p, statement)
    finally:
        with open(conf, "w") as f:
            f.write(was)
    with Smtp(p, user=me) as s:
        said = expect("the gate's configuration counts", s.message(me, TO, data), 550)
    assert "nguoi gui khong duoc la mot trong hai" in said and "who sends may not be one of the two" in said, said
    assert audit(p, "submit")[-1]["detail"].startswith("release-unfit=own-message"), audit(p, "submit")[-1]


def who_cannot_be_asked_lets_nothing_pass(p):
    """The directory hangs when the officers are looked up: not now, and the release is still there."""
    data = message(p, mixed(text(), part(BLOB * 4)))
    statement = prepare(p, data)
    release(p, statement)
    me, pid = p.env["CONGVU_USER1"], p.pid("directoryd")
    with Smtp(p, user=me) as s:
        for line in ["MAIL FROM:<%s>" % me] + ["RCPT TO:<%s>" % t for t in TO] + ["DATA"]:
            assert s.command(line)[0] < 400
        os.kill(pid, signal.SIGSTOP)
        try:
            s.send(data + b"\r\n.\r\n")
            expect("nobody knows who the officers are", s.reply(), 451)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert state(p, statement)["state"] == "open"
    expect("now", send(p, message(p, mixed(text(), part(BLOB * 4)))), 250)


LONG = [who_cannot_be_asked_lets_nothing_pass]  # waits for 10 s
TESTS = [passes_once_and_only_once, of_two_at_once_one_wins, signed_mail_will_do, who_may_not, an_end_comes, a_mark_that_is_none,
         the_copy_is_kept_as_it_was_sent, who_sends_does_not_release]

if __name__ == "__main__":
    with Province(29800) as province:
        # all have found each other
        assert eventually(lambda: send(province, message(province, text()))[0] == 250)
        failed = run(chosen(TESTS + (LONG if "--long" in sys.argv else [])), province)
    sys.exit(1 if failed else 0)
