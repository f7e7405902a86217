# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Faults: signals in patterns, and a liar between a program and those who ask it."""
import array
import os
import random
import selectors
import signal
import socket
import struct
import threading
import time

from harness import join

FRAME_MAX, FDS_MAX = 65536, 4
HEADER = struct.Struct("<BBHIi")	# version, flags, code, id, status


def stop_for(pids, seconds):
    """Nobody answers, and nobody is gone."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


def slow_for(pids, seconds, stopped=0.25, running=0.05):
    """A machine that has hardly any time for these processes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stop_for(pids, stopped)
        time.sleep(running)


def receive(sock):
    """(frame, descriptors); b"" at the end."""
    fds = array.array("i")
    data, ancillary, _, _ = sock.recvmsg(FRAME_MAX, socket.CMSG_SPACE(FDS_MAX * fds.itemsize))
    for level, kind, octets in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(octets[:len(octets) - len(octets) % fds.itemsize])
    return data, list(fds)


def pass_on(sock, data, fds):
    try:
        sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
    finally:
        for fd in fds:
            os.close(fd)


class Liar:
    """Sits at a service's sockets, passes questions on, and gives answers that no service would give.

    The lies are of form, never a well-formed wrong verdict: nothing helps against that but the guards of the asker.
    """

    def __init__(self, run_dir, service, seed=1):
        self.paths = [os.path.join(run_dir, n) for n in os.listdir(run_dir)
                      if n.startswith(service + ".") and n.endswith(".sock")]
        self.rng, self.lies, self.stopping = random.Random(seed), 0, threading.Event()
        self.listeners, self.threads = [], []

    def __enter__(self):
        for path in self.paths:
            os.rename(path, path + ".real")
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.bind(path)
            real = os.stat(path + ".real")	# whoever may use the real one
            os.chown(path, real.st_uid, real.st_gid)
            os.chmod(path, real.st_mode & 0o7777)
            s.listen(64)
            self.listeners.append((s, path))
            self.begin(self.accept, s, path)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for s, path in self.listeners:
            os.rename(path + ".real", path)
        join(*self.threads)
        for s, _ in self.listeners:
            s.close()

    def begin(self, fn, *args):
        t = threading.Thread(target=fn, args=args, daemon=True)
        t.start()
        self.threads.append(t)

    def accept(self, s, path):
        s.settimeout(0.2)
        while not self.stopping.is_set():
            try:
                client = s.accept()[0]
            except OSError:
                continue
            server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for side in (client, server):
                side.settimeout(20)  # who does not read must not keep us
            try:
                server.connect(path + ".real")
                self.begin(self.talk, client, server)
            except OSError:
                client.close()
                server.close()

    def talk(self, client, server):
        with client, server, selectors.DefaultSelector() as both:
            both.register(client, selectors.EVENT_READ)
            both.register(server, selectors.EVENT_READ)
            while not self.stopping.is_set():
                for key, _ in both.select(0.2):
                    try:
                        data, fds = receive(key.fileobj)
                        if not data:
                            return
                        if key.fileobj is client:
                            pass_on(server, data, fds)
                        else:
                            self.lie(client, data, fds)
                    except OSError:
                        return

    def lie(self, client, data, fds):
        version, flags, code, number, status = HEADER.unpack_from(data)
        body, rng = data[HEADER.size:], self.rng
        self.lies += 1
        head = (version, flags, code, number, status)
        choice = rng.randrange(12)
        if choice == 0:		# another version
            head = (version + 1, flags, code, number, status)
        elif choice == 1:	# an answer to something else
            head = (version, flags, code ^ 1, number, status)
        elif choice == 2:	# to nobody
            head = (version, flags, code, number + 1000000, status)
        elif choice == 3:	# a status that does not exist
            head = (version, flags, code, number, rng.randint(1, 1 << 30))
        elif choice == 4:	# the body said to be in a descriptor
            head = (version, flags | 1, code, number, status)
        elif choice == 5:
            body = b""
        elif choice == 6:
            body = body[:rng.randrange(max(1, len(body)))]
        elif choice == 7:
            body += rng.randbytes(rng.randint(1, 100))
        elif choice == 8:
            body = rng.randbytes(rng.randint(1, 3000))
        elif choice == 9:	# without what it refers to
            for fd in fds:
                os.close(fd)
            fds = []
        elif choice == 10:	# not even a header
            pass_on(client, rng.randbytes(rng.randint(1, HEADER.size - 1)), fds)
            return
        elif choice == 11:	# and goodbye
            for fd in fds:
                os.close(fd)
            raise ConnectionResetError
        if choice == 9 and status == 0 and not body:
            head = (version, flags, code, number, 77)
        pass_on(client, HEADER.pack(*head) + body, fds)
