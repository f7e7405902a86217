#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tests/bench/side_by_side.py --tools DIR [--rounds N] [--only REGEX] [--build DIR]: congvu and Postfix + Dovecot on this
machine in one run, workload by workload in turn (A B, B A, ...), printed as rows of a Markdown table.

DIR holds two tools that are not part of this repository: `mailload` (a load generator whose last line is
"RESULT key=value ...") and `peers.sh SCRATCH start|stop|pid|endpoint` (the other servers, accounts u0 ... u1999). Both sides
are reached over TLS for IMAP, because congvu lets nobody sign in without it. CPU is that of all processes of a side: for
congvu with slapd and the supervisor, for the other Postfix and Dovecot together. Nothing is judged: the figures go to
doc/performance.md by hand, with the ratios.
"""
import argparse
import imaplib
import os
import re
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))
from harness import Province  # noqa: E402

ALL = "UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE"
TICK = os.sysconf("SC_CLK_TCK")

# name, operations' unit, arguments of the load generator, figure compared ("rate" or a latency), peer ("smtp" or "imap")
# Accounts 1000 ... are filled once: 1000 with 10,000 x 2 KB, 1001 with 100,000 x 2 KB, 1002 with 100 x 1 MB.
FILL = [
    ("imap-append", "--user0", "1000", "-c", "8", "-n", "10000", "--multi", "1", "-s", "2048"),
    ("imap-append", "--user0", "1001", "-c", "8", "-n", "100000", "--multi", "1", "-s", "2048"),
    ("imap-append", "--user0", "1002", "-n", "100", "--multi", "1", "-s", "1048576"),
]
ROWS = [
    ("SMTP in, 2 KB, 8 sessions", "delivered_rate", "smtp", "smtp -c 8 -n 2000 -s 2048 --users 20 DRAIN"),
    ("SMTP in, 2 KB, 1 session", "p50_us", "smtp", "smtp -c 1 -n 500 -s 2048 --users 20"),
    ("SMTP in, signed 3.4 KB, 8 sessions", "delivered_rate", "smtp", "smtp -c 8 -n 1500 --users 20 --file SIGNED DRAIN"),
    ("SMTP in, 2 KB to 1,000 recipients", "items_rate", "smtp", "smtp -c 2 -n 6 -s 2048 -r 900 --users 900"),
    ("SMTP in, 50 KB, 8 sessions", "delivered_rate", "smtp", "smtp -c 8 -n 500 -s 51200 --users 20 DRAIN"),
    ("SMTP in, 1 MB, 4 sessions", "delivered_rate", "smtp", "smtp -c 4 -n 60 -s 1048576 --users 20 DRAIN"),
    ("IMAP connect, LOGIN, SELECT, LOGOUT (TLS 1.3)", "rate", "imap", "imap-login -c 8 -t 3 --users 100"),
    ("the same with resumption", "rate", "imap", "imap-login --tls-resume -c 8 -t 3 --users 100"),
    ("FETCH one 2 KB body per command", "rate", "imap", "imap-fetch --user0 1000 -c 4 -t 2 --batch 1"),
    ("FETCH 100 bodies of 2 KB per command", "items_rate", "imap", "imap-fetch --user0 1000 -c 4 -t 2 --batch 100"),
    ("FETCH 1 MB", "rx_MBps", "imap", "imap-fetch --user0 1002 -c 4 -t 2 --batch 1"),
    ("list 100,000 (%s)" % ALL, "items_rate", "imap", ["imap-fetch", "--user0", "1001", "-n", "2", "--batch", "0", "--items", ALL]),
    ("UID FLAGS of 100,000", "items_rate", "imap", ["imap-fetch", "--user0", "1001", "-n", "3", "--batch", "0", "--items", "UID FLAGS"]),
    ("SELECT of 100,000", "p50_us", "imap", ["imap-cmd", "--user0", "1001", "-t", "2", "--cmd", "SELECT INBOX"]),
    ("APPEND 2 KB, 8 sessions", "rate", "imap", "imap-append -c 8 -n 2000 -s 2048 --user0 200 --users 100"),
    ("STORE one flag, 8 sessions", "rate", "imap", "imap-store --user0 200 --users 8 -c 8 -t 2 --random"),
    ("SEARCH BODY of a rare word, 10,000 messages", "p50_us", "imap",
     ["imap-cmd", "--user0", "1000", "-n", "2", "--cmd", "SEARCH BODY canhbao"]),
    ("2,000 idle sessions, memory each", "srv_pss_kb_per_conn", "imap", "imap-idle -c 2000 --users 900 -n 100 --settle 5 --inject"),
]


def cpu_ticks(roots):
    """Ticks used by the processes below and including roots, with the children that they have waited for."""
    stats = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            stats[int(name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    children = {}
    for pid, (parent, _) in stats.items():
        children.setdefault(parent, []).append(pid)
    total, todo = 0, list(roots)
    while todo:
        pid = todo.pop()
        total += stats.get(pid, (0, 0))[1]
        todo += children.get(pid, [])
    return total


class Side:
    """One of the two: where it listens, who its processes are, and how its accounts are called."""

    def __init__(self, tools, smtp, imaps, roots, user, password, rcpt):
        self.tools, self.smtp, self.imaps, self.roots = tools, smtp, imaps, roots
        self.who = ["--user", user, "--pass", password, "--rcpt", rcpt]

    def mailboxes(self, n):
        """How many messages the INBOXes of the first n accounts hold together."""
        context, total = ssl.create_default_context(), 0
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        host, port = self.imaps.split(":")
        for i in range(1, n + 1):
            with imaplib.IMAP4_SSL(host, int(port), ssl_context=context) as c:
                c.login(self.who[1] % i, self.who[3])
                total += int(re.search(rb"MESSAGES (\d+)", c.status("INBOX", "(MESSAGES)")[1][0]).group(1))
        return total

    def run(self, words, signed):
        """The figures of one run; with DRAIN until all is in the mailboxes."""
        words = words.split() if isinstance(words, str) else list(words)
        if "DRAIN" not in words:
            return self.load(words, signed)
        had, start = self.mailboxes(20), time.monotonic()
        figures = self.load([w for w in words if w != "DRAIN"], signed)
        while figures is not None and self.mailboxes(20) - had < figures["ops"]:
            time.sleep(0.02)
        if figures is not None:
            figures["delivered_rate"] = figures["ops"] / (time.monotonic() - start)
        return figures

    def load(self, words, signed):
        """One run of the load generator; CPU in µs for each operation."""
        words = [signed if w == "SIGNED" else w for w in words]
        smtp = words[0] == "smtp"
        argv = [os.path.join(self.tools, "mailload"), words[0], "-e", self.smtp if smtp else self.imaps] + self.who
        argv += [] if smtp else ["--tls"]
        argv += [] if "--user0" in words else ["--user0", "1"]	# u0 exists on one side only
        for w in words[1:]:
            argv += {"--inject": ["--inject", self.smtp]}.get(w, [w])
        argv += ["--server-pid", str(self.roots[-1]), "--timeout", "300"]
        before = cpu_ticks(self.roots)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        used = (cpu_ticks(self.roots) - before) / TICK * 1e6
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not lines:
            print("   %s\n%s" % (" ".join(argv), done.stdout[-600:]), file=sys.stderr)
            return None
        figures = {k: float(v) for k, v in re.findall(r"(\w+)=(-?[0-9.]+)(?= |$)", lines[-1])}
        if figures.get("errors"):
            print("   %d errors: %s" % (figures["errors"], done.stdout[-300:]), file=sys.stderr)
        figures["cpu_us"] = used / max(figures.get("ops", 1), 1)
        return figures


def measure(row, sides, rounds, signed):
    name, key, _, words = row
    got = [[], []]
    for n in range(rounds + 1):
        if n > 0 and "imap-idle" in words:
            break
        for i in (0, 1) if n % 2 else (1, 0):
            figures = sides[i].run(words, signed)
            # The first round only warms up, but for memory it is the one that counts.
            if (n > 0) != ("imap-idle" in words) and figures is not None:
                got[i].append(figures)
    if not got[0] or not got[1]:
        return "| %s | failed on one side |" % name

    def median(i, k):
        return statistics.median(f.get(k, 0.0) for f in got[i])
    a, b, ca, cb = median(0, key), median(1, key), median(0, "cpu_us"), median(1, "cpu_us")
    return "| %s | %s | %.4g | %.4g | %.2f | %.4g | %.4g | %.2f |" % (
        name, key, a, b, a / b if b else 0, ca, cb, ca / cb if cb else 0)


def peers(tools, scratch, *words):
    return subprocess.run([os.path.join(tools, "peers.sh"), scratch] + list(words), check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


def sign(province, path):
    """A message of official 1 to himself with a valid signature, as the load generator's file."""
    env = province.env
    text = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"bao cao cong viec tuan nay\r\n" * 10
    signed = subprocess.run(["openssl", "cms", "-sign", "-signer", env["CONGVU_CERT1"], "-inkey", env["CONGVU_KEY1"], "-crlfeol"],
                            input=text, check=True, stdout=subprocess.PIPE).stdout
    head = "From: <%s>\r\nTo: <%s>\r\nSubject: bao cao\r\nMessage-ID: <1@bench>\r\nDate: Mon, 2 Mar 2026 08:00:00 +0700\r\n"
    with open(path, "wb") as f:
        f.write((head % (env["CONGVU_USER1"], env["CONGVU_USER1"])).encode() + signed)


def raise_limits(p):
    """All load comes from one address."""
    with open(p.env["CONGVU_CONF"], "a") as f:
        f.write("limits { connections-per-address = 100000 }\n")
    for program in ("smtpd", "imapd"):
        os.kill(p.pid(program), signal.SIGHUP)
    time.sleep(1)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    ap.add_argument("--tools", required=True)
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--only", default=".")
    ap.add_argument("--scratch", default=None)
    ap.add_argument("--no-fill", action="store_true", help="leave out the rows that need filled mailboxes")
    args = ap.parse_args()
    scratch = args.scratch or tempfile.mkdtemp(prefix="congvu-peers-")
    peers(args.tools, scratch, "start", "dovecot-mdbox", "postfix")
    try:
        with Province(28500, "--signing", "mark", "--accounts", "2000") as p:
            with open(os.path.join(p.dir, "supervisor.pid")) as f:
                pid = int(f.read())
            raise_limits(p)
            signed = os.path.join(p.dir, "signed.eml")
            sign(p, signed)
            ours = Side(args.tools, "127.0.0.1:%s" % p.env["CONGVU_SMTP_INTERNAL_PORT"], "127.0.0.1:%s" % p.env["CONGVU_IMAPS_PORT"],
                        [pid], "u%d", p.env["CONGVU_PASS"], p.env["CONGVU_BULK_FORMAT"])
            theirs = Side(args.tools, peers(args.tools, scratch, "endpoint", "postfix", "smtp"),
                          peers(args.tools, scratch, "endpoint", "dovecot-mdbox", "imaps"),
                          [int(peers(args.tools, scratch, "pid", n)) for n in ("postfix", "dovecot-mdbox")], "u%d", "pw", "u%d@bench.test")
            if not args.no_fill:
                for words in FILL:
                    for side in (ours, theirs):
                        side.run(words, signed)
            print("| workload | figure | congvu | Postfix + Dovecot | ratio | CPU µs/op | CPU µs/op | ratio |\n|" + "---|" * 8)
            for row in ROWS:
                if re.search(args.only, row[0]) and not (args.no_fill and re.search("100[012]", " ".join(row[3]) if isinstance(row[3], list)
                                                                                     else row[3])):
                    print(measure(row, (ours, theirs), args.rounds, signed), flush=True)
    finally:
        peers(args.tools, scratch, "stop", "all")


if __name__ == "__main__":
    main()
