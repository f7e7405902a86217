#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""slapd, directoryd and keyd killed, stopped, slow, restarted: nobody is let in or turned away for good on a guess."""
import os
import random
import signal
import sys
import time

from harness import Imap, Smtp, eventually, run
from failure import FailingProvince, Traffic, bulk
from failure_check import Process, all_is_well, children, rounds, tree, until_new
from failure_fault import Liar, slow_for, stop_for

LONG = 5 if "--long" in sys.argv else 1


def slapd(p):
    return next(x.pid for x in tree(p) if x.comm == "slapd")


def after(p, traffic, before):
    all_is_well(p, traffic, before)
    wrong = [m.said for m in traffic.sent if m.kind == "text" and m.said.startswith("5")]
    assert not wrong, ("refused for good", wrong[:3])


def says_later(p):
    """Neither yes nor no."""
    with Imap(p) as c:
        status, _ = c.command('LOGIN "%s" "%s"' % (bulk(p, 9), p.env["CONGVU_PASS"]))
        assert status.startswith("NO [UNAVAILABLE]"), status
    with Smtp(p, "SMTP", tls=False) as s:
        assert s.command("MAIL FROM:<a@b.example>")[0] == 250
        code, text = s.command("RCPT TO:<nobody-knows-%d@%s>" % (time.monotonic_ns(), p.env["CONGVU_DOMAIN"]))
        assert 400 <= code < 500, (code, text)


def slapd_killed(p, before):
    with Traffic(p) as traffic:
        for _ in range(5 * LONG):
            time.sleep(random.uniform(0.2, 0.8))
            old = slapd(p)
            os.kill(old, signal.SIGKILL)
            assert eventually(lambda: slapd_other(p, old)), "the supervisor does not start slapd"
    after(p, traffic, before)


def slapd_other(p, old):
    return any(x.comm == "slapd" and x.pid != old for x in tree(p))


def slapd_restarted(p, before):
    with Traffic(p) as traffic:
        for _ in range(2 * LONG):
            time.sleep(0.5)
            old = slapd(p)
            os.kill(old, signal.SIGTERM)
            assert eventually(lambda: slapd_other(p, old))
    after(p, traffic, before)


def slapd_stopped(p, before):
    with Traffic(p) as traffic:
        time.sleep(0.5)
        os.kill(slapd(p), signal.SIGSTOP)
        try:
            says_later(p)
        finally:
            os.kill(slapd(p), signal.SIGCONT)
    after(p, traffic, before)


def slapd_slow(p, before):
    with Traffic(p) as traffic:
        slow_for([slapd(p)], 5 * LONG, stopped=0.4)
    after(p, traffic, before)


def directoryd_killed(p, before):
    with Traffic(p) as traffic:
        for i in range(8 * LONG):
            time.sleep(random.choice((0.05, 0.3, 0.8)))
            pid = until_new(p, "directoryd", None)
            below = children(p, "directoryd")	# keyd and the helpers
            if i % 2 == 0 or not below:
                os.kill(pid, signal.SIGKILL)
                until_new(p, "directoryd", pid)
            else:
                os.kill(random.choice(below), signal.SIGKILL)
    after(p, traffic, before)


def keyd(p):
    """The process id of keyd: it has a keeper between itself and directoryd."""
    below = children(p, "directoryd")
    return next((x.pid for x in tree(p) if x.parent in below), None)


def keyd_killed(p, before):
    """In the last round its keeper goes first."""
    with Traffic(p) as traffic:
        for i in range(4 * LONG, 0, -1):
            time.sleep(0.5)
            pid = eventually(lambda: keyd(p))
            assert pid, "keyd was not started again"
            if i == 1:
                os.kill(Process(pid).parent, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
    after(p, traffic, before)


def directoryd_stopped(p, before):
    with Traffic(p) as traffic:
        time.sleep(0.5)
        stop_for([p.pid("directoryd")] + children(p, "directoryd"), 3.0)
        slow_for([p.pid("directoryd")] + children(p, "directoryd"), 3.0 * LONG)
    after(p, traffic, before)


def nonsense(p, before):
    with Traffic(p) as traffic:
        with Liar(os.path.join(p.dir, "run"), "directory") as liar:
            for program in ("smtpd", "imapd"):
                for pid in children(p, program):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(4 * LONG)
            assert eventually(lambda: liar.lies > 20), liar.lies
    after(p, traffic, before)


TESTS = [slapd_killed, slapd_restarted, slapd_stopped, slapd_slow, directoryd_killed, keyd_killed, directoryd_stopped,
         nonsense]

if __name__ == "__main__":
    with FailingProvince(23700) as province:
        failures = rounds(province, TESTS)
    sys.exit(1 if failures else 0)
