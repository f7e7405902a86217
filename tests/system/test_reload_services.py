#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""SIGHUP: a new configuration comes into force in every program while sessions and messages go on; a bad one, or
one that needs a restart, changes nothing and is told line by line."""
import base64
import os
import re
import signal
import sys

from harness import Imap, Province, Smtp, eventually, run

PROGRAMS = ("directoryd", "policyd", "mailstored", "smtpd", "imapd", "metricsd")


def conf(p):
    with open(p.env["CONGVU_CONF"]) as f:
        return f.read()


def write(p, text):
    with open(p.env["CONGVU_CONF"], "w") as f:
        f.write(text)


def log(p, program):
    with open(os.path.join(p.dir, "log", program + ".log"), errors="replace") as f:
        return f.read()


def pid(p, program):
    with open(os.path.join(p.dir, "run", program + ".pid")) as f:
        return int(f.read())


def reload(p, program, text, event):
    """What the program logs after the signal."""
    before, size = conf(p), len(log(p, program))
    write(p, text)
    try:
        os.kill(pid(p, program), signal.SIGHUP)
        assert eventually(lambda: "ev=" + event in log(p, program)[size:]), (program, log(p, program)[size:])
    finally:
        if event != "reload":
            write(p, before)
    return log(p, program)[size:]


def all_take_it(p):
    """Sessions that are open go on; what is new counts for new messages."""
    pids = {name: pid(p, name) for name in PROGRAMS}
    text = conf(p).replace("limits {", "limits { message-size = 20000\n", 1)
    user = p.env["CONGVU_USER1"]
    with Imap(p, user=user) as imap, Smtp(p, user=user) as smtp:
        assert imap.command("SELECT INBOX")[0].startswith("OK")
        for name in PROGRAMS:
            reload(p, name, text, "reload")
        assert imap.command("NOOP")[0].startswith("OK")
        assert smtp.command("NOOP")[0] == 250
    with Smtp(p, user=user) as smtp:
        assert smtp.command("MAIL FROM:<%s> SIZE=30000" % user)[0] == 552
    with Imap(p, user=user) as imap:
        assert imap.command("SELECT INBOX")[0].startswith("OK")
    assert pids == {name: pid(p, name) for name in PROGRAMS}, "somebody was started anew"


def a_bad_file_changes_nothing(p):
    bad = conf(p).replace("profile = ", "profil = ", 1) + "\nnonsense = 1\n"
    for name in PROGRAMS:
        said = reload(p, name, bad, "config-error")
        assert "profil" in said and "nonsense" in said, (name, said)
        assert "ev=reload" not in said
    with Imap(p, user=p.env["CONGVU_USER1"]) as imap:
        assert imap.command("SELECT INBOX")[0].startswith("OK")


def what_needs_a_restart_is_named(p):
    good = conf(p)
    for program, change, key in (
            ("mailstored", ("map-size = 1073741824", "map-size = 536870912"), "store.map-size"),
            ("mailstored", ("/state\"", "/elsewhere\""), "general.state-dir"),
            ("directoryd", ("/state\"", "/elsewhere\""), "general.state-dir"),
            ("directoryd", ("run-dir = \"", "run-dir = \"/tmp"), "general.run-dir"),
            ("policyd", ("/pki/ca.pem", "/pki/server.pem"), "signature.roots"),
            ("metricsd", ("run-dir = \"", "run-dir = \"/tmp"), "general.run-dir")):
        changed = good.replace(*change)
        assert changed != good, change
        said = reload(p, program, changed, "config-error")
        assert key in said and "needs a restart" in said and "ev=reload" not in said, (program, said)
    assert "the last reload failed" in p.ctl("status").stdout
    assert p.ctl("reload").returncode == 0
    assert eventually(lambda: p.ctl("status").returncode == 0), p.ctl("status").stdout


def helpers_are_new_and_an_exchange_goes_on(p):
    """The number of sign-in helpers follows the file; LOGIN in two steps outlives the reload in between."""
    def helpers():
        with open("/proc/%d/task/%d/children" % (pid(p, "directoryd"), pid(p, "directoryd"))) as f:
            return set(f.read().split())
    before = helpers()
    with Smtp(p) as smtp:
        assert smtp.command("AUTH LOGIN")[0] == 334
        text = conf(p).replace("ldap { uri", "ldap { sign-in-helpers = 6\n\turi", 1)
        reload(p, "directoryd", text, "reload")
        assert eventually(lambda: len(helpers() - before) == 6 + 2 + 1), "new helpers"
        word = lambda s: base64.b64encode(s.encode()).decode()
        assert smtp.command(word(p.env["CONGVU_USER1"]))[0] == 334
        code, text = smtp.command(word(p.env["CONGVU_PASS"]))
        assert code == 235, (code, text)
    with Imap(p, user=p.env["CONGVU_USER2"]):
        pass
    assert eventually(lambda: len(helpers() & before) <= 1), "old helpers end"


def mailstored_keeps_what_it_took(p):
    """Reloads between and under deliveries lose nothing and double nothing."""
    user = p.env["CONGVU_USER1"]
    text = conf(p)
    data = ("From: x@khac.example\r\nTo: <%s>\r\nSubject: nap lai %%d\r\nMessage-ID: <nap%%d@khac.example>\r\n\r\n"
            "noi dung\r\n" % user)
    with Smtp(p, "SMTP", tls=False) as smtp:
        for n in range(20):
            os.kill(pid(p, "mailstored"), signal.SIGHUP)
            code, said = smtp.message("x@khac.example", [user], (data % (n, n)).encode())
            assert code == 250, said
    assert conf(p) == text
    with Imap(p, user=user) as imap:
        imap.command("SELECT INBOX")
        found = imap.command("SEARCH SUBJECT \"nap lai\"")[1]
        assert len(re.findall(rb"\d+", found.split(b"SEARCH", 1)[1].split(b"\r\n")[0])) == 20, found


def main():
    with Province(26300, "--signing", "mark") as p:
        return 1 if run([all_take_it, a_bad_file_changes_nothing, what_needs_a_restart_is_named,
                         mailstored_keeps_what_it_took, helpers_are_new_and_an_exchange_goes_on], p) else 0


if __name__ == "__main__":
    sys.exit(main())
