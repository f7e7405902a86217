#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Notices of incidents: what is refused because of its level, on any path, reaches the security officers' mailbox as metadata
only, gathered, once, however often the programs die, and never leaves."""
import email
import email.policy
import json
import os
import re
import signal
import sys
import urllib.request

from harness import Imap, Province, Smtp, chosen, eventually, header, run

SECRET = "Ke hoach bao ve muc tieu X17"		# in subject, text and file name: nowhere in a notice
GATHER_S = 1


class World:
    def __init__(self, p):
        self.p = p
        self.sender, self.officer, self.other = (p.env["CONGVU_USER%d" % n] for n in (1, 4, 2))
        self.configure(self.officer)

    def configure(self, mailbox):
        path = self.p.env["CONGVU_CONF"]
        with open(path) as f:
            text = re.sub(r"(?s)\nincident \{.*?\}", "", f.read())
        with open(path, "w") as f:
            f.write(text.rstrip("\n") + '\nincident { mailbox = "%s"\n\tgather = %d }\n' % (mailbox, GATHER_S))
        done = self.p.ctl("reload")
        assert done.returncode == 0, done.stdout

    def message(self, sender, to, mark="MẬT"):
        return header(sender, to, SECRET) + (
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\nĐộ mật: %s\r\n\r\n%s\r\n--b\r\nContent-Type: text/plain; name=\"%s.txt\"\r\n"
            "Content-Disposition: attachment; filename=\"%s.txt\"\r\n\r\nx\r\n--b--\r\n" % (mark, SECRET, SECRET, SECRET)).encode()

    def submit(self, to=None, mark="MẬT"):
        """The reference of a refusal."""
        to = to or "ai@ngoai.example"
        with Smtp(self.p, user=self.sender.split("@")[0]) as s:
            code, text = s.message(self.sender, [to], self.message(self.sender, to, mark))
        assert code == 550, (code, text)
        return re.search(r"ref=([0-9a-f]+)", text).group(1)

    def submit_or_none(self):
        """While programs come back."""
        try:
            return self.submit()
        except (AssertionError, OSError):
            return None

    def notices(self):
        """(message, text) of every notice in the officer's mailbox."""
        with Imap(self.p, user=self.officer.split("@")[0]) as s:
            s.command("SELECT INBOX")
            status, got = s.command("UID FETCH 1:* (BODY.PEEK[])")
            assert status.startswith("OK"), status
        out, rest = [], got
        while True:
            m = re.search(rb"\{(\d+)\}\r\n", rest)
            if m is None:
                break
            raw, rest = rest[m.end():m.end() + int(m.group(1))], rest[m.end() + int(m.group(1)):]
            msg = email.message_from_bytes(raw, policy=email.policy.default)
            if ".incident@" in (msg["Message-ID"] or ""):
                out.append((msg, msg.get_content()))
        return out

    def about(self, ref):
        return [(m, t) for m, t in self.notices() if "ref: %s" % ref in t]

    def told(self, ref):
        found = eventually(lambda: self.about(ref))
        assert found, (ref, [t for _, t in self.notices()])
        return found


def nothing_left(w):
    new = os.path.join(w.p.env["CONGVU_SINK"], "new")
    return not os.path.exists(new) or os.listdir(new) == []


def a_refused_submission_is_told(w):
    ref = w.submit()
    ((msg, text),) = w.told(ref)
    assert msg["From"].addresses[0].addr_spec.startswith("postmaster@") and msg["To"].addresses[0].addr_spec == w.officer
    assert msg["Auto-Submitted"] == "auto-generated" and "an ninh" in msg["Subject"], msg["Subject"]
    assert msg["Return-Path"] == "<>", msg["Return-Path"]
    for word in (w.sender, "submit", "secret-internet", "127.0.0.1", "mức / level 1", "1, mức 2: 0"):
        assert word in text, (word, text)
    whole = str(msg) + text
    assert not [part for part in ("X17", "Ke hoach", "bao ve", ".txt") if part in whole], whole
    assert nothing_left(w)


def it_has_no_mark_of_its_own(w):
    """Or it would be kept from its readers, or call for another notice."""
    msg, _ = w.notices()[-1]
    path = os.path.join(w.p.dir, "notice.eml")
    with open(path, "wb") as f:
        f.write(msg.as_bytes())
    said = json.loads(w.p.ctl("policy", "scan", path).stdout)
    assert said["verdict"] == "allow" and said["level"] == "none" and said["evidence"] == [], said


def many_are_gathered(w):
    relay = eventually(w.p.relay)
    os.kill(relay, signal.SIGSTOP)	# it is who tells, and not faster than we submit
    try:
        refs = [w.submit(mark=m) for m in ("MẬT", "TỐI MẬT", "TUYỆT MẬT", "MẬT", "MẬT", "MẬT")]
    finally:
        os.kill(relay, signal.SIGCONT)
    for ref in refs:
        assert len(w.told(ref)) == 1, ref
    notices = {m["Message-ID"] for ref in refs for m, _ in w.about(ref)}
    assert 1 <= len(notices) <= 2, notices
    numbers = [tuple(map(int, re.search(r"mức 1: (\d+), mức 2: (\d+), mức 3: (\d+)", t).groups())) for m, t in w.notices()
               if m["Message-ID"] in notices]
    assert tuple(map(sum, zip(*numbers))) == (4, 1, 1), numbers


def other_paths_are_told(w):
    with Smtp(w.p, "SMTP", tls=False) as s:
        code, text = s.message("la@ngoai.example", [w.other], w.message("la@ngoai.example", w.other))
    assert code == 550, (code, text)
    (_, told), = w.told(re.search(r"ref=([0-9a-f]+)", text).group(1))
    assert "việc / act: receive" in told and "MAIL FROM: la@ngoai.example" in told, told
    with Imap(w.p, "IMAPS_INTERNET", user=w.other.split("@")[0]) as s:
        raw = w.message(w.other, w.other)
        s.send(b"a APPEND INBOX {%d+}\r\n" % len(raw) + raw + b"\r\n")
        line = s.until(b"a ")
    assert line.startswith(b"a NO"), line
    assert eventually(lambda: [t for _, t in w.notices() if "việc / act: append" in t and w.other in t]), w.notices()


def nothing_is_lost_and_nothing_twice(w):
    for program in ("smtpd", "mailstored") if "--long" in sys.argv else ("smtpd",):
        refs = [w.submit() for _ in range(3)]
        old = w.p.pid(program)
        os.kill(old, 9)
        assert eventually(lambda: w.p.pid(program) not in (None, old))
        assert eventually(lambda: w.p.ctl("queue", "list").returncode == 0)
        for ref in refs:
            w.told(ref)
        # A second one would come by the next notice.
        last = eventually(w.submit_or_none)
        w.told(last)
        for ref in refs + [last]:
            assert len(w.about(ref)) == 1, ref


def a_mark_in_a_name_silences_nobody(w):
    """MAIL FROM is chosen by a stranger, and what it says must not keep the notice from its readers."""
    with Smtp(w.p, "SMTP", tls=False) as s:
        code, text = s.message('"DO MAT: TUYET MAT"@ngoai.example', [w.other], w.message("la@ngoai.example", w.other))
    assert code == 550, (code, text)
    (_, told), = w.told(re.search(r"ref=([0-9a-f]+)", text).group(1))
    assert "TUYET" not in told and "MAIL FROM and details are left out" in told, told


def without_a_mailbox_they_wait(w):
    w.configure("khong-co-ai@" + w.p.env["CONGVU_DOMAIN"])
    ref = w.submit()

    def deferred():
        with open(os.path.join(w.p.dir, "log/smtpd.log"), errors="replace") as f:
            return "ev=incident-deferred" in f.read()
    try:
        assert eventually(deferred)
        assert not w.about(ref)
    finally:
        w.configure(w.officer)
    assert len(w.told(ref)) == 1


def figures_tell(w):
    with urllib.request.urlopen(w.p.env["CONGVU_METRICS_URL"], timeout=20) as f:
        text = f.read().decode()
    counted = {m.group(1): float(m.group(2)) for m in re.finditer(
        r'(?m)^congvu_incidents_total\{[^}]*rule="secret-internet"[^}]*level="([a-z-]+)"[^}]*\} (\S+)', text)}
    assert counted.get("mat", 0) >= 10 and counted["toi-mat"] >= 1 and counted["tuyet-mat"] >= 1, counted
    assert re.search(r'congvu_incident_notices_total\{[^}]*outcome="sent"[^}]*\} [1-9]', text), text[:500]
    assert nothing_left(w)


def main():
    with Province(29200, "--signing", "mark") as p:
        w = World(p)
        return 1 if run(chosen([a_refused_submission_is_told, it_has_no_mark_of_its_own, many_are_gathered, other_paths_are_told,
                                a_mark_in_a_name_silences_nobody, nothing_is_lost_and_nothing_twice, without_a_mailbox_they_wait, figures_tell]), w) else 0


if __name__ == "__main__":
    sys.exit(main())
