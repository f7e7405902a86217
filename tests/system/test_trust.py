#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""congvu-trust against a server of lists and responses that is now honest, now not, and a policyd that runs: what was
unknown becomes known, what was revoked stays revoked, and nobody on the way can do worse than keep news away."""
import glob
import http.server
import json
import os
import re
import shutil
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from harness import TOP, MachineClock, Province, Smtp, chosen, eventually, run
import users

HOST = "ca.thu.example"		# is asked at the server below: trust { rewrite }
BOUND_S = 5		# after that the running policyd knows
CLOCK = MachineClock()
WORK = tempfile.mkdtemp(prefix="congvu-trust-")


def sh(*argv, **kw):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kw)
    assert done.returncode == 0, (argv, done.stdout)
    return done.stdout


# ---- a server ----

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        n = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(n) if n else b""
        path = re.sub(r"^http://[^/]+", "", self.path)
        self.server.asked.append((self.command, self.path, self.headers, body))
        what = self.server.pages.get(path)
        if callable(what):
            return what(self, body)
        self.reply(404 if what is None else 200, what or b"no such page")

    do_GET = do_POST = answer

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass			# a client that hangs up is what some tests are about


def serve():
    server = Server(("127.0.0.1", 0), Handler)
    server.pages, server.asked = {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


# ---- an authority ----

class Authority:
    """The demo's, which signs as we say."""

    def __init__(self, p):
        self.pki = os.path.join(p.dir, "pki")
        self.conf = os.path.join(self.pki, "ca/openssl.cnf")
        self.env = dict(os.environ, PKI_SAN="email:none@none.example")

    def leaf(self, name, email, *extensions):
        base = os.path.join(WORK, name)
        sh("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", base + ".key")
        with open(base + ".ext", "w") as f:
            f.write("basicConstraints = critical, CA:false\nkeyUsage = critical, digitalSignature\n"
                    "extendedKeyUsage = emailProtection\nsubjectAltName = email:%s\n%s\n" % (email, "\n".join(extensions)))
        sh("openssl", "req", "-new", "-config", self.conf, "-key", base + ".key", "-subj", "/C=VN/CN=" + name,
           "-out", base + ".csr", env=self.env)
        sh("openssl", "ca", "-batch", "-notext", "-config", self.conf, "-extfile", base + ".ext", "-in", base + ".csr",
           "-out", base + ".pem", env=self.env)
        return base

    def crl(self, last=0, days=1):
        """DER of a list issued that many seconds ago."""
        def at(s):
            return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + s))
        out = os.path.join(WORK, "made.crl")
        sh("openssl", "ca", "-config", self.conf, "-gencrl", "-crl_lastupdate", at(-last), "-crl_nextupdate",
           at(days * 86400), "-out", out, env=self.env)
        return subprocess.run(["openssl", "crl", "-in", out, "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout

    def revoke(self, base):
        sh("openssl", "ca", "-config", self.conf, "-revoke", base + ".pem", env=self.env)

    def forget(self, base):
        """As if it had never been revoked, nor issued."""
        serial = sh("openssl", "x509", "-in", base + ".pem", "-noout", "-serial").strip().split("=")[1]
        index = os.path.join(self.pki, "ca/index.txt")
        with open(index) as f:
            rows = [row for row in f if "\t%s\t" % serial not in row]
        with open(index, "w") as f:
            f.writelines(rows)

    def responder(self, handler, body):
        """An OCSP answer to body."""
        for name, octets in (("q", body), ("a", b"")):
            with open(os.path.join(WORK, name), "wb") as f:
                f.write(octets)
        sh("openssl", "ocsp", "-index", os.path.join(self.pki, "ca/index.txt"), "-rsigner", os.path.join(self.pki, "ca.pem"),
           "-rkey", os.path.join(self.pki, "ca.key"), "-CA", os.path.join(self.pki, "ca.pem"), "-reqin",
           os.path.join(WORK, "q"), "-respout", os.path.join(WORK, "a"), "-ndays", "1")
        with open(os.path.join(WORK, "a"), "rb") as f:
            handler.reply(200, f.read(), [("Content-Type", "application/ocsp-response")])


class World:
    def __init__(self, p):
        self.p, self.server, self.ca = p, serve(), Authority(p)
        self.crls = os.path.join(p.dir, "pki/crls")
        self.user, self.to = p.env["CONGVU_USER1"], p.env["CONGVU_USER2"]
        self.an = self.ca.leaf("an", self.user, "crlDistributionPoints = URI:http://%s/an.crl" % HOST)
        self.conf = os.path.join(p.dir, "trust.conf")
        self.configure()
        os.unlink(p.env["CONGVU_CRL"])

    def configure(self, **keys):
        port = self.server.server_address[1]
        values = dict({"fetch": "true", "timeout": "3", "rewrite": '{ "http://%s http://127.0.0.1:%d" }' % (HOST, port)}, **keys)
        with open(self.p.env["CONGVU_CONF"]) as f:
            text = f.read()
        with open(self.conf, "w") as f:
            f.write(text + "trust { %s }\n" % "\n\t".join("%s = %s" % (k.replace("_", "-"), v) for k, v in values.items() if v))
        os.chmod(self.conf, 0o644)

    def fetch(self, wanted=0):
        """Run it; the log."""
        self.server.asked.clear()
        done = subprocess.run([self.p.program("congvu-trust"), "-c", self.conf], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=120)
        assert done.returncode == wanted, (done.returncode, done.stdout)
        return done.stdout

    def send(self, base):
        """Reply to a submission signed by that certificate."""
        source = os.path.join(WORK, "body")
        with open(source, "wb") as f:
            f.write(b"Content-Type: text/plain; charset=utf-8\r\n\r\nKinh gui %f\r\n" % time.monotonic())
        out = subprocess.run(["openssl", "cms", "-sign", "-in", source, "-signer", base + ".pem", "-inkey", base + ".key",
                              "-md", "sha256", "-crlfeol"], stdout=subprocess.PIPE, check=True).stdout
        head = "From: <%s>\r\nTo: <%s>\r\nSubject: thu\r\nDate: %s\r\nMessage-ID: <%f@test.example>\r\n" % (
            self.user, self.to, time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime()), time.monotonic())
        with Smtp(self.p, user=self.user.split("@")[0]) as s:
            return s.message(self.user, [self.to], head.encode() + out.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    def becomes(self, base, code, words=""):
        """policyd notices by itself, within BOUND_S."""
        got = []

        def check():
            got[:] = self.send(base)
            return got[0] == code and words in got[1]
        began = CLOCK.now()
        assert eventually(check) and CLOCK.now() - began < BOUND_S, got

    def lists(self):
        return {os.path.basename(n): open(n, "rb").read() for n in glob.glob(self.crls + "/*")}


def the_list_that_a_signer_names_is_fetched(w):
    w.becomes(w.an, 451)
    w.server.pages["/an.crl"] = w.ca.crl(3600)
    said = w.fetch()
    assert "ev=trust-fetched" in said and "http://%s/an.crl" % HOST in said, said
    assert [a[:2] for a in w.server.asked] == [("GET", "/an.crl")], w.server.asked
    assert w.server.pages["/an.crl"] in w.lists().values()
    w.becomes(w.an, 250)
    # Nothing new: nothing is written.
    before = {n: os.stat(n) for n in glob.glob(w.crls + "/*.crl")}
    assert "ev=trust-fetched" not in w.fetch()
    assert all(os.stat(n).st_mtime_ns == st.st_mtime_ns for n, st in before.items())


def figures_tell_how_it_went(w):
    def shown():
        out = subprocess.run([w.p.env["CONGVU_CTL"], "-c", w.conf, "status", "--json"], stdout=subprocess.PIPE, text=True, check=False)
        return json.loads(out.stdout)
    assert eventually(lambda: shown()["policyd"]["trust-complete"] is not None)
    assert shown()["policyd"]["trust-failures"] == 0
    assert not [x for x in shown()["problems"] if "congvu-trust" in x]
    page = w.server.pages.pop("/an.crl")
    said = w.fetch(3)
    assert "ev=trust-failed" in said and "status=404" in said, said
    assert eventually(lambda: shown()["policyd"]["trust-failures"] == 1)
    # Once is no alarm; a long time is.
    assert not [x for x in shown()["problems"] if "congvu-trust" in x]
    state = os.path.join(w.crls, ".congvu-trust")
    with open(state) as f:
        text = f.read()
    with open(state, "w") as f:
        f.write(re.sub(r"(?m)^complete (\d+)", lambda m: "complete %d" % (int(m.group(1)) - 7 * 3600), text))
    assert eventually(lambda: [x for x in shown()["problems"] if "for 420 minutes" in x]), shown()["problems"]
    w.server.pages["/an.crl"] = page
    w.fetch()
    assert eventually(lambda: not [x for x in shown()["problems"] if "congvu-trust" in x])


def nothing_worse_than_the_old_list_is_taken(w):
    good = w.server.pages["/an.crl"]
    w.server.pages["/an.crl"] = newer = w.ca.crl(1800)
    w.fetch()
    before = w.lists()
    assert newer in before.values() and good not in before.values()
    foreign = os.path.join(WORK, "foreign")
    if not os.path.exists(foreign):
        sh(os.path.join(TOP, "tools/pki"), "init", foreign)
    with open(foreign + "/crls/ca.crl", "rb") as f:
        others = f.read()

    def endless(h, _):
        h.send_response(200)
        h.end_headers()
        for _ in range(4096):
            h.wfile.write(b"\x30" * 65536)

    def slow(h, _):
        h.send_response(200)
        h.send_header("Content-Length", str(len(newer)))
        h.end_headers()
        h.wfile.write(newer[:10])
        time.sleep(20)

    def long_head(h, _):
        h.send_response(200)
        for i in range(3000):
            h.send_header("X-%d" % i, "a" * 60)
        h.end_headers()

    cases = [
        ("older", good, "trust-refused"), ("of somebody else", others, "trust-refused"),
        ("garbage", b"\x30\x03\x02\x01\x01", "trust-refused"), ("a page", b"<html>Sign in to the network</html>", "trust-refused"),
        ("cut short", newer[:-1], "trust-refused"), ("something behind it", newer + b"\0", "trust-refused"),
        ("nothing", b"", "trust-refused"), ("from the future", w.ca.crl(-7200, 2), "trust-refused"),
        ("a redirect", lambda h, _: h.reply(302, newer, [("Location", "http://127.0.0.1:%d/x" % h.server.server_address[1])]),
         "trust-failed"),
        ("no end", endless, "trust-failed"), ("too slow", slow, "trust-failed"), ("a head without end", long_head, "trust-failed"),
        ("two lists", newer + newer, "trust-refused"),
    ]
    w.configure(timeout="1", crl_size="65536")
    for name, page, event in cases:
        w.server.pages["/an.crl"] = page
        said = w.fetch(3)
        assert "ev=" + event in said, (name, said)
        assert w.lists() == before, name
        assert len(w.server.asked) == 1, (name, w.server.asked)
    w.server.pages["/an.crl"] = newer
    w.configure()
    w.fetch()
    # PEM is a list, too.
    pem = sh("openssl", "crl", "-inform", "DER", "-in", os.path.join(w.crls, next(n for n in before if n.startswith("crl-"))))
    w.server.pages["/an.crl"] = pem.encode()
    assert "trust-refused" not in w.fetch()
    w.server.pages["/an.crl"] = newer
    assert w.lists() == before
    w.becomes(w.an, 250)


def certificates_do_not_send_it_home(w):
    """Without the administrator's word no certificate reaches what listens on this machine."""
    w.configure(rewrite=None)
    port = w.server.server_address[1]
    home = w.ca.leaf("home", w.user, "crlDistributionPoints = URI:http://127.0.0.1:%d/an.crl,URI:http://[::1]:%d/an.crl,"
                     "URI:http://localhost:%d/an.crl" % (port, port, port))
    w.send(home)
    said = w.fetch(3)
    assert w.server.asked == [] and said.count("this role may not ask that") >= 1, said
    w.configure(urls='{ "http://127.0.0.1:%d/an.crl" }' % port)
    w.fetch()
    assert [a[1] for a in w.server.asked] == ["/an.crl"] * 2
    w.configure()


def a_proxy_is_used(w):
    port = w.server.server_address[1]
    w.configure(rewrite=None, proxy='"http://127.0.0.1:%d"' % port)
    env = os.environ.pop("no_proxy", None)
    w.fetch()
    assert "http://%s/an.crl" % HOST in [a[1] for a in w.server.asked], w.server.asked
    if env is not None:
        os.environ["no_proxy"] = env
    w.configure()


def https_is_verified(w):
    """Which finds names and authorities from inside the sandbox, too."""
    server = serve()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(w.ca.pki, "server.pem"), os.path.join(w.ca.pki, "server.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.pages["/an.crl"] = w.server.pages["/an.crl"]
    url = '{ "https://localhost:%d/an.crl" }' % server.server_address[1]
    w.configure(urls=url, ca='"%s"' % w.p.env["CONGVU_CA"])
    assert "localhost:%d" % server.server_address[1] not in w.fetch()
    assert [a[1] for a in server.asked] == ["/an.crl"]
    w.configure(urls=url)
    assert 'err="TLS failure"' in w.fetch(3)
    assert len(server.asked) == 1
    server.shutdown()
    w.configure()


def a_revocation_is_known_at_once_and_for_good(w):
    w.becomes(w.an, 250)
    w.ca.revoke(w.an)
    w.server.pages["/an.crl"] = w.ca.crl(60)
    said = w.fetch()
    assert "newly-revoked=" in said, said
    w.becomes(w.an, 550, "thu hoi")
    with open(os.path.join(w.crls, "revoked")) as f:
        kept = f.read()
    assert kept.startswith("congvu-revoked 1\n") and len(kept.splitlines()) >= 2, kept
    # A later list forgets it, and policyd is started anew.
    w.ca.forget(w.an)
    w.server.pages["/an.crl"] = w.ca.crl(30)
    w.fetch()
    with open(os.path.join(w.crls, "revoked")) as f:
        assert f.read() == kept
    old = w.p.pid("policyd")
    os.kill(old, 9)
    assert eventually(lambda: w.p.pid("policyd") not in (None, old))
    # Another official of the same authority shows that the list itself is good.
    other = w.ca.leaf("khac", w.user)
    assert eventually(lambda: w.send(other)[0] == 250)
    w.becomes(w.an, 550, "thu hoi")


def what_was_named_once_is_asked_again(w):
    """policyd has been started anew and has not met the first signer's address since."""
    w.fetch()
    assert "/an.crl" in [a[1] for a in w.server.asked], w.server.asked


def a_responder_is_asked(w):
    for name in w.lists():
        if name.endswith(".crl"):
            os.unlink(os.path.join(w.crls, name))
    w.server.pages.pop("/an.crl")
    binh = w.ca.leaf("binh", w.user, "authorityInfoAccess = OCSP;URI:http://%s/ocsp" % HOST)
    assert eventually(lambda: 400 <= w.send(binh)[0] < 500)
    w.server.pages["/ocsp"] = w.ca.responder
    w.fetch(3)
    posts = [a for a in w.server.asked if a[0] == "POST"]
    assert len(posts) == 1 and posts[0][2]["Content-Type"] == "application/ocsp-request", w.server.asked
    w.becomes(binh, 250)
    # It is fresh: nobody is asked again.
    w.fetch(3)
    assert not [a for a in w.server.asked if a[0] == "POST"]
    # An answer about somebody else is none about him.
    answers = open(os.path.join(w.crls, "ocsp"), "rb").read()
    chi = w.ca.leaf("chi", w.user, "authorityInfoAccess = OCSP;URI:http://%s/ocsp" % HOST)
    w.send(chi)
    w.server.pages["/ocsp"] = answers
    assert 'ev=trust-refused kind="ocsp"' in w.fetch(3)
    assert open(os.path.join(w.crls, "ocsp"), "rb").read() == answers
    w.server.pages["/ocsp"] = w.ca.responder
    w.ca.revoke(chi)
    w.fetch(3)
    w.becomes(chi, 550, "thu hoi")
    w.becomes(binh, 250)


def the_processes_have_what_they_need(w):
    """While a server is silent: who they are, and what they have open."""
    if users.uid("trust") is None:
        print("skip users: not root")
        return
    w.server.pages["/an.crl"] = lambda h, _: time.sleep(1)
    w.server.asked.clear()
    with subprocess.Popen([w.p.program("congvu-trust"), "-c", w.conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as keeper:
        assert eventually(lambda: w.server.asked)
        with open("/proc/%d/task/%d/children" % (keeper.pid, keeper.pid)) as f:
            fetcher = int(f.read())
        for pid in (keeper.pid, fetcher):
            with open("/proc/%d/status" % pid) as f:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            assert status["Uid"].split() == [str(users.uid("trust"))] * 4, (pid, status["Uid"])
            assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0, (pid, status)
        opened = [os.readlink("/proc/%d/fd/%s" % (fetcher, fd)) for fd in os.listdir("/proc/%d/fd" % fetcher)]
        assert not [o for o in opened if o.startswith(w.p.dir)], opened
        # Two do not work in one folder.
        w.fetch(1)
        keeper.wait(60)
    w.server.pages.pop("/an.crl")


def it_runs_only_when_told(w):
    w.configure(fetch="false")
    assert w.fetch() == ""
    w.configure()
    bad = tempfile.NamedTemporaryFile(mode="w", dir=WORK, delete=False)
    with open(w.conf) as f, bad:
        bad.write(f.read().replace('crls = "%s"' % w.crls, 'crls = "%s"' % w.p.env["CONGVU_CA"]))
    done = subprocess.run([w.p.program("congvu-trust"), "-c", bad.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 1 and "needs a folder" in done.stdout, done.stdout


def main():
    try:
        with Province(29000) as p:
            w = World(p)
            return 1 if run(chosen([the_list_that_a_signer_names_is_fetched, figures_tell_how_it_went, nothing_worse_than_the_old_list_is_taken,
                             certificates_do_not_send_it_home, a_proxy_is_used, https_is_verified, a_revocation_is_known_at_once_and_for_good,
                             what_was_named_once_is_asked_again, a_responder_is_asked, the_processes_have_what_they_need,
                             it_runs_only_when_told]), w) else 0
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
