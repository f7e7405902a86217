#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Backups of a province in use: taken under load, broken off, verified, restored; single mailboxes brought back.

test_backup.py [--long]: with --long congvuctl and mailstored are killed 30 times each.
"""
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

from harness import TOP, Imap, Province, Smtp, eventually, header, join, run

LONG = "--long" in sys.argv
STRANGER = "la@khach.example"
rng = random.Random(4)


def user(p, n):
    return p.env["CONGVU_BULK_FORMAT"] % n


def body(token, octets):
    """Octets that follow from the token, and do not compress."""
    r = random.Random(token)
    return "".join(r.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=octets))


def letter(p, n, token, octets):
    lines = re.sub("(.{70})", "\\1\r\n", body(token, octets))
    return header(STRANGER, user(p, n), token) + b"\r\n" + lines.encode() + b"\r\n"


def deliver(p, n, token, octets=200):
    with Smtp(p, "SMTP", tls=False) as s:
        code, text = s.message(STRANGER, [user(p, n)], letter(p, n, token, octets), b".\r\n")
    return code == 250


def ctl(p, *words, ok=(0,)):
    done = p.ctl(*words)
    assert done.returncode in ok, (words, done.returncode, done.stdout[-2000:])
    return done.stdout


def backup(p, *words):
    return json.loads(ctl(p, "store", "backup", p.backup, "--json", *words).splitlines()[-1])


def mail(p, n, box="INBOX"):
    """{token: [(uid, flags, date, octets)]} of a mailbox, as IMAP shows it; None: it is not there."""
    found = {}
    with Imap(p, user=user(p, n)) as i:
        status, text = i.command('SELECT "%s"' % box)
        if not status.startswith("OK"):
            return None
        _, text = i.command("UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])")
        for m in re.finditer(rb"\* \d+ FETCH \((.*?)BODY\[\] \{(\d+)\}\r\n", text, re.S):
            raw = text[m.end():m.end() + int(m.group(2))]
            rest = m.group(1) + text[m.end() + int(m.group(2)):].split(b"\r\n", 1)[0]
            token = re.search(rb"(?m)^Subject: (\S+)", raw).group(1).decode()
            found.setdefault(token, []).append((
                int(re.search(rb"UID (\d+)", rest).group(1)),
                frozenset(re.search(rb"FLAGS \(([^)]*)\)", rest).group(1).decode().split()) - {"\\Recent"},
                re.search(rb'INTERNALDATE "([^"]*)"', rest).group(1), raw))
    return found


def opens(p, n, token, octets, box="INBOX"):
    got = (mail(p, n, box) or {}).get(token, [])
    return any(raw.endswith(letter(p, n, token, octets).split(b"\r\n\r\n", 1)[1]) for _, _, _, raw in got)


def validity(p, n, box="INBOX"):
    with Imap(p, user=user(p, n)) as i:
        _, text = i.command('STATUS "%s" (UIDVALIDITY)' % box)
        return int(re.search(rb"UIDVALIDITY (\d+)", text).group(1))


def until_up(p):
    assert eventually(lambda: p.pid("mailstored") and p.ctl("audit", "list", "--max", "1").returncode == 0), "mailstored is away"


# ---- under load ----

class Load:
    """Senders and a writer by IMAP, until the end of the with statement."""

    def __init__(self, p):
        self.p, self.acked, self.stop = p, [], threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(n,), daemon=True) for n in (1, 2, 3)] + \
            [threading.Thread(target=self.write, daemon=True)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        join(*self.threads)

    def send(self, n):
        for k in range(100000):
            if self.stop.is_set():
                return
            token, octets = "load-%d-%d-%f" % (n, k, time.monotonic()), rng.choice((100, 3000, 40000))
            try:
                if deliver(self.p, n, token, octets):
                    self.acked.append((n, token, octets))
            except (OSError, AssertionError):
                time.sleep(0.05)

    def write(self):
        k = 0
        while not self.stop.is_set():
            try:
                with Imap(self.p, user=user(self.p, 4)) as i:
                    while not self.stop.is_set() and i.sock is not None:
                        k += 1
                        m = letter(self.p, 4, "append-%d" % k, 500)
                        i.send(b"a APPEND INBOX {%d+}\r\n" % len(m) + m + b"\r\n")
                        if not i.line():
                            break
                        i.command("SELECT INBOX")
                        i.command("STORE 1:* +FLAGS (\\Seen)")
                        if k % 7 == 0:
                            i.command("STORE 1:3 +FLAGS (\\Deleted)")
                            if not i.command("EXPUNGE")[0]:
                                break
            except (OSError, AssertionError):
                time.sleep(0.05)


def taken_under_load(p):
    for k in range(12):
        assert deliver(p, 5, "large-%d" % k, 1000000)
    before = [(5, "large-%d" % k, 1000000) for k in range(12)]
    with Load(p) as load:
        assert eventually(lambda: len(load.acked) > 20)
        # congvuctl is killed in the middle, again and again: there is no snapshot then.
        killed = 0
        for k in range(200 if LONG else 40):
            c = subprocess.Popen([p.env["CONGVU_CTL"], "-c", p.env["CONGVU_CONF"], "store", "backup", p.backup],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.002 * (k % 10))
            c.kill()
            killed += c.wait() == -9
            if killed >= (30 if LONG else 6):
                break
        assert killed >= 4, killed
        before += list(load.acked)
        first = backup(p)
        assert first["damaged"] == 0 and first["octets"] > 12 * 1000000 * 3 // 4, first
        p.before = before
        # mailstored is killed while a backup runs: it goes on, or says that it cannot.
        good = 0
        for k in range(30):
            if k >= 3 and good > 0 and not LONG:
                break
            c = subprocess.Popen([p.env["CONGVU_CTL"], "-c", p.env["CONGVU_CONF"], "store", "backup", p.backup, "--json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            time.sleep(0.004 * (k % 8))
            pid = p.pid("mailstored")
            if pid:
                os.kill(pid, signal.SIGKILL)
            said = c.communicate()[0]
            good += c.returncode == 0
            assert c.returncode in (0, 2), said
            until_up(p)
        assert good > 0
    last = backup(p)
    assert last["damaged"] == 0
    assert not os.path.exists(os.path.join(p.backup, "incomplete"))
    assert not glob.glob(os.path.join(p.backup, "seg/*.tmp"))
    out = ctl(p, "store", "verify-backup", p.backup)
    assert out.count(": ok:") >= 2 and "DAMAGED" not in out, out
    p.acked = before + [a for a in load.acked if a not in before]
    said = ctl(p, "audit", "list", "--from", "1")
    assert "backup allow" in said and "sum=" + last["sum"] in said


def only_what_is_new(p):
    backup(p)
    assert deliver(p, 6, "new-1", 50000)
    r = backup(p)
    assert 35000 < r["new-octets"] < 100000 < 5000000 < r["octets"], r
    r = backup(p)
    assert r["new-octets"] == 0, r


def nobody_else_reads_it(p):
    for at, folders, files in os.walk(p.backup):
        assert os.stat(at).st_mode & 0o777 == 0o700, at
        for name in files:
            assert os.stat(os.path.join(at, name)).st_mode & 0o777 == 0o600, name


def key_material(p):
    with open(os.path.join(p.dir, "state/keys/master.key"), "rb") as f:
        words = f.read().split()[1:]
    return words + [w.upper() for w in words] + [bytes.fromhex(w.decode()) for w in words]


def holders(p, folder):
    found = set()
    for at, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(at, name), "rb") as f:
                data = f.read()
            found |= {name for k in key_material(p) if k in data}
    return found


def keys_by_choice(p):
    assert holders(p, p.backup) == set()
    other = p.backup + "-keys"
    ctl(p, "store", "backup", other, "--keys")
    assert holders(p, other) == {"master.key"}
    p.with_keys = other


# ---- damage ----

def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        c = f.read(1)[0]
        f.seek(at)
        f.write(bytes([c ^ 1 << rng.randrange(8)]))


def damage_is_named(p):
    newest = sorted(glob.glob(os.path.join(p.with_keys, "2*")))[-1]
    kinds = ["manifest", "control.dump", "index.dump", "keys/master.key"]
    files = [os.path.join(newest, k) for k in kinds] + [os.path.join(p.with_keys, "congvu-backup")] + \
        sorted(glob.glob(os.path.join(p.with_keys, "seg/*")))[:2]
    target = os.path.join(p.dir, "nowhere")
    os.mkdir(target, 0o755)
    for path in files:
        copy = p.with_keys + "-bad"
        shutil.copytree(p.with_keys, copy)
        bad = path.replace(p.with_keys, copy)
        flip(bad, rng.randrange(min(os.path.getsize(bad), 14) if path.endswith("congvu-backup") else os.path.getsize(bad)))
        out = ctl(p, "store", "verify-backup", copy, ok=(1,))
        assert os.path.basename(path) in out, (path, out)
        out = ctl(p, "store", "restore", copy, "--to", target, ok=(1, 2))
        named = os.path.basename(path) in out or "master key" in out
        assert named and not os.path.exists(os.path.join(target, "store")), (path, out)
        shutil.rmtree(copy)


def in_time(p, *words):
    try:
        done = subprocess.run([p.env["CONGVU_CTL"], "-c", p.env["CONGVU_CONF"]] + list(words), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        raise AssertionError("hangs: %r" % (words,))
    assert done.returncode in (1, 2) and all(c == "\n" or c.isprintable() for c in done.stdout), done
    return done.stdout


def what_an_enemy_puts_there(p):
    """Pipes, files without end, times without a name: said, and nothing waits."""
    target, copy = os.path.join(p.dir, "never"), p.backup + "-enemy"
    os.mkdir(target, 0o755)
    newest = os.path.basename(sorted(glob.glob(os.path.join(p.backup, "2*")))[-1])
    part = os.path.basename(sorted(glob.glob(os.path.join(p.backup, "seg/*")))[0])
    for name, how in [(newest + "/manifest", "fifo"), (newest + "/control.dump", "fifo"), (newest + "/index.dump", "none"),
                      ("seg/" + part, "fifo"), ("seg/" + part, "huge"), ("congvu-backup", "fifo")]:
        shutil.copytree(p.backup, copy)
        path = os.path.join(copy, name)
        if how == "huge":
            os.truncate(path, 1 << 42)
        else:
            os.unlink(path)
            if how == "fifo":
                os.mkfifo(path)
        out = in_time(p, "store", "verify-backup", copy, "--at", newest)
        assert os.path.basename(name) in out and not re.search(r"\d{13} octets", out), (name, out)
        in_time(p, "store", "restore", copy, "--to", target, "--keys-from", os.path.join(p.dir, "state/keys"))
        assert not os.path.exists(os.path.join(target, "store")), name
        shutil.rmtree(copy)
    keys = os.path.join(p.dir, "keys-of-an-enemy")
    shutil.copytree(os.path.join(p.dir, "state/keys"), keys)
    os.mkfifo(os.path.join(keys, "pipe"))
    assert "keys-of-an-enemy/pipe" in in_time(p, "store", "restore", p.backup, "--to", target, "--keys-from", keys)
    shutil.rmtree(os.path.join(target, "keys"), ignore_errors=True)
    os.unlink(os.path.join(keys, "master.key"))
    os.mkfifo(os.path.join(keys, "master.key"))
    in_time(p, "store", "restore", p.backup, "--to", target, "--keys-from", keys)
    os.chmod(target, 0o777)
    assert "others may write" in in_time(p, "store", "restore", p.backup, "--to", target, "--keys-from", os.path.join(p.dir, "state/keys"))
    assert "store" not in os.listdir(target)
    shutil.copytree(p.backup, copy)
    shutil.copytree(os.path.join(copy, newest), os.path.join(copy, "99991231T235959Z"))
    assert "9999" in in_time(p, "store", "backup", copy)
    shutil.rmtree(copy)
    assert "no name of a mailbox" in in_time(p, "mailbox", "restore", user(p, 1), "x\x1b[31m", "--from", p.backup)


def full_disks(p):
    """Said as what it is; what is there stays, and with room it goes on."""
    if os.geteuid() != 0:
        print("     (only root can mount)")
        return
    small, keys = os.path.join(p.dir, "small"), os.path.join(p.dir, "state/keys")
    os.mkdir(small)

    def size(kb, *how):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=%dk" % kb + "".join(how), "tmpfs", small]).returncode
    if size(1000) != 0:
        print("     (may not mount)")
        return
    try:
        words = ["store", "backup", small + "/b"]
        assert "no space left" in in_time(p, *words)
        assert size(200000, ",remount") == 0
        ctl(p, *words)
        ctl(p, "store", "verify-backup", small + "/b")
        used = int(subprocess.check_output(["du", "-sk", small]).split()[0])
        os.mkdir(small + "/to", 0o755)
        words = ["store", "restore", small + "/b", "--to", small + "/to", "--keys-from", keys]
        for room in (16, 64, 128, 2000):
            assert size(used + room, ",remount") == 0
            out = in_time(p, *words)
            assert "no space left" in out and not os.path.exists(small + "/to/store"), (room, out)
        assert size(400000, ",remount") == 0
        ctl(p, *words)
    finally:
        subprocess.run(["umount", small], check=True)


# ---- one mailbox ----

def make_folder(p, n, box, tokens):
    with Imap(p, user=user(p, n)) as i:
        i.command('CREATE "%s"' % box)
        for k, token in enumerate(tokens):
            m = letter(p, n, token, 300 + k)
            i.send(b'a APPEND "%s" (\\Flagged $Viec%d) "0%d-Mar-2024 08:00:00 +0700" {%d+}\r\n' % (box.encode(), k, k + 1, len(m))
                   + m + b"\r\n")
            assert i.line().startswith(b"a OK")


def empty(p, n, box):
    with Imap(p, user=user(p, n)) as i:
        i.command('SELECT "%s"' % box)
        i.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        assert i.command("EXPUNGE")[0].startswith("OK")


def same_but_uids(a, b):
    def strip(found):
        return {t: [x[1:] for x in sorted(v)] for t, v in found.items()}
    assert a is not None and b is not None and strip(a) == strip(b), (a, b)


def one_mailbox_comes_back(p):
    tokens = ["folder-%d" % k for k in range(5)]
    make_folder(p, 7, "Hoso", tokens)
    was = mail(p, 7, "Hoso")
    assert len(was) == 5
    taken = backup(p)
    restore = ["mailbox", "restore", user(p, 7), "Hoso", "--from", p.backup, "--json"]
    # Nothing lacks.
    r = json.loads(ctl(p, *restore))
    assert r["restored"] == 0 and r["present"] == 5, r
    # After EXPUNGE of some, of all; what is there stays alone, and nothing comes twice.
    with Imap(p, user=user(p, 7)) as i:
        i.command("SELECT Hoso")
        i.command("STORE 2:3 +FLAGS (\\Deleted)")
        i.command("EXPUNGE")
    r = json.loads(ctl(p, *restore))
    assert r["restored"] == 2 and r["present"] == 3, r
    same_but_uids(mail(p, 7, "Hoso"), was)
    empty(p, 7, "Hoso")
    assert json.loads(ctl(p, *restore))["restored"] == 5
    same_but_uids(mail(p, 7, "Hoso"), was)
    # After the mailbox itself was deleted; beside it; as of a time.
    with Imap(p, user=user(p, 7)) as i:
        assert i.command("DELETE Hoso")[0].startswith("OK")
    assert json.loads(ctl(p, *restore))["restored"] == 5
    same_but_uids(mail(p, 7, "Hoso"), was)
    empty(p, 7, "Hoso")
    backup(p)
    r = json.loads(ctl(p, *restore, "--at", taken["snapshot"], "--into", "Ngay truoc/Hoso"))
    assert r["restored"] == 5, r
    same_but_uids(mail(p, 7, "Ngay truoc/Hoso"), was)
    assert mail(p, 7, "Hoso") == {}
    ctl(p, "mailbox", "restore", user(p, 7), "Khongco", "--from", p.backup, ok=(2,))


def expunged_mail_comes_back(p):
    tokens = ["gone-%d" % k for k in range(4)]
    make_folder(p, 8, "Xoa", tokens)
    was = mail(p, 8, "Xoa")
    empty(p, 8, "Xoa")
    r = json.loads(ctl(p, "mailbox", "restore", user(p, 8), "Xoa", "--expunged", "--json"))
    assert r["restored"] == 4, r
    same_but_uids(mail(p, 8, "Xoa"), was)
    with Imap(p, user=user(p, 8)) as i:
        assert i.command("DELETE Xoa")[0].startswith("OK")
    r = json.loads(ctl(p, "mailbox", "restore", user(p, 8), "Xoa", "--expunged", "--into", "Lai", "--json"))
    assert r["restored"] >= 4, r
    assert set(mail(p, 8, "Lai")) == set(tokens)


def the_quota_holds(p):
    change = "dn: uid=%s,%s\nchangetype: modify\nreplace: congvuQuota\ncongvuQuota: 3000\n" % (
        user(p, 9).partition("@")[0], p.env["CONGVU_LDAP_PEOPLE"])
    make_folder(p, 9, "Day", ["quota-%d" % k for k in range(9)])
    backup(p)
    empty(p, 9, "Day")
    subprocess.run(["ldapmodify", "-x", "-H", p.env["CONGVU_LDAP_URI"], "-D", p.env["CONGVU_LDAP_ADMIN_DN"], "-w",
                    p.env["CONGVU_LDAP_ADMIN_PASSWORD"]], input=change, text=True, check=True, stdout=subprocess.DEVNULL)
    # The directory's answer may be a remembered one for a moment.
    assert eventually(lambda: p.ctl("mailbox", "restore", user(p, 9), "Day", "--from", p.backup).returncode == 2 or
                      empty(p, 9, "Day"), 30)
    assert mail(p, 9, "Day") == {}


# ---- all of it ----

def start_on(p, state):
    """All programs anew, on another state."""
    with open(p.env["CONGVU_CONF"]) as f:
        text = f.read()
    text = re.sub(r'(?m)^state-dir = .*', 'state-dir = "%s"' % state, text)
    with open(p.env["CONGVU_CONF"], "w") as f:
        f.write(text)
    p.read_env()
    before = p.env["CONGVU_PIDS"].split()
    for word in before:
        os.kill(int(word.partition(":")[2]), signal.SIGTERM)

    def all_new():
        p.read_env()
        now = p.env["CONGVU_PIDS"].split()
        return len(now) == len(before) and not set(now) & set(before)
    assert eventually(all_new)
    subprocess.run([sys.executable, os.path.join(TOP, "tools/wait-ready.py"), p.dir], check=True)


def all_of_it_comes_back(p):
    keys = os.path.join(p.dir, "state/keys")
    last = backup(p)
    was, uids = validity(p, 1), mail(p, 5)
    assert deliver(p, 6, "after", 100)
    target = os.path.join(p.dir, "state-new")
    os.mkdir(target, 0o755)
    ctl(p, "store", "restore", p.backup, "--to", os.path.join(p.dir, "state"), ok=(2,))	# in use
    said = ctl(p, "store", "restore", p.backup, "--to", target, ok=(2,))
    assert "no keys" in said, said
    wrong = os.path.join(p.dir, "wrong")
    os.mkdir(wrong, 0o700)
    with open(os.open(os.path.join(wrong, "master.key"), os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write("congvu-master-1 " + "ab" * 32 + "\n")
    assert "another master key" in ctl(p, "store", "restore", p.backup, "--to", target, "--keys-from", wrong, ok=(2,))
    for k in range(5):  # broken off: there is no store, and the next one begins anew
        c = subprocess.Popen([p.env["CONGVU_CTL"], "-c", p.env["CONGVU_CONF"], "store", "restore", p.backup, "--to", target,
                              "--keys-from", keys], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.01 * (k + 1))
        c.kill()
        if c.wait() == 0:
            shutil.rmtree(os.path.join(target, "store"))
    assert not os.path.exists(os.path.join(target, "store"))
    r = json.loads(ctl(p, "store", "restore", p.backup, "--to", target, "--keys-from", keys, "--json"))
    assert r["snapshot"] == last["snapshot"] and r["mailboxes"] > 10, r
    start_on(p, target)
    for n in sorted({n for n, _, _ in p.acked}):
        found = mail(p, n)
        for who, token, octets in p.acked:
            if who == n:
                want = letter(p, n, token, octets).split(b"\r\n\r\n", 1)[1]
                assert any(x[3].endswith(want) for x in found.get(token, [])), (n, token)
    assert "after" not in mail(p, 6)
    same_but_uids(mail(p, 5), uids)
    assert validity(p, 1) > was
    assert "holds" in ctl(p, "audit", "verify")
    ctl(p, "store", "check")
    assert deliver(p, 6, "goes-on", 3000) and eventually(lambda: opens(p, 6, "goes-on", 3000))
    same = os.stat(os.path.join(p.dir, "state/store/seg")), os.stat(os.path.join(target, "store/seg"))
    assert (same[0].st_uid, same[0].st_gid, same[0].st_mode) == (same[1].st_uid, same[1].st_gid, same[1].st_mode)


def what_a_restore_lost_comes_back_from_a_later_snapshot(p):
    """The store of an early snapshot has none of what was written since: frames come in with the epoch of their keys."""
    early = json.loads(ctl(p, "store", "backup", p.backup, "--json"))
    for k in range(4):
        assert deliver(p, 10, "later-%d" % k, (200, 70000, 300000, 10)[k])
    was = eventually(lambda: len(mail(p, 10) or {}) == 4 and mail(p, 10))
    assert was
    backup(p)
    target = os.path.join(p.dir, "state-early")
    os.mkdir(target, 0o755)
    ctl(p, "store", "restore", p.backup, "--to", target, "--at", early["snapshot"], "--keys-from",
        os.path.join(p.dir, "state/keys"))
    start_on(p, target)
    with Imap(p, user=user(p, 10)) as i:	# it may not have an account yet
        i.command("SELECT INBOX")
    assert not set(mail(p, 10) or {}) & set(was)
    r = json.loads(ctl(p, "mailbox", "restore", user(p, 10), "INBOX", "--from", p.backup, "--json"))
    assert r["restored"] == 4 and r["passed-over"] == 0, r
    same_but_uids(mail(p, 10), was)
    pid = p.pid("mailstored")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: p.pid("mailstored") != pid)
    until_up(p)
    same_but_uids(mail(p, 10), was)
    ctl(p, "store", "check")
    # And the snapshot of that store, in the same folder, has them.
    assert backup(p)["damaged"] == 0
    assert "DAMAGED" not in ctl(p, "store", "verify-backup", p.backup)


def old_ones_go(p):
    n = len(glob.glob(os.path.join(p.backup, "2*Z")))
    assert n > 4
    r = backup(p, "--keep", "2")
    assert r["removed"] == n - 1 and len(glob.glob(os.path.join(p.backup, "2*Z"))) == 2, (n, r)
    assert "DAMAGED" not in ctl(p, "store", "verify-backup", p.backup)


def main():
    os.environ["CONGVU_RESTART_MAX_S"] = "0.2"
    with Province(24400, "--accounts", "10") as p:
        p.backup = os.path.join(p.dir, "backup")
        deliver(p, 10, "account", 10)	# so that it has one from the beginning
        empty(p, 10, "INBOX")
        return run([taken_under_load, only_what_is_new, nobody_else_reads_it, keys_by_choice, damage_is_named,
                    what_an_enemy_puts_there, full_disks, one_mailbox_comes_back, expunged_mail_comes_back, the_quota_holds, all_of_it_comes_back,
                    what_a_restore_lost_comes_back_from_a_later_snapshot, old_ones_go], p)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
