#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tests/system/test_account.py: an account that is disabled, removed or loses rights in LDAP loses its open sessions
within BOUND_S, whatever they are doing, by synchronisation and by polling; and nobody else does."""
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

from harness import PATIENCE_S, Imap, MachineClock, Province, Smtp, chosen, eventually, header, join, run

BOUND_S = 5.0
DISABLED = "disabled now"
CLOCK = MachineClock()
LARGE_OCTETS = 12 << 20


class Directory:
    """The administrator, with OpenLDAP's own tools."""

    def __init__(self, province):
        self.env = province.env
        self.people = self.env["CONGVU_LDAP_PEOPLE"]

    def change(self, ldif):
        """Returns when the change is made."""
        done = subprocess.run(["ldapmodify", "-x", "-H", self.env["CONGVU_LDAP_URI"], "-D", self.env["CONGVU_LDAP_ADMIN_DN"],
                               "-w", self.env["CONGVU_LDAP_ADMIN_PASSWORD"]], input=ldif.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode()
        return CLOCK.now()

    def dn(self, uid):
        return "uid=%s,%s" % (uid, self.people)

    def replace(self, uid, attribute, *values):
        return self.change("dn: %s\nchangetype: modify\nreplace: %s\n%s" % (
            self.dn(uid), attribute, "".join("%s: %s\n" % (attribute, v) for v in values)))

    def disable(self, uid):
        return self.replace(uid, "congvuStatus", "locked")

    def enable(self, uid):
        return self.replace(uid, "congvuStatus", "active")

    def slapd(self):
        with open(os.path.join(self.env["CONGVU_DIR"], "ldap", "slapd.pid")) as f:
            return int(f.read() or 0)	# 0: it is just being written


def rest(session, since):
    """What the server still says before it closes, and how long after `since` that was."""
    got = b""
    session.sock.settimeout(PATIENCE_S)
    while True:
        try:
            piece = session.file.read1(1 << 16)
        except TimeoutError:
            raise AssertionError("still open after %.0f s" % PATIENCE_S)
        except OSError:
            break
        if not piece:
            break
        got += piece
    return got, CLOCK.now() - since


def within(what, seconds):
    print("     %-45s %5.2f s" % (what, seconds))
    assert seconds <= BOUND_S, (what, seconds)


def bye(session, since, what, text=DISABLED):
    got, took = rest(session, since)
    within(what, took)
    last = got.decode("utf-8", "replace").rstrip().splitlines()[-1:]
    assert last and re.match(r"\* BYE .*%s" % text, last[0]), (what, last)
    assert last[0].isascii()


def shut(session, since, what, text="the account is %s" % DISABLED):
    got, took = rest(session, since)
    within(what, took)
    last = got.decode("utf-8", "replace").rstrip().splitlines()[-1:]
    assert last and re.match(r"421 4\.7\..*%s" % text, last[0]), (what, last)


def user(province, n):
    return province.env["CONGVU_BULK_FORMAT"] % n


def mail(province, n, octets=200):
    a = user(province, n)
    return header(a, a) + b"\r\n" + b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789\r\n" * (octets // 60 + 1)


def append(session, data):
    session.n += 1
    session.send(b"t%d APPEND INBOX {%d+}\r\n" % (session.n, len(data)) + data + b"\r\n")
    while True:
        line = session.line()
        if not line or line.startswith(b"t%d " % session.n):
            assert b" OK " in line, line
            return


def count(province, n):
    with Imap(province, user=user(province, n)) as c:
        _, got = c.command("STATUS INBOX (MESSAGES)")
        return int(re.search(rb"MESSAGES (\d+)", got).group(1))


def in_data(session, sender, to):
    for line in ("MAIL FROM:<%s>" % sender, "RCPT TO:<%s>" % to, "DATA"):
        code, text = session.command(line)
        assert code < 400, text
    session.send(header(sender, to) + b"\r\ndang viet do dang\r\n")


def refused_now(province, directory, n):
    """New sign-ins and mail for the account, from the moment on."""
    with Imap(province) as c:
        status, _ = c.command('LOGIN "%s" "%s"' % (user(province, n), province.env["CONGVU_PASS"]))
        assert status.startswith("NO"), status
    with Smtp(province, user=user(province, 20)) as s:
        s.command("MAIL FROM:<%s>" % user(province, 20))
        code, text = s.command("RCPT TO:<%s>" % user(province, n))
        assert code == 550, text


# ---- what a session may be doing ----

def quiet(province, directory):
    """Signed in and idle, in IDLE, with a mailbox selected; a second account stays."""
    other = Imap(province, user=user(province, 2))
    plain, selected, idling = (Imap(province, user=user(province, 1)) for _ in range(3))
    selected.command("SELECT INBOX")
    idling.command("SELECT INBOX")
    idling.send(b"i IDLE\r\n")
    assert idling.line().startswith(b"+ ")
    smtp = Smtp(province, user=user(province, 1))
    t = directory.disable("u1")
    bye(plain, t, "signed in")
    bye(selected, t, "selected")
    bye(idling, t, "IDLE")
    shut(smtp, t, "SMTP between transactions")
    refused_now(province, directory, 1)
    assert other.command("NOOP")[0].startswith("OK")
    directory.enable("u1")
    with Imap(province, user=user(province, 1)) as again:
        assert again.command("NOOP")[0].startswith("OK")
    for s in (other, plain, selected, idling, smtp):
        s.__exit__()


def busy(province, directory):
    """In DATA, in an APPEND, in a FETCH that nobody reads, in one that is read, pipelining."""
    me = user(province, 3)
    before = count(province, 4)
    kept = count(province, 3) + 1
    with Imap(province, user=me) as c:
        append(c, mail(province, 3, LARGE_OCTETS))
    data, envelope = Smtp(province, user=me), Smtp(province, user=me)
    in_data(data, me, user(province, 4))
    envelope.command("MAIL FROM:<%s>" % me)
    envelope.command("RCPT TO:<%s>" % user(province, 4))
    adding, stalled, flood = (Imap(province, user=me) for _ in range(3))
    adding.send(b"a APPEND INBOX {1000000+}\r\n" + mail(province, 3))
    stalled.command("SELECT INBOX")
    stalled.send(b"f FETCH 1 BODY[]\r\n")
    stop = threading.Event()
    threads = [threading.Thread(target=pipeline, args=(flood, b"n NOOP\r\n" * 50, stop), daemon=True)]
    for t in threads:
        t.start()
    assert eventually(lambda: is_full(stalled.sock))
    t = directory.disable("u3")
    within("a FETCH that nobody reads", hung_up(stalled.sock, t))
    got, took = rest(stalled, t)
    assert len(got) < LARGE_OCTETS, len(got)
    shut(data, t, "SMTP in DATA")
    data.send(b".\r\n")
    shut(envelope, t, "SMTP before DATA")
    bye(adding, t, "APPEND")
    bye_or_end(flood, t, "pipelining")
    stop.set()
    join(*threads)
    directory.enable("u3")
    assert count(province, 4) == before, "the unfinished message was delivered"
    assert count(province, 3) == kept, "the unfinished APPEND was kept"
    for s in (data, envelope, adding, stalled, flood):
        s.__exit__()


def pipeline(session, octets, stop):
    while not stop.is_set():
        try:
            session.sock.sendall(octets)
        except OSError:
            return


def bye_or_end(session, since, what):
    """With commands under way that the server does not read any more, the end may come without the last word."""
    _, took = rest(session, since)
    within(what, took)


def is_full(sock):
    """Something came, and no more comes."""
    def waiting():
        return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, b"\0\0\0\0"))[0]
    before = waiting()
    time.sleep(0.1)
    return 0 < before == waiting()


def hung_up(sock, since):
    """When the peer's reset arrives, without reading."""
    poll = select.poll()
    poll.register(sock, 0)
    assert poll.poll(PATIENCE_S * 1000), "still open"
    return CLOCK.now() - since


class Racer(threading.Thread):
    """Signs in again and again, and keeps every session; or sends one message after the other."""

    def __init__(self, province, n, to=None):
        super().__init__(daemon=True)
        self.province, self.n, self.to = province, n, to
        self.sessions, self.accepted, self.refused = [], 0, False

    def run(self):
        while not self.refused:
            if self.to is None:
                self.sign_in()
            else:
                self.send()

    def sign_in(self):
        c = Imap(self.province)
        status, _ = c.command('LOGIN "%s" "%s"' % (user(self.province, self.n), self.province.env["CONGVU_PASS"]))
        self.refused = not status.startswith("OK")
        if self.refused:
            c.__exit__()
        else:
            self.sessions.append(c)

    def send(self):
        me = user(self.province, self.n)
        with Smtp(self.province, user=me) as s:
            while True:
                code, _ = s.message(me, [self.to], mail(self.province, self.n))
                if code != 250:
                    self.refused = True
                    return
                self.accepted += 1


def racing(province, directory):
    """Sign-ins and deliveries under way at the very moment: nobody slips through, every 250 was true."""
    before = count(province, 22)
    racers = [Racer(province, 21) for _ in range(4)] + [Racer(province, 21, user(province, 22)) for _ in range(4)]
    for r in racers:
        r.start()
    assert eventually(lambda: all(r.accepted > 5 or len(r.sessions) > 5 for r in racers))
    t = directory.disable("u21")
    join(*racers)
    sessions = [s for r in racers for s in r.sessions]
    within("%d sessions, made meanwhile" % len(sessions), max(rest(s, t)[1] for s in sessions))
    accepted = sum(r.accepted for r in racers)
    assert eventually(lambda: count(province, 22) == before + accepted), (count(province, 22), before, accepted)
    for s in sessions:
        s.__exit__()
    directory.enable("u21")


def many(province, directory):
    """200 sessions of one account, from several places."""
    sessions = [Imap(province, user=user(province, 5)) for _ in range(190)]
    sessions += [Smtp(province, user=user(province, 5)) for _ in range(10)]
    other = Imap(province, user=user(province, 6))
    t = directory.disable("u5")
    worst = max(rest(s, t)[1] for s in sessions)
    within("%d sessions" % len(sessions), worst)
    assert other.command("NOOP")[0].startswith("OK")
    for s in sessions + [other]:
        s.__exit__()
    directory.enable("u5")


# ---- what may happen to the account ----

def removed(province, directory):
    imap, smtp = Imap(province, user=user(province, 7)), Smtp(province, user=user(province, 7))
    t = directory.change("dn: %s\nchangetype: delete\n" % directory.dn("u7"))
    bye(imap, t, "removed, IMAP", "removed")
    shut(smtp, t, "removed, SMTP", "removed")


def renamed(province, directory):
    """Another name and place: the account is the same, its sessions stay."""
    with Imap(province, user=user(province, 8)) as imap, Smtp(province, user=user(province, 8)) as smtp:
        directory.change("dn: %s\nchangetype: modrdn\nnewrdn: cn=da doi ten\ndeleteoldrdn: 0\nnewsuperior: ou=Cap xa,%s\n"
                         % (directory.dn("u8"), province.env["CONGVU_LDAP_BASE"]))
        stays(province, directory, imap, smtp)
        t = directory.change("dn: cn=da doi ten,ou=Cap xa,%s\nchangetype: modify\nreplace: congvuStatus\n"
                             "congvuStatus: withdrawn\n" % province.env["CONGVU_LDAP_BASE"])
        bye(imap, t, "withdrawn under its new name")
        shut(smtp, t, "withdrawn under its new name")


def stays(province, directory, *sessions):
    """A change that is told later has been told: then what was to happen has happened."""
    with Imap(province, user=user(province, 9)) as witness:
        rest(witness, directory.disable("u9"))
    directory.enable("u9")
    for s in sessions:
        answer = s.command("NOOP")[0]
        assert answer == 250 or str(answer).startswith("OK"), answer


def rights(province, directory):
    """The right to a zone, clearance, the name; and what ends nothing."""
    inside = Imap(province, user=user(province, 10))
    outside = Imap(province, "IMAPS_INTERNET", user=user(province, 10))
    submission = Smtp(province, "SUBMISSIONS_INTERNET", user=user(province, 10))
    t = directory.replace("u10", "congvuZone", "internal")
    bye(outside, t, "no right to the internet", "not be used from this network")
    shut(submission, t, "no right to the internet, SMTP", "not be used from this network")
    bye(inside, t, "other zones", "sign in again")
    directory.replace("u10", "congvuClearance", "mat")
    with Imap(province, user=user(province, 10)) as cleared:
        bye(cleared, directory.replace("u10", "congvuClearance", "thuong"), "clearance lowered", "sign in again")
    with Imap(province, user=user(province, 10)) as imap, Smtp(province, user=user(province, 11)) as smtp:
        directory.replace("u10", "congvuClearance", "mat")
        directory.replace("u10", "congvuQuota", "50000000")
        directory.replace("u10", "congvuAlias", "ten.moi@" + province.env["CONGVU_DOMAIN"])
        stays(province, directory, imap, smtp)
        directory.replace("u11", "congvuAlias", "ten.khac@" + province.env["CONGVU_DOMAIN"])
        smtp.command("MAIL FROM:<%s>" % user(province, 11))
        directory.replace("u11", "congvuAlias", "ten.moi.nua@" + province.env["CONGVU_DOMAIN"])
        code, text = smtp.command("RCPT TO:<ten.moi@%s>" % province.env["CONGVU_DOMAIN"])
        assert code == 250, text
        # A sender's new address counts as soon as no transaction is under way, an old one no more.
        assert eventually(lambda: smtp.command("RSET")[0] == 250 and
                          smtp.command("MAIL FROM:<ten.moi.nua@%s>" % province.env["CONGVU_DOMAIN"])[0] == 250)
        smtp.command("RSET")
        assert smtp.command("MAIL FROM:<ten.khac@%s>" % province.env["CONGVU_DOMAIN"])[0] == 550


def password(province, directory):
    """A new password, another sign-in name, a lock of the password: whoever is in must sign in again."""
    with Imap(province, user=user(province, 17)) as imap, Smtp(province, user=user(province, 17)) as smtp:
        t = directory.replace("u17", "userPassword", "mot-mat-khau-khac")
        bye(imap, t, "password changed", "password changed, sign in again")
        shut(smtp, t, "password changed, SMTP", "password changed, sign in again")
    with Imap(province, user=user(province, 18)) as imap:
        t = directory.replace("u18", "pwdAccountLockedTime", "000001010000Z")
        bye(imap, t, "password locked")
        refused_now(province, directory, 18)
    with Imap(province, user=user(province, 19)) as imap:
        t = directory.change("dn: %s\nchangetype: modrdn\nnewrdn: uid=ten.khac\ndeleteoldrdn: 1\n" % directory.dn("u19"))
        bye(imap, t, "another sign-in name", "sign in again")


def group_instead(province, directory):
    """The entry stays, as a group: its account is gone."""
    imap, smtp = Imap(province, user=user(province, 25)), Smtp(province, user=user(province, 25))
    t = directory.change("dn: %s\nchangetype: modify\nadd: objectClass\nobjectClass: congvuGroup\n-\n"
                         "delete: objectClass\nobjectClass: congvuAccount\n" % directory.dn("u25"))
    bye(imap, t, "a group now", "removed")
    shut(smtp, t, "a group now, SMTP", "removed")


# ---- what may happen to the directory ----

def interrupted(province, directory):
    """slapd killed and stopped: sessions stay; what changes then is seen when it is back."""
    imap, smtp = Imap(province, user=user(province, 12)), Smtp(province, user=user(province, 12))
    old = directory.slapd()
    os.kill(old, signal.SIGKILL)
    assert eventually(lambda: directory.slapd() != old and up(province))
    assert imap.command("NOOP")[0].startswith("OK")
    assert smtp.command("NOOP")[0] == 250
    t = directory.disable("u12")
    bye(imap, t, "slapd had been killed")
    shut(smtp, t, "slapd had been killed")
    directory.enable("u12")
    imap, smtp = Imap(province, user=user(province, 12)), Smtp(province, user=user(province, 12))
    os.kill(directory.slapd(), signal.SIGSTOP)
    try:
        for _ in range(20):
            assert imap.command("NOOP")[0].startswith("OK")
            assert smtp.command("NOOP")[0] == 250
            time.sleep(0.1)
    finally:
        os.kill(directory.slapd(), signal.SIGCONT)
    t = directory.disable("u12")
    bye(imap, t, "slapd had been stopped")
    shut(smtp, t, "slapd had been stopped")
    directory.enable("u12")


def up(province):
    try:
        uri = province.env["CONGVU_LDAP_URI"]
        socket.create_connection(("127.0.0.1", int(uri.rpartition(":")[2])), 1).close()
        return True
    except OSError:
        return False


def restarted(province, directory):
    """directoryd killed, and the account disabled before it is back."""
    imap, other = Imap(province, user=user(province, 13)), Imap(province, user=user(province, 14))
    smtp = Smtp(province, user=user(province, 13))
    old = province.pid("directoryd")
    os.kill(old, signal.SIGKILL)
    t = directory.disable("u13")
    bye(imap, t, "directoryd had been killed")
    shut(smtp, t, "directoryd had been killed")
    assert province.pid("directoryd") != old
    assert other.command("NOOP")[0].startswith("OK")
    directory.enable("u13")


def odd(province, directory):
    """directoryd asks about everybody, and the entry makes no sense, or that of another does not."""
    imap, smtp = Imap(province, user=user(province, 26)), Smtp(province, user=user(province, 26))
    locked, other = Imap(province, user=user(province, 27)), Imap(province, user=user(province, 14))
    twice = "hai.chu@" + province.env["CONGVU_DOMAIN"]
    for uid in ("u1", "u2"):
        directory.replace(uid, "congvuAlias", twice)
    old = province.pid("directoryd")
    os.kill(old, signal.SIGKILL)
    directory.replace("u26", "mail", "khong phai dia chi")
    directory.replace("u27", "congvuSendAs", twice)
    t = directory.disable("u27")
    bye(locked, t, "locked, and may send as somebody odd")
    bye(imap, t, "makes no sense", "removed")
    shut(smtp, t, "makes no sense, SMTP", "removed")
    assert other.command("NOOP")[0].startswith("OK")
    directory.replace("u27", "congvuSendAs")
    directory.enable("u27")


def renewed(province, directory):
    """What else changed when the addresses are asked for anew is no less a change."""
    smtp, witness = Smtp(province, user=user(province, 11)), Imap(province, user=user(province, 9))
    smtp.command("MAIL FROM:<%s>" % user(province, 11))
    directory.replace("u11", "congvuAlias", "them.mot.ten@" + province.env["CONGVU_DOMAIN"])
    rest(witness, directory.disable("u9"))
    directory.enable("u9")
    t = directory.replace("u11", "userPassword", "lai-mat-khau-khac")
    smtp.command("RSET")
    smtp.command("NOOP")
    shut(smtp, t, "password changed, addresses asked for", "password changed, sign in again")


def removed_again(province, directory):
    imap = Imap(province, user=user(province, 15))
    t = directory.change("dn: %s\nchangetype: delete\n" % directory.dn("u15"))
    bye(imap, t, "removed", "removed")


def rights_again(province, directory):
    with Imap(province, "IMAPS_INTERNET", user=user(province, 16)) as outside:
        t = directory.replace("u16", "congvuZone", "internal")
        bye(outside, t, "no right to the internet", "not be used from this network")


def reloaded(province, directory):
    """Sessions that outlive a reload, in workers that only wait for them to end."""
    imap, smtp = Imap(province, user=user(province, 23)), Smtp(province, user=user(province, 23))
    other = Imap(province, user=user(province, 24))
    for program in ("directoryd", "imapd", "smtpd"):
        os.kill(province.pid(program), signal.SIGHUP)
    log = os.path.join(province.dir, "log", "%s.log")
    assert all(eventually(lambda p=p: "ev=reload" in read(log % p)) for p in ("directoryd", "imapd", "smtpd"))
    newer = Imap(province, user=user(province, 23))
    assert imap.command("NOOP")[0].startswith("OK")
    t = directory.disable("u23")
    bye(imap, t, "IMAP session of before a reload")
    shut(smtp, t, "SMTP session of before a reload")
    bye(newer, t, "IMAP session of after it")
    assert other.command("NOOP")[0].startswith("OK")
    directory.enable("u23")


TESTS = (quiet, busy, racing, many, removed, renamed, rights, group_instead, password, interrupted, restarted, odd,
         reloaded)
POLLED = (quiet, busy, racing, renewed, removed_again, rights_again)


def use_polling(province, directory):
    conf = province.env["CONGVU_CONF"]
    with open(conf) as f:
        text = f.read()
    with open(conf, "w") as f:
        f.write(text.replace("ldap { uri", "ldap { watch = poll\n\turi"))
    os.kill(province.pid("directoryd"), signal.SIGTERM)
    log = os.path.join(province.dir, "log", "directoryd.log")
    assert eventually(lambda: 'how="poll"' in read(log))


def read(path):
    with open(path, errors="replace") as f:
        return f.read()


def main():
    # From ./check, with a check off: what must notice it.
    tests = [quiet] if os.environ.get("CONGVU_CONTROL_OFF") else chosen(TESTS)
    with Province(26000, "--accounts", "27", "--signing", "mark") as province:
        directory = Directory(province)
        failed = run(tests, province, directory)
        if tests == TESTS:
            use_polling(province, directory)
            failed += run(POLLED, province, directory)
    return failed


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
