#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Mail that the server signs for its senders: looked at with "openssl cms -verify" as it arrives by IMAP and at the
sink, who gets it and who does not, what keeps the keys where they are, and what happens without them."""
import email
import email.policy
import glob
import hashlib
import imaplib
import json
import os
import re
import signal
import subprocess
import sys

from harness import TOP, Province, Smtp, chosen, eventually, header, run
import scenario  # in tools/, which harness makes known
import test_dsn
import test_keys
import users

PORT = 29600
OUTSIDE = "dan@khach.example"
SCANNER, SYSTEM = "may-quet", "he-thong"	# a key in a file, one in a token
CORE = ("From", "To", "Subject", "Date", "Message-ID")
TOKEN_CONF = """
signer "%s" { certificate = "%s/token.pem"
	pkcs11-module = "%s"
	pkcs11-uri = "pkcs11:token=congvu%%20thu;object=he-thong"
	pkcs11-path = { "%s", "%s" }
	pin-file = "%s" }
"""
CONF = """
signer "%s" { certificate = "%s/scanner.pem"
	key = "%s/scanner.key" }
rule "scanners" { path = { "submit" }
	signature = { "none" }
	sender = { "%s" }
	opaque = no
	review = no
	action = allow
	sign-as = "%s" }
rule "notices" { path = { "relay" }
	kind = { "dsn" }
	signature = { "none" }
	opaque = no
	review = no
	action = allow
	sign-as = "%s" }
"""
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")


def quiet(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    assert done.returncode == 0, (argv, done.stdout)
    return done.stdout


class SigningProvince(Province):
    """A province with two signers: official 1 is a scanner that cannot sign, notices are signed by the token."""

    def __init__(self):
        super().__init__(PORT)

    def __enter__(self):
        self.folder = os.path.join(self.dir, "signer")
        self.tokens = os.path.join(self.folder, "tokens")
        os.environ["SOFTHSM2_CONF"] = os.path.join(self.folder, "softhsm.conf")
        super().__enter__()
        os.makedirs(self.folder, mode=0o755)
        self.domain = self.env["CONGVU_DOMAIN"]
        self.user = [None] + [self.env["CONGVU_USER%d" % n] for n in (1, 2, 3, 4)]
        pki = os.path.join(self.dir, "pki")
        quiet(os.path.join(TOP, "tools/pki"), "leaf", pki, "scanner", "may-quet@" + self.domain, "May quet so 1")
        quiet(os.path.join(TOP, "tools/pki"), "leaf", pki, "token", "he-thong@" + self.domain, "Hệ thống thư", "ec")
        for name in ("scanner.pem", "scanner.key", "token.pem"):
            os.rename(os.path.join(pki, name), os.path.join(self.folder, name))
        os.symlink(os.path.join(self.folder, "scanner.pem"), os.path.join(pki, "scanner.pem"))
        users.own("keyd", *(os.path.join(self.folder, n) for n in ("scanner.pem", "scanner.key", "token.pem")))
        self.make_token(os.path.join(pki, "token.key"))
        with open(self.env["CONGVU_CONF"]) as f:
            self.demo_conf = f.read()
        self.write(TOKEN_CONF % (SYSTEM, self.folder, self.module, self.tokens, os.environ["SOFTHSM2_CONF"],
                                  os.path.join(self.folder, "pin")) +
                   CONF % (SCANNER, self.folder, self.folder, self.user[1], SCANNER, SYSTEM))
        self.restart()
        return self

    def make_token(self, key):
        self.module = next(m for place in MODULES for m in glob.glob(place))
        os.makedirs(self.tokens)
        with open(os.environ["SOFTHSM2_CONF"], "w") as f:
            f.write("directories.tokendir = %s\n" % self.tokens)
        plain, pin = os.path.join(self.folder, "p8"), os.path.join(self.folder, "pin")
        with open(os.open(pin, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write("246810\n")
        quiet("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key, "-out", plain)
        quiet("softhsm2-util", "--init-token", "--free", "--label", "congvu thu", "--so-pin", "1357", "--pin", "246810")
        quiet("softhsm2-util", "--token", "congvu thu", "--pin", "246810", "--import", plain, "--label", "he-thong",
              "--id", "01")
        os.unlink(plain)
        os.unlink(key)	# from now on only the token has it
        users.own("keyd", pin, self.tokens, *(os.path.join(at, n) for at, folders, files in os.walk(self.tokens)
                                              for n in folders + files))

    def write(self, more):
        with open(self.env["CONGVU_CONF"], "w") as f:
            f.write(self.demo_conf + more)
        said = self.ctl("config", "check")
        assert said.returncode == 0, said.stdout

    def log(self, program="directoryd"):
        with open(os.path.join(self.dir, "log", program + ".log")) as f:
            return f.read()

    def sign_pid(self):
        found = re.findall(r"prog=keyd-sign pid=(\d+) .*ev=start", self.log())
        return int(found[-1]) if found and os.path.exists("/proc/" + found[-1]) else None

    def restart(self, *names):
        for name in names or ("directoryd", "policyd", "smtpd"):
            before = self.pid(name)
            os.kill(before, signal.SIGTERM)
            assert eventually(lambda: self.pid(name) not in (None, before)), name + " does not end at SIGTERM"
        subprocess.run([sys.executable, os.path.join(TOP, "tools/wait-ready.py"), self.dir], check=True)
        assert eventually(self.sign_pid), "the signing process does not start"

    def run_dir(self):
        return re.search(r'run-dir = "([^"]+)"', self.demo_conf).group(1)

    def ask(self, role, *words):
        build = os.path.dirname(os.path.dirname(self.env["CONGVU_CTL"]))
        out = subprocess.run([os.path.join(build, "tests/system/dirclient"), self.run_dir(), "sign", role] + list(words),
                             stdout=subprocess.PIPE, text=True).stdout
        return dict(line.split("=", 1) for line in out.splitlines())

    def audit(self, word):
        """The newest row of the audit with the word in it."""
        rows = self.ctl("audit", "list", "--json").stdout.splitlines()
        return next((json.loads(r) for r in reversed(rows) if word in r), None)

    # ---- mail ----

    def send(self, to, body, sender=1, fields=b"", head=None):
        """The reply, and the octets that were sent."""
        data = (header(self.user[sender], to[0], "thu") if head is None else head) + fields + b"\r\n" + body
        with Smtp(self, user=self.user[sender]) as c:
            return c.message(self.user[sender], to, data.replace(b"\r\n.", b"\r\n.."), end=b".\r\n"), data

    def sent(self, to, body, **more):
        """The same of a message that is accepted, as it arrived in the mailbox of official 2."""
        (code, text), data = self.send(to, body, **more)
        assert code == 250, text
        message_id = email.message_from_bytes(data)["Message-ID"]
        return eventually(lambda: self.find(self.user[2], message_id)), data

    def find(self, user, message_id):
        for m in reversed(test_dsn.Box(self, user).messages()):
            if email.message_from_bytes(m)["Message-ID"] == message_id:
                return m
        return None

    def sink(self, message_id):
        for path in glob.glob(os.path.join(self.env["CONGVU_SINK"], "*", "*")):
            with open(path, "rb") as f:
                m = f.read()
            if message_id.encode() in m:
                return m.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return None


def look(p, message, certificate, original):
    """The signature is by that certificate, over the body as it was sent and the core fields; the signed entity."""
    path, out, by = (os.path.join(p.dir, n) for n in ("arrived", "signed", "by"))
    with open(path, "wb") as f:
        f.write(message)
    quiet("openssl", "cms", "-verify", "-in", path, "-CAfile", p.env["CONGVU_CA"], "-signer", by, "-out", out)
    with open(out, "rb") as f:
        entity = f.read()
    prints = [quiet("openssl", "x509", "-in", c, "-noout", "-fingerprint", "-sha256")
              for c in (by, os.path.join(p.folder, certificate))]
    assert prints[0] == prints[1], "another certificate signed"
    head, _, body = entity.partition(b"\r\n\r\n")
    assert body == original.partition(b"\r\n\r\n")[2], (body, original)
    outer, inner, sent = (email.message_from_bytes(m) for m in (message, entity, original))
    for name in CORE:
        assert outer.get_all(name) == inner.get_all(name) == sent.get_all(name), (name, inner.items())
    assert outer.get_content_type() == "multipart/signed" and len(outer.get_payload()) == 2, outer.items()
    assert re.search(r'hp="clear"', inner["Content-Type"]), inner.items()
    return outer, inner


def what_a_scanner_sends_is_signed_by_its_certificate(p):
    m, sent = p.sent([p.user[2], OUTSIDE], b"xin chao\r\n.dau cham\r\n")
    outer, inner = look(p, m, "scanner.pem", sent)
    results = outer.get_all("Authentication-Results")
    assert len(results) == 1 and results[0].split()[1:] == ["smime=none", "reason=signed-by-server"], outer.items()
    note = str(email.message_from_bytes(m, policy=email.policy.default)["X-Congvu-Signed-By"])
    assert "signer=may-quet" in note and "CN=May quet so 1" in note, note
    assert "signer=may-quet" in inner["X-Congvu-Signed-By"] and inner.get_content_type() == "text/plain"
    at_sink = eventually(lambda: p.sink(outer["Message-ID"]))
    look(p, at_sink, "scanner.pem", sent)
    # Both got the same octets but for the return path.
    assert at_sink[at_sink.index(b"Received:"):] == m[m.index(b"Received:"):]
    row = p.audit("signed-by-server=")
    assert row["event"] == "submit" and row["detail"] == "signed-by-server=may-quet" and row["rule"] == "scanners", row


BODIES = (
    (b"", b"khong co dong cuoi\r\n"),
    (b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
     "Ti\u1ebfng Vi\u1ec7t c\u00f3 d\u1ea5u\r\n".encode()),
    (b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8;\r\n", b"<p>x</p>\r\n"),
    (b"MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=\"utf-8\"\r\n  ; format=flowed\r\n"
     b"Content-Language: vi\r\nContent-Transfer-Encoding: quoted-printable\r\n", b"xin=20chao=\r\n =E1=BA=A1\r\n"),
    (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n\tboundary=\"b\"\r\n",
     b"--b\r\n\r\nmot\r\n--b\r\nContent-Type: text/plain\r\n\r\nhai\r\n--b--\r\n"),
    (b"Subject: hai tieu de\r\nReferences: <a@b.example>\r\n\t<c@d.example>\r\nX-Congvu-Signed-By: mail.khac.example; x\r\n",
     b"\r\n\r\nx\r\n"),
)


def any_entity_is_signed_as_it_came(p):
    for fields, body in BODIES:
        m, sent = p.sent([p.user[2]], body, fields=fields)
        assert m is not None, fields
        outer, inner = look(p, m, "scanner.pem", sent)
        was = email.message_from_bytes(sent)
        for name in set(was.keys()) - set(CORE):
            if not name.lower().startswith("content-"):
                assert outer.get_all(name) == was.get_all(name) or name == "X-Congvu-Signed-By", (name, outer.items())
            elif name != "Content-Type":
                assert inner[name] == was[name] and (outer[name] is None or outer[name] == "8bit"), (name, inner.items())
        types = [[x for x in m.get_params([("text/plain", "")]) if any(x) and x[0] != "hp"] for m in (was, inner)]
        assert types[0] == types[1], (inner.items(), was.items())
        assert outer["MIME-Version"] == "1.0", outer.items()


def the_summary_describes_the_signed_octets(p):
    """What IMAP says of the message without reading it, against what it is."""
    m, _ = p.sent([p.user[2]], b"mot hai ba\r\n")
    c = imaplib.IMAP4_SSL("127.0.0.1", p.port("IMAPS"), ssl_context=p.context)
    c.login(p.user[2], p.env["CONGVU_PASS"])
    c.select("INBOX", readonly=True)
    n = c.search(None, "ALL")[1][0].split()[-1].decode()
    text = c.fetch(n, "(RFC822.SIZE BODYSTRUCTURE)")[1][0].decode()
    parts = [c.fetch(n, "(BODY.PEEK[%d])" % i)[1][0][1] for i in (1, 2)]
    c.logout()
    assert int(re.search(r"RFC822.SIZE (\d+)", text).group(1)) == len(m), text
    assert '"pkcs7-signature"' in text and '"signed"' in text and '"hp" "clear"' in text, text
    assert parts[0] == b"mot hai ba\r\n", parts[0]
    assert parts[1] == email.message_from_bytes(m).get_payload()[1].get_payload().encode(), parts[1]


def only_those_that_a_rule_names(p):
    (code, text), _ = p.send([p.user[3]], b"xin chao\r\n", sender=2)
    assert code == 550 and "unsigned" in text, text
    # Whoever signs keeps his own signature, and a bad one is not made good.
    tools = scenario.Province(p.dir)
    _, cert, key = tools.user(1)
    for signer, expected in (((cert, key), 250), (tools.user(2)[1:], 550)):
        with Smtp(p, user=p.user[1]) as c:
            own = tools.mail(1, p.user[2], "tu ky", tools.text_entity("tu ky\n"), signer)
            code, text = c.message(p.user[1], [p.user[2]], own, end=b".\r\n" if own.endswith(b"\r\n") else b"\r\n.\r\n")
        assert code == expected, text
        if code == 250:
            message_id = email.message_from_bytes(own)["Message-ID"]
            m = eventually(lambda: p.find(p.user[2], message_id))
            assert m.endswith(own), "the message was changed"
            assert b"signed-by-server" not in m and b"X-Congvu-Signed-By" not in m
    # What the gate refuses is not signed either.
    (code, text), _ = p.send([OUTSIDE], b"x\r\n", fields=b"X-Do-Mat: Mat\r\n")
    assert code == 550 and "secret-internet" in text, text


def nobody_writes_our_note(p):
    """The field that says who signed is ours, and a header of two readings is not vouched for."""
    host = re.search(r'hostname = "([^"]+)"', p.demo_conf).group(1)
    forged = ("X-Congvu-Signed-By: %s; signer=bo-truong\r\n" % host).encode()
    m, sent = p.sent([p.user[2]], b"x\r\n", fields=forged)
    assert b"bo-truong" not in m, m
    look(p, m, "scanner.pem", sent.replace(forged, b""))
    with open(os.path.join(p.dir, "unsigned.eml"), "wb") as f:
        f.write(sent)
    for sender, signer in ((1, SCANNER), (2, "")):
        said = json.loads(p.ctl("policy", "explain", f.name, "--json", "--from", p.user[sender]).stdout)
        assert said["sign_as"] == signer, said
    (code, text), _ = p.send([p.user[2]], b"x\r\n", fields=b"Content-Type: text/plain; hp=\"clear\"\r\n")
    assert code == 550 and "server-signature" in text, text


def notices_are_signed_by_the_token(p):
    with test_dsn.Hop(PORT + 90):
        test_dsn.conf(p, test_dsn.route("hop", PORT + 90))
        message_id = "<%d@signing.example>" % os.getpid()
        head = header(p.user[1], "w550-a@hop.example").replace(b"Message-ID:", b"X-Was:") + \
            ("Message-ID: %s\r\n" % message_id).encode()
        (code, text), _ = p.send(["w550-a@hop.example"], b"bi tu choi\r\n", head=head)
        assert code == 250, text
        box = test_dsn.Box(p, p.user[1])
        m = eventually(lambda: [m for m in box.messages() if message_id.encode() in m])[0]
    with open(os.path.join(p.dir, "notice"), "wb") as f:
        f.write(m)
    by = os.path.join(p.dir, "by")
    quiet("openssl", "cms", "-verify", "-in", f.name, "-CAfile", p.env["CONGVU_CA"], "-signer", by, "-out",
          os.path.join(p.dir, "signed"))
    assert b"he-thong" in quiet("openssl", "x509", "-in", by, "-noout", "-ext", "subjectAltName")
    outer = email.message_from_bytes(m)
    report = outer.get_payload()[0]
    assert outer["Return-Path"] == "<>" and "signer=he-thong" in outer["X-Congvu-Signed-By"], outer.items()
    assert report.get_content_type() == "multipart/report" and len(report.get_payload()) == 3, report.items()
    assert report.get_param("report-type") == "delivery-status" and report["Subject"] == outer["Subject"]
    assert p.audit("signed-by-server=he-thong")["event"] == "notice"


def keys_stay_where_they_are(p):
    """Only the signing process has the key, it has nobody else's, and only policyd may ask it."""
    der = quiet("openssl", "rsa", "-in", os.path.join(p.folder, "scanner.key"), "-noout", "-text").decode()
    prime = bytes.fromhex(re.sub(r"[\s:]", "", re.search(r"prime1:([\s0-9a-f:]+?)\s*prime2", der).group(1)))[-128:]
    master = test_keys.master_key(p)
    secrets = {"key": prime[::-1], "master": master, "wrap": test_keys.derive(master, 1), "pin": b"\n246810"[1:]}
    found, sign, looked = {}, p.sign_pid(), []
    for name, pid in test_keys.tree(p):
        looked.append("sign" if pid == sign else test_keys.role(pid))
        if looked[-1] != "keyd" and looked.count(looked[-1]) > 2:
            continue	# workers alike
        for secret in test_keys.scan(pid, secrets):
            found.setdefault(secret, set()).add("sign" if pid == sign else test_keys.role(pid))
    assert found["key"] == {"sign"}, found
    assert "sign" not in found["wrap"] and "sign" not in found.get("master", ()), found
    assert found.get("pin", {"sign"}) == {"sign"}, found
    names = sorted(os.path.basename(s) for s in glob.glob(os.path.join(p.run_dir(), "sign.*")))
    assert names == ["sign.control.sock", "sign.policyd.sock"], names
    assert p.ask("control", "cms", SCANNER, "00" * 32)["status"] == "-1021", "congvuctl can sign"
    if users.uid("policyd") is not None:
        st = os.stat(os.path.join(p.run_dir(), "sign.policyd.sock"))
        assert st.st_mode & 0o777 == 0o660 and st.st_gid == users.uid("policyd"), oct(st.st_mode)


def without_a_sound_key_mail_waits(p):
    """The process dies: it comes back. The PIN is wrong: it is tried once. The certificate is revoked: 451."""
    pid = p.sign_pid()
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: p.sign_pid() not in (None, pid)), "the signing process does not come back"

    def sends():
        (code, text), _ = p.send([p.user[2]], b"sau khi chet\r\n")
        assert code in (250, 451), text
        return code == 250
    assert eventually(sends), "nothing is signed any more"
    pki = os.path.join(p.dir, "pki")
    quiet(os.path.join(TOP, "tools/pki"), "revoke", pki, "scanner")

    def waits():
        (code, text), _ = p.send([p.user[2]], b"da thu hoi\r\n")
        assert code == 250 or (code == 451 and "server-signature" in text), (code, text)
        return code == 451
    assert eventually(waits), "a revoked certificate signs"
    assert 'signer="may-quet" reason="our own signature is not valid" detail="revoked"' in p.log("policyd")
    with open(os.path.join(p.folder, "pin"), "w") as f:
        f.write("111111\n")
    p.restart("directoryd")
    assert eventually(lambda: "the token refuses the PIN" in p.log()), p.log()
    os.kill(p.sign_pid(), signal.SIGKILL)
    assert eventually(lambda: "refused the PIN before" in p.log()), "a wrong PIN is tried again"
    assert p.log().count("the token refuses the PIN") == 1, p.log()
    state = p.ctl("status")
    assert "a signer has a PIN that the token refuses: he-thong" in state.stdout, state.stdout


TESTS = [what_a_scanner_sends_is_signed_by_its_certificate, any_entity_is_signed_as_it_came,
         the_summary_describes_the_signed_octets, only_those_that_a_rule_names, nobody_writes_our_note,
         notices_are_signed_by_the_token, keys_stay_where_they_are, without_a_sound_key_mail_waits]

if __name__ == "__main__":
    with SigningProvince() as province:
        failures = run(chosen(TESTS), province)
        if failures:
            province.show_logs()
    sys.exit(1 if failures else 0)
