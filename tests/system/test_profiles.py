#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""The profiles, each in force: without one nothing starts, lan has no internet, open keeps nothing that is Mật.

The provinces are made one after the other in one folder, the second while the first still runs: ./demo may be repeated.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from harness import TOP, Imap, Province, Smtp, eventually, run
import scenario  # in tools/, which harness makes known

PROGRAMS = ("smtpd", "imapd", "directoryd", "policyd", "mailstored")
MAT = scenario.utf7("Mật")
NAMES = """DIR CONF CA CA_KEY CRL DOMAIN SMTP_PORT SMTP_INTERNAL_PORT SUBMISSION_PORT SUBMISSIONS_PORT
SUBMISSIONS_INTERNET_PORT IMAP_PORT IMAPS_PORT IMAPS_INTERNET_PORT LMTP_SOCKET METRICS_URL LDAP_URI LDAP_BASE
LDAP_ADMIN_DN LDAP_ADMIN_PASSWORD USER1 CERT1 KEY1 USER2 CERT2 KEY2 USER3 CERT3 KEY3 USER4 CERT4 KEY4 BULK_FORMAT
PASS PIDS SINK""".split()


def with_conf(p, change, name):
    with open(p.env["CONGVU_CONF"]) as f, open(os.path.join(p.dir, name), "w") as out:
        out.write(change(f.read()))
    return os.path.join(p.dir, name)


def everyone_refuses(p, conf, *words):
    """congvuctl and the five programs: an end with status, and all the words."""
    lines = [[p.env["CONGVU_CTL"], "-c", conf, "config", "check"]] + [[p.program(n), "-c", conf] for n in PROGRAMS]
    for line in lines:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        assert done.returncode == 1, (line, done)
        for word in words:
            assert word in done.stdout.replace('\\"', '"'), (line, word, done.stdout)  # as the log quotes it


def without_a_profile_nothing_starts(p, s):
    conf = with_conf(p, lambda text: re.sub("^profile = .*$", "", text, flags=re.M), "none.conf")
    everyone_refuses(p, conf, "profile: is missing", '"dedicated" (', "needs legal-basis", '"open" (', '"lan" (')


def dedicated_and_lan_need_a_legal_basis(p, s):
    for profile in ("dedicated", "lan"):
        conf = with_conf(p, lambda text: re.sub("^(profile = ).*$", r"\1" + profile, text, flags=re.M), "basis.conf")
        everyone_refuses(p, conf, "legal-basis: is missing")


def lan_refuses_every_way_to_the_internet(p, s):
    conf = with_conf(p, lambda text: re.sub("^profile = .*$", 'profile = lan\nlegal-basis = "x"', text, flags=re.M),
                     "lan.conf")
    everyone_refuses(p, conf, 'listener "mx": zone: the profile "lan"', 'listener "submissions-internet": zone:',
                     'listener "imaps-internet": zone:', 'route "sink": zone: the profile "lan"')


def marked(s, n, to):
    return s.mail(n, to, "Báo cáo", s.mixed_entity("Kính gửi.\n", "bao-cao.docx", "application/octet-stream",
                                                  scenario.docx(["ỦY BAN NHÂN DÂN", "MẬT", "BÁO CÁO"])))


def send(p, sender, to, message):
    with Smtp(p, user=sender) as c:
        return c.message(sender, [to], message, b".\r\n")


def messages(p):
    return json.loads(p.ctl("status", "--json").stdout)["mailstored"]["messages"]


def open_keeps_nothing_that_is_marked(p, s):
    (sender, _, _), to = s.user(1), s.user(2)[0]
    before = messages(p)
    code, text = send(p, sender, to, marked(s, 1, to))
    assert code == 550 and "rule=" in text, (code, text)
    with Imap(p, user=sender) as c:
        message = marked(s, 1, to)
        for box in ("INBOX", MAT):
            c.send(b'a APPEND "%s" {%d+}\r\n' % (box.encode(), len(message)) + message + b"\r\n")
            line = c.until(b"a ")
            assert line.startswith(b"a NO"), line
    assert messages(p) == before and p.ctl("queue", "list", "--json").stdout == ""
    records = [json.loads(line) for line in p.ctl("audit", "list", "--json").stdout.splitlines()]
    assert [r["verdict"] for r in records if r["level"] == "mat"][0] == "reject", records
    assert send(p, sender, to, s.mail(1, to, "Thư", s.text_entity("Kính gửi.\n")))[0] == 250
    assert eventually(lambda: messages(p) == before + 1), messages(p)


def lan_files_it_inside(p, s):
    sender, to = s.user(1)[0], s.user(2)[0]
    message = marked(s, 1, to)
    assert send(p, sender, to, message)[0] == 250
    assert eventually(lambda: s.newest(to, "Mật").endswith(message))
    assert send(p, sender, s.user(3)[0], marked(s, 1, s.user(3)[0]))[0] == 550
    for name in ("SMTP", "SUBMISSIONS_INTERNET", "IMAPS_INTERNET"):
        try:
            p.connect(name, False).close()
        except ConnectionRefusedError:
            continue
        raise AssertionError("somebody listens for " + name)


def env_has_every_name(p, s):
    missing = [n for n in NAMES if "CONGVU_" + n not in p.env]
    assert not missing, missing
    assert sorted(w.partition(":")[0] for w in p.env["CONGVU_PIDS"].split()) == sorted(PROGRAMS), p.env["CONGVU_PIDS"]


def demo_spares_a_folder_that_is_not_its_own(p, s):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "letter"), "w") as f:
            f.write("x")
        done = subprocess.run([os.path.join(TOP, "demo"), "--dir", folder, "--port-base", "26950", "--no-scenario",
                               "--detach"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 1 and "is not a province of mine" in done.stdout, done
        assert os.listdir(folder) == ["letter"]


def story_ends_by_what_it_saw(p, s):
    """Chapter g is true once: the second time the account is there already."""
    tell = [sys.executable, os.path.join(TOP, "tools/scenario.py"), p.dir, "g"]
    for status, text in ((0, " 0 khác mong đợi"), (1, "[SAI/DIFFERS]")):
        done = subprocess.run(tell, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == status and text in done.stdout, done.stdout


def main():
    failures, folder = 0, tempfile.mkdtemp(prefix="congvu-test-")
    rounds = (("open", [without_a_profile_nothing_starts, dedicated_and_lan_need_a_legal_basis,
                        lan_refuses_every_way_to_the_internet, open_keeps_nothing_that_is_marked, env_has_every_name,
                        demo_spares_a_folder_that_is_not_its_own, story_ends_by_what_it_saw]),
              ("lan", [env_has_every_name, lan_files_it_inside]))
    try:
        for profile, tests in rounds:
            p = Province(26600, "--profile", profile, directory=folder)
            p.__enter__()	# over the one before
            failures += run(tests, p, scenario.Province(p.dir))
            if failures:
                p.show_logs()
    finally:
        p.__exit__()
        shutil.rmtree(folder, ignore_errors=True)
    return failures


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
