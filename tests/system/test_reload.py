#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""The life of smtpd and imapd with real clients: hot reload, new certificates, dead workers, limits of the
system, start in any order, stop. Everything that was acknowledged or open is counted."""
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from harness import PATIENCE_S, Imap, MachineClock, Province, Smtp, TOP, ended, eventually, header, run

BOTH = ("smtpd", "imapd")
CLOCK = MachineClock()


# ---- looking from outside ----

def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return sorted(int(c) for c in f.read().split())


def log_of(p, name):
    with open(os.path.join(p.dir, "log", name + ".log"), errors="replace") as f:
        return f.read()


def events(p, name, event):
    return log_of(p, name).count(" ev=%s" % event)


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def owner_of(sock, pids):
    """Which of the processes has the other end of a loopback connection."""
    mine, theirs = sock.getsockname(), sock.getpeername()
    inode = None
    with open("/proc/net/tcp") as f:
        for line in f.read().splitlines()[1:]:
            words = line.split()
            if int(words[1].split(":")[1], 16) == theirs[1] and int(words[2].split(":")[1], 16) == mine[1]:
                inode = words[9]
    for pid in pids:
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                if os.readlink("/proc/%d/fd/%s" % (pid, fd)) == "socket:[%s]" % inode:
                    return pid
            except FileNotFoundError:
                pass
    return None


def limit(pid, what, soft):
    """Set a soft limit of a process, as its own user if need be; what it was."""
    ids = {}
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(("Uid:", "Gid:")):
                ids[line[:3]] = int(line.split()[1])
    ends = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if ids["Uid"] != os.getuid():
                os.setgroups([])
                os.setresgid(*[ids["Gid"]] * 3)
                os.setresuid(*[ids["Uid"]] * 3)
            was = resource.prlimit(pid, what)
            resource.prlimit(pid, what, (soft, was[1]))
            os.write(ends[1], b"%d" % was[0])
        finally:
            os._exit(0)
    os.close(ends[1])
    os.waitpid(child, 0)
    text = os.read(ends[0], 100)
    os.close(ends[0])
    assert text, "the limit could not be set"
    return int(text)


def conf_with(p, old, new):
    """The configuration with something else in it, put in its place at once; what it was before."""
    path = p.env["CONGVU_CONF"]
    with open(path) as f:
        was = f.read()
    assert old in was, old
    put(path, was.replace(old, new, 1))
    return was


def put(path, text):
    """Replaced by rename, with the same rights."""
    data = text if isinstance(text, bytes) else text.encode()
    with open(path + ".new", "wb") as f:
        f.write(data)
    shutil.copystat(path, path + ".new")
    os.chown(path + ".new", os.stat(path).st_uid, os.stat(path).st_gid)
    os.utime(path + ".new")
    os.rename(path + ".new", path)


def reload(p, names=BOTH):
    """SIGHUP, and wait until the new generation serves."""
    before = {n: events(p, n, "reload ") for n in names}
    for n in names:
        os.kill(p.pid(n), signal.SIGHUP)
    for n in names:
        assert eventually(lambda: events(p, n, "reload ") > before[n]), log_of(p, n)[-2000:]


def send(s, p, mark):
    user = p.env["CONGVU_USER1"]
    return s.message(user, [p.env["CONGVU_USER2"]], header(user, p.env["CONGVU_USER2"], mark) + b"\r\nxin chao\r\n")


class Load(threading.Thread):
    """Clients that come, do something and go, one after another; every one must be served."""

    def __init__(self, p, kind):
        super().__init__(daemon=True)
        self.p, self.kind, self.served, self.failed, self.over = p, kind, 0, [], threading.Event()
        self.start()

    def one(self):
        user = self.p.env["CONGVU_USER1"]
        if self.kind == "smtp":
            with Smtp(self.p, user=user) as s:
                code, text = send(s, self.p, "tai")
                assert code == 250, (code, text)
                assert s.command("QUIT")[0] == 221
        else:
            with Imap(self.p, user=user) as c:
                assert c.command("SELECT INBOX")[0].startswith("OK")
                assert c.command("LOGOUT")[0].startswith("OK")

    def run(self):
        while not self.over.is_set():
            try:
                self.one()
                self.served += 1
            except (AssertionError, OSError) as e:
                self.failed.append(repr(e))

    def end(self):
        self.over.set()
        self.join(60)
        return self.served, self.failed


# ---- hot reload ----

def reload_drops_nobody(p):
    """Sessions of every kind live on through five reloads, while others come and go without a pause."""
    user = p.env["CONGVU_USER1"]
    conf_with(p, "limits {", "limits {\n\tsmtp-workers = 2\n\timap-workers = 2\n\trecipients = 3")
    reload(p)
    assert eventually(lambda: len(children(p.pid("smtpd"))) == 3 and len(children(p.pid("imapd"))) == 4)
    with Smtp(p, user=user) as quiet, Smtp(p, user=user) as busy, Imap(p, user=user) as idle, \
            Imap(p, user=user) as selected, Smtp(p, "SMTP", tls=False) as plain:
        assert busy.command("MAIL FROM:<%s>" % user)[0] == 250
        assert busy.command("RCPT TO:<%s>" % user)[0] == 250
        assert busy.command("DATA")[0] == 354
        busy.send(header(user, user, "nua chung") + b"\r\nphan dau\r\n")
        assert selected.command("SELECT INBOX")[0].startswith("OK")
        assert idle.command("SELECT INBOX")[0].startswith("OK")
        idle.send(b"i IDLE\r\n")
        assert idle.line().startswith(b"+")
        loads = [Load(p, "smtp"), Load(p, "imap")]
        old = {n: children(p.pid(n)) for n in BOTH}
        for _ in range(5):
            reload(p)
        eventually(lambda: min(load.served for load in loads) > 20)
        for load in loads:
            served, failed = load.end()
            assert served > 20 and not failed, (load.kind, served, failed[:3])
        busy.send(b"phan cuoi\r\n.\r\n")
        assert busy.reply()[0] == 250
        assert quiet.command("NOOP")[0] == 250 and plain.command("NOOP")[0] == 250
        assert send(quiet, p, "van song")[0] == 250
        assert b"EXISTS" in idle.line()
        assert selected.command("NOOP")[0].startswith("OK")
        assert b"* SEARCH" in selected.command("SEARCH SUBJECT \"nua chung\"")[1]
        retired = [c for n in BOTH for c in old[n] if os.path.exists("/proc/%d" % c)]
        assert retired, "the old workers should still serve these sessions"
    assert eventually(lambda: not [c for c in retired if os.path.exists("/proc/%d" % c)]), retired


def many_reloads_drop_nobody(p):
    """Generations whose sessions have all ended take no place from one that has some."""
    user = p.env["CONGVU_USER1"]
    with Smtp(p, user=user) as smtp, Imap(p, user=user) as imap:
        n, until = 0, time.monotonic() + 2.5  # the parent looks each second
        while n < 7 or time.monotonic() < until:
            reload(p)
            n += 1
            assert smtp.command("NOOP")[0] == 250, n
            assert imap.command("NOOP")[0].startswith("OK"), n


def new_values_hold_for_new_sessions(p):
    user = p.env["CONGVU_USER1"]
    with Smtp(p, user=user) as old:
        conf_with(p, "recipients = 3", "recipients = 2")
        reload(p, ["smtpd"])
        with Smtp(p, user=user) as new:
            for s, most in ((old, 3), (new, 2)):
                assert s.command("MAIL FROM:<%s>" % user)[0] == 250
                codes = [s.command("RCPT TO:<%s>" % p.env["CONGVU_USER%d" % n])[0] for n in range(1, most + 2)]
                assert codes == [250] * most + [452], (most, codes)


def a_bad_file_changes_nothing(p):
    """All its mistakes are logged at once; sessions, workers and certificate stay."""
    assert eventually(lambda: len(children(p.pid("smtpd"))) == 3 and len(children(p.pid("imapd"))) == 4)
    before = {n: children(p.pid(n)) for n in BOTH}
    was = conf_with(p, "limits {", "nonsense = 1\nlimits {\n\tno-such-key = 3\n\tidle-time = 7")
    try:
        for n in BOTH:
            seen = len(log_of(p, n))
            os.kill(p.pid(n), signal.SIGHUP)
            assert eventually(lambda: "ev=config-error" in log_of(p, n)[seen:])
            said = log_of(p, n)[seen:]
            for key in ("nonsense", "no-such-key", "idle-time"):
                assert key in said, (key, said)
    finally:
        put(p.env["CONGVU_CONF"], was)
    assert {n: children(p.pid(n)) for n in BOTH} == before
    with Smtp(p, user=p.env["CONGVU_USER1"]) as s:
        assert send(s, p, "nhu cu")[0] == 250


def a_listener_comes_and_goes(p):
    port = p.port_base + 12
    was = conf_with(p, "listener \"mx-internal\"",
                    "listener \"them\" { address = \"127.0.0.1\"\n\tport = %d\n\trole = mx\n\tzone = internal }\n"
                    "listener \"mx-internal\"" % port)
    reload(p, ["smtpd"])
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        assert s.recv(100).startswith(b"220 ")
        put(p.env["CONGVU_CONF"], was)
        reload(p, ["smtpd"])
        s.sendall(b"NOOP\r\n")
        assert s.recv(100).startswith(b"250 ")  # the session lives on
        try:
            socket.create_connection(("127.0.0.1", port), 10).close()
            raise RuntimeError("the port is still served")
        except ConnectionRefusedError:
            pass


# ---- certificates ----

def serial_at(p, name):
    with p.connect(name, True) as s:
        return s.getpeercert()["serialNumber"]


def certificate_files(p):
    """A new pair of the same authority, as text."""
    pki = os.path.join(p.dir, "pki")
    if not os.path.isdir(pki):
        pki = os.path.dirname(p.env["CONGVU_CA"])
    subprocess.run([os.path.join(TOP, "tools", "pki"), "server", pki, "next", "mail." + p.env["CONGVU_DOMAIN"]],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pair = []
    for end in (".pem", ".key"):
        with open(os.path.join(pki, "next" + end), "rb") as f:
            pair.append(f.read())
        os.unlink(os.path.join(pki, "next" + end))
    return pki, pair[0], pair[1]


def certificates_are_replaced(p):
    """By themselves, in both programs; half a file and a key that does not fit leave the old one in force."""
    names = ("SUBMISSIONS", "IMAPS")
    old = [serial_at(p, n) for n in names]
    pki, cert, key = certificate_files(p)
    with Smtp(p, user=p.env["CONGVU_USER1"]) as s, Imap(p, user=p.env["CONGVU_USER1"]) as c:
        loads = [Load(p, "smtp"), Load(p, "imap")]
        errors = [events(p, n, "config-error") for n in BOTH]
        put(os.path.join(pki, "server.pem"), cert[:len(cert) // 2])
        for n, e in zip(BOTH, errors):
            assert eventually(lambda: events(p, n, "config-error") > e), n
        assert [serial_at(p, n) for n in names] == old
        put(os.path.join(pki, "server.pem"), cert)  # the key is still the other one's
        for n, e in zip(BOTH, errors):
            assert eventually(lambda: "is not the key of the certificate" in log_of(p, n)), n
        assert [serial_at(p, n) for n in names] == old
        put(os.path.join(pki, "server.key"), key)
        for n, was in zip(names, old):
            assert eventually(lambda: serial_at(p, n) != was), n
        assert send(s, p, "chung thu")[0] == 250 and c.command("NOOP")[0].startswith("OK")
        for load in loads:
            served, failed = load.end()
            assert served and not failed, (load.kind, failed[:3])
        for n, e in zip(BOTH, errors):  # each state of the files is complained of once
            assert events(p, n, "config-error") == e + 2, log_of(p, n)[-1500:]


def resume(p, name, session):
    raw = socket.create_connection(("127.0.0.1", p.port(name)), 10)
    with p.context.wrap_socket(raw, server_hostname="localhost", session=session) as s:
        s.recv(100)
        s.sendall(b"a NOOP\r\n")
        s.recv(100)
        return s.session_reused, s.session


def tls_sessions_resume_after_a_reload(p):
    for name in ("SUBMISSIONS", "IMAPS"):
        _, session = resume(p, name, None)
        assert resume(p, name, session)[0], "resumption does not work at all"
        reload(p)
        reused, session = resume(p, name, session)
        assert reused, name
        assert resume(p, name, session)[0]


# ---- workers ----

def workers_of(p, name):
    """Without the relay."""
    found = []
    for pid in children(p.pid(name)):
        try:
            links = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
        except FileNotFoundError:  # it ended just now
            continue
        with open("/proc/net/tcp") as f:
            listening = {line.split()[9] for line in f.read().splitlines()[1:] if line.split()[3] == "0A"}
        if any(link == "socket:[%s]" % inode for link in links for inode in listening):
            found.append(pid)
    return found


def a_killed_worker_loses_only_its_sessions(p):
    user = p.env["CONGVU_USER1"]
    for program, make, alive in (
            ("smtpd", lambda: Smtp(p, user=user), lambda s: s.command("NOOP")[0] == 250),
            ("imapd", lambda: Imap(p, user=user), lambda c: c.command("NOOP")[0].startswith("OK"))):
        workers = workers_of(p, program)
        sessions = [make() for _ in range(16)]
        homes = [owner_of(s.sock, workers) for s in sessions]
        assert None not in homes, homes
        victim = max(set(homes), key=homes.count)
        died = events(p, program, "worker-died")
        os.kill(victim, signal.SIGKILL)
        assert eventually(lambda: len(workers_of(p, program)) == len(workers) and victim not in children(p.pid(program)))
        assert events(p, program, "worker-died") == died + 1
        assert [alive(s) for s in sessions] == [h != victim for h in homes], (homes, victim)
        with make() as fresh:
            assert alive(fresh)
        for s in sessions:
            s.__exit__()


def limits_hold_over_all_workers(p):
    """12 from one address, with two workers; what a killed worker had is free again."""
    was = conf_with(p, "limits {", "limits {\n\tconnections-per-address = 12")
    try:
        reload(p)
        for program, name, ok, full in (("smtpd", "SMTP", b"220 ", b"421 "), ("imapd", "IMAP", b"* OK", b"* BYE [LIMIT]")):
            def greeting():
                s = socket.create_connection(("127.0.0.1", p.port(name)), 10)
                s.settimeout(PATIENCE_S)
                return s, s.recv(200)
            assert eventually(lambda: len([1 for w in children(p.pid(program))]) <= 4)
            held = [greeting() for _ in range(12)]
            assert all(text.startswith(ok) for _, text in held), held
            s, text = greeting()
            assert text.startswith(full), text
            s.close()
            homes = [owner_of(s, workers_of(p, program)) for s, _ in held]
            victim = max(set(homes), key=homes.count)
            os.kill(victim, signal.SIGKILL)
            assert eventually(lambda: victim not in children(p.pid(program)))
            again = [greeting() for _ in range(homes.count(victim))]
            assert all(text.startswith(ok) for _, text in again), again
            s, text = greeting()
            assert text.startswith(full), text
            for s, _ in held + again + [(s, text)]:
                s.close()
    finally:
        put(p.env["CONGVU_CONF"], was)
        reload(p)


def a_killed_relay_gives_its_mail_back(p):
    """The next hop hangs in the middle of a delivery; the relay dies; the next one delivers at once."""
    with open(os.path.join(p.dir, "supervisor.pid")) as f:
        sink = [c for c in children(int(f.read())) if b"sink.py" in open("/proc/%d/cmdline" % c, "rb").read()][0]
    assert eventually(lambda: len(children(p.pid("smtpd"))) == 3), "older ones should have ended"
    relay = set(children(p.pid("smtpd"))) - set(workers_of(p, "smtpd"))
    assert len(relay) == 1, relay
    user, mark = p.env["CONGVU_USER1"], "Mot nua %d" % time.monotonic_ns()
    def arrived():
        new = os.path.join(p.env["CONGVU_SINK"], "new")
        return sum(mark.encode() in open(os.path.join(new, n), "rb").read() for n in os.listdir(new))
    os.kill(sink, signal.SIGSTOP)
    try:
        with Smtp(p, user=user) as s:
            code, text = s.message(user, ["ai@ngoai.example"], header(user, "ai@ngoai.example", mark) + b"\r\nxin chao\r\n")
            assert code == 250, text
        assert eventually(lambda: '"being-sent"' in p.ctl("queue", "list", "--json").stdout), p.ctl("queue", "list", "--json").stdout
        os.kill(relay.pop(), signal.SIGKILL)
        assert eventually(lambda: set(children(p.pid("smtpd"))) - set(workers_of(p, "smtpd")))
    finally:
        os.kill(sink, signal.SIGCONT)
    assert eventually(arrived), p.ctl("queue", "list").stdout
    assert eventually(lambda: "ngoai.example" not in p.ctl("queue", "list").stdout and arrived() == 1)


# ---- limits of the system ----

def out_of_descriptors(p):
    """New clients wait; nobody is refused, nothing spins, the log is short; then they are served."""
    user = p.env["CONGVU_USER1"]
    for program, name, make, alive in (
            ("smtpd", "SMTP", lambda: Smtp(p, user=user), lambda s: send(s, p, "het")[0] in (250, 452)),
            ("imapd", "IMAP", lambda: Imap(p, user=user), lambda c: c.command("NOOP")[0].startswith("OK"))):
        # Those of before a reload end when they may.
        assert eventually(lambda: len(children(p.pid(program))) == {"smtpd": 3, "imapd": 4}[program]), children(p.pid(program))
        session = make()
        workers, before = workers_of(p, program), {}
        for w in workers:
            before[w] = limit(w, resource.RLIMIT_NOFILE, len(os.listdir("/proc/%d/fd" % w)))
        spent = sum(cpu_s(w) for w in workers)
        waiting = [socket.create_connection(("127.0.0.1", p.port(name)), 10) for _ in range(20)]
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert alive(session)
            time.sleep(0.1)
        assert eventually(lambda: events(p, program, "accept-paused"))
        assert sum(cpu_s(w) for w in workers) - spent < 0.5
        assert log_of(p, program).count(" ev=accept-paused") + log_of(p, program).count(" ev=session-refused") < 20
        for w in workers:
            limit(w, resource.RLIMIT_NOFILE, before[w])
        for s in waiting:
            s.settimeout(PATIENCE_S)
            assert s.recv(10), "a client that waited was dropped"
            s.close()
        assert workers_of(p, program) == workers
        session.__exit__()


def out_of_memory(p):
    """A worker that gets no more memory says so to clients, and goes on when there is some again."""
    user = p.env["CONGVU_USER1"]
    for program, name, make in (("smtpd", "SUBMISSIONS", lambda: Smtp(p, user=user)),
                                ("imapd", "IMAPS", lambda: Imap(p, user=user))):
        died = events(p, program, "worker-died")
        session = make()
        workers = workers_of(p, program)
        for w in workers:
            with open("/proc/%d/statm" % w) as f:
                octets = int(f.read().split()[0]) * resource.getpagesize()
            limit(w, resource.RLIMIT_AS, octets)
        spent = sum(cpu_s(w) for w in workers)
        held, served = [], 0
        for _ in range(60):  # more than what malloc has left over
            try:
                raw = socket.create_connection(("127.0.0.1", p.port(name)), 10)
                raw.settimeout(1)
                held.append(raw)
                held[-1] = p.context.wrap_socket(raw, server_hostname="localhost")
                served += len(held[-1].recv(100)) > 0
            except OSError:
                pass
        assert served < 60, "memory never ended"
        if program == "smtpd":
            code, text = session.message(user, [user], header(user, user, "day") + b"\r\n" + b"x" * 70 + b"\r\n")
            assert code in (250, 451, 452, 421, 0), (code, text)
        else:
            assert session.command("NOOP")[0][:2] in ("OK", "NO", ""), "nonsense"
        assert sum(cpu_s(w) for w in workers) - spent < 5
        for w in workers:
            limit(w, resource.RLIMIT_AS, resource.RLIM_INFINITY)
        for s in held:
            s.close()
        assert events(p, program, "worker-died") == died, log_of(p, program)[-2000:]
        def serves():
            try:
                with make():
                    return True
            except (AssertionError, OSError):
                return False
        assert eventually(serves), program
        session.__exit__()


# ---- start and stop ----

class Manager:
    """Stands for the service manager: NOTIFY_SOCKET of one program."""

    def __init__(self, p, name, before=(), passed=()):
        self.path = os.path.join(tempfile.mkdtemp(prefix="congvu-notify-"), name)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        os.chmod(os.path.dirname(self.path), 0o755)
        os.chmod(self.path, 0o666)
        self.sock.setblocking(False)
        self.heard = []
        self.log = open(os.path.join(p.dir, "log", name + ".log"), "ab")
        self.process = subprocess.Popen(list(before) + [p.program(name), "-c", p.env["CONGVU_CONF"]], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, pass_fds=passed,
                                        env=dict(os.environ, NOTIFY_SOCKET=self.path))

    def told(self, what):
        try:
            while True:
                self.heard += self.sock.recv(4096).decode().split("\n")
        except BlockingIOError:
            pass
        return what in self.heard

    def stop(self):
        """How long it took; STOPPING must have been said, and the end be clean."""
        began = CLOCK.now()
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0, self.process.returncode
        assert self.told("STOPPING=1"), self.heard
        self.close()
        return CLOCK.now() - began

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.sock.close()
        self.log.close()
        shutil.rmtree(os.path.dirname(self.path), ignore_errors=True)


ORDERS = (("directoryd", "policyd", "mailstored", "smtpd", "imapd"),
          ("imapd", "smtpd", "mailstored", "policyd", "directoryd"),
          ("smtpd", "imapd", "directoryd", "mailstored", "policyd"),
          ("policyd", "imapd", "mailstored", "directoryd", "smtpd"))


def start_in_any_order(p):
    """Without the supervisor: each order ends with all ready, mail delivered and read, and a clean stop."""
    with open(os.path.join(p.dir, "services.json")) as f:
        slapd = [row for row in json.load(f) if row["name"] == "slapd"][0]
    subprocess.run([os.path.join(TOP, "demo"), "--stop", "--dir", p.dir], check=True)
    directory = subprocess.Popen(slapd["argv"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    running = {}
    try:
        for n, order in enumerate(ORDERS):
            for name in order:
                running[name] = Manager(p, name)
                if n % 2 == 1:  # each alone for a while, until it waits for the others
                    eventually(lambda: running[name].told("READY=1"), 0.5)
            for name in order:
                assert eventually(lambda: running[name].told("READY=1")), (order, name, log_of(p, name)[-1500:])
            def deliver():
                try:
                    with Smtp(p, user=p.env["CONGVU_USER1"]) as s:
                        return send(s, p, "thu tu %d" % n)[0] == 250
                except (AssertionError, OSError):
                    return False
            assert eventually(deliver), order
            with Imap(p, user=p.env["CONGVU_USER2"]) as c:
                assert c.command("SELECT INBOX")[0].startswith("OK")
                assert eventually(lambda: re.search(rb"\* SEARCH \d", c.command('SEARCH SUBJECT "thu tu %d"' % n)[1]))
            if n == 0:
                a_second_server_is_refused(p, running)
                stop_is_polite(p, running)
                sockets_are_passed_in(p, running)
            for name in list(running):
                assert running.pop(name).stop() < 15
    finally:
        for m in running.values():
            m.close()
        directory.terminate()
        ended(directory)


def a_second_server_is_refused(p, running):
    for name in BOTH:
        done = subprocess.run([p.program(name), "-c", p.env["CONGVU_CONF"]], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        assert done.returncode == 1, done.stdout
        assert "is in use; does another server run?" in done.stdout or "another one is running" in done.stdout, done.stdout
        assert running[name].process.poll() is None


def sockets_are_passed_in(p, running):
    """A client that knocked before the server was there is served; what nobody names is an error in the log."""
    listening = [socket.socket() for _ in range(2)]
    for s, port in zip(listening, (p.port("SMTP"), p.port_base + 13)):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(16)
    early = socket.create_connection(("127.0.0.1", p.port("SMTP")), 10)
    seen = len(log_of(p, "smtpd"))
    fds = tuple(s.fileno() for s in listening)
    pass_on = ("import fcntl, os, sys\n"
               "high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in %r]\n"
               "for n, fd in enumerate(high):\n    os.dup2(fd, 3 + n)\n"
               "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)))\n"
               "os.execv(sys.argv[1], sys.argv[1:])\n" % (fds,))
    running["smtpd"] = Manager(p, "smtpd", [sys.executable, "-c", pass_on], fds)
    early.settimeout(PATIENCE_S)
    assert early.recv(100).startswith(b"220 ")
    assert eventually(lambda: running["smtpd"].told("READY=1"))
    assert "no listener has the place of this passed socket" in log_of(p, "smtpd")[seen:]
    running.pop("smtpd").process.terminate()
    assert early.recv(100).startswith(b"421 ")
    early.close()
    for s in listening:
        s.close()


def stop_is_polite(p, running):
    """Idle clients hear 421 and BYE; a message whose text is coming is still taken; all in bounded time."""
    user = p.env["CONGVU_USER1"]
    with Smtp(p, user=user) as idle, Smtp(p, user=user) as busy, Imap(p, user=user) as quiet:
        assert busy.command("MAIL FROM:<%s>" % user)[0] == 250 and busy.command("RCPT TO:<%s>" % user)[0] == 250
        assert busy.command("DATA")[0] == 354
        running["smtpd"].process.terminate()
        assert idle.reply()[0] == 421 and idle.closed()
        busy.send(header(user, user, "cuoi") + b"\r\nhet\r\n.\r\n")
        assert busy.reply()[0] == 250
    assert running.pop("smtpd").stop() < 10
    with Imap(p, user=user) as quiet, Imap(p, user=user) as busy, Imap(p, user=user) as idle:
        assert quiet.command("SELECT INBOX")[0].startswith("OK")
        assert idle.command("SELECT INBOX")[0].startswith("OK")
        idle.send(b"i IDLE\r\n")
        assert idle.line().startswith(b"+")
        text = header(user, user, "cuoi") + b"\r\nhet\r\n"
        busy.send(b"a APPEND INBOX {%d}\r\n" % len(text))
        assert busy.line().startswith(b"+")
        busy.send(text[:50])
        running["imapd"].process.terminate()
        for c in (quiet, idle):
            assert c.line().startswith(b"* BYE") and c.line() == b""
        busy.send(text[50:] + b"\r\n")
        assert busy.line().startswith(b"a OK [APPENDUID") and busy.line().startswith(b"* BYE")
    assert running.pop("imapd").stop() < 6


def main():
    with Province(25600, "--signing", "mark") as p:
        sys.exit(run((reload_drops_nobody, many_reloads_drop_nobody, new_values_hold_for_new_sessions,
                      a_bad_file_changes_nothing,
                      a_listener_comes_and_goes, certificates_are_replaced, tls_sessions_resume_after_a_reload,
                      a_killed_worker_loses_only_its_sessions, limits_hold_over_all_workers, a_killed_relay_gives_its_mail_back,
                      out_of_descriptors, out_of_memory, start_in_any_order), p))


if __name__ == "__main__":
    main()
