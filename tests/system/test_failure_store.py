#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What was acknowledged is there, once, whatever happens to mailstored: killed, stopped, out of disk.

test_failure_store.py [--long]: with --long 300 rounds instead of 30.
"""
import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from harness import Smtp, eventually, run
from failure import FailingProvince, Traffic, bulk
from failure_check import all_is_well, check, recovers, rounds, until_new

LONG = "--long" in sys.argv
ROUNDS = 300 if LONG else 30


def killed(p, before):
    """8 senders, 4 IMAP writers, kill -9 again and again, also while it starts."""
    with Traffic(p) as traffic:
        for i in range(ROUNDS):
            time.sleep(random.choice((0.02, 0.2, 0.7, 1.2)))
            pid = until_new(p, "mailstored", None)
            os.kill(pid, signal.SIGKILL)
            until_new(p, "mailstored", pid)
            if i % 10 == 9:	# mail is taken between the kills, however slowly
                assert eventually(lambda: traffic.count("ok", True) > 5 * i), (i, traffic.told())
    assert traffic.count("ok", True) > 4 * ROUNDS, traffic.told()
    all_is_well(p, traffic, before)


def stopped(p, before):
    """A store that answers late is not one that forgets, or does it twice."""
    with Traffic(p) as traffic:
        for _ in range(ROUNDS // 10):
            time.sleep(random.uniform(0.2, 0.6))
            pid = until_new(p, "mailstored", None)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(random.uniform(0.2, 2.0))
            os.kill(pid, signal.SIGCONT)
    all_is_well(p, traffic, before)


def fill(path, leave):
    """A file that takes the free space up to so many octets."""
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                st = os.statvfs(os.path.dirname(path))
                step = st.f_bavail * st.f_frsize - leave
                if step <= 0 and leave > 0:
                    return
                f.write(bytes(max(4096, min(step, 1 << 20))))
        except OSError as e:
            assert e.errno == errno.ENOSPC, e


def full_disk(p, before):
    """452 and NO, nothing lost, and service goes on when there is room again."""
    filler = os.path.join(p.dir, "filler")
    with Traffic(p) as traffic:
        try:
            for leave in (48 << 20, 200000, 0, 0):
                time.sleep(0.7)
                fill(filler, leave)
                with Smtp(p, "SMTP", tls=False) as s:
                    to = bulk(p, 9)
                    code, text = s.message("a@b.example", [to], b"Subject: x\r\n\r\n" + b"z" * 1000, b"\r\n.\r\n")
                    assert code in (451, 452), (code, text)
                time.sleep(1.2)
                if leave == 0:
                    pid = p.pid("mailstored")
                    if pid:
                        os.kill(pid, signal.SIGKILL)
                    time.sleep(0.8)
                os.unlink(filler)
                recovers(p, traffic)
        finally:
            if os.path.exists(filler):
                os.unlink(filler)
    all_is_well(p, traffic, before)


def small_disk():
    """A folder on a disk of its own, or None without the right to make one."""
    path = tempfile.mkdtemp(prefix="congvu-disk-")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2g" if LONG else "size=700m", "tmpfs", path]
    done = os.geteuid() == 0 and subprocess.run(mount).returncode == 0
    if not done:
        os.rmdir(path)
    return path if done else None


def main():
    disk = small_disk()
    if disk is None:
        print("skip full_disk: only root may make a small disk")
    try:
        with FailingProvince(23500, directory=None if disk is None else os.path.join(disk, "p")) as p:
            failures = rounds(p, [killed, stopped] + ([full_disk] if disk else []))
    finally:
        if disk is not None:
            gone = lambda: subprocess.run(["umount", disk], stderr=subprocess.DEVNULL).returncode == 0
            assert eventually(gone), "somebody is still on the disk"
            os.rmdir(disk)
    return failures


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
