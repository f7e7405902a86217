#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""metricsd while mail flows: what is shown is what was done; what falls is shown as fallen; nobody can hold it up.
And congvuctl reload, whose outcome comes the same way."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from harness import PATIENCE_S, TOP, Imap, Province, Smtp, chosen, eventually, header, run
from openmetrics import Scrape
import scenario  # in tools/, which harness makes known

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROGRAMS = ("smtpd", "imapd", "directoryd", "policyd", "mailstored", "metricsd")

# Rows that a sound province leaves at nothing, and which test moves them (or why none can).
QUIET = {
    "config_failed_timestamp_seconds": "reload_bad",
    "notices": "a_next_hop_that_is_away",
    "queue_entries": "a_next_hop_that_is_away",
    "queue_oldest_age_seconds": "a_next_hop_that_is_away",
    "sessions_refused": "too_many_sessions",
    "tls_failures": "tls_that_fails",
    "worker_deaths": "a_killed_worker",
    "ldap_unavailable": "the_directory_is_away",
    "policy_judge_failures": "a_killed_judge",
    "store_commit_failures": "needs a disk that fails: tests/system/test_failure_*",
    "rate_exceeded": "tests/system/test_lmtp sets such limits; the demo has none",
    "store_live_bytes": "of segments that have ended: tests/unit/mailstore/test_compact",
    "store_dead_bytes": "of segments that have ended: tests/unit/mailstore/test_compact",
    "store_restorable_bytes": "looked up every ten minutes: tests/unit/mailstore/test_reclaim",
    "store_segments": "of segments that have ended: tests/unit/mailstore/test_compact",
    "store_reclaimed_bytes": "ten minutes after the fact: tests/unit/mailstore/test_compact",
    "signatures": "needs signers: tests/system/test_signing",
    "store_moved_bytes": "of segments that are half dead: tests/unit/mailstore/test_compact",
    "incidents": "a refusal because of a level: tests/system/test_incident",
    "incident_notices": "the same",
    "trust_run_timestamp_seconds": "a run of congvu-trust: tests/system/test_trust",
    "trust_complete_timestamp_seconds": "the same",
    "trust_failures": "the same",
    "store_held": "the time of a backup: tests/unit/mailstore/test_reclaim_kept",
    "store_damaged_bodies": "needs a disk that lies: tests/unit/mailstore/test_compact",
    "store_intents_open": "an intent is open for a millisecond",
    "crl_failures": "needs a system call that fails: the trust files are read into memory that is there",
}
moved = set()		# rows that were seen to be other than 0


def port(p):
    return int(p.env["CONGVU_METRICS_URL"].rsplit(":", 1)[1].split("/")[0])


def get(p, path="/metrics", accept=OPENMETRICS, method="GET"):
    request = urllib.request.Request("http://127.0.0.1:%d%s" % (port(p), path), method=method,
                                     headers={"Accept": accept} if accept else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


def scrape(p):
    status, headers, text = get(p)
    assert status == 200 and headers["Content-Type"] == OPENMETRICS, (status, headers)
    s = Scrape(text)
    for name, family in s.families.items():
        if any(v != 0 for (suffix, _), v in family.samples.items() if suffix not in ("_created", "_bucket")):
            moved.add(name[len("congvu_"):])
    return s


def later(p, check, seconds=PATIENCE_S):
    """The first scrape that check accepts. A text is shown for a quarter of a second."""
    def once():
        s = scrape(p)
        return s if check(s) else None
    return eventually(once, seconds)


def more(p, before, amount, name, **labels):
    """Wait until NAME has grown by just that much."""
    want = before.value(name, **labels) + amount
    seen = later(p, lambda s: s.value(name, **labels) >= want)
    assert seen, (name, labels, want, scrape(p).value(name, **labels))
    assert seen.value(name, **labels) == want, (name, labels, want, seen.value(name, **labels))
    return seen


def counts_are_what_was_sent(p, s):
    sender, to = s.user(1)[0], s.user(2)[0]
    before = scrape(p)
    plain = s.mail(1, to, "Thư", s.text_entity("Kính gửi.\n"))
    with Smtp(p, user=sender) as c:
        for _ in range(5):
            assert c.message(sender, [to], plain, b".\r\n")[0] == 250
        for _ in range(2):
            code, text = c.message(sender, [to], s.mail(1, to, "Thư", s.text_entity("Chưa ký.\n"), signer="none"), b".\r\n")
            assert code >= 550, text
        out = s.mail(1, "x@tinh.example", "Thư", s.text_entity("Ra ngoài.\n"))
        for _ in range(3):
            assert c.message(sender, ["x@tinh.example"], out, b".\r\n")[0] == 250
        now = more(p, before, 1, "sessions", program="smtpd", role="submission", zone="internal")
        assert now.value("sessions_open", program="smtpd", role="submission", zone="internal") == 1
        # AUTH and EHLO; MAIL, RCPT, DATA of each message
        more(p, before, 2 + 10 * 3, "commands", program="smtpd")
    more(p, before, 8, "messages", program="smtpd", outcome="accepted")
    more(p, before, 2, "messages", program="smtpd", outcome="refused")
    more(p, before, 5 * len(plain) + 3 * len(out), "message_bytes", program="smtpd")
    more(p, before, 1, "sign_ins", program="smtpd", outcome="ok")
    more(p, before, 3, "relay_attempts", route="sink", outcome="delivered")
    more(p, before, 10, "verdicts", path="submit")
    more(p, before, 2, "verdicts", path="submit", verdict="reject")
    more(p, before, 3, "verdicts", path="relay", verdict="allow")
    now = more(p, before, 10, "policy_judge_seconds", suffix="_count", path="submit")
    assert now.value("policy_judge_seconds", suffix="_sum") > before.value("policy_judge_seconds", suffix="_sum")
    assert later(p, lambda m: m.value("sessions_open", program="smtpd") == 0)
    assert later(p, lambda m: m.value("store_syncs") > before.value("store_syncs"))
    assert later(p, lambda m: m.value("audit_records") > before.value("audit_records"))
    assert now.value("store_commit_seconds", suffix="_count") > before.value("store_commit_seconds", suffix="_count")
    # A figure may be behind the answer by a scrape.
    octets = 5 * len(plain) + 3 * len(out)
    now = later(p, lambda m: m.value("session_bytes", program="smtpd", direction="in") >
                before.value("session_bytes", program="smtpd", direction="in") + octets)
    assert now and now.value("session_bytes", program="smtpd", direction="out") > 100
    assert now.value("ldap_seconds", suffix="_count") > before.value("ldap_seconds", suffix="_count")
    # The rules are named; none is unknown.
    rules = {dict(labels)["rule"] for _, labels in now.families["congvu_verdicts"].samples}
    assert len(rules) >= 2 and "other" not in rules, rules


def imap_is_counted(p, s):
    user = s.user(2)[0]
    before = scrape(p)
    message = header(user, user) + b"\r\nGhi nho.\r\n"
    with Imap(p, user=user) as c:
        c.send(b"a APPEND INBOX {%d+}\r\n" % len(message) + message + b"\r\n")
        line = c.until(b"a ")
        assert line.startswith(b"a OK"), line
        assert c.command("NOOP")[0].startswith("OK")
        more(p, before, 1, "sessions", program="imapd", zone="internal")
        assert scrape(p).value("sessions_open", program="imapd", role="imap", zone="internal") == 1
    with Imap(p, name="IMAPS_INTERNET") as c:
        assert not c.command('LOGIN "%s" "sai-mat-khau"' % user)[0].startswith("OK")
        more(p, before, 1, "sessions", program="imapd", zone="internet")
    more(p, before, 1, "sign_ins", program="imapd", outcome="ok")
    more(p, before, 1, "sign_ins", program="imapd", outcome="bad")
    more(p, before, 1, "messages", program="imapd", outcome="accepted")
    more(p, before, len(message), "message_bytes", program="imapd")
    more(p, before, 4, "commands", program="imapd")
    more(p, before, 1, "verdicts", path="store")
    assert later(p, lambda m: m.value("sessions_open", program="imapd") == 0)


def set_conf(p, edit):
    with open(p.env["CONGVU_CONF"]) as f:
        old = f.read()
    with open(p.env["CONGVU_CONF"], "w") as f:
        f.write(edit(old))
    return old


@contextlib.contextmanager
def configured(p, edit):
    """Edited for so long; what it was before. Who fails leaves the others what they expect."""
    old = set_conf(p, edit)
    try:
        yield old
    except BaseException:
        set_conf(p, lambda _: old)
        p.ctl("reload")
        raise
    set_conf(p, lambda _: old)


def reload(p, status=0):
    done = p.ctl("reload", "--json")
    assert done.returncode == status, done
    return json.loads(done.stdout)


def a_next_hop_that_is_away(p, s):
    sender = s.user(1)[0]
    route = 'route "xa" { domains = { "xa.example" }\n\thost = "127.0.0.1"\n\tport = 1\n\tzone = internet\n\ttls = none }\n'
    set_conf(p, lambda t: t.replace('route "sink"', route + 'route "sink"', 1))
    said = reload(p)
    assert said["ok"] and all(one["ok"] for one in said["programs"].values()), said
    before = scrape(p)
    with Smtp(p, user=sender) as c:
        assert c.message(sender, ["x@xa.example"], s.mail(1, "x@xa.example", "Thư", s.text_entity("Chờ.\n")),
                         b".\r\n")[0] == 250
    assert later(p, lambda m: m.value("queue_entries", route="xa") == 1
                 and m.value("queue_oldest_age_seconds", route="xa") >= 1)
    assert later(p, lambda m: m.value("relay_attempts", route="xa", outcome="deferred") >= 1)
    status = json.loads(p.ctl("status", "--json").stdout)
    assert status["mailstored"]["queue-entries"] == 1 and status["mailstored"]["queue-oldest-s"] >= 1, status
    (entry,), _ = s.ctl_json("queue", "list")
    assert eventually(lambda: p.ctl("queue", "delete", "--notify", entry["id"]).returncode == 0)  # not while it is sent
    assert later(p, lambda m: m.value("notices", outcome="sent") >= before.value("notices", outcome="sent") + 1)
    assert later(p, lambda m: m.value("queue_entries") == 0 and m.value("queue_oldest_age_seconds") == 0)
    assert scrape(p).value("sessions") >= before.value("sessions")


def every_row_moves(p, s):
    """Called last: a figure that nothing counts is a figure that lies."""
    rows = re.findall(r'^M\(\w+, \w+, [^"]*"(\w+)"', open(os.path.join(TOP, "common/metric.def")).read(), re.M)
    assert len(rows) > 40, rows
    shown = {name[len("congvu_"):] for name in scrape(p).families}
    assert shown == set(rows) | {"up", "start_time_seconds"}, shown ^ set(rows)
    unexplained = [r for r in rows if r not in moved and not (r in QUIET and " " in QUIET[r])]
    assert not unexplained, unexplained
    names = {t.__name__ for t in TESTS}
    assert all(" " in why or why in names for why in QUIET.values())


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(c) for c in f.read().split()]


def a_killed_worker(p, s):
    """Its sessions are no longer open, what it counted stays."""
    user = s.user(2)[0]
    before = scrape(p)
    sessions = [Imap(p, user=user) for _ in range(4)]
    assert later(p, lambda m: m.value("sessions_open", program="imapd") == 4)
    workers = children(p.pid("imapd"))
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    after = later(p, lambda m: m.value("worker_deaths", program="imapd") ==
                  before.value("worker_deaths", program="imapd") + len(workers))
    assert after, scrape(p).value("worker_deaths", program="imapd")
    assert after.value("sessions_open", program="imapd") == 0
    assert after.value("sessions", program="imapd") == before.value("sessions", program="imapd") + 4
    assert after.value("sign_ins", program="imapd", outcome="ok") == before.value("sign_ins", program="imapd", outcome="ok") + 4
    for c in sessions:
        c.__exit__()
    assert later(p, lambda m: m.value("worker_starts", program="imapd") >=
                 before.value("worker_starts", program="imapd") + len(workers))

    def serves():
        try:
            with Imap(p, user=user) as c:
                return c.command("NOOP")[0].startswith("OK")
        except (OSError, AssertionError):
            return False
    assert eventually(serves)


def a_killed_judge(p, s):
    """The message in its hands is deferred, and that is counted."""
    sender, to = s.user(1)[0], s.user(2)[0]
    for patience in (0.3, 1, 3, 10):  # until the message is with a worker, which says nothing
        before = scrape(p)
        workers = children(p.pid("policyd"))
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        with Smtp(p, user=sender) as c:
            for line in ("MAIL FROM:<%s>" % sender, "RCPT TO:<%s>" % to, "DATA"):
                assert c.command(line)[0] < 400
            c.send(s.mail(1, to, "Thư", s.text_entity("Kính gửi.\n")) + b".\r\n")
            time.sleep(patience)
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            code, text = c.reply()
        if code != 250:  # it had not come to one yet
            break
        more(p, before, len(workers), "worker_deaths", program="policyd")
    assert 400 <= code < 500, (code, text)
    more(p, before, 1, "messages", program="smtpd", outcome="deferred")
    more(p, before, 1, "policy_judge_failures")
    more(p, before, len(workers), "worker_deaths", program="policyd")
    assert eventually(lambda: p.ctl("status").returncode == 0), p.ctl("status").stdout


def index_reader(p, n):
    """A process that keeps n views of the index; and how many it got."""
    child = subprocess.Popen([sys.executable, os.path.join(TOP, "tests/system/index_reader.py"),
                              os.path.join(p.dir, "state/store/index"), str(n)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return child, int(child.stdout.readline())


def a_stuck_reader(p, s):
    """An old view of the index that mail goes on beside is shown, told once with its process, and forgotten."""
    def told():
        with open(os.path.join(p.dir, "log", "mailstored.log")) as f:
            return re.findall(r"ev=store-reader-stuck pid=(\d+)", f.read())

    def said(word):
        return word in p.ctl("status").stdout
    complaint = "a process keeps an old view of the index"
    before, told_before = scrape(p), told()
    assert before.value("store_oldest_reader_seconds") == 0 and not said(complaint)
    # Many more than the workers have; places of dead ones may be counted for a while.
    views = int(before.value("store_readers")) + 20
    child, n = index_reader(p, views)
    try:
        assert n == views
        assert later(p, lambda m: m.value("store_readers") >= views)
        # What is the newest harms nobody, however old it is.
        assert scrape(p).value("store_oldest_reader_seconds") == 0
        with Smtp(p, user=s.user(1)[0]) as c:
            to = s.user(2)[0]
            assert c.message(s.user(1)[0], [to], s.mail(1, to, "Thư", s.text_entity("Kính gửi.\n")), b".\r\n")[0] == 250
        assert later(p, lambda m: m.value("store_oldest_reader_seconds") >= 1)
        assert eventually(lambda: told() != told_before), told()
        assert later(p, lambda m: m.value("store_oldest_reader_seconds") > 5) and said(complaint)
    finally:
        child.kill()
        child.communicate()
    assert told() == told_before + [str(child.pid)], told()
    # A dead one is not stuck.
    assert later(p, lambda m: m.value("store_oldest_reader_seconds") == 0 and
                 m.value("store_readers") < views)
    assert not said(complaint)


def too_many_readers(p, s):
    """Who has a place keeps it; the places of the dead are free at once; a worker that finds none waits, and serves then."""
    user, to, crowd = s.user(1)[0], s.user(2)[0], []
    mail = s.mail(1, to, "Thư", s.text_entity("Kính gửi.\n"))

    def fill():
        child, n = index_reader(p, 5000)
        crowd.append(child)
        return n

    def selects():
        try:
            with Imap(p, user=to) as c:
                return c.command("SELECT INBOX")[0].startswith("OK")
        except (OSError, AssertionError):
            return False
    parent = p.pid("imapd")
    with Imap(p, user=to) as c:
        try:
            assert 4000 < fill() < 4096
            assert later(p, lambda m: m.value("store_readers") == 4096)
            assert c.command("SELECT INBOX")[0].startswith("OK")
            for pid in children(parent):
                os.kill(pid, signal.SIGKILL)
            assert c.command("NOOP")[0] == "" and eventually(selects)
            # Now somebody else takes the places of the dead.
            os.kill(parent, signal.SIGSTOP)
            for pid in children(parent):
                os.kill(pid, signal.SIGKILL)
            assert eventually(fill) > 0
            os.kill(parent, signal.SIGCONT)
            with Smtp(p, user=user) as out:
                assert out.message(user, [to], mail, b".\r\n")[0] == 250
            with p.connect("IMAP", False) as waits:
                waits.settimeout(1)
                try:
                    assert waits.recv(100) is None
                except socket.timeout:
                    pass
                for child in crowd:
                    child.kill()
                waits.settimeout(20)
                assert waits.recv(100).startswith(b"* OK")
        finally:
            os.kill(parent, signal.SIGCONT)
            for child in crowd:
                child.kill()
                child.communicate()
    assert eventually(selects)


def waiting_for_changes_is_no_question(p, s):
    """The helper that waits for changes in the directory would make every latency look like minutes."""
    path = os.path.join(p.dir, "log", "directoryd.log")

    def said(what):
        with open(path) as f:
            return re.findall(what, f.read())
    time.sleep(0.3)	# until a text is made that has all that went before
    started = r'ev=worker-started role="watch-helper" worker=(\d+)'
    helpers, before = said(started), scrape(p)
    os.kill(int(helpers[-1]), signal.SIGKILL)
    assert eventually(lambda: len(said(started)) > len(helpers))
    assert later(p, lambda m: m.value("worker_deaths", program="directoryd") > before.value("worker_deaths", program="directoryd"))
    now = scrape(p)
    assert now.value("ldap_seconds", suffix="_count") == before.value("ldap_seconds", suffix="_count")


def tls_that_fails(p, s):
    before = scrape(p)
    with socket.create_connection(("127.0.0.1", p.port("IMAPS")), 10) as c:
        c.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while c.recv(4096):
            pass
    more(p, before, 1, "tls_failures", program="imapd")


def too_many_sessions(p, s):
    with configured(p, lambda t: t.replace("limits { ", "limits { connections-per-address = 2\n\t", 1)):
        assert reload(p)["ok"]
        before = scrape(p)
        with Smtp(p, name="SMTP_INTERNAL", tls=False), Smtp(p, name="SMTP_INTERNAL", tls=False):
            with Smtp(p, name="SMTP_INTERNAL", tls=False, greet=False) as c:
                assert c.reply()[0] == 421
        more(p, before, 1, "sessions_refused", program="smtpd")
    assert reload(p)["ok"]


def the_directory_is_away(p, s):
    """And comes back: the figures and congvuctl say so."""
    before = scrape(p)
    with open(os.path.join(p.dir, "ldap/slapd.pid")) as f:
        slapd = int(f.read())
    os.kill(slapd, signal.SIGSTOP)
    try:
        with Imap(p) as c:
            assert not c.command('LOGIN "%s" "%s"' % (s.user(3)[0], p.env["CONGVU_PASS"]))[0].startswith("OK")
        assert later(p, lambda m: m.value("ldap_up") == 0)
        more(p, before, 1, "sign_ins", program="imapd", outcome="unavailable")
        done = p.ctl("status")
        assert done.returncode == 1 and "directoryd: the LDAP directory does not answer" in done.stdout, done
    finally:
        os.kill(slapd, signal.SIGCONT)
    assert later(p, lambda m: m.value("ldap_unavailable") > before.value("ldap_unavailable"))
    assert eventually(lambda: p.ctl("status").returncode == 0), p.ctl("status").stdout
    assert later(p, lambda m: m.value("ldap_up") == 1)


def supervisor(p):
    with open(os.path.join(p.dir, "supervisor.pid")) as f:
        return int(f.read())


def a_program_that_does_not_run(p, s):
    assert get(p, "/health")[0] == 200
    os.kill(supervisor(p), signal.SIGSTOP)
    try:
        for name in ("smtpd", "policyd"):
            os.kill(p.pid(name), signal.SIGKILL)
        assert eventually(lambda: get(p, "/health")[0] == 503)
        assert eventually(lambda: get(p, "/health")[2] == "not running: smtpd policyd\n"), get(p, "/health")
        now = later(p, lambda m: m.value("up", program="smtpd") == 0)
        assert now.value("up") == 4 and now.value("up", program="imapd") == 1
        # What it counted is still known, what it held is not.
        assert now.value("sessions", program="smtpd") > 0
        assert not [1 for _, labels in now.families["congvu_sessions_open"].samples if ("program", "smtpd") in labels]
        done = p.ctl("status")
        assert done.returncode == 1 and "smtpd: does not run" in done.stdout, done
        said = reload(p, status=1)
        assert said["programs"]["smtpd"] == {"ok": False, "outcome": "does not run", "generation": 0}, said
        assert said["programs"]["imapd"]["ok"], said
    finally:
        os.kill(supervisor(p), signal.SIGCONT)
    assert eventually(lambda: get(p, "/health") and get(p, "/health")[0] == 200)
    assert eventually(lambda: p.ctl("status").returncode == 0), p.ctl("status").stdout


def generations(p):
    m = scrape(p)
    return {name: m.value("config_generation", program=name) for name in PROGRAMS}


def reload_good(p, s):
    """Each program is asked once; a session that is open goes on."""
    with Imap(p, user=s.user(2)[0]) as c:
        was = generations(p)
        os.utime(p.env["CONGVU_CONF"])
        done = p.ctl("status")
        assert done.returncode == 1 and "configuration file is newer" in done.stdout, done
        said = reload(p)
        assert said["ok"] and set(said["programs"]) == set(PROGRAMS), said
        assert later(p, lambda _: generations(p) == {n: g + 1 for n, g in was.items()}), (was, generations(p))
        assert c.command("NOOP")[0].startswith("OK")
    assert eventually(lambda: p.ctl("status").returncode == 0), p.ctl("status").stdout


def reload_bad(p, s):
    """A wrong file disturbs nobody; one that only a program can know to be wrong leaves the old in force."""
    was = generations(p)
    with configured(p, lambda t: t.replace("role = mx", "role = mix", 1) + "\ncolour = red\n") as old:
        said = reload(p, status=1)
        assert not said["ok"] and len(said["errors"]) == 2 and "programs" not in said, said
        text = p.ctl("reload")
        assert text.returncode == 1 and text.stdout.count(p.env["CONGVU_CONF"]) == 2, text
        assert generations(p) == was and scrape(p).value("config_reloads", outcome="failed") == 0
        began = int(time.time())
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", p.port_base + 12))
            taken.listen()
            set_conf(p, lambda _: old + 'listener "taken" { address = "127.0.0.1"\n\tport = %d\n\trole = imap\n'
                     '\tzone = internal }\n' % (p.port_base + 12))
            said = reload(p, status=1)
            assert not said["programs"]["imapd"]["ok"] and said["programs"]["imapd"]["outcome"].startswith("failed"), said
            assert said["programs"]["smtpd"]["ok"], said
        now = later(p, lambda m: m.value("config_reloads", program="imapd", outcome="failed") == 1)
        assert now and now.value("config_failed_timestamp_seconds", program="imapd") >= began
        assert generations(p)["imapd"] == was["imapd"]
        done = p.ctl("status")
        assert done.returncode == 1 and "imapd: the last reload failed" in done.stdout, done
        with Imap(p, user=s.user(2)[0]) as c:
            assert c.command("NOOP")[0].startswith("OK")
    assert reload(p)["ok"]
    assert eventually(lambda: p.ctl("status").returncode == 0), p.ctl("status").stdout


def a_reused_number_is_not_signalled(p, s):
    """The number in the file is for people: what is signalled is who holds the lock."""
    os.kill(supervisor(p), signal.SIGSTOP)
    victim = os.fork()
    if victim == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        time.sleep(600)
        os._exit(0)
    try:
        os.kill(p.pid("imapd"), signal.SIGKILL)
        run_dir = re.search(r'run-dir = "(.*)"', open(p.env["CONGVU_CONF"]).read()).group(1)
        assert eventually(lambda: get(p, "/health")[0] == 503)
        with open(os.path.join(run_dir, "imapd.pid"), "w") as f:
            f.write("%d\n" % victim)
        assert reload(p, status=1)["programs"]["imapd"]["outcome"] == "does not run"
        assert os.waitpid(victim, os.WNOHANG) == (0, 0)
    finally:
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        os.kill(supervisor(p), signal.SIGCONT)
    assert eventually(lambda: get(p, "/health")[0] == 200)


# ---- the listener itself ----

def raw(p, octets):
    """All that comes back until the server closes."""
    got = b""
    with socket.socket() as c:
        c.settimeout(30)
        try:
            c.connect(("127.0.0.1", port(p)))
            c.sendall(octets)
            while data := c.recv(65536):
                got += data
        except (ConnectionResetError, ConnectionRefusedError, BrokenPipeError):
            pass
    return got


def bad_requests(p, s):
    before = scrape(p)
    assert get(p, "/nothing")[0] == 404
    assert get(p, "/metrics/../metrics")[0] == 404
    status, headers, _ = get(p, method="POST")
    assert status == 405 and headers["Allow"] == "GET, HEAD"
    assert get(p, "/health", method="DELETE")[0] == 405
    status, headers, text = get(p, method="HEAD")
    assert status == 200 and text == "" and int(headers["Content-Length"]) > 10000
    for octets in (b"\0" * 5000 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n",
                   b"GET /metrics HTTP/9.9\r\nHost: x\r\n\r\n", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000,
                   b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\nabc"):
        answer = raw(p, octets)
        assert answer == b"" or re.match(rb"HTTP/1\.[01] [45]\d\d ", answer), (octets[:40], answer[:200])
    assert scrape(p).value("metrics_requests", outcome="refused") > before.value("metrics_requests", outcome="refused")
    assert get(p, "/health")[0] == 200


def the_older_format(p, s):
    for accept in ("text/plain", "*/*", None):
        status, headers, text = get(p, accept=accept)
        assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "# EOF" not in text and "_created" not in text and "# UNIT" not in text
        assert "# TYPE congvu_sessions_total counter\n" in text
        for line in text.splitlines():
            assert line.startswith("# ") or re.fullmatch(r'[a-z_]+(\{[^{}]*\})? [-+0-9.eInf]+', line), line


def slow_and_many_clients(p, s):
    """One that talks an octet at a time is cut off; idle ones take all places only for so long."""
    slow = socket.create_connection(("127.0.0.1", port(p)), 10)
    began = time.monotonic()
    idle = []
    try:
        for _ in range(60):
            idle.append(socket.create_connection(("127.0.0.1", port(p)), 10))
        cut = None
        slow.settimeout(0.5)
        request = iter(b"GET /metrics HTTP/1.1\r\nHost: " + b"x" * 1000)
        while cut is None and time.monotonic() - began < 120:
            try:
                slow.sendall(bytes([next(request)]))
                if slow.recv(100) == b"":
                    cut = time.monotonic() - began
            except socket.timeout:
                pass
            except OSError:
                cut = time.monotonic() - began
        assert cut is not None, "an octet at a time goes on for ever"

        def served():
            try:
                return get(p, "/health")[0] == 200
            except OSError:
                return False
        assert eventually(served)
        with Smtp(p, name="SMTP_INTERNAL", tls=False) as c:
            assert c.command("NOOP")[0] == 250  # mail never noticed
    finally:
        for c in idle + [slow]:
            c.close()
    assert eventually(lambda: scrape(p) is not None)


def a_file_that_lies(p, s):
    """What a fallen worker may write shows as wrong numbers at worst, and harms no other program's."""
    run_dir = re.search(r'run-dir = "(.*)"', open(p.env["CONGVU_CONF"]).read()).group(1)
    path = os.path.join(run_dir, "metrics/smtpd")
    with open(path, "rb") as f:
        sound = f.read()
    lies = [sound[:64] + os.urandom(len(sound) - 64), os.urandom(len(sound)), sound[:100], b"", sound + b"x",
            sound[:64] + b"\xff" * (len(sound) - 64)]
    for lie in lies:
        with open(path + ".new", "wb") as f:
            f.write(lie)
        os.rename(path + ".new", path)
        time.sleep(0.3)  # a text is shown for a quarter of a second
        assert scrape(p).value("up") == 6
        assert p.ctl("status").returncode in (0, 1)
        assert get(p, "/health")[0] == 200
    os.kill(p.pid("smtpd"), signal.SIGTERM)
    assert later(p, lambda m: m.value("up", program="smtpd") == 1 and m.value("config_generation", program="smtpd") == 1)
    assert eventually(lambda: p.ctl("status").returncode == 0), p.ctl("status").stdout


def a_unix_socket_and_no_port(p, s):
    """Where no port is wanted: a path; or nothing, and that is no failure."""
    path = os.path.join(p.dir, "metrics.sock")

    def restart():
        os.kill(json.loads(p.ctl("status", "--json").stdout)["metricsd"]["pid"], signal.SIGTERM)

    def ask():
        with socket.socket(socket.AF_UNIX) as c:
            c.settimeout(60)
            try:
                c.connect(path)
                c.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                got = b""
                while data := c.recv(4096):
                    got += data
            except OSError:
                return b""
            return got
    with configured(p, lambda t: t.replace("metrics { ", 'metrics { address = "%s"\n\t' % path, 1)) as old:
        said = reload(p, status=1)
        assert said["programs"]["metricsd"]["outcome"].startswith("failed"), said  # only a restart can do that
        restart()
        assert eventually(lambda: ask().startswith(b"HTTP/1.1 200 OK\r\n") and ask().endswith(b"\r\n\r\nok\n")), ask()
        none = os.path.join(p.dir, "no-metrics.conf")
        with open(none, "w") as f:
            f.write(re.sub(r"metrics \{ port = \d+ \}", "", old))
        done = subprocess.run([p.program("metricsd"), "-c", none], stderr=subprocess.PIPE, text=True, timeout=120)
        assert done.returncode == 0 and "no metrics port" in done.stderr, done
    restart()
    assert eventually(lambda: raw(p, b"GET /health HTTP/1.0\r\n\r\n").endswith(b"ok\n"))
    assert reload(p)["ok"]


TESTS = [counts_are_what_was_sent, imap_is_counted, the_older_format, bad_requests, a_next_hop_that_is_away,
         tls_that_fails, too_many_sessions, a_killed_worker, a_killed_judge,
         a_stuck_reader, too_many_readers,
         waiting_for_changes_is_no_question, the_directory_is_away, reload_good, reload_bad, a_program_that_does_not_run,
         a_reused_number_is_not_signalled, slow_and_many_clients, a_file_that_lies,
         a_unix_socket_and_no_port, every_row_moves]

if __name__ == "__main__":
    with Province(27600) as province:
        failures = run(chosen(TESTS), province, scenario.Province(province.dir))
        if failures:
            province.show_logs()
    sys.exit(1 if failures else 0)
