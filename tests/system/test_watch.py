#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tests/system/test_watch.py: directoryd notices what changes in a real slapd, by synchronisation and by polling,
while that is killed, stopped and restarted."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import join, limit
from test_directory import CLOCK, DOMAIN, LOCAL, OK, RCPT_DISABLED, TOP, UNKNOWN, Directoryd, Slapd, expect, failures, wait_for

BOUND_S = 5
ACTIVE, LOCKED = "0", "1"
AWAY, POLL, SYNC = "1", "2", "3"


class Watch:
    """A worker's view: what it was told since the beginning, guid -> (there, status)."""

    def __init__(self, d, role="smtpd"):
        self.d, self.role, self.generation, self.serial = d, role, "0", "0"
        self.told, self.lost = {}, 0

    def next(self, *guids):
        a = self.d.ask("directory", self.role, "watch", self.generation, self.serial, *guids)
        if a.get("status", ["-1"])[-1] != "0":
            return False
        self.generation, self.serial = a["generation"][0], a["serial"][0]
        self.lost += a["all"] == ["1"]
        for guid, there, status in zip(a.get("changed", []), a.get("there", []), a.get("changed-status", [])):
            self.told[guid] = (there, status)
        return True

    def until(self, what, condition, *guids):
        """Ends with `condition`; the time that took."""
        began, end = CLOCK.now(), time.monotonic() + 60
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError("waited in vain for " + what)
            if not self.next(*guids):
                time.sleep(0.1)
        return CLOCK.now() - began


def status(slapd, dn, word):
    slapd.change("ldapmodify", "dn: %s\nchangetype: modify\nreplace: congvuStatus\ncongvuStatus: %s\n" % (dn, word))


def guid_of(d, address):
    return d.ask("directory", "smtpd", "account", address)["guid"][0]


def ready(d, how):
    wait_for("watching", lambda: d.ask("directory", "control", "status").get("watch") == [how])
    w = Watch(d)
    w.until("the first word", lambda: w.lost > 0)
    return w


def within(what, seconds):
    print("  %-40s %5.2f s" % (what, seconds))
    expect(what + " within %d s" % BOUND_S, seconds <= BOUND_S, True)


def people(slapd):
    return slapd.info["people"]


def changes(slapd, d, w):
    """One account after the other: locked, active again, renamed, deleted; and what matters to nobody."""
    address, dn = "u1@" + DOMAIN, "uid=u1," + people(slapd)
    guid = guid_of(d, address)
    expect("RCPT before", d.rcpt(address), LOCAL)
    status(slapd, dn, "locked")
    within("locked", w.until("lock", lambda: w.told.get(guid) == ("1", LOCKED), guid))
    expect("RCPT of a locked account, at once", d.rcpt(address), RCPT_DISABLED)
    status(slapd, dn, "active")
    within("active again", w.until("unlock", lambda: w.told.get(guid) == ("1", ACTIVE), guid))
    expect("RCPT again", d.rcpt(address), LOCAL)
    slapd.change("ldapmodify", "dn: %s\nchangetype: modrdn\nnewrdn: cn=Cán bộ số 1\ndeleteoldrdn: 0\n" % dn)
    dn = "cn=Cán bộ số 1," + people(slapd)
    status(slapd, dn, "withdrawn")
    within("withdrawn after a rename", w.until("withdrawal", lambda: w.told.get(guid) == ("1", "2"), guid))
    slapd.change("ldapmodify", "dn: %s\nchangetype: delete\n" % dn)
    within("deleted", w.until("deletion", lambda: w.told.get(guid) == ("0", "0"), guid))
    expect("RCPT of a deleted account", d.rcpt(address), UNKNOWN)


def test_sync(folder, slapd, pki):
    with Directoryd(folder, slapd, pki, ldap="watch = sync") as d:
        w = ready(d, SYNC)
        changes(slapd, d, w)
        # What an account may do did not change: nobody is told.
        guid, other = guid_of(d, "u2@" + DOMAIN), guid_of(d, "u3@" + DOMAIN)
        slapd.change("ldapmodify", "dn: uid=u2,%s\nchangetype: modify\nreplace: description\ndescription: khac\n" % people(slapd))
        status(slapd, "uid=u3," + people(slapd), "locked")
        w.until("lock", lambda: other in w.told)
        expect("a change that matters to nobody", guid in w.told, False)
        flood(slapd, d, w)
        interruptions(slapd, d, w)
        restart(slapd, d, w)
        replaced_data(slapd, d, w)


def flood(slapd, d, w):
    """Thousands of changes that matter to nobody do not hold up one that does."""
    guid = guid_of(d, "u10@" + DOMAIN)
    noise = "".join("dn: uid=u9,%s\nchangetype: modify\nreplace: description\ndescription: %d\n\n" % (people(slapd), i)
                    for i in range(3000))
    quiet, rounds = threading.Event(), []

    def change():
        while not quiet.is_set():
            slapd.change("ldapmodify", noise)
            rounds.append(1)
    thread = threading.Thread(target=change, daemon=True)
    thread.start()
    try:
        wait_for("noise", lambda: rounds)
        status(slapd, "uid=u10," + people(slapd), "locked")
        within("locked amid much noise", w.until("lock", lambda: w.told.get(guid) == ("1", LOCKED)))
        expect("the noise goes on", thread.is_alive(), True)
    finally:
        quiet.set()
        join(thread)


def interruptions(slapd, d, w):
    guid, dn = guid_of(d, "u4@" + DOMAIN), "uid=u4," + people(slapd)
    lost = w.lost
    slapd.kill()
    wait_for("loss of the server", lambda: d.ask("directory", "control", "status").get("watch") == [AWAY])
    slapd.start()
    status(slapd, dn, "locked")
    within("locked while the server restarted", w.until("lock", lambda: w.told.get(guid) == ("1", LOCKED)))
    expect("track was kept", w.lost, lost)
    slapd.child.send_signal(signal.SIGSTOP)
    wait_for("the stopped server", lambda: d.ask("directory", "control", "status").get("watch") == [AWAY], 30)
    slapd.child.send_signal(signal.SIGCONT)
    status(slapd, dn, "active")
    within("active, the server was stopped", w.until("unlock", lambda: w.told.get(guid) == ("1", ACTIVE)))
    gone, victim = guid_of(d, "u5@" + DOMAIN), "uid=u5," + people(slapd)
    slapd.kill()
    slapd.start()
    slapd.change("ldapmodify", "dn: %s\nchangetype: delete\n" % victim)
    within("deleted while the server restarted", w.until("deletion", lambda: w.told.get(gone) == ("0", "0")))


def restart(slapd, d, w):
    """directoryd and its helper killed: `all` is told, and what changes then."""
    guid, dn, lost = guid_of(d, "u4@" + DOMAIN), "uid=u4," + people(slapd), w.lost
    os.kill(d.children("watch-helper")[-1], signal.SIGKILL)
    w.until("the loss of track", lambda: w.lost > lost)
    status(slapd, dn, "locked")
    within("locked, with a new helper", w.until("lock", lambda: w.told.get(guid) == ("1", LOCKED)))
    d.child.terminate()
    d.child.wait(20)
    lost = w.lost
    d.start()
    w.until("the loss of track", lambda: w.lost > lost)
    status(slapd, dn, "active")
    within("active, with a new directoryd", w.until("unlock", lambda: w.told.get(guid) == ("1", ACTIVE)))


def replaced_data(slapd, d, w):
    """The data was replaced while nobody looked: everything is compared."""
    ready(d, SYNC)
    gone = guid_of(d, "u7@" + DOMAIN)
    w.told.clear()
    dump = subprocess.run(["/usr/sbin/slapcat", "-F", slapd.dir + "/slapd.d", "-n", "1"], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    slapd.kill(signal.SIGTERM)
    entries = [e for e in dump.split("\n\n") if e and "dn: uid=u7," not in e]
    for name in os.listdir(slapd.dir + "/data"):
        os.unlink(os.path.join(slapd.dir, "data", name))
    subprocess.run(["/usr/sbin/slapadd", "-q", "-F", slapd.dir + "/slapd.d", "-n", "1"], check=True,
                   input=("\n\n".join(entries) + "\n").encode(), stdout=subprocess.DEVNULL)
    slapd.start()
    began = CLOCK.now()
    status(slapd, "uid=u8," + people(slapd), "locked")
    eighth = guid_of(d, "u8@" + DOMAIN)
    w.until("the change", lambda: eighth in w.told)
    within("a restored server", CLOCK.now() - began)
    w.until("who is no longer there", lambda: gone in w.told)
    expect("who is no longer there", w.told[gone], ("0", "0"))
    expect("who is still there", guid_of(d, "u6@" + DOMAIN) in w.told, False)


def test_poll(folder, slapd, pki):
    with Directoryd(folder, slapd, pki, ldap="watch = poll") as d:
        w = ready(d, POLL)
        address, dn = "u11@" + DOMAIN, "uid=u11," + people(slapd)
        guid = guid_of(d, address)
        status(slapd, dn, "locked")
        within("locked, by polling", w.until("lock", lambda: w.told.get(guid) == ("1", LOCKED), guid))
        expect("RCPT of a locked account", d.rcpt(address), RCPT_DISABLED)
        slapd.change("ldapmodify", "dn: %s\nchangetype: delete\n" % dn)
        within("deleted, by polling", w.until("deletion", lambda: w.told.get(guid) == ("0", "0"), guid))
        signed_in = guid_of(d, "u12@" + DOMAIN)
        expect("sign-in", d.plain("u12")[0], OK)
        slapd.change("ldapmodify", "dn: uid=u12,%s\nchangetype: delete\n" % people(slapd))
        within("deleted right after sign-in", w.until("deletion", lambda: w.told.get(signed_in) == ("0", "0")))


def test_off(folder, slapd, pki):
    with Directoryd(folder, slapd, pki, ldap="watch = off") as d:
        expect("off", d.ask("directory", "control", "status")["watch"], ["0"])
        expect("no helper", d.children("watch-helper"), [])


def test_not_offered(folder, slapd, pki):
    """auto, on a server without syncprov."""
    with Directoryd(folder, slapd, pki) as d:
        ready(d, SYNC)
    slapd.kill(signal.SIGTERM)
    overlay = [os.path.join(root, name) for root, _, names in os.walk(slapd.dir + "/slapd.d") for name in names
               if "syncprov" in name]
    expect("the overlay's file", len(overlay), 1)
    os.unlink(overlay[0])
    slapd.start()
    with Directoryd(folder + "2", slapd, pki) as d:
        ready(d, POLL)


def main():
    folder = tempfile.mkdtemp(prefix="congvu-watch-")
    pki = folder + "/pki"
    subprocess.run([TOP + "/tools/pki", "init", pki], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([TOP + "/tools/pki", "server", pki, "server", "localhost"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    os.makedirs(folder + "/ldap")
    for path in (folder, pki, folder + "/ldap"):
        os.chmod(path, 0o711)
    slapd = Slapd(folder + "/ldap")
    slapd.start()
    try:
        for i, test in enumerate((test_sync, test_poll, test_off, test_not_offered)):
            began = time.monotonic()
            limit()
            test("%s/d%d" % (folder, i), slapd, pki)
            print("%-22s %5.1f s" % (test.__name__, time.monotonic() - began))
    finally:
        slapd.kill()
        shutil.rmtree(folder, ignore_errors=True)
    print("test_watch: %s" % ("ok" if not failures else "%d failed" % len(failures)))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
