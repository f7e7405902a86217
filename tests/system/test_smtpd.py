#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""smtpd by itself, with real sockets and TLS: the other programs are played by tests/system/smtp_fakes over
the real protocol, the internet by tools/sink.py. CONGVU_BUILD is the build folder (default: here)."""
import base64
import glob
import os
import re
import shutil
import signal
import smtplib
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))
import users  # noqa: E402

BUILD = os.environ.get("CONGVU_BUILD", ".")
DIR = tempfile.mkdtemp(prefix="congvu-smtpd-")
OUT, RUN = os.path.join(DIR, "out"), os.path.join(DIR, "run")
passed = failed = 0

CONF = """profile = "dedicated"
legal-basis = "a test"
hostname = "mx.tinh.example"
domains = {"tinh.example"}
state-dir = "%(dir)s"
run-dir = "%(dir)s/run"
internal-networks = {"127.0.0.0/8"}
contact = {"Goi 1234", "call 1234"}
tls { certificate = "%(dir)s/cert.pem" key = "%(dir)s/key.pem" minimum = 1.3 }
ldap { uri = {"ldap://127.0.0.1:1"} base = "dc=tinh" }
signature { roots = "%(dir)s/cert.pem" crls = "%(dir)s/cert.pem" }
limits { message-size = 8000000 connections-per-address = 20 policy-time = 3000 smtp-workers = 2
  sign-in-time = 20 }
relay { retry = {1, 1} expire = 3600 timeout = 5 }
listener "mx" { address = "127.0.0.1" port = %(mx)d role = mx zone = internet }
listener "submission" { address = "127.0.0.1" port = %(submission)d role = submission zone = internal }
listener "submissions" { address = "127.0.0.1" port = %(submissions)d role = submission zone = internal
  tls = implicit }
route "tls" { domains = {"tls.example"} host = "127.0.0.1" port = %(hop)d zone = internal tls = required
  ca = "%(dir)s/cert.pem" tls-name = "mx.tinh.example" }
route "badtls" { domains = {"badtls.example"} host = "127.0.0.1" port = %(hop)d zone = internal
  tls = required ca = "%(dir)s/cert.pem" tls-name = "other.example" }
route "out" { domains = {"*"} host = "127.0.0.1" port = %(sink)d zone = internet tls = none }
"""


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


names = ["mx", "submission", "submissions", "sink", "hop"]
PORT = dict(zip(names, free_ports(len(names))))


class TlsHop(socketserver.StreamRequestHandler):
    """A next hop that speaks only in TLS, and refuses everybody."""

    def handle(self):
        f, c = self.rfile, self.connection
        c.sendall(b"220 hop\r\n")
        for line in f:
            verb, tls = line[:4].upper(), isinstance(c, ssl.SSLSocket)
            if verb == b"EHLO":
                c.sendall(b"250 hop\r\n" if tls else b"250-hop\r\n250 STARTTLS\r\n")
            elif verb == b"STAR":
                c.sendall(b"220 go\r\n")
                try:
                    c = self.server.context.wrap_socket(c, server_side=True)
                except (ssl.SSLError, OSError):
                    return
                f = c.makefile("rb")
                self.serve_tls(f, c)
                return
            else:
                c.sendall(b"530 5.7.0 TLS first\r\n")

    @staticmethod
    def serve_tls(f, c):
        for line in f:
            c.sendall(b"550 5.7.1 not you\r\n" if line[:4].upper() == b"RCPT" else b"250 hop\r\n")


def start_tls_hop():
    hop = socketserver.ThreadingTCPServer(("127.0.0.1", PORT["hop"]), TlsHop)
    hop.daemon_threads = True
    hop.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    hop.context.load_cert_chain(DIR + "/cert.pem", DIR + "/key.pem")
    threading.Thread(target=hop.serve_forever, daemon=True).start()


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain for " + what)


def log():
    with open(os.path.join(OUT, "log")) as f:
        return f.read()


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Fakes:
    def start(self):
        before = log().count("up\n") if os.path.exists(os.path.join(OUT, "log")) else 0
        self.process = subprocess.Popen([os.path.join(BUILD, "tests/system/smtp_fakes"), RUN, OUT,
                                         DIR + "/congvu.conf"])
        wait_for("fakes", lambda: os.path.exists(os.path.join(OUT, "log")) and log().count("up\n") > before)

    def restart_when_dead(self):
        self.process.wait(10)
        self.start()


fakes = Fakes()
CONTEXT = None


def submission(user="ann", password="secret", implicit=True):
    if implicit:
        s = smtplib.SMTP_SSL("mx.tinh.example", PORT["submissions"], context=CONTEXT, timeout=20)
    else:
        s = smtplib.SMTP("127.0.0.1", PORT["submission"], timeout=20)
        s._host = "mx.tinh.example"
        s.starttls(context=CONTEXT)
    s.login(user, password)
    return s


def send(to, headers="", body="xin chao\r\n", sender="ann@tinh.example", **kw):
    s = submission(**kw)
    message = ("From: ann@tinh.example\r\nSubject: thu\r\n%s\r\n%s" % (headers, body)).encode()
    try:
        s.mail(sender)
        for r in to:
            code, text = s.rcpt(r)
            assert code == 250, (code, text)
        code, text = s.data(message)
        return code, text.decode(), message
    finally:
        s.close()


def raw(port, *parts):
    """Send the parts, each after the reply to the one before; all that the server said."""
    s = socket.create_connection(("127.0.0.1", port), 10)
    got = s.recv(4096)
    for p in parts:
        s.sendall(p)
        got += s.recv(4096)
    s.settimeout(10)
    while True:
        try:
            more = s.recv(4096)
        except ConnectionResetError:
            more = b""
        if not more:
            return got.decode()
        got += more


def stored(mark):
    for path in glob.glob(os.path.join(OUT, "*.eml")):
        with open(path, "rb") as f:
            data = f.read()
        if mark in data:
            return data
    return None


def in_sink(mark):
    for path in glob.glob(os.path.join(DIR, "sink/new/*")):
        with open(path, "rb") as f:
            data = f.read()
        if mark in data:
            return data
    return None


# ---- tests ----

def test_local_delivery():
    for implicit in (True, False):
        mark = "mark-local-%s" % implicit
        code, text, message = send(["bob@tinh.example"], body=mark + "\r\n.\r\n..x\r\nend", implicit=implicit)
        assert code == 250 and re.search(r"\[[0-9a-f]{16}\]", text), text
        data = stored(mark.encode())
        assert data.startswith(b"Return-Path: <ann@tinh.example>\r\nReceived: from "), data[:200]
        assert data.endswith(b"Authentication-Results: mx; smime=none\r\n" + message + b"\r\n"), data
        received = data.decode().split("Received:")[1].split("\r\nAuth")[0]
        assert "with ESMTPSA" in received and "for <bob@tinh.example>" in received and "TLSv1" in received
    assert "deliver from=<ann@tinh.example> arrival=internal level=thuong" in log()
    assert "auth ann zone=1 binding=tls-exporter" in log()


def test_group_and_relay():
    code, text, message = send(["all@tinh.example"], body="mark-relay\r\n")
    assert code == 250, text
    assert "local=ann/0,bob/0 remote=x@out.example/out" in log()
    data = wait_for("the sink", lambda: in_sink(b"mark-relay"))
    assert data.startswith(b"Received: from ") and data.endswith(message), data
    wait_for("the result", lambda: "result x@out.example delivered" in log())
    assert "judge relay arrival=internal account= from=<ann@tinh.example> to=x@out.example/internet" in log()


def test_refused_by_policy():
    code, text, _ = send(["bob@tinh.example", "y@out.example"], "X-Verdict: reject\r\n", "mark-refused\r\n")
    assert code == 550 and "khong duoc phep / not permitted [rule=test-rule ref=" in text, text
    assert "bob@tinh.example, y@out.example" in text and "call 1234" in text, text
    ref = re.search("ref=([0-9a-f]{16})", text).group(1)
    assert "audit submit verdict=reject rule=test-rule level=thuong ref=" + ref in log()
    assert stored(b"mark-refused") is None


def test_deferred():
    code, text, _ = send(["bob@tinh.example"], "X-Verdict: defer\r\n")
    assert code == 451 and "test-rule" in text, text
    began = time.monotonic()
    code, text, _ = send(["bob@tinh.example"], "X-Verdict: hang\r\n")
    assert code == 451 and 2.5 < time.monotonic() - began < 25, (text, time.monotonic() - began)


def test_policy_dies():
    code, text, _ = send(["bob@tinh.example"], "X-Verdict: die\r\n", "mark-died\r\n")
    assert code == 451, text
    fakes.restart_when_dead()
    assert stored(b"mark-died") is None
    assert wait_for("service again", lambda: send(["bob@tinh.example"])[0] == 250)


def test_store_dies_after_storing():
    """The outcome is unknown; the same id is asked for again, so it is stored once and acknowledged."""
    s = submission()
    s.mail("ann@tinh.example")
    assert s.rcpt("bob@tinh.example")[0] == 250
    s.putcmd("data")
    assert s.getreply()[0] == 354
    s.send(b"X-Store: die\r\n\r\nmark-twice\r\n.\r\n")
    fakes.restart_when_dead()
    code, text = s.getreply()
    s.close()
    assert code == 250, text
    assert "deliver again" in log()
    assert len([p for p in glob.glob(os.path.join(OUT, "*.eml")) if b"mark-twice" in open(p, "rb").read()]) == 1


def test_quota():
    code, text, _ = send(["bob@tinh.example"], "X-Store: quota\r\n")
    assert code == 552, text


def test_mat():
    code, text, _ = send(["bob@tinh.example"], "X-Verdict: mat\r\n", "mark-mat\r\n")
    assert code == 250, text
    assert "level=mat skip=33 local=bob/1,ann/2 remote=\n" in log(), log()
    s = smtplib.SMTP("127.0.0.1", PORT["mx"], timeout=20)
    s.ehlo("x")
    s.mail("x@out.example")
    s.rcpt("bob@tinh.example")
    code, text = s.data(b"X-Verdict: mat\r\n\r\nmark-mat-internet\r\n")
    s.quit()
    assert code == 451 and stored(b"mark-mat-internet") is None, text


def test_mx():
    s = smtplib.SMTP("127.0.0.1", PORT["mx"], timeout=20)
    s.ehlo("client.example")
    assert not s.has_extn("auth") and s.has_extn("starttls") and s.has_extn("smtputf8")
    s.mail("x@out.example", ["SIZE=100"])
    for who, code in (("y@out.example", 550), ("nobody@tinh.example", 550), ("locked@tinh.example", 550),
                      ("full@tinh.example", 452), ("bob@tinh.example", 250)):
        assert s.rcpt(who)[0] == code, who
    assert s.data(b"Subject: x\r\n\r\nmark-mx\r\n")[0] == 250
    s.quit()
    assert b"with ESMTP id" in stored(b"mark-mx").replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    assert "judge receive arrival=internet account= from=<x@out.example> to=bob@tinh.example/local" in log()


def test_mx_starttls_and_large():
    s = smtplib.SMTP("127.0.0.1", PORT["mx"], timeout=60)
    s._host = "mx.tinh.example"
    s.starttls(context=CONTEXT)
    body = b"".join(b"%069d\r\n" % i for i in range(100000))
    s.sendmail("x@out.example", ["bob@tinh.example"], b"Subject: mark-large\r\n\r\n" + body)
    assert stored(b"mark-large").endswith(b"Subject: mark-large\r\n\r\n" + body)
    s.ehlo()
    s.mail("x@out.example")
    s.rcpt("bob@tinh.example")
    assert s.data(b"Subject: x\r\n\r\n" + body + body)[0] == 552
    assert s.noop()[0] == 250
    s.quit()


def test_sign_in():
    try:
        submission(password="wrong")
        raise AssertionError("signed in with a wrong password")
    except smtplib.SMTPAuthenticationError as e:
        assert e.smtp_code == 535
    plain = base64.b64encode(b"\0ann\0secret")
    said = raw(PORT["submission"], b"EHLO a\r\n", b"AUTH PLAIN " + plain + b"\r\n", b"QUIT\r\n")
    assert "538 5.7.11" in said and "AUTH PLAIN" not in said, said
    said = raw(PORT["submission"], b"EHLO a\r\n", b"MAIL FROM:<ann@tinh.example>\r\n", b"QUIT\r\n")
    assert "530 5.7.0" in said, said


def test_sender_identity():
    s = submission()
    assert s.mail("boss@tinh.example")[0] == 550
    s.quit()


def test_smuggling():
    for end in (b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n\0.\r\n", b"\r\n.\r\r\n"):
        said = raw(PORT["mx"], b"EHLO a\r\n", b"MAIL FROM:<x@out.example>\r\n", b"RCPT TO:<bob@tinh.example>\r\n",
                   b"DATA\r\n", b"Subject: x\r\n\r\nmark-smuggle" + end + b"MAIL FROM:<boss@tinh.example>\r\n")
        assert "521 5.5.2" in said.split("354")[1] and "250" not in said.split("354")[1], (end, said)
    assert stored(b"mark-smuggle") is None


def test_starttls_injection():
    said = raw(PORT["submission"], b"EHLO a\r\n", b"STARTTLS\r\nEHLO injected\r\n")
    assert "501 5.5.1" in said and "220 2.0.0" not in said, said


def test_tls_versions_and_alpn():
    def handshake(setup):
        context = ssl.create_default_context(cafile=DIR + "/cert.pem")
        setup(context)
        with socket.create_connection(("127.0.0.1", PORT["submissions"]), 10) as s:
            with context.wrap_socket(s, server_hostname="mx.tinh.example") as t:
                return t.recv(100)[:3], t.selected_alpn_protocol()
    assert handshake(lambda c: c.set_alpn_protocols(["smtp"])) == (b"220", "smtp")
    for bad in (lambda c: c.set_alpn_protocols(["http/1.1"]),
                lambda c: setattr(c, "maximum_version", ssl.TLSVersion.TLSv1_2)):
        try:
            handshake(bad)
            raise AssertionError("the handshake went through")
        except (ssl.SSLError, ConnectionResetError):
            pass


def test_second_server():
    """On the same ports it says what is in the way, all of it, and ends; the first one serves on."""
    done = subprocess.run([os.path.join(BUILD, "smtpd/smtpd"), "-c", os.path.join(DIR, "congvu.conf")],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("is in use; does another server run?") == 3, done.stderr
    assert send_ok()


def test_http():
    assert "554" in raw(PORT["mx"], b"GET / HTTP/1.1\r\nHost: mx\r\n\r\n")


def test_relay_asks_again():
    """Accepted, but refused when it is to leave: the next hop never sees it."""
    code, text, _ = send(["z@out.example"], "X-Relay: reject\r\n", "mark-regate\r\n")
    assert code == 250, text
    wait_for("the result", lambda: "result z@out.example" in log())
    assert "result z@out.example failed due=later text=550 5.7.1 refused by policy [rule=test-rule]" in log()
    assert "audit relay verdict=reject rule=test-rule" in log()
    assert in_sink(b"mark-regate") is None
    send(["w@out.example"], "X-Relay: defer\r\n", "mark-later\r\n")
    wait_for("the result", lambda: "result w@out.example deferred due=later" in log())
    assert in_sink(b"mark-later") is None


def test_relay_waits_for_the_last_word():
    """A hop that takes the text and answers late, past the usual time, gets it once."""
    send(["slow@out.example"], "X-Sink-Delay: 7\r\n", "mark-slow\r\n")
    wait_for("the result", lambda: "result slow@out.example" in log(), 20)
    assert "result slow@out.example delivered" in log(), log()
    copies = [p for p in glob.glob(os.path.join(DIR, "sink/new/*")) if b"mark-slow" in open(p, "rb").read()]
    assert len(copies) == 1, copies


def test_relay_tls():
    """The next hop refuses the recipient, in TLS: the verified channel stood."""
    send(["a@tls.example"], body="mark-tls\r\n")
    wait_for("the result", lambda: "result a@tls.example failed due=later text=550 5.7.1" in log())
    send(["a@badtls.example"], body="mark-badtls\r\n")
    wait_for("the result", lambda: "result a@badtls.example deferred due=later text=TLS with the next hop failed"
             in log())


def test_too_many_connections():
    many = [socket.create_connection(("127.0.0.1", PORT["mx"]), 10) for _ in range(60)]
    said = [s.recv(200) for s in many]
    for s in many:
        s.close()
    assert any(x.startswith(b"421 4.7.0") for x in said) and any(x.startswith(b"220") for x in said)
    wait_for("room again", lambda: send_ok())


def send_ok():
    try:
        return send(["bob@tinh.example"])[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(x) for x in f.read().split()]


def test_worker_dies(smtpd):
    before = wait_for("children", lambda: len(children(smtpd.pid)) == 3 and children(smtpd.pid))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for("new children", lambda: len(children(smtpd.pid)) == 3 and not set(before) & set(children(smtpd.pid)))
    wait_for("service", send_ok)


def test_reload(smtpd):
    before = children(smtpd.pid)
    path = os.path.join(DIR, "congvu.conf")
    with open(path) as f:
        good = f.read()
    with open(path, "w") as f:
        f.write("nonsense = 1\n")
    smtpd.send_signal(signal.SIGHUP)
    with open(os.path.join(DIR, "smtpd.log")) as f:
        wait_for("the error", lambda: "ev=config-error" in f.read())
    assert children(smtpd.pid) == before and send_ok()
    with open(path, "w") as f:
        f.write(good)
    smtpd.send_signal(signal.SIGHUP)
    wait_for("a new generation", lambda: len(children(smtpd.pid)) == 3 and not set(before) & set(children(smtpd.pid)))
    assert send_ok()


def test_stop(smtpd):
    """A message whose text is coming is still taken; an idle session ends with 421."""
    idle = smtplib.SMTP("127.0.0.1", PORT["mx"], timeout=20)
    busy = submission()
    busy.mail("ann@tinh.example")
    busy.rcpt("bob@tinh.example")
    busy.putcmd("data")
    assert busy.getreply()[0] == 354
    smtpd.send_signal(signal.SIGTERM)
    assert idle.getreply()[0] == 421
    busy.send(b"Subject: x\r\n\r\nmark-stop\r\n.\r\n")
    assert busy.getreply()[0] == 250
    assert stored(b"mark-stop")
    assert smtpd.wait(20) == 0


def run(test, *args):
    global passed, failed
    try:
        harness.limit()
        test(*args)
        passed += 1
    except Exception as e:  # every kind of failure is one failed test
        failed += 1
        print("FAIL %s: %s: %s" % (test.__name__, type(e).__name__, str(e)[:1500]))


def main():
    global CONTEXT
    os.makedirs(OUT)
    os.makedirs(RUN)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", DIR + "/key.pem", "-out", DIR + "/cert.pem", "-subj", "/CN=mx.tinh.example",
                    "-addext", "subjectAltName=DNS:mx.tinh.example", "-days", "2"],
                   check=True, stderr=subprocess.DEVNULL)
    CONTEXT = ssl.create_default_context(cafile=DIR + "/cert.pem")
    # The certificate's name is looked up nowhere: connections go to loopback.
    real = socket.create_connection
    socket.create_connection = lambda address, *a, **k: real(("127.0.0.1", address[1]), *a, **k)
    with open(DIR + "/congvu.conf", "w") as f:
        f.write(CONF % dict(PORT, dir=DIR) + users.section())
    os.chmod(DIR, 0o711)
    sink = subprocess.Popen([sys.executable, TOP + "/tools/sink.py", "--port", str(PORT["sink"]),
                             "--maildir", DIR + "/sink"], stdout=subprocess.DEVNULL)
    start_tls_hop()
    fakes.start()
    with open(DIR + "/smtpd.log", "w") as errors:
        smtpd = subprocess.Popen([os.path.join(BUILD, "smtpd/smtpd"), "-c", DIR + "/congvu.conf"], stderr=errors)
    try:
        for port in PORT.values():
            wait_for("port", lambda: connects(port))
        for name, test in list(globals().items()):
            if name.startswith("test_") and test.__code__.co_argcount == 0:
                run(test)
        for test in (test_worker_dies, test_reload, test_stop):
            run(test, smtpd)
    finally:
        for p in (smtpd, sink, fakes.process):
            p.kill()
            p.wait()
    if failed:
        print(open(DIR + "/smtpd.log").read()[-6000:])
    if not os.environ.get("KEEP"):
        shutil.rmtree(DIR)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
