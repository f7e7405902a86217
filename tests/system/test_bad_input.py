#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Hostile input to the real servers: one clear error each, bounded memory, nothing kept, and service goes on."""
import os
import re
import subprocess
import sys

from harness import Imap, Province, Smtp, eventually, header, memory_peak_kb, run


def inbox(p, user):
    with Imap(p, user=user) as c:
        return int(c.command("STATUS INBOX (MESSAGES)")[1].decode().split("MESSAGES ")[1].split(")")[0])


def still_serves(p):
    u1, u2 = p.env["CONGVU_USER1"], p.env["CONGVU_USER2"]
    before = inbox(p, u2)
    with Smtp(p, user=u1) as s:
        code, text = s.message(u1, [u2], header(u1, u2) + b"\r\nxin chao\r\n", b".\r\n")
    assert code == 250, (code, text)
    assert eventually(lambda: inbox(p, u2) == before + 1)


def over_long_command_line(p):
    with Smtp(p, "SMTP", tls=False) as s:
        s.send(b"MAIL FROM:<" + b"a" * 200000)
        s.send(b"\r\n")
        assert s.reply()[0] in (500, 501, 552, 554)
    with Imap(p) as c:
        c.send(b"a LOGIN " + b"x" * 200000 + b"\r\n")
        assert c.line()[:1] in (b"*", b"a")


def smuggling_never_ends_data(p):
    u1, u2 = p.env["CONGVU_USER1"], p.env["CONGVU_USER2"]
    before = inbox(p, u2)
    for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\n.\r", b"\r\n\0.\r\n", b"\r\n.\r\r\n",
                b"\r\r\n.\r\r\n"):
        with Smtp(p, user=u1) as s:
            smuggled = b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\nFrom: x\r\n\r\nsmuggled\r\n.\r\n" % (
                u1.encode(), u2.encode())
            code, text = s.message(u1, [u2], header(u1, u2) + b"\r\nhead" + end + smuggled, b"")
            assert 500 <= code < 600, (end, code, text)
            assert code == 521 or s.command("NOOP")[0] in (0, 221, 250, 421, 500, 503), end
    assert inbox(p, u2) == before


def nul_and_bare_line_ends_are_refused(p):
    u1, u2 = p.env["CONGVU_USER1"], p.env["CONGVU_USER2"]
    for bad in (b"a\0b\r\n", b"a\rb\r\n", b"a\nb\r\n"):
        with Smtp(p, user=u1) as s:
            code, text = s.message(u1, [u2], header(u1, u2) + b"\r\n" + bad)
            assert 500 <= code < 600, (bad, code, text)


def http_is_turned_away(p):
    with Smtp(p, "SMTP", tls=False, greet=False) as s:
        s.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        codes = [s.reply()[0] for _ in range(4)]
        assert 0 in codes and 250 not in codes, codes


def starttls_injection(p):
    with Smtp(p, "SUBMISSION", tls=False, greet=False) as s:
        s.reply()
        s.command("EHLO x.example")
        s.send(b"STARTTLS\r\nEHLO injected.example\r\n")
        codes = [s.reply()[0], s.reply()[0]]
        assert 250 not in codes and (codes[0] >= 500 or codes[1] == 0), codes


def authentication_needs_tls(p):
    with Smtp(p, "SUBMISSION", tls=False) as s:
        assert s.command("AUTH PLAIN AGEAYg==")[0] in (503, 504, 530, 538)
        assert s.command("MAIL FROM:<a@b.example>")[0] == 530
    with Imap(p, "IMAP", tls=False) as c:
        assert b"LOGINDISABLED" in c.command("CAPABILITY")[1]
        assert not c.command("LOGIN a b")[0].startswith("OK")


def literals_before_sign_in(p):
    for text in (b"a LOGIN {1000000}\r\n", b"a LOGIN {1000000+}\r\n", b"a LOGIN {99999999999999999999}\r\n"):
        with Imap(p) as c:
            c.send(text)
            line = c.line()
            assert not line.startswith(b"+"), (text, line)
            assert b"BAD" in line or b"BYE" in line or b"NO" in line or line == b"", (text, line)
    for _ in range(3):
        with Imap(p) as c:
            c.send(b"a LOGIN " + b"(" * 50000 + b"\r\n")
            assert c.line()[:1] in (b"*", b"a")
    assert memory_peak_kb(p.pid("imapd")) < 400000, memory_peak_kb(p.pid("imapd"))


def many_parts_and_deep_nesting(p):
    u1, u2 = p.env["CONGVU_USER1"], p.env["CONGVU_USER2"]
    wide = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 10500 + b"--b--\r\n"
    deep, end = b"", b""
    for i in range(1000):
        deep += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i)
        end = b"\r\n--b%d--" % i + end if i < 999 else end
    rfc822 = b"Content-Type: message/rfc822\r\n\r\n" * 1000
    for body in (wide, deep + b"\r\nx" + end + b"\r\n", rfc822 + b"\r\nx\r\n"):
        with Smtp(p, user=u1) as s:
            code, text = s.message(u1, [u2], header(u1, u2) + b"MIME-Version: 1.0\r\n" + body, b".\r\n")
            assert code in (250, 550, 552, 554), (code, text)
        with Smtp(p, user=u1) as s:
            code, text = s.message(u1, ["x@internet.example"], header(u1, "x@internet.example")
                                   + b"MIME-Version: 1.0\r\n" + body, b".\r\n")
            assert 500 <= code < 600, "what cannot be inspected cannot leave: %d %s" % (code, text)
    with Imap(p, user=u2) as c:
        c.command("SELECT INBOX")
        status, _ = c.command("UID FETCH 1:* (ENVELOPE BODYSTRUCTURE RFC822.SIZE)")
        assert status.startswith("OK"), status
    assert memory_peak_kb(p.pid("policyd")) < 1500000, memory_peak_kb(p.pid("policyd"))


def too_large_is_refused_before_it_is_read(p):
    u1, u2 = p.env["CONGVU_USER1"], p.env["CONGVU_USER2"]
    with Smtp(p, user=u1) as s:
        assert s.command("MAIL FROM:<%s> SIZE=99999999999" % u1)[0] == 552
    with Imap(p, user=u2) as c:
        c.send(b"a APPEND INBOX {4000000000}\r\n")
        line = c.line()
        assert not line.startswith(b"+"), line


def wrong_configuration_is_told_at_once(p):
    with open(p.env["CONGVU_CONF"]) as f:
        good = f.read()
    bad = os.path.join(p.dir, "bad.conf")
    with open(bad, "w") as f:
        f.write("# a comment\n/* and\n another */ " + good.replace("profile = ", "profil = ").replace("port = ", "prt = ", 1) + "\ncolour = red\n")
    out = subprocess.run([p.env["CONGVU_CTL"], "-c", bad, "config", "check"], stdout=subprocess.PIPE, text=True)
    assert out.returncode == 1
    for word in ("profil:", "prt:", "colour:"):
        assert any(word in line and line.split(":")[1].isdigit() for line in out.stdout.splitlines()), out.stdout
    for program in ("smtpd", "imapd", "directoryd", "policyd", "mailstored"):
        out = subprocess.run([p.program(program), "-c", bad], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=120)
        assert out.returncode != 0 and "profil" in out.stdout, (program, out)
        assert re.search(r" prog=%s .* ev=config-error " % program, out.stdout), (program, out)


def unreadable_certificate_is_one_clear_error(p):
    with open(p.env["CONGVU_CONF"]) as f:
        conf = f.read()
    broken = os.path.join(p.dir, "broken.pem")
    with open(broken, "w") as f:
        f.write("this is no certificate\n")
    bad = os.path.join(p.dir, "cert.conf")
    with open(bad, "w") as f:
        f.write(conf.replace("/pki/server.pem", "/broken.pem").replace("port = 22", "port = 23"))
    for program in ("smtpd", "imapd"):
        out = subprocess.run([p.program(program), "-c", bad], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=120)
        assert out.returncode != 0 and "broken.pem" in out.stdout, (program, out)


TESTS = [over_long_command_line, smuggling_never_ends_data, nul_and_bare_line_ends_are_refused, http_is_turned_away,
         starttls_injection, authentication_needs_tls, literals_before_sign_in, many_parts_and_deep_nesting,
         too_large_is_refused_before_it_is_read, wrong_configuration_is_told_at_once,
         unreadable_certificate_is_one_clear_error, still_serves]

if __name__ == "__main__":
    with Province(22000, "--signing", "mark") as province:
        failures = run(TESTS, province)
        if failures:
            province.show_logs()
    sys.exit(1 if failures else 0)
