#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""A store of a size: 20,000 accounts, 1,000,000 messages in one mailbox, 20 GB of mail. How long mailstored takes to open it,
what it costs to select, list, change and deliver there, and how much memory mailstored has.

test_store_scale.py [--long]: without --long a hundredth of it.
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

from harness import LIMIT_S, Imap, Province, Smtp, eventually, header, run

LONG = "--long" in sys.argv
ACCOUNTS, MESSAGES, LARGE = (20000, 1000000, 20000) if LONG else (200, 10000, 200)
LARGE_OCTETS = 1 << 20
FREE_GB = 40


def bulk(p, n):
    return p.env["CONGVU_BULK_FORMAT"] % n


def deliver(p, n, count):
    took = []
    with Smtp(p, "SMTP_INTERNAL", False) as c:
        for _ in range(count):
            began = time.monotonic()
            code, text = c.message("la@khach.example", [bulk(p, n)], header("la@khach.example", bulk(p, n)) + b"\r\nchao\r\n")
            assert code == 250, (code, text)
            took.append(time.monotonic() - began)
    return took


def exists(p, n):
    with Imap(p, user=bulk(p, n)) as c:
        status, _ = c.command("STATUS INBOX (MESSAGES)")
        assert status.startswith("OK"), status
        return int(_.split(b"MESSAGES ")[1].split(b")")[0])


def resident_mb(pid):
    with open("/proc/%d/status" % pid) as f:
        lines = dict(line.split(":", 1) for line in f)
    return int(lines["RssAnon"].split()[0]) / 1024


def fill(p):
    """The store is taken between two lives of mailstored."""
    build = os.path.dirname(os.path.dirname(p.env["CONGVU_CTL"]))
    with open(p.env["CONGVU_CONF"]) as f:
        places = dict(re.findall(r'^\s*((?:state|run)-dir) = "([^"]*)"', f.read(), re.M))
    args = [os.path.join(build, "tests/bench/fill_store"), places["state-dir"], places["run-dir"], str(64 << 30),
            "accounts", str(ACCOUNTS), "mail", bulk(p, 1), str(MESSAGES), "300",
            "mail", bulk(p, 2), str(LARGE), str(LARGE_OCTETS)]
    pid = p.pid("mailstored")
    with open(os.path.join(p.dir, "supervisor.pid")) as f:
        supervisor = int(f.read())
    os.kill(supervisor, signal.SIGSTOP)  # or the next mailstored may be there first, and the filler waits for ever
    try:
        os.kill(pid, signal.SIGTERM)
        filler = subprocess.run(args, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    finally:
        os.kill(supervisor, signal.SIGCONT)
    out = filler.stdout
    assert filler.returncode == 0, out
    for line in out.splitlines():
        what, count, seconds = line.split()
        print("     filled: %s %s in %s s (%.0f/s)" % (what, count, seconds, int(count) / max(float(seconds), 0.01)))
    began = time.monotonic()
    assert eventually(lambda: p.pid("mailstored") not in (pid, None) and p.ctl("status").returncode == 0, 120)
    print("     served again %.1f s after that" % (time.monotonic() - began))


def all_is_there(p):
    fill(p)
    assert exists(p, 1) == MESSAGES + 1 and exists(p, 2) == LARGE + 1, (exists(p, 1), exists(p, 2))
    print("     mailstored: %.0f MB of its own" % resident_mb(p.pid("mailstored")))


def the_large_mailbox(p):
    with Imap(p, user=bulk(p, 1)) as c:
        for again in ("first", "warm"):
            began = time.monotonic()
            status, got = c.command("SELECT INBOX")
            took = time.monotonic() - began
            assert status.startswith("OK") and b"%d EXISTS" % (MESSAGES + 1) in got, status
            print("     SELECT %s: %.1f ms" % (again, took * 1e3))
        began = time.monotonic()
        status, got = c.command("UID FETCH 1:* (FLAGS)")
        took = time.monotonic() - began
        assert status.startswith("OK") and got.count(b" FETCH (") == MESSAGES + 1, status
        print("     FLAGS of all: %.2f us a message" % (took * 1e6 / MESSAGES))
        for uid in (2, MESSAGES // 2, MESSAGES + 1):
            status, got = c.command("UID FETCH %d (BODY.PEEK[] ENVELOPE)" % uid)
            assert status.startswith("OK") and b"cong van" in got, (uid, status, got[:200])
        began = time.monotonic()
        status, _ = c.command("UID STORE %d:%d +FLAGS.SILENT (\\Deleted)" % (2, MESSAGES // 100))
        assert status.startswith("OK"), status
        status, _ = c.command("UID EXPUNGE %d:%d" % (2, MESSAGES // 100))
        assert status.startswith("OK"), status
        print("     %d flagged and expunged in %.2f s" % (MESSAGES // 100 - 1, time.monotonic() - began))
    assert exists(p, 1) == MESSAGES + 1 - (MESSAGES // 100 - 1)


def a_flag_seen_by_another(p):
    """One session sets it, the other hears of it in its next command: the whole mailbox is not walked."""
    with Imap(p, user=bulk(p, 1)) as a, Imap(p, user=bulk(p, 1)) as b:
        for c in (a, b):
            c.command("SELECT INBOX")
        took = []
        for i in range(20):
            uid = MESSAGES - 10 * i
            assert a.command("UID STORE %d +FLAGS (\\Flagged)" % uid)[0].startswith("OK")
            began = time.monotonic()
            status, got = b.command("NOOP")
            took.append(time.monotonic() - began)
            assert status.startswith("OK") and b"Flagged" in got, (uid, got)
    print("     a flag of another session: %.2f ms" % (statistics.median(took) * 1e3))


def deliveries(p):
    for n in (1, 2):
        took = deliver(p, n, 100)
        assert len(os.listdir("/proc/%d/task" % p.pid("mailstored"))) > 1, "mailstored may start no threads"
        print("     delivery into it: p50 %.2f ms, p99 %.2f ms" % (statistics.median(took) * 1e3, sorted(took)[-2] * 1e3))


def main():
    if LONG and shutil.disk_usage("/tmp").free < FREE_GB << 30:
        print("skip test_store_scale: less than %d GB free" % FREE_GB)
        return 0
    with Province(24100, "--accounts", "2", "--signing", "mark") as p:
        for n in (1, 2):
            deliver(p, n, 1)
            assert eventually(lambda: exists(p, n) == 1)
        return run([all_is_there, the_large_mailbox, a_flag_seen_by_another, deliveries], p)


sys.exit(main())
