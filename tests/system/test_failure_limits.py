#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""File descriptors and memory at their limits, and a clock that is set while mail flows."""
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from harness import TOP, alive, eventually, run
from failure import FailingProvince, Traffic
from failure_check import all_is_well, check, children, recovers, rounds, until_new

LONG = 5 if "--long" in sys.argv else 1
DAY_S = 86400


def limit(pid, what, soft):
    """As the user of that process: root may not everywhere."""
    with open("/proc/%d/status" % pid) as f:
        ids = {line[:3]: int(line.split()[1]) for line in f if line.startswith(("Uid:", "Gid:"))}
    other = {} if os.getuid() else {"user": ids["Uid"], "group": ids["Gid"], "extra_groups": []}
    return subprocess.run(["prlimit", "--pid", str(pid), "--%s=%s:" % (what, soft)], **other).returncode == 0


def with_limit(pids, what, value, seconds):
    """The processes have so little for a while; who ended meanwhile is started again with limits of its own."""
    lines = {"nofile": "Max open files", "as": "Max address space"}
    had = {}
    try:
        for pid in pids:
            try:
                with open("/proc/%d/limits" % pid) as f:
                    had[pid] = next(line[len(lines[what]):].split()[0] for line in f if line.startswith(lines[what]))
                done = limit(pid, what, value(pid))
            except (FileNotFoundError, ProcessLookupError):
                done = False
            assert done or not alive(pid), (pid, what)
        time.sleep(seconds)
    finally:
        for pid in had:
            if alive(pid):
                limit(pid, what, had[pid])


def highest(pid):
    return max(int(fd) for fd in os.listdir("/proc/%d/fd" % pid))


def descriptors(p, before):
    """Each program in turn can open hardly anything more, with many clients at the door."""
    with Traffic(p) as traffic:
        for program in ("smtpd", "imapd", "directoryd", "policyd", "mailstored"):
            crowd = []
            try:
                pids = [p.pid(program)] + children(p, program)
                for i in range(40):
                    crowd.append(p.connect(("SMTP", "IMAP", "SUBMISSION")[i % 3], False))
                with_limit(pids, "nofile", lambda pid: highest(pid) + 3, 1.2 * LONG)
            finally:
                for s in crowd:
                    s.close()
            took = recovers(p, traffic)
            print("     %s: served after %.1f s" % (program, took))
    assert traffic.count("no", True) > 0, "no limit was ever felt"
    all_is_well(p, traffic, before)


def memory(p, before):
    """Each program in turn gets no more address space than it has: what it freed before may serve it for a while."""
    with Traffic(p) as traffic:
        for program in ("smtpd", "imapd", "directoryd", "policyd", "mailstored"):
            pids = [p.pid(program)] + children(p, program)
            with_limit(pids, "as", lambda pid: address_space(pid) - (1 << 20), 1.2 * LONG)
            took = recovers(p, traffic)
            print("     %s: served after %.1f s" % (program, took))
    assert traffic.count("no", True) > 0, "no limit was ever felt"
    all_is_well(p, traffic, before)


def address_space(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[0]) * resource.getpagesize()


class Clock:
    """The real time of the programs, by tests/system/clock_shift.c."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="congvu-clock-")
        self.library, self.file = os.path.join(self.dir, "clock_shift.so"), os.path.join(self.dir, "shift")
        os.chmod(self.dir, 0o755)
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", self.library,
                        os.path.join(TOP, "tests/system/clock_shift.c")], check=True)
        self.set(0)

    def set(self, seconds):
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as f:
            f.write(struct.pack("=q", seconds))


def clock_set(p, before):
    """A day forward and back: nothing given up, nothing kept waiting, the audit in order. (Not to before the certificates.)"""
    with Traffic(p) as traffic:
        for by in (DAY_S, 0, DAY_S, DAY_S - 3600, 0):
            time.sleep(0.6 * LONG)
            CLOCK.set(by)
            took = recovers(p, traffic)
            print("     %+d s: served after %.1f s" % (by, took))
    given_up = [e for e in p.ctl("queue", "list", "--json").stdout.splitlines() if "given-up" in e]
    assert not given_up, given_up[:2]
    all_is_well(p, traffic, before)


def clock_set_and_restarted(p, before):
    """The programs are started again by another time of day."""
    with Traffic(p) as traffic:
        for by in (DAY_S, 0):
            time.sleep(0.5)
            CLOCK.set(by)
            for program in ("mailstored", "smtpd", "directoryd"):
                pid = p.pid(program)
                os.kill(pid, signal.SIGKILL)
                until_new(p, program, pid)
            took = recovers(p, traffic)
            print("     %+d s: served after %.1f s" % (by, took))
    all_is_well(p, traffic, before)


CLOCK = Clock()
TESTS = [descriptors, memory, clock_set, clock_set_and_restarted]

if __name__ == "__main__":
    with FailingProvince(23900, environment={"LD_PRELOAD": CLOCK.library, "CLOCK_SHIFT": CLOCK.file}) as province:
        failures = rounds(province, TESTS)
    shutil.rmtree(CLOCK.dir)
    sys.exit(1 if failures else 0)
