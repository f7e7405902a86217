# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What the system tests share: a province of their own, raw SMTP and IMAP peers, and the count at the end."""
import base64
import faulthandler
import itertools
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))


LIMIT_S = 3000 if "--long" in sys.argv else 300		# for one test, or for what comes before and after them
CLEANUP_S = 60


class OutOfTime(BaseException):
    """The test was told to end (./check has a deadline for each program), or took longer than limit() gives it: no test
    catches this, every province still ends."""


def out_of_time(number, _):
    faulthandler.dump_traceback()  # what the other threads wait for
    signal.alarm(CLEANUP_S)  # what is done on the way out may wait, too
    raise OutOfTime("told to end" if number == signal.SIGTERM else "waits for ever")


def limit(seconds=LIMIT_S):
    """From now on."""
    signal.alarm(seconds)


# Whoever started us may have kept signals from us, which all that we start would inherit: slapd, told to end, would not.
signal.pthread_sigmask(signal.SIG_SETMASK, ())
for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, out_of_time)
signal.signal(signal.SIGALRM, out_of_time)
limit()
os.umask(0o022)		# programs of other users find what we make
# Nor does a proxy know our servers.
for name in ("no_proxy", "NO_PROXY"):
    os.environ[name] = ",".join(filter(None, ("localhost,127.0.0.1,::1", os.environ.get(name))))


def join(*threads, seconds=120):
    """Wait for their end, but not for ever."""
    end = time.monotonic() + seconds
    for t in threads:
        t.join(max(0.0, end - time.monotonic()))
    stuck = [t.name for t in threads if t.is_alive()]
    if stuck:
        faulthandler.dump_traceback()
        raise AssertionError("do not end within %d s: %s" % (seconds, ", ".join(stuck)))


def ended(process, seconds=60):
    """Wait for a process that was told to end; one that does not is killed, and that is a failure."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)
        raise AssertionError("%s does not end" % process.args[0]) from None


FOLDERS = {"smtpd": "smtpd", "imapd": "imapd", "directoryd": "directory", "policyd": "policy",
           "mailstored": "mailstore", "congvuctl": "control", "metricsd": "control", "congvu-trust": "policy/fetch"}


class Province:
    """./demo in a folder of its own; use it in a with statement."""

    def __init__(self, port_base, *options, directory=None):
        self.made = directory is None
        self.dir = directory or tempfile.mkdtemp(prefix="congvu-test-")
        self.port_base, self.options = port_base, options

    def __enter__(self):
        subprocess.run([os.path.join(TOP, "demo"), "--dir", self.dir, "--port-base", str(self.port_base),
                        "--no-scenario", "--detach"] + list(self.options), check=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S)
        self.read_env()
        self.context = ssl.create_default_context(cafile=self.env["CONGVU_CA"])
        return self

    def __exit__(self, *_):
        if sys.exc_info()[0] is not None:
            self.show_logs()
        subprocess.run([os.path.join(TOP, "demo"), "--stop", "--dir", self.dir], check=False, timeout=LIMIT_S)
        if self.made:
            shutil.rmtree(self.dir, ignore_errors=True)

    def read_env(self):
        env = {}
        with open(os.path.join(self.dir, "env")) as f:
            for line in f:
                name, _, value = line.rstrip("\n").partition("=")
                env[name] = " ".join(shlex.split(value))
        self.env = env

    def show_logs(self):
        logs = os.path.join(self.dir, "log")
        for name in sorted(os.listdir(logs)):
            with open(os.path.join(logs, name), errors="replace") as f:
                tail = f.readlines()[-8:]
            print("--- %s\n%s" % (name, "".join(tail)))

    def pid(self, program):
        self.read_env()
        for word in self.env["CONGVU_PIDS"].split():
            name, _, pid = word.partition(":")
            if name == program:
                return int(pid)
        return None

    def relay(self):
        """The process id of the relay, from its parent's words; None."""
        with open(os.path.join(self.dir, "log", "smtpd.log"), errors="replace") as f:
            said = re.findall(r'ev=worker-started role="relay" child=(\d+)', f.read())
        return next((int(pid) for pid in reversed(said) if alive(int(pid)) and parent(pid) == self.pid("smtpd")), None)

    def program(self, name):
        """Path of a program in the build that runs here."""
        build = os.path.dirname(os.path.dirname(self.env["CONGVU_CTL"]))
        return os.path.join(build, FOLDERS[name], name)

    def port(self, name):
        return int(self.env["CONGVU_%s_PORT" % name])

    def connect(self, name, tls):
        raw = socket.create_connection(("127.0.0.1", self.port(name)), 10)
        raw.settimeout(60)
        return self.context.wrap_socket(raw, server_hostname="localhost") if tls else raw

    def ctl(self, *words):
        return subprocess.run([self.env["CONGVU_CTL"], "-c", self.env["CONGVU_CONF"]] + list(words),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Smtp:
    """An SMTP client that sends just what it is told."""

    def __init__(self, province, name="SUBMISSIONS", tls=True, user=None, greet=True):
        self.sock = province.connect(name, tls)
        self.file = self.sock.makefile("rb")
        if not greet:
            return
        assert self.reply()[0] == 220
        self.command("EHLO client.example")
        if user is not None:
            raw = "\0%s\0%s" % (user, province.env["CONGVU_PASS"])
            code, text = self.command("AUTH PLAIN " + base64.b64encode(raw.encode()).decode())
            assert code == 235, text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()  # or the connection stays open until this object goes
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def reply(self):
        """(code, text); (0, "") when the server has closed."""
        text = []
        while True:
            try:
                line = self.file.readline(8192)
            except OSError:
                return 0, " ".join(text)
            if not line:
                return 0, " ".join(text)
            text.append(line[4:].decode("utf-8", "replace").strip())
            if line[3:4] != b"-":
                return int(line[:3]), " ".join(text)

    def command(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def closed(self):
        return self.reply()[0] == 0

    def message(self, sender, to, data, end=b"\r\n.\r\n"):
        """Envelope and data; the reply to the first step that is refused, else to the data."""
        for line in ["MAIL FROM:<%s>" % sender] + ["RCPT TO:<%s>" % t for t in to] + ["DATA"]:
            code, text = self.command(line)
            if code >= 400 or code == 0:
                return code, text
        self.send(data + end)
        return self.reply()


class Imap:
    """An IMAP client that sends just what it is told."""

    def __init__(self, province, name="IMAPS", tls=True, user=None):
        self.sock = province.connect(name, tls)
        self.file = self.sock.makefile("rb")
        self.greeting = self.line()
        self.n = 0
        if user is not None:
            status, _ = self.command('LOGIN "%s" "%s"' % (user, province.env["CONGVU_PASS"]))
            assert status.startswith("OK"), status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()  # or the connection stays open until this object goes
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def line(self):
        try:
            return self.file.readline(1 << 20)
        except OSError:
            return b""

    def until(self, start):
        """The first line that begins so."""
        while not (line := self.line()).startswith(start):
            assert line, "closed before %r" % start
        return line

    def command(self, text):
        """(status text of the tagged reply, untagged octets); ("", ...) when the server closed."""
        self.n += 1
        tag = b"t%d" % self.n
        self.send(tag + b" " + text.encode() + b"\r\n")
        got = []
        while True:
            line = self.line()
            if not line or line.startswith(tag + b" "):
                return line[len(tag) + 1:].decode("utf-8", "replace").strip(), b"".join(got)
            got.append(line)


def header(sender, to, subject="thu"):
    return ("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: Sun, 22 Nov 2026 10:00:00 +0700\r\n"
            "Message-ID: <%f@test.example>\r\n" % (sender, to, subject, time.monotonic())).encode()


# For a state that comes sooner or later, also on a slow machine; with a check off, what is waited for may never come.
PATIENCE_S = 20.0 if "CONGVU_CONTROL_OFF" in os.environ else 60.0


def eventually(check, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


class MachineClock(threading.Thread):
    """Seconds of a machine that has time for us: on one that starts processes or writes to its disk slowly, or is busy with
    something else, this clock goes as much slower. What is to happen within so many seconds is measured by it."""

    TICK_S, WRITE_EVERY = 0.1, 8

    def __init__(self):
        super().__init__(daemon=True)
        self.seconds, self.lock, self.last = 0.0, threading.Lock(), time.monotonic()
        self.start()

    def run(self):
        with tempfile.TemporaryFile() as f:
            for n in itertools.count():
                time.sleep(self.TICK_S)
                subprocess.run(["true"], check=False)
                if n % self.WRITE_EVERY == 0:
                    f.write(bytes(4096))
                    f.flush()
                    os.fsync(f.fileno())
                with self.lock:
                    self.seconds, self.last = self.seconds + self.part(), time.monotonic()

    def part(self):
        """Of the tick that goes on, no more than it takes elsewhere."""
        return min(time.monotonic() - self.last, 1.3 * self.TICK_S)

    def now(self):
        with self.lock:
            return self.seconds + self.part()


def parent(pid):
    """None: it is gone."""
    try:
        with open("/proc/%s/stat" % pid) as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def alive(pid):
    """A zombie is not, whoever has not fetched it."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def memory_peak_kb(pid):
    """VmHWM of the process and all its descendants, added up."""
    total, todo = 0, [pid]
    while todo:
        p = todo.pop()
        try:
            with open("/proc/%d/status" % p) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))
            with open("/proc/%d/task/%d/children" % (p, p)) as f:
                todo += [int(c) for c in f.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def chosen(tests):
    """Those that the command line names, or all; options name none."""
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    return [t for t in tests if not names or t.__name__ in names]


def run(tests, *arguments):
    """Call each test with the arguments; print the closing line; how many failed, and no test at all is a failure."""
    failed = 0 if tests else 1
    for test in tests:
        try:
            limit()
            test(*arguments)
            print("ok   " + test.__name__)
        except (Exception, OutOfTime) as e:
            failed += 1
            print("FAIL " + test.__name__)
            traceback.print_exc(file=sys.stdout)
            if str(e) == "told to end":
                raise
        sys.stdout.flush()
    limit()
    print("%d passed, %d failed" % (max(len(tests) - failed, 0), failed))
    return failed
