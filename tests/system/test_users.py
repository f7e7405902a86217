#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""In a province that root started: every process is the user of its role, and that user reaches no socket and no file
of another. What the sandboxes close besides is left out here on purpose."""
import json
import os
import re
import stat
import subprocess
import sys

from harness import Imap, Province, Smtp, alive, eventually, header, run
import users

ROLES = ("smtpd", "relay", "imapd-internal", "imapd-internet", "directoryd", "keyd", "policyd", "mailstored", "metricsd", "trust")
IMAPD = ("imapd-internal", "imapd-internet")
STORE_GROUP, ADMIN_GROUP = 59881, 59882

# Run as the user: which of the paths of standard input can be connected to, read, written; listed or entered.
PROBE = """
import json, os, socket, stat, sys
can = {"connect": [], "read": [], "write": []}
for path, kind in json.load(sys.stdin):
    if kind == "socket":
        for how in (socket.SOCK_SEQPACKET, socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_UNIX, how) as s:
                try:
                    s.connect(path)
                    can["connect"].append(path)
                    break
                except OSError:
                    pass
        continue
    for word, flags in (("read", os.O_RDONLY), ("write", os.O_WRONLY)):
        try:
            os.close(os.open(path, flags))
            can[word].append(path)
        except OSError:
            pass
    if kind == "folder" and os.access(path, os.W_OK | os.X_OK):
        can["write"].append(path)
json.dump(can, sys.stdout)
"""


def things(p):
    out = []
    for top in ("run", "state", "ldap", "pki", "log"):
        for at, dirs, names in os.walk(os.path.join(p.dir, top)):
            for name in dirs + names:
                path = os.path.join(at, name)
                mode = os.lstat(path).st_mode
                out.append((path, "socket" if stat.S_ISSOCK(mode) else "folder" if stat.S_ISDIR(mode) else "file"))
    return out


def probe(p, role):
    uid = users.uid(role)
    groups = "--groups=%d" % STORE_GROUP if role in IMAPD else "--clear-groups"
    done = subprocess.run(["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, groups, "/usr/bin/python3", "-c", PROBE],
                          input=json.dumps(things(p)), stdout=subprocess.PIPE, text=True, check=True, cwd="/")
    return {word: {os.path.relpath(path, p.dir) for path in paths} for word, paths in json.loads(done.stdout).items()}


def only(found, *patterns):
    """What is found beyond the patterns."""
    return sorted(f for f in found if not any(re.fullmatch(x, f) for x in patterns))


def sockets_are_for_one_role(p):
    for role in ROLES:
        got = probe(p, role)["connect"]
        watch = [r"run/watch/.*"] if role == "mailstored" else [
            os.path.relpath(path, p.dir) for path, kind in things(p)
            if kind == "socket" and role in IMAPD and "/watch/" in path and os.lstat(path).st_uid == users.uid(role)]
        assert only(got, r"run/\w+\.%s\.sock" % role, *watch) == [], (role, only(got))
        asked = {"smtpd": 3, "relay": 2, "trust": 1, "imapd-internal": 4, "imapd-internet": 4, "directoryd": 1, "mailstored": 1}
        served = [s for s in got if s.endswith(".sock")]
        assert len(served) >= asked.get(role, 0), (role, served)
    assert "run/store.imapd-internal.sock" not in probe(p, "imapd-internet")["connect"]
    assert "run/directory.imapd-internal.sock" not in probe(p, "imapd-internet")["connect"]


def files_are_their_owners(p):
    reads = {"directoryd": [r"ldap/service\.password"], "keyd": [r"state/keys(/.*)?"],
             "mailstored": [r"state/store(/.*)?", r"run/watch", r"run/store\.generations"]}
    writes = {"trust": [r"pki/crls"], "keyd": [r"state/keys(/.*)?"],
              "mailstored": [r"state/store(/.*)?", r"run/watch", r"run/store\.generations"]}
    for role in IMAPD:
        reads[role] = [r"state/store", r"state/store/(index|seg)(/.*)?", r"run/watch", r"run/store\.generations"]
        writes[role] = [r"state/store/index/lock\.mdb", r"run/watch"]
    writes["directoryd"] = reads["directoryd"]
    for role in ROLES:
        got = probe(p, role)
        public = [r"pki/(ca\.pem|crls(/.*)?)", r"run/metrics(/\w+)?", r"\w+/\w+\.pid"]	# figures are for all to see
        assert only(got["read"], *public, *reads.get(role, [])) == [], (role, only(got["read"], *public, *reads.get(role, [])))
        assert only(got["write"], *writes.get(role, [])) == [], (role, only(got["write"], *writes.get(role, [])))
    assert "state/store/index/data.mdb" in probe(p, "imapd-internet")["read"]
    assert "state/keys/master.key" in probe(p, "keyd")["read"]


def pids(p, program):
    with open(os.path.join(p.dir, "run", program + ".pid")) as f:
        todo, out = [int(f.read())], []
    while todo:
        pid = todo.pop()
        out.append(pid)
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            todo += [int(c) for c in f.read().split()]
    return out


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def descriptors(pid):
    return [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]


def processes_are_their_users(p):
    parents = {"smtpd", "imapd"}
    wanted = {"smtpd": {"smtpd", "relay"}, "imapd": set(IMAPD), "directoryd": {"directoryd", "keyd"}, "policyd": {"policyd"},
              "mailstored": {"mailstored"}, "metricsd": {"metricsd"}}
    for program, roles in wanted.items():
        found = set()
        for n, pid in enumerate(pids(p, program)):
            s = status(pid)
            uid = int(s["Uid"].split()[0])
            assert n == 0 or not [f for f in descriptors(pid) if f.endswith(".pid")], (program, pid, descriptors(pid))
            assert len(set(s["Uid"].split())) == 1 and len(set(s["Gid"].split())) == 1, (program, s["Uid"])
            if n == 0 and program in parents:
                assert uid == 0 and int(s["CapPrm"], 16) == 0x4e1 == int(s["CapBnd"], 16), (program, s["CapPrm"])
                assert s["NoNewPrivs"] == "1"
                continue
            assert uid != 0 and int(s["CapPrm"], 16) == 0 == int(s["CapEff"], 16), (program, s["CapPrm"])
            groups = {int(g) for g in s["Groups"].split()}
            assert groups <= {STORE_GROUP} and (groups == {STORE_GROUP}) == (program == "imapd"), (program, groups)
            found.add(uid)
        assert found == {users.uid(r) for r in roles}, (program, found)


def administrators_need_not_be_root(p):
    for gid, answers in ((ADMIN_GROUP, True), (59900, False)):
        done = subprocess.run(["setpriv", "--reuid=59899", "--regid=%d" % gid, "--clear-groups", p.env["CONGVU_CTL"], "-c",
                               p.env["CONGVU_CONF"], "queue", "list"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert (done.returncode == 0) == answers, (gid, done.stdout)


def children_end_with_their_parent(p):
    """Whatever its user: nobody is left behind, and all come back."""
    for program in ("directoryd", "smtpd", "imapd"):
        before = pids(p, program)
        os.kill(before[0], 9)
        assert eventually(lambda: not any(map(alive, before))), program

        def back():
            try:
                return len(pids(p, program)) == len(before)
            except (OSError, ValueError):  # the file of the one that is gone, or a child that goes
                return False
        assert eventually(back), program
    user = p.env["CONGVU_USER1"]
    def works():
        try:
            with Imap(p, user=user) as c, Smtp(p, user=user) as s:
                return c.command("SELECT INBOX")[0].startswith("OK") and s.command("NOOP")[0] == 250
        except (OSError, AssertionError):
            return False
    assert eventually(works)


def root_must_name_users(p):
    """Without the section, a program that root starts says which key it misses."""
    path = os.path.join(p.dir, "nobody.conf")
    with open(p.env["CONGVU_CONF"]) as f:
        text = re.sub(r"(?s)\nuser \{.*?\}\n", "\n", f.read())
    with open(path, "w") as f:
        f.write(re.sub(r'run-dir = ".*"', 'run-dir = "%s/other"' % p.dir, text))
    os.makedirs(p.dir + "/other", mode=0o711, exist_ok=True)
    for program, key in (("mailstored", "mailstored"), ("policyd", "policyd"), ("directoryd", "directoryd"),
                         ("smtpd", "smtpd"), ("imapd", "imapd-internal"), ("metricsd", "metricsd")):
        folder = {"mailstored": "mailstore", "policyd": "policy", "directoryd": "directory", "metricsd": "control"}
        build = os.path.dirname(os.path.dirname(p.env["CONGVU_CTL"]))
        done = subprocess.run([os.path.join(build, folder.get(program, program), program), "-c", path],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        assert done.returncode != 0 and "user: %s: is missing" % key in done.stdout, (program, done.stdout)


def main():
    if os.geteuid() != 0:
        print("skip users: only root can become others")
        return 0
    with Province(26500) as p:
        user = p.env["CONGVU_USER1"]
        with Smtp(p, "SMTP", tls=False) as s:
            assert s.message("x@khac.example", [user], header("x@khac.example", user) + b"\r\nthu\r\n")[0] == 250
        return 1 if run([processes_are_their_users, sockets_are_for_one_role, files_are_their_owners,
                         administrators_need_not_be_root, root_must_name_users, children_end_with_their_parent], p) else 0


if __name__ == "__main__":
    sys.exit(main())
