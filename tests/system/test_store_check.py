#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""congvuctl store check: nothing is found where nothing is wrong, under load and after kill -9; what is wrong is found.

test_store_check.py [--long]: with --long more rounds.
"""
import glob
import json
import os
import signal
import subprocess
import sys
import time

from harness import TOP, Imap, Smtp, chosen, eventually, header, run
from failure import RECIPIENTS, WRITERS, FailingProvince, Traffic, bulk
from failure_check import queue_empties, until_new

LONG = "--long" in sys.argv
CHECKS, KILLS = (60, 60) if LONG else (4, 3)


def check(p, *words):
    """Exit status, findings, and the summary."""
    out = p.ctl("store", "check", "--json", *words)
    lines = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    assert lines and lines[-1].get("summary"), (out.returncode, out.stdout)
    return out.returncode, lines[:-1], lines[-1]


def whole(p, *words):
    status, found, end = check(p, *words)
    assert status == 0 and end["ok"] and not found, (status, found, end)
    return end


def nothing_is_found_under_load(p):
    """8 senders, 4 IMAP writers; the rows change while they are looked at."""
    with Traffic(p) as traffic:
        before = whole(p)
        for _ in range(CHECKS):
            time.sleep(0.3)
            end = whole(p)
            assert not end["offline"], end
        keys = whole(p, "--keys", "--mat")
        assert end["messages"] > before["messages"] or end["audit-records"] > before["audit-records"], (before, end)
        assert keys["opened"] > 0, keys
        assert eventually(lambda: traffic.count("ok", True) > 20), traffic.told()


def nothing_is_found_after_a_kill(p):
    """The store is taken before mailstored comes back: it is as the kill left it."""
    offline = 0
    # Killed between its two commits, a new account is in control alone until the next start, which is told of as lost.
    for user in [bulk(p, n) for n in (*RECIPIENTS, *WRITERS)] + [p.env["CONGVU_USER%d" % n] for n in range(1, 5)]:
        Imap(p, user=user).__exit__()
    with Traffic(p):
        with open(os.path.join(p.dir, "supervisor.pid")) as f:
            supervisor = int(f.read())
        for k in range(4 * KILLS):
            pid = until_new(p, "mailstored", None)
            time.sleep(0.4)
            try:
                if k >= KILLS:	# who was never first is let go first
                    os.kill(supervisor, signal.SIGSTOP)
                os.kill(pid, signal.SIGKILL)
                offline += whole(p)["offline"]
            finally:
                os.kill(supervisor, signal.SIGCONT)
            until_new(p, "mailstored", pid)
            if offline >= KILLS:
                break
    assert offline >= KILLS, offline


def one_account_alone(p):
    user = bulk(p, 1)
    with Imap(p, user=user):	# makes it, if nothing did before
        end = whole(p, "--account", user)
    assert end["accounts"] == 1 and end["audit-records"] == 0 and end["mailboxes"] > 5, end
    out = p.ctl("store", "check", "--account", "nobody-at-all")
    assert out.returncode == 2 and "no such account" in out.stdout, out.stdout


def what_does_not_go_together(p):
    for words, says in ((["--repair"], "mailstored runs"), (["--mat"], "usage"), (["--wrong"], "usage"),
                        (["--report", "x"], "usage")):
        out = p.ctl("store", "check", *words)
        assert out.returncode == 2 and says in out.stdout, (words, out.stdout)


def stop(p):
    subprocess.run([os.path.join(TOP, "demo"), "--stop", "--dir", p.dir], check=True, stdout=subprocess.DEVNULL)


def state(p):
    with open(p.env["CONGVU_CONF"]) as f:
        words = f.read().split()
    return words[words.index("state-dir") + 2].strip('";')


def turn(path, at, mask=1):
    with open(path, "r+b") as f:
        f.seek(at)
        octet = f.read(1)[0]
        f.seek(at)
        f.write(bytes([octet ^ mask]))


def damage_is_found_and_repaired(p):
    """A body on disk, a row, a page: told by the verb, repaired, and then nothing is found."""
    with Smtp(p, "SMTP", tls=False) as s:
        for n in range(20):
            to = bulk(p, 1 + n % 3)
            code, text = s.message("a@b.example", [to], header("a@b.example", to) + b"\r\n" +
                                   b"".join(os.urandom(35).hex().encode() + b"\r\n" for _ in range(60)))
            assert code == 250, text
    queue_empties(p, 30)
    assert eventually(lambda: whole(p)["messages"] > 10)
    segment = max(glob.glob(os.path.join(state(p), "store/seg/*.seg")), key=os.path.getmtime)
    turn(segment, os.path.getsize(segment) - 100)
    status, found, end = check(p)
    assert status == 1 and {f["kind"] for f in found} == {"body-damaged"}, found
    assert found[0]["severity"] == "error" and found[0]["segment"] and found[0]["uid"] and found[0]["user"], found
    out = p.ctl("store", "check")
    assert out.returncode == 1 and "error: body-damaged: " in out.stdout and "findings" in out.stdout, out.stdout
    stop(p)
    assert check(p)[1] == found, "the same, with mailstored stopped"
    assert check(p, "--repair", "--report", p.dir + "/lost")[2]["repaired"] >= len(found)
    with open(p.dir + "/lost") as f:
        lost = [json.loads(line) for line in f]
    assert [(x["user"], x["mailbox"], x["uid"]) for x in lost] == \
        [(x["user"], x["mailbox"], x["uid"]) for x in found], (lost, found)
    whole(p)
    index = os.path.join(state(p), "store/index/data.mdb")
    with open(index, "rb") as f:
        data = f.read()
    leaf = next(at for at in range(8192, len(data), 4096) if data[at + 10:at + 12] == b"\2\0" and
                int.from_bytes(data[at:at + 8], "little") == at // 4096 and b"INBOX" in data[at:at + 4096])
    for at in (leaf + 12, data.index(b"INBOX", leaf) + 1):
        turn(index, at)
        status, found, _ = check(p)
        if status == 0:		# a page that is not in use any more
            continue
        assert status == 1, found
        assert check(p, "--repair")[0] == 0
        whole(p)
    out = p.ctl("store", "check")
    assert out.returncode == 0 and "the store is whole" in out.stdout, out.stdout


def main():
    with FailingProvince(24900) as p:
        return run(chosen([nothing_is_found_under_load, nothing_is_found_after_a_kill, one_account_alone,
                           what_does_not_go_together, damage_is_found_and_repaired]), p)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
