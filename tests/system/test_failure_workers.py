#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Workers and parents of smtpd and imapd killed, the relay killed while it sends, and a second server of each kind."""
import os
import random
import re
import signal
import subprocess
import sys
import time

from harness import alive, eventually, run
from failure import FailingProvince, Traffic
from failure_check import all_is_well, children, recovers, rounds, tree, until_new
from failure_fault import slow_for

LONG = 5 if "--long" in sys.argv else 1
PROGRAMS = ("smtpd", "imapd", "directoryd", "policyd", "mailstored")


def workers_killed(p, before):
    """Any child of smtpd and imapd but the relay, one by one and all at once."""
    with Traffic(p) as traffic:
        for i in range(12 * LONG):
            time.sleep(random.uniform(0.1, 0.6))
            program = ("smtpd", "imapd")[i % 2]
            pids = [pid for pid in children(p, program) if pid != p.relay()]
            for pid in pids if i % 5 == 0 else pids[:1] and [random.choice(pids)]:
                os.kill(pid, signal.SIGKILL)
    all_is_well(p, traffic, before)


def parents_killed(p, before):
    """Their children end with them, so that the ports are free for those who follow."""
    with Traffic(p) as traffic:
        for i in range(6 * LONG):
            time.sleep(random.uniform(0.2, 0.8))
            program = ("smtpd", "imapd")[i % 2]
            pid = until_new(p, program, None)
            below = children(p, program)
            os.kill(pid, signal.SIGKILL)
            until_new(p, program, pid)
            assert eventually(lambda: not [x for x in tree(p) if x.pid in below]), (program, "children stay")
            assert eventually(lambda: not [b for b in below if alive(b)]), (program, "children stay")
    all_is_well(p, traffic, before)


def relay_killed(p, before):
    """What it was sending is sent again within the lease, at the latest; the next hop may get it twice, never not at all."""
    with Traffic(p, strangers=0) as traffic:
        for _ in range(2 * LONG):
            time.sleep(random.uniform(0.3, 0.8))
            pid = eventually(p.relay)
            assert pid, "no relay"
            slow_for([pid], 0.6)
            os.kill(pid, signal.SIGKILL)
    all_is_well(p, traffic, before)


def everything_killed(p, before):
    """As when the power goes, but for the disk."""
    with Traffic(p) as traffic:
        for _ in range(2 * LONG):
            time.sleep(1)
            pids = {name: p.pid(name) for name in PROGRAMS}
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
            for name, pid in pids.items():
                until_new(p, name, pid)
            recovers(p, traffic)
    all_is_well(p, traffic, before)


def second_servers(p, before):
    """Refused in clear words; the first one goes on undisturbed."""
    with Traffic(p) as traffic:
        time.sleep(0.5)
        first = {name: p.pid(name) for name in PROGRAMS}
        for name in PROGRAMS:
            for _ in range(2):
                done = subprocess.run([p.program(name), "-c", p.env["CONGVU_CONF"]], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=120)
                print("     second %s: %d %s" % (name, done.returncode, done.stdout.strip().splitlines()[-1:]))
                assert done.returncode not in (0, None), (name, done)
                assert re.search("another|in use|already", done.stdout, re.I), (name, done.stdout)
        same_store(p)
        time.sleep(1)
        assert first == {name: p.pid(name) for name in PROGRAMS}, "the first one was disturbed"
    assert traffic.count("no", True) == 0 and traffic.count("unknown", True) == 0, traffic.told()
    all_is_well(p, traffic, before)


def same_store(p):
    """Another mailstored, to which only the store's folder is common."""
    run_dir, conf = os.path.join(p.dir, "run2"), os.path.join(p.dir, "second.conf")
    os.mkdir(run_dir)
    with open(p.env["CONGVU_CONF"]) as f, open(conf, "w") as out:
        out.write(f.read().replace(os.path.join(p.dir, "run"), run_dir))
    done = subprocess.run([p.program("mailstored"), "-c", conf], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120)
    assert done.returncode == 1 and "another mailstored is running on this store" in done.stdout, done


TESTS = [second_servers, workers_killed, parents_killed, relay_killed, everything_killed]

if __name__ == "__main__":
    with FailingProvince(23800) as province:
        failures = rounds(province, TESTS)
    sys.exit(1 if failures else 0)
