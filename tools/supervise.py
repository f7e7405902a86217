#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tools/supervise.py DIR: keep the programs of a private province running, as systemd would.

DIR/services.json: [{"name", "argv", "env", "wait"}]; in that order they are started, in the reverse order
stopped by SIGTERM. One that dies is started again, with back-off when it dies at once. The process ids of
those with "congvu": true stand in the CONGVU_PIDS line of DIR/env, rewritten at each change. Output
goes to DIR/log/NAME.log. CONGVU_RESTART_MAX_S in the environment is the longest back-off (default 3).
"""
import ctypes
import json
import os
import signal
import subprocess
import sys
import time

STABLE_S = 5.0
BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = float(os.environ.get("CONGVU_RESTART_MAX_S", "3"))
STOP_S = 60.0


def die_with_me():
    """In the child: end when the supervisor does, however it ends (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Service:
    def __init__(self, top, row):
        self.name, self.argv = row["name"], row["argv"]
        self.env = dict(os.environ, **row.get("env", {}))
        self.congvu = row.get("congvu", False)
        self.log = os.path.join(top, "log", self.name + ".log")
        self.process, self.started, self.due, self.backoff = None, 0.0, 0.0, BACKOFF_MIN_S

    def start(self):
        with open(self.log, "ab", buffering=0) as log:
            try:
                self.process = subprocess.Popen(self.argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, start_new_session=True, preexec_fn=die_with_me)
            except OSError as e:
                sys.stderr.write("%s: %s\n" % (self.argv[0], e))
        self.started = time.monotonic()

    def look(self):
        """True if something changed."""
        now = time.monotonic()
        if self.process is not None:
            if self.process.poll() is None:
                return False
            self.backoff = BACKOFF_MIN_S if now - self.started > STABLE_S else min(self.backoff * 2, BACKOFF_MAX_S)
            self.process, self.due = None, now + min(self.backoff, BACKOFF_MAX_S)
            return True
        if now >= self.due:
            self.due = now + max(BACKOFF_MAX_S, 1.0)
            self.start()
            return True
        return False

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            sys.stderr.write("%s: does not end at SIGTERM\n" % self.name)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            sys.stderr.write("%s: does not end at SIGKILL\n" % self.name)


def write_pids(top, services):
    path = os.path.join(top, "env")
    with open(path) as f:
        lines = [line for line in f if not line.startswith("CONGVU_PIDS=")]
    pids = " ".join("%s:%d" % (s.name, s.process.pid) for s in services if s.congvu and s.process is not None)
    lines.append('CONGVU_PIDS="%s"\n' % pids)
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.writelines(lines)
    os.rename(path + ".new", path)


def main():
    top = sys.argv[1]
    with open(os.path.join(top, "services.json")) as f:
        services = [Service(top, row) for row in json.load(f)]
    stopping = []
    signal.pthread_sigmask(signal.SIG_SETMASK, ())	# what our parent keeps from us is not kept from them
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(s, lambda *_: stopping.append(1))
    with open(os.path.join(top, "supervisor.pid"), "w") as f:
        f.write("%d\n" % os.getpid())
    for s in services:
        s.start()
    write_pids(top, services)
    changed = False
    while not stopping:
        changed = any([s.look() for s in services]) or changed
        if changed:
            try:
                write_pids(top, services)
                changed = False
            except OSError:	# a full disk: again at the next look
                pass
        time.sleep(0.1)
    for s in reversed(services):
        s.stop()
    os.unlink(os.path.join(top, "supervisor.pid"))


if __name__ == "__main__":
    main()
