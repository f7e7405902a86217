#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tests/system/test_directory.py: directoryd and keyd against a real slapd, asked over their own sockets."""
import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))
import users  # noqa: E402

BUILD = os.path.abspath(os.environ.get("CONGVU_BUILD", "." if os.path.exists("directory/directoryd") else TOP + "/build"))
CLIENT = os.path.join(BUILD, "tests/system/dirclient")
PASSWORD = "Lam-Hoa-2026"
DOMAIN = "lamhoa.gov.vn.example"
OK, CONTINUE, BAD, DISABLED, ZONE, MECHANISM, THROTTLED = range(7)
LOCAL, GROUP, NOT_OURS, UNKNOWN, RCPT_DISABLED, TOO_LARGE = range(6)
UNAVAIL, FORBIDDEN, ACCESS = -1022, -1021, -13
INTERNAL, INTERNET = "1", "2"
TIMEOUT_MS = 1500
CLOCK = harness.MachineClock()

failures = []

# With one of these checks off (a test build), this test, run alone, must fail.
CONTROLS = {"authzid": "test_sign_in", "empty-password": "test_refusals", "refusal-time": "test_refusals",
            "account-status": "test_states", "account-zone": "test_states", "sasl-outcome": "test_away",
            "ldap-tls-verify": "test_tls"}
CONTROL = os.environ.get("CONGVU_CONTROL_OFF")


def expect(what, got, wanted):
    if got != wanted:
        failures.append(what)
        print("FAIL %s: got %r, wanted %r" % (what, got, wanted))
        traceback.print_stack(limit=3)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=harness.PATIENCE_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise RuntimeError("waited in vain for " + what)


class Slapd:
    def __init__(self, folder):
        self.port, self.dir, self.child = free_port(), folder, None
        made = subprocess.run([sys.executable, TOP + "/tools/province.py", "--dir", folder, "--port", str(self.port),
                               "--accounts", "20", "--make-only"], check=True, stdout=subprocess.PIPE)
        self.info = json.loads(made.stdout)
        self.uri = "ldap://127.0.0.1:%d" % self.port

    def start(self):
        self.child = subprocess.Popen([self.info["argv"][0], "-d", "0"] + self.info["argv"][1:],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        def up():
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        wait_for("slapd", up)

    def kill(self, sig=signal.SIGKILL):
        if self.child is not None:
            self.child.send_signal(signal.SIGCONT)
            self.child.send_signal(sig)
            harness.ended(self.child)
            self.child = None

    def configure(self, ldif):
        subprocess.run(["/usr/sbin/slapmodify", "-n", "0", "-F", self.dir + "/slapd.d"], check=True, stdout=subprocess.DEVNULL,
                       input=("dn: cn=config\nchangetype: modify\n" + ldif).encode())

    def change(self, tool, ldif):
        done = subprocess.run([tool, "-x", "-H", self.uri, "-D", self.info["admin_dn"], "-w", self.info["admin_password"]],
                              input=ldif.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError(done.stdout.decode())


class Directoryd:
    """One configuration in a folder of its own; in a with statement it runs."""

    def __init__(self, folder, slapd, pki, uris=None, ldap=""):
        self.dir = folder
        for sub in ("run", "state"):
            os.makedirs(os.path.join(folder, sub), exist_ok=True)
        self.conf = os.path.join(folder, "congvu.conf")
        with open(self.conf, "w") as f:
            f.write("""profile = open
hostname = "mail.%(domain)s"
domains = { "%(domain)s" }
state-dir = "%(dir)s/state"
run-dir = "%(dir)s/run"
internal-networks = { "127.0.0.0/8" }
tls { certificate = "%(pki)s/server.pem"
	key = "%(pki)s/server.key" }
ldap { uri = { %(uris)s }
	base = "%(base)s"
	bind-dn = "%(service)s"
	bind-password-file = "%(file)s"
	sign-in-helpers = 2
	timeout = %(timeout)d
	%(ldap)s }
signature { roots = "%(pki)s/ca.pem"
	crls = "%(pki)s/crls" }
""" % {"domain": DOMAIN, "dir": folder, "pki": pki, "uris": ", ".join('"%s"' % u for u in uris or [slapd.uri]),
       "base": slapd.info["base"], "service": slapd.info["service_dn"], "file": slapd.info["service_password_file"],
       "timeout": TIMEOUT_MS, "ldap": ldap} + users.section())
        for sub in ("", "state", "run"):
            os.chmod(os.path.join(folder, sub), 0o711)
        users.own("directoryd", slapd.info["service_password_file"])

    def start(self):
        self.log = open(os.path.join(self.dir, "log"), "w+")
        # In a sanitizer build the sandbox keeps the leak search from its own threads' list.
        environment = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        self.child = subprocess.Popen([BUILD + "/directory/directoryd", "-c", self.conf], stderr=self.log, start_new_session=True,
                                      env=environment)

    def __enter__(self):
        self.start()
        wait_for("directoryd", lambda: self.child.poll() is not None or "prog=directoryd" in self.text() and
                 re.search(r"prog=directoryd .* ev=start\b", self.text()))
        if self.child.poll() is not None:
            raise RuntimeError("directoryd does not start:\n" + self.text())
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.terminate()
        self.status = self.child.wait(20)
        if sys.exc_info()[0] is not None:
            print(self.text()[-3000:])
        self.log.close()

    def text(self):
        with open(os.path.join(self.dir, "log"), errors="replace") as f:
            return f.read()

    def ask(self, service, role, *words):
        done = subprocess.run([CLIENT, os.path.join(self.dir, "run"), service, role] + list(words), stdout=subprocess.PIPE)
        answer = {}
        for line in done.stdout.decode().splitlines():
            name, _, value = line.partition("=")
            answer.setdefault(name, []).append(value)
        return answer

    def rcpt(self, address, role="smtpd"):
        a = self.ask("directory", role, "rcpt", address)
        return int(a["status"][-1]) or int(a["outcome"][-1])

    def sign_in(self, *steps, mechanism="PLAIN", zone=INTERNAL, client="127.0.0.1", role="smtpd"):
        """(status or outcome, answer)."""
        hexes = [s if s == "-" else (s if isinstance(s, bytes) else s.encode()).hex() for s in steps]
        a = self.ask("directory", role, "auth", mechanism, zone, client, *hexes)
        return int(a["status"][-1]) or int(a["outcome"][-1]), a

    def plain(self, user, password=PASSWORD, authzid="", **more):
        return self.sign_in("%s\0%s\0%s" % (authzid, user, password), **more)

    def children(self, name):
        return [int(p) for p in re.findall(r'ev=worker-started role="%s" worker=(\d+)' % name, self.text())]


# ---- sign-in ----

def test_sign_in(d, slapd):
    code, a = d.plain("ducnv")
    expect("by name", code, OK)
    expect("clearance", a["clearance"], ["1"])
    expect("guid", len(a["guid"][0]), 32)
    expect("by address", d.plain("ducnv@" + DOMAIN)[0], OK)
    expect("by alias", d.plain("nguyen.thi.mat@" + DOMAIN)[0], OK)
    expect("by address in capitals", d.plain("DUCNV@" + DOMAIN.upper())[0], OK)
    expect("PLAIN in two steps", d.sign_in("-", "\0ducnv\0" + PASSWORD)[0], OK)
    code, a = d.sign_in("-", "ducnv", PASSWORD, mechanism="LOGIN")
    expect("LOGIN", code, OK)
    expect("LOGIN's questions", a["challenge"][:2], ["Username:", "Password:"])
    expect("LOGIN, wrong", d.sign_in("-", "ducnv", "sai", mechanism="LOGIN")[0], BAD)
    expect("unknown mechanism", d.sign_in("x", mechanism="CRAM-MD5")[0], MECHANISM)
    expect("mechanism with a blank", d.sign_in("x", mechanism="PLAIN LOGIN")[0], MECHANISM)
    expect("mechanisms", d.ask("directory", "smtpd", "mechanisms")["mechanisms"], ["PLAIN LOGIN"])
    expect("own identity named", d.plain("ducnv", authzid="ducnv")[0], OK)
    expect("own address named", d.plain("ducnv", authzid="ducnv@" + DOMAIN)[0], OK)
    expect("somebody else named", d.plain("ducnv", authzid="nguyettta")[0], BAD)


def test_refusals(d, slapd):
    code, wrong = d.plain("nguyettta", "sai", client="10.0.0.1")
    expect("wrong password", code, BAD)
    code, unknown = d.plain("khong-co", "sai", client="10.0.0.1")
    expect("unknown name", code, BAD)
    expect("same answer", [wrong[k] for k in ("outcome", "challenge", "token")], [unknown[k] for k in ("outcome", "challenge", "token")])
    expect("both are slow", min(int(wrong["ms"][0]), int(unknown["ms"][0])) >= 250, True)
    for n, (what, user, password) in enumerate([
            ("empty password", "unglh", ""), ("star", "*", PASSWORD), ("star inside", "ung*", PASSWORD),
            ("injection", "unglh)(uid=*", PASSWORD), ("injection with an or", "*)(|(uid=*", PASSWORD),
            ("backslash", "unglh\\2a", PASSWORD), ("the service", "congvu", PASSWORD), ("empty name", "", PASSWORD),
            ("blanks", "unglh ", "sai"), ("control character", "unglh\n", PASSWORD), ("long name", "a" * 400, PASSWORD),
            ("long password", "unglh", "a" * 5000), ("a group", "nhom.posix@" + DOMAIN, PASSWORD)]):
        expect(what, d.plain(user, password, client="10.0.1.%d" % n)[0], BAD)
    for n, data in enumerate([b"", b"\0", b"\0\0", b"\0\0\0", b"unglh", b"\0unglh\0" + PASSWORD.encode() + b"\0x",
                              b"\xff\xfe\0\xff\0\xff"]):
        expect("malformed %r" % data, d.sign_in(data, client="10.0.2.%d" % n)[0], BAD)


def test_states(d, slapd):
    expect("locked, right password", d.plain("khoatk")[0], DISABLED)
    expect("locked, wrong password", d.plain("khoatk", "sai", client="10.0.3.1")[0], BAD)
    expect("withdrawn", d.plain("bhomy")[0], DISABLED)
    expect("internal only, from the internet", d.plain("bret", zone=INTERNET)[0], ZONE)
    expect("the same, wrong password", d.plain("bret", "sai", zone=INTERNET, client="10.0.3.2")[0], BAD)
    expect("internal only, inside", d.plain("bret")[0], OK)
    expect("internet socket claims internal", d.plain("ducnv", role="imapd-internet")[0], ACCESS)
    expect("internet socket", d.plain("ducnv", role="imapd-internet", zone=INTERNET)[0], OK)
    expect("zone local", d.plain("ducnv", zone="0")[0], ACCESS)
    expect("control may not sign in", d.plain("ducnv", role="control")[0], FORBIDDEN)


def test_throttle(d, slapd):
    client, outcomes = "192.0.2.7", []
    for _ in range(10):
        outcomes.append(d.plain("onpd", "sai", client=client)[0])
    expect("ten tries", set(outcomes), {BAD})
    expect("the eleventh", d.plain("onpd", "sai", client=client)[0], THROTTLED)
    expect("and the right one", d.plain("onpd", client=client)[0], THROTTLED)
    expect("somebody else there", d.plain("unglh", client=client)[0], OK)
    expect("from elsewhere", d.plain("onpd", client="192.0.2.8")[0], OK)


def test_identities(d, slapd):
    der = b"\x30\x82\x01\x00" + bytes(256)
    dn = next(u["dn"] for u in slapd.info["users"] if u["uid"] == "ducnv")
    slapd.change("ldapmodify", "dn: %s\nchangetype: modify\nadd: congvuAlias\ncongvuAlias: duc.cu@%s\n\n" % (dn, DOMAIN))
    _, a = d.plain("ducnv")
    expect("own addresses", a["identity"], ["ducnv@%s 0 certs:0 " % DOMAIN, "duc.cu@%s 0 certs:0 " % DOMAIN])
    _, a = d.plain("nguyettta")
    expect("clerk", [i for i in a["identity"] if " 2 " in i],
           ["vanthu.sonv@%s 2 certs:0 CN=Sở Nội vụ,O=Tỉnh Lâm Hòa,C=VN" % DOMAIN, "sonv@%s 2 certs:0 CN=Sở Nội vụ,O=Tỉnh Lâm Hòa,C=VN" % DOMAIN])
    _, a = d.plain(slapd.info["send_as"]["uid"])
    expect("send as", a["identity"][1:], ["%s 1 certs:0 " % slapd.info["send_as"]["address"]])
    cert = os.path.join(slapd.dir, "a.der")
    subprocess.run(["openssl", "x509", "-in", slapd.pki + "/server.pem", "-outform", "DER", "-out", cert], check=True)
    with open(cert, "rb") as f:
        der = f.read()
    slapd.change("ldapmodify", "dn: %s\nchangetype: modify\nadd: userCertificate;binary\nuserCertificate;binary:: %s\n\n"
                 % (dn, base64.b64encode(der).decode()))
    import hashlib
    _, a = d.plain("ducnv")
    expect("certificate", a["sha256"], [hashlib.sha256(der).hexdigest()] * 2)
    b = d.ask("directory", "smtpd", "account", "ducnv@" + DOMAIN)
    expect("account by address", (b["found"], b["guid"]), (["1"], a["guid"]))
    expect("account by guid", d.ask("directory", "imapd-internal", "guid", a["guid"][0])["uid"], ["ducnv"])
    expect("no account", d.ask("directory", "relay", "account", "khong@" + DOMAIN)["found"], ["0"])


# ---- recipients ----

def test_recipients(d, slapd):
    for what, address, wanted in [
            ("main", "ducnv@" + DOMAIN, LOCAL), ("capitals", "DucNV@" + DOMAIN.upper(), LOCAL),
            ("alias", "nguyen.thi.mat@" + DOMAIN, LOCAL), ("detail", "ducnv+viec@" + DOMAIN, LOCAL),
            ("agency", "sonv@" + DOMAIN, LOCAL), ("unknown", "khong@" + DOMAIN, UNKNOWN), ("locked", "khoatk@" + DOMAIN, RCPT_DISABLED),
            ("withdrawn", slapd.info["withdrawn"], RCPT_DISABLED), ("elsewhere", "a@example.org", NOT_OURS),
            ("star", "*@" + DOMAIN, UNKNOWN), ("half a star", "duc*@" + DOMAIN, UNKNOWN), ("injection", "x)(uid=*@" + DOMAIN, UNKNOWN),
            ("quoted", '"ducnv"@' + DOMAIN, UNKNOWN), ("no domain", "ducnv", UNKNOWN), ("two ats", "ducnv@a@" + DOMAIN, UNKNOWN),
            ("only detail", "+ducnv@" + DOMAIN, UNKNOWN)]:
        expect("recipient, " + what, d.rcpt(address), wanted)
    expect("imapd may not ask", d.rcpt("ducnv@" + DOMAIN, role="imapd-internal"), FORBIDDEN)


def test_groups(d, slapd):
    a = d.ask("directory", "smtpd", "rcpt", slapd.info["group"])
    expect("group", a["outcome"], [str(GROUP)])
    expect("each once", len(a["member"]), len(set(a["member"])))
    expect("members", sorted(m.partition("@")[0] for m in a["member"]),
           sorted(["ducnv", "nguyettta", "unglh", "onpd", "matnt", "khanmv", "bret", "annv", "annv2", "quotant", "uyenhtm"]))
    expect("elsewhere", a["external"], ["lienhe@doitac.example"])
    a = d.ask("directory", "smtpd", "rcpt", "nhom.posix@" + DOMAIN)
    expect("posix group", sorted(a["member"]), ["ducnv@" + DOMAIN, "unglh@" + DOMAIN])
    large = "".join("member: uid=u%d,%s\n" % (i, slapd.info["people"]) for i in range(1, 501))
    slapd.change("ldapadd", "dn: cn=lon,ou=Nhom,%s\nobjectClass: groupOfNames\nobjectClass: congvuGroup\ncn: lon\nmail: lon@%s\n%s\n"
                 % (slapd.info["base"], DOMAIN, large))
    expect("members that are gone", len(d.ask("directory", "smtpd", "rcpt", "lon@" + DOMAIN)["member"]), 20)


def test_added(d, slapd):
    expect("before", d.rcpt("moi@" + DOMAIN), UNKNOWN)
    slapd.change("ldapadd", "dn: uid=moi,%s\nobjectClass: inetOrgPerson\nobjectClass: congvuAccount\nuid: moi\ncn: Moi\nsn: M\n"
                 "mail: moi@%s\nuserPassword: abc\n\n" % (slapd.info["people"], DOMAIN))
    expect("at once", d.rcpt("moi@" + DOMAIN), LOCAL)
    expect("and signs in", d.plain("moi", "abc")[0], OK)
    slapd.change("ldapadd", "dn: uid=doi,%s\nobjectClass: inetOrgPerson\nobjectClass: congvuAccount\nuid: doi\ncn: Doi\nsn: D\n"
                 "mail: moi@%s\nuserPassword: abc\n\n" % (slapd.info["people"], DOMAIN))
    expect("two owners: no guess", d.rcpt("moi+x@" + DOMAIN), UNAVAIL)
    expect("it is logged", "ev=directory-odd" in d.text(), True)


# ---- keys ----

def verify(public, digest, signature, folder):
    """Ed25519 by openssl, which did not make it."""
    paths = [os.path.join(folder, n) for n in ("pub.der", "digest", "signature")]
    for path, data in zip(paths, (bytes.fromhex("302a300506032b6570032100") + public, digest, signature)):
        with open(path, "wb") as f:
            f.write(data)
    return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", paths[0], "-keyform", "DER", "-rawin", "-in",
                           paths[1], "-sigfile", paths[2]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def test_keys(d, slapd):
    inside, outside, other = d.plain("ducnv")[1], d.plain("ducnv", zone=INTERNET)[1], d.plain("unglh")[1]
    guid, token = inside["guid"][0], inside["token"][0]
    sets = {c: d.ask("key", "mailstored", "new", guid, c)["wrapped"][0] for c in "01"}
    def unwrap(token, wrapped, role="imapd-internal"):
        return int(d.ask("key", role, "unwrap", token, wrapped)["status"][0])
    expect("open, inside", unwrap(token, sets["0"]), 0)
    expect("mat, inside", unwrap(token, sets["1"]), 0)
    expect("open, internet", unwrap(outside["token"][0], sets["0"], "imapd-internet"), 0)
    expect("mat, internet", unwrap(outside["token"][0], sets["1"], "imapd-internet"), ACCESS)
    expect("mat, internal token on the internet's socket", unwrap(token, sets["1"], "imapd-internet"), ACCESS)
    expect("mat, internet token on the internal socket", unwrap(outside["token"][0], sets["1"]), ACCESS)
    expect("somebody else's token", unwrap(other["token"][0], sets["0"]), ACCESS)
    expect("a token with another zone", unwrap("0101" + outside["token"][0][4:], sets["1"]), ACCESS)
    expect("no token", unwrap("", sets["0"]), ACCESS)
    expect("class changed", unwrap(token, sets["1"][:2] + "00" + sets["1"][4:]) < 0, True)
    expect("not for mailstored", unwrap(token, sets["0"], "mailstored"), FORBIDDEN)
    expect("spool not for imapd", d.ask("key", "imapd-internal", "spool")["status"], [str(FORBIDDEN)])
    spool = d.ask("key", "mailstored", "new", guid, "3")	# a new key for the queue comes wrapped, and opens for nobody else
    expect("a spool key comes wrapped", spool["status"], ["0"])
    expect("a spool key is no keyset", unwrap(token, spool["wrapped"][0]) < 0, True)
    digest = os.urandom(32)
    s = d.ask("key", "mailstored", "sign", digest.hex())
    expect("signature", verify(bytes.fromhex(s["public"][0]), digest, bytes.fromhex(s["signature"][0]), d.dir), True)
    expect("signature of another digest", verify(bytes.fromhex(s["public"][0]), bytes(32), bytes.fromhex(s["signature"][0]), d.dir), False)
    spool = d.ask("key", "mailstored", "spool")["key"]
    keyd = int(re.findall(r"prog=keyd pid=(\d+) .*ev=start", d.text())[-1])
    os.kill(keyd, signal.SIGKILL)
    wait_for("another keyd", lambda: d.ask("key", "mailstored", "spool").get("key") == spool)
    expect("after a crash", unwrap(token, sets["1"]), 0)
    for name in ("secret", spool[0], token):
        expect("no secret in the log", name in d.text(), False)


def test_key_file(d, slapd, folder, pki):
    keys = os.path.join(d.dir, "state/keys")
    expect("mode of the master key", os.stat(keys + "/master.key").st_mode & 0o7777, 0o600)
    def refused(what, wanted):
        bad = Directoryd(folder, slapd, pki)
        open(os.path.join(folder, "log"), "w").close()
        bad.start()
        expect(what + ": refuses to start", bad.child.wait(20) != 0, True)
        expect(what + ": says why", wanted in bad.text(), True)
        shutil.rmtree(os.path.join(folder, "state/keys"))
    for what, change, wanted in [
            ("lost key", lambda k: os.unlink(k), "missing, but there was one"), ("open key", lambda k: os.chmod(k, 0o644), "only its owner"),
            ("cut key", lambda k: os.truncate(k, 20), "damaged"), ("other key", lambda k: replace(k), "not the key")]:
        os.makedirs(folder + "/state", exist_ok=True)
        shutil.copytree(keys, folder + "/state/keys")
        users.own("keyd", *(os.path.join(at, name) for at, _, names in os.walk(folder + "/state/keys") for name in [""] + names))
        change(folder + "/state/keys/master.key")
        refused(what, wanted)


def replace(path):
    with open(path, "w") as f:
        f.write("congvu-master-1 %s\n" % ("5a" * 32))


# ---- the directory is away ----

def in_time(what, began):
    took = (CLOCK.now() - began) * 1000
    expect(what + " within the timeout (%d ms)" % took, took < TIMEOUT_MS + 700, True)


def test_away(d, slapd):
    expect("cached before", d.rcpt("u1@" + DOMAIN), LOCAL)
    slapd.child.send_signal(signal.SIGSTOP)
    began = CLOCK.now()
    expect("cached answer while stopped", d.rcpt("u1@" + DOMAIN), LOCAL)
    expect("recipient, stopped", d.rcpt("u2@" + DOMAIN), UNAVAIL)
    in_time("recipient", began)
    began = CLOCK.now()
    expect("sign-in, stopped", d.plain("ducnv", client="10.0.5.1")[0], UNAVAIL)
    in_time("sign-in", began)
    began = CLOCK.now()
    expect("wrong password, stopped", d.plain("ducnv", "sai", client="10.0.5.1")[0], UNAVAIL)
    in_time("wrong password", began)
    many = [subprocess.Popen([CLIENT, d.dir + "/run", "directory", "smtpd", "rcpt", "x%d@%s" % (i, DOMAIN)], stdout=subprocess.PIPE)
            for i in range(10)]
    began = CLOCK.now()
    answers = [m.communicate()[0].decode() for m in many]
    expect("ten at once, stopped", all("status=%d" % UNAVAIL in a for a in answers), True)
    in_time("ten at once", began)
    expect("status", d.ask("directory", "control", "status").get("ldap"), ["0"])
    slapd.child.send_signal(signal.SIGCONT)
    wait_for("recipients again", lambda: d.rcpt("u3@" + DOMAIN) == LOCAL)
    wait_for("sign-ins again", lambda: d.plain("ducnv")[0] == OK)
    slapd.kill()
    expect("recipient, killed", d.rcpt("u4@" + DOMAIN), UNAVAIL)
    expect("sign-in, killed", d.plain("ducnv", client="10.0.5.1")[0], UNAVAIL)
    slapd.start()
    expect("recipient, back", d.rcpt("u4@" + DOMAIN), LOCAL)
    expect("sign-in, back", d.plain("ducnv", client="10.0.5.1")[0], OK)
    expect("logged", "ev=service-away" in d.text() and "ev=service-up" in d.text(), True)


def test_helpers(d, slapd):
    for role, works in (("lookup-helper", lambda: d.rcpt("u6@" + DOMAIN) == LOCAL), ("sasl-helper", lambda: d.plain("ducnv")[0] == OK)):
        before = d.children(role)
        for pid in before[-2:]:
            os.kill(pid, signal.SIGKILL)
        wait_for("new " + role, lambda: len(d.children(role)) >= len(before) + 2)
        wait_for(role + " works", works)
    pid = d.children("sasl-helper")[-1]
    other = d.children("sasl-helper")[-2]
    for p in (pid, other):
        os.kill(p, signal.SIGSTOP)
    began = CLOCK.now()
    expect("hung helpers", d.plain("ducnv")[0], UNAVAIL)
    in_time("hung helpers", began)
    wait_for("hung helpers are replaced", lambda: d.plain("ducnv")[0] == OK)


def test_administration(d, slapd):
    a = d.ask("directory", "control", "test", "ducnv")
    expect("test", (a["ok"], [s.split()[1] for s in a["step"]]), (["1"], ["1"] * len(a["step"])))
    expect("test of nobody", d.ask("directory", "control", "test", "khong")["ok"], ["0"])
    expect("test of a locked one", d.ask("directory", "control", "test", "khoatk")["ok"], ["0"])
    a = d.ask("directory", "control", "status")
    expect("status", (a["ldap"], a["keyd"], a["server"]), (["1"], ["1"], [slapd.uri]))
    expect("not for smtpd", d.ask("directory", "smtpd", "status")["status"], [str(FORBIDDEN)])
    expect("passwords in the log", PASSWORD in d.text(), False)


def test_failover(folder, slapd, pki):
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))
    dead.listen(1)		# takes connections and never answers
    gone = free_port()
    uris = ["ldap://127.0.0.1:%d" % gone, "ldap://127.0.0.1:%d" % dead.getsockname()[1], slapd.uri]
    with Directoryd(folder, slapd, pki, uris=uris) as d:
        began = CLOCK.now()
        expect("third server", d.rcpt("ducnv@" + DOMAIN), LOCAL)
        in_time("third server", began)
        expect("sign-in by the third", d.plain("ducnv")[0], OK)
    dead.close()


def test_tls(folder, slapd, pki):
    slapd.kill(signal.SIGTERM)
    slapd.configure("add: olcTLSCertificateFile\nolcTLSCertificateFile: %s/server.pem\n-\n"
                    "add: olcTLSCertificateKeyFile\nolcTLSCertificateKeyFile: %s/server.key\n" % (pki, pki))
    slapd.start()
    with Directoryd(folder, slapd, pki, ldap='starttls = true\n\tca = "%s/ca.pem"' % pki) as d:
        expect("StartTLS", d.plain("ducnv")[0], OK)
    with Directoryd(folder, slapd, pki, ldap='starttls = true\n\tca = "%s-other/ca.pem"' % pki) as d:
        expect("StartTLS, unknown CA", d.plain("ducnv")[0], UNAVAIL)
        expect("recipient, unknown CA", d.rcpt("ducnv@" + DOMAIN), UNAVAIL)


def test_schema():
    def words(name):
        with open(os.path.join(TOP, "directory/schema", name)) as f:
            text = "".join(l for l in f if not l.startswith("#"))
        if name.endswith(".ldif"):
            text = text.replace("\n ", "")
        text = re.sub(r"^(olcAttributeTypes:|olcObjectClasses:|attributetype|objectclass)", "ITEM ", text, flags=re.I | re.M)
        return sorted(" ".join(i.split()) for i in text.split("ITEM ")[1:] if "NAME" in i)
    expect("both schema files say the same", words("congvu.ldif"), words("congvu.schema"))


def main():
    folder = tempfile.mkdtemp(prefix="congvu-dir-")
    pki = folder + "/pki"
    for p in (pki, pki + "-other"):
        subprocess.run([TOP + "/tools/pki", "init", p], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([TOP + "/tools/pki", "server", pki, "server", "localhost"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    os.makedirs(folder + "/ldap")
    for path in (folder, pki, pki + "-other", folder + "/ldap"):
        os.chmod(path, 0o711)
    slapd = Slapd(folder + "/ldap")
    slapd.pki = pki
    # The server that takes a bind without a password as anonymous, and says it is well.
    slapd.configure("add: olcAllows\nolcAllows: bind_anon_dn\n")
    slapd.start()
    try:
        test_schema()
        with Directoryd(folder + "/a", slapd, pki) as d:
            for test in (test_sign_in, test_refusals, test_states, test_throttle, test_identities, test_recipients, test_groups,
                         test_added, test_keys, test_administration, test_away, test_helpers):
                if CONTROL and CONTROLS[CONTROL] != test.__name__:
                    continue
                began = time.monotonic()
                harness.limit()
                test(d, slapd)
                print("%-22s %5.1f s" % (test.__name__, time.monotonic() - began))
        harness.limit()
        expect("ends as asked", d.status, 0)
        expect("no orphans", subprocess.run(["pgrep", "-f", d.conf], stdout=subprocess.DEVNULL).returncode, 1)
        if not CONTROL:
            test_key_file(d, slapd, folder + "/b", pki)
            test_failover(folder + "/c", slapd, pki)
        if not CONTROL or CONTROLS[CONTROL] == "test_tls":
            test_tls(folder + "/d", slapd, pki)
    finally:
        slapd.kill()
        shutil.rmtree(folder, ignore_errors=True)
    print("test_directory: %s" % ("ok" if not failures else "%d failed" % len(failures)))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
