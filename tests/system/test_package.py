#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""The systemd units and the Debian package.

Always: the units are valid and closed, their filter lets through what our sandboxes let through; the package builds
from this tree, has what it should with the right modes, and lintian finds no error. With --long, as root: it is installed in a
throw-away Debian (debootstrap), does not start by itself, starts under the limits of its units when configured,
is booted with systemd-nspawn, is removed and purged, and nothing is left but mail.
"""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from harness import LIMIT_S, eventually, limit, run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = ("directoryd", "policyd", "mailstored", "smtpd", "imapd", "metricsd")
JOBS = ("congvu-trust",)	# start, do something, and end
EXPOSURE_MAX = 30		# of 100, see systemd-analyze(1)
HERE = tempfile.mkdtemp(prefix="congvu-package-")
DEB = []


def output(*argv, ok=True, **kw):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    assert not ok or p.returncode == 0, "%s: %s" % (" ".join(argv), p.stdout[-3000:])
    return p.stdout


# ---- units ----

def units():
    """Copies whose programs are there, since verify looks for them."""
    folder = os.path.join(HERE, "units")
    os.makedirs(folder, exist_ok=True)
    for name in glob.glob(os.path.join(TOP, "systemd", "*.service.in")) + [
            os.path.join(TOP, "systemd", n) for n in ["congvu.target"] + [j + ".timer" for j in JOBS]]:
        with open(name) as f:
            text = re.sub(r"@sbindir@/[\w-]+", "/bin/true", f.read())
        with open(os.path.join(folder, os.path.basename(name).replace(".in", "")), "w") as f:
            f.write(text)
    return sorted(glob.glob(folder + "/*"))


def units_are_valid_and_closed():
    paths = units()
    assert len(paths) == len(PROGRAMS) + 1 + 2 * len(JOBS), paths
    assert output("systemd-analyze", "verify", "--man=no", *paths) == ""
    for path in paths:
        if path.endswith(".service"):
            output("systemd-analyze", "security", "--offline=yes", "--threshold=%d" % EXPOSURE_MAX, path)


def calls_of(group):
    calls = set()
    for line in output("systemd-analyze", "syscall-filter", group).splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= calls_of(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def filters_do_not_contradict_our_sandboxes():
    with open(os.path.join(TOP, "common/sandbox_seccomp.c")) as f:
        table = f.read().split("allowed[] = {")[1].split("};")[0]
    ours = {name for groups, name in re.findall(r'\{ ([A-Z_| ]+), "(\w+)" \}', table) if "SANITIZER" not in groups}
    assert len(ours) > 100
    for path in units():
        if not path.endswith(".service"):
            continue
        with open(path) as f:
            words = re.search(r"(?m)^SystemCallFilter=(.*)$", f.read()).group(1).split()
        allowed = set().union(*(calls_of(w) if w.startswith("@") else {w} for w in words))
        assert ours <= allowed, (path, sorted(ours - allowed))


# ---- the package ----

def it_builds():
    limit(max(LIMIT_S, 540))	# everything is compiled
    output(os.path.join(TOP, "packaging/build-deb"), HERE, stdin=subprocess.DEVNULL)
    DEB.extend(glob.glob(HERE + "/congvu_*.deb"))
    assert len(DEB) == 1, DEB


def it_has_what_it_should():
    listed = {}
    for line in output("dpkg-deb", "-c", DEB[0]).splitlines():
        mode, owner, _, _, _, path = line.split(None, 5)
        listed[path.lstrip(".").split(" -> ")[0]] = (mode, owner)
    wanted = ["/usr/libexec/congvu/" + p for p in PROGRAMS + JOBS] + ["/usr/bin/congvuctl"]
    for path in wanted:
        assert listed[path][0] == "-rwxr-xr-x", (path, listed.get(path))
    data = ["/lib/systemd/system/congvu-%s.service" % p for p in PROGRAMS] + [
        "/lib/systemd/system/%s.%s" % (j, kind) for j in JOBS for kind in ("service", "timer")] + [
        "/lib/systemd/system/congvu.target", "/usr/lib/sysusers.d/congvu.conf", "/usr/lib/tmpfiles.d/congvu.conf",
        "/etc/congvu/congvu.conf", "/usr/share/congvu/schema/congvu.ldif", "/usr/share/congvu/schema/congvu.schema",
        "/usr/share/doc/congvu/copyright"]
    pages = [os.path.basename(p) for p in glob.glob(os.path.join(TOP, "doc/man/*.[5-8]"))]
    data += ["/usr/share/man/man%s/%s.gz" % (p[-1], p) for p in pages]
    for path in data:
        assert listed[path][0] == "-rw-r--r--", (path, listed.get(path))
    assert all(owner == "root/root" for _, owner in listed.values())
    assert not [p for p, (mode, _) in listed.items() if "s" in mode or "t" in mode or mode[8] == "w"]
    assert not [p for p in listed if p.startswith(("/var", "/run", "/usr/local"))]
    assert output("dpkg-deb", "-I", DEB[0], "conffiles").split() == ["/etc/congvu/congvu.conf"]


def lintian_finds_no_error():
    output("lintian", "--fail-on", "error", "--allow-root", "--no-tag-display-limit", DEB[0])


def the_example_lacks_only_the_rule_set():
    root = os.path.join(HERE, "unpacked")
    output("dpkg-deb", "-x", DEB[0], root)
    conf = os.path.join(root, "etc/congvu/congvu.conf")
    said = output(os.path.join(root, "usr/bin/congvuctl"), "-c", conf, "config", "check", ok=False)
    assert len([line for line in said.splitlines() if "No such file" not in line and ".conf" in line]) == 1, said
    assert "profile: is missing" in said, said
    with open(conf) as f:
        text = f.read()
    with open(conf, "w") as f:
        f.write(text.replace("#profile = open", "profile = open"))
    said = output(os.path.join(root, "usr/bin/congvuctl"), "-c", conf, "config", "check", ok=False)
    assert said and all("No such file" in line for line in said.splitlines() if line), said


# ---- installed ----

def mirror():
    """Where this machine has its own packages from."""
    uris = output("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: bookworm", "Component: main")
    return os.environ.get("CONGVU_MIRROR") or uris.split()[0]


class Debian:
    """A throw-away one, in a folder."""

    def __init__(self):
        self.root = os.path.join(HERE, "debian")

    def make(self):
        output("debootstrap", "--variant=minbase", "bookworm", self.root, mirror())
        with open(os.path.join(self.root, "usr/sbin/policy-rc.d"), "w") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(f.name, 0o755)
        shutil.copy(DEB[0], os.path.join(self.root, "var/tmp/congvu.deb"))
        if os.path.exists("/etc/apt/apt.conf.d"):
            for name in glob.glob("/etc/apt/apt.conf.d/*proxy*"):
                shutil.copy(name, os.path.join(self.root, "etc/apt/apt.conf.d"))

    def run(self, *argv, ok=True):
        return output("chroot", self.root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", *argv, ok=ok,
                      stdin=subprocess.DEVNULL)

    def files(self):
        return {os.path.join(at, name)[len(self.root):] for at, dirs, names in os.walk(self.root) for name in names + dirs
                if not at[len(self.root):].startswith(("/proc", "/sys", "/dev", "/var/cache", "/var/lib/apt", "/var/lib/dpkg",
                                                       "/var/log", "/var/tmp", "/tmp", "/root"))}


debian = Debian()


def it_installs_and_starts_nothing():
    debian.make()
    debian.run("apt-get", "-qq", "update")
    depends = output("dpkg-deb", "-f", DEB[0], "Depends")
    names = [re.split(r"[ |(]", d.strip())[0] for d in depends.split(",")]
    names = ["systemd-standalone-sysusers" if n == "systemd" else n for n in names]
    debian.run("apt-get", "-qq", "install", "-y", "--no-install-recommends", *names, "openssl")
    debian.before = debian.files()
    debian.run("dpkg", "-i", "/var/tmp/congvu.deb")
    with open(os.path.join(debian.root, "etc/passwd")) as f:
        passwd = f.read()
    for user in ("smtpd", "relay", "imapd-in", "imapd-out", "directory", "keyd", "policyd", "mailstore", "metricsd", "trust"):
        assert re.search(r"(?m)^congvu-%s:.*(nologin|false)$" % user, passwd), user
    assert not glob.glob(os.path.join(debian.root, "etc/systemd/system/*/congvu*")), "enabled"
    for program in PROGRAMS + JOBS:
        said = debian.run("/usr/libexec/congvu/" + program, "-c", "/etc/congvu/congvu.conf", ok=False)
        assert "profile: is missing" in said, (program, said)


def configure():
    root = debian.root
    path = os.path.join(root, "etc/congvu/congvu.conf")
    with open(path) as f:
        text = f.read()
    text = text.replace("#profile = open", "profile = open").replace("ldaps://ldap.example.gov.vn", "ldap://127.0.0.1:3899")
    text = text.replace('bind-dn = "cn=congvu,ou=services,dc=example,dc=gov,dc=vn"', 'bind-dn = "cn=congvu"')
    for port in ("25", "465", "993"):
        text = text.replace("port = %s\n" % port, "port = 2%04d\n" % int(port))
    with open(path, "w") as f:
        f.write(text + "metrics { port = 20909 }\n")
    for folder in ("tls", "smime/crls"):
        os.makedirs(os.path.join(root, "etc/congvu", folder), exist_ok=True)
    debian.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
               "/etc/congvu/tls/server.key", "-out", "/etc/congvu/tls/server.pem", "-subj", "/CN=mail.example.gov.vn", "-days", "2")
    shutil.copy(os.path.join(root, "etc/congvu/tls/server.pem"), os.path.join(root, "etc/congvu/smime/roots.pem"))
    with open(os.path.join(root, "etc/congvu/ldap.password"), "w") as f:
        f.write("mat khau\n")
    os.chmod(f.name, 0o600)
    debian.run("chown", "congvu-directory", "/etc/congvu/ldap.password")
    debian.run("sh", "-c", "mkdir -m 711 -p /run/congvu /var/lib/congvu")  # RuntimeDirectory=, StateDirectory=
    debian.run("mount", "-t", "proc", "proc", "/proc")


def start(program):
    """As its unit says: the capabilities, no new privileges, umask, limits."""
    with open(os.path.join(debian.root, "lib/systemd/system/congvu-%s.service" % program)) as f:
        unit = dict(line.split("=", 1) for line in f.read().splitlines() if re.match(r"\w+=", line))
    caps = ",".join("+" + c[4:].lower() for c in unit["CapabilityBoundingSet"].split())
    limit = unit["LimitNOFILE"]
    log = open(os.path.join(HERE, program + ".log"), "wb")
    return subprocess.Popen(
        ["chroot", debian.root, "prlimit", "--core=0", "--nofile=" + min(limit, "16384", key=int), "setpriv", "--no-new-privs",
         "--inh-caps=-all", "--bounding-set=-all," + caps, "sh", "-c", "umask %s; exec %s" % (unit["UMask"], unit["ExecStart"])],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def greeting(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.settimeout(5)
            return s.recv(100)
    except OSError:
        return b""


def uids(child):
    found, todo = set(), [child.pid]
    while todo:
        pid = todo.pop()
        with open("/proc/%d/status" % pid) as f:
            found.add(int(re.search(r"(?m)^Uid:\s+(\d+)", f.read()).group(1)))
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            todo += f.read().split()
        todo = [int(p) for p in todo]
    return found


def it_runs_as_its_units_say():
    configure()
    running = {}
    try:
        for program in reversed(PROGRAMS):	# the order must not matter
            running[program] = start(program)
        ready = eventually(lambda: greeting(20025).startswith(b"220 ") and
                           "mailstored" in debian.run("congvuctl", "status", ok=False), 60)
        logs = "".join(open(os.path.join(HERE, p + ".log"), errors="replace").read()[-1500:] for p in PROGRAMS)
        assert ready and all(c.poll() is None for c in running.values()), logs
        assert eventually(lambda: "keyd-up\":true" in debian.run("congvuctl", "status", "--json", ok=False).replace(" ", "")
                          or "keyd" not in debian.run("congvuctl", "status", "--json", ok=False), 30)
        for program, child in running.items():
            as_root = 0 in uids(child)
            assert as_root == (program in ("smtpd", "imapd")), (program, uids(child))
        assert len(uids(running["imapd"]) - {0}) >= 1 and len(uids(running["smtpd"]) - {0}) == 2
    finally:
        for child in running.values():
            child.terminate()
        for program, child in running.items():
            status = child.wait(60)
    for program, child in running.items():
        assert child.returncode == 0, (program, child.returncode, open(os.path.join(HERE, program + ".log")).read()[-1500:])


BOOTED = r"""#!/bin/sh
# In the booted Debian: what happens is told line by line.
exec >/result 2>&1
S="congvu-smtpd congvu-imapd congvu-directoryd congvu-policyd congvu-mailstored congvu-metricsd"
settled() {
	for i in $(seq 150); do
		n=0
		for s in $S; do systemctl -q is-active $s && n=$((n+1)); done
		[ $n = 6 ] && break
		sleep 0.2
	done
	echo "$1 $n"
}
settled active
systemctl reload $S
for i in $(seq 50); do
	n=$(journalctl --no-pager -o cat -u 'congvu*' | grep -c 'ev=reload ')
	[ $n = 6 ] && break
	sleep 0.2
done
echo "reloaded $n"
kill -9 $(systemctl show -p MainPID --value congvu-mailstored)
for i in $(seq 100); do [ "$(systemctl show -p NRestarts --value congvu-mailstored)" = 1 ] && break; sleep 0.2; done
settled again
systemctl stop congvu.target
for s in $S; do echo "$s $(systemctl is-active $s) $(systemctl show -p Result --value $s)"; done
journalctl --no-pager -o cat -u 'congvu*' | grep -E 'sev=alert|sandbox-failed|internal-error what|EPERM|Operation not permitted'
systemctl start congvu.target
settled started
rm -f /usr/sbin/policy-rc.d
dpkg -r congvu >/dev/null && echo "removed, $(pgrep -fc libexec/congvu) run"
dpkg -i /var/tmp/congvu.deb >/dev/null && echo installed
systemctl poweroff -f -f >/dev/null 2>&1
"""

PROBE_UNIT = """[Unit]
DefaultDependencies=no
After=basic.target
[Service]
Type=oneshot
ExecStart=/var/tmp/booted.sh
[Install]
WantedBy=multi-user.target
"""


def it_lives_under_systemd():
    """A real boot: in any order, reloaded, killed, stopped, started, removed while it runs."""
    if shutil.which("systemd-nspawn") is None:
        print("skip booting: there is no systemd-nspawn (package systemd-container)")
        return
    root = debian.root
    debian.run("apt-get", "-qq", "install", "-y", "--no-install-recommends", "systemd-sysv", "dbus")
    debian.run("umount", "/proc", ok=False)
    for path, text, mode in (("var/tmp/booted.sh", BOOTED, 0o755), ("etc/systemd/system/booted.service", PROBE_UNIT, 0o644)):
        with open(os.path.join(root, path), "w") as f:
            f.write(text)
        os.chmod(f.name, mode)
    debian.run("systemctl", "enable", "booted.service", "congvu.target")
    with open(os.path.join(HERE, "boot.log"), "w") as log:
        subprocess.run(["timeout", "120", "systemd-nspawn", "-q", "-D", root, "--private-network", "--register=no", "--keep-unit",
                        "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self", "--boot"],
                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    path = os.path.join(root, "result")
    if not os.path.exists(path):
        with open(log.name, errors="replace") as f:
            tail = f.read()[-2000:]
        assert "Started" in tail or "Welcome" in tail, "skip booting is not possible here: " + tail
    with open(path) as f:
        said = f.read()
    wanted = ["active 6", "reloaded 6", "again 6"] + ["congvu-%s inactive success" % p for p in
                                                   ("smtpd", "imapd", "directoryd", "policyd", "mailstored", "metricsd")]
    wanted += ["started 6", "removed, 0 run", "installed"]
    assert said.splitlines() == wanted, said


def it_goes_and_leaves_the_mail():
    debian.run("umount", "/proc", ok=False)
    shutil.rmtree(os.path.join(debian.root, "etc/congvu/tls"))
    shutil.rmtree(os.path.join(debian.root, "etc/congvu/smime"))
    os.unlink(os.path.join(debian.root, "etc/congvu/ldap.password"))
    debian.run("dpkg", "-r", "congvu")
    assert os.path.exists(os.path.join(debian.root, "etc/congvu/congvu.conf"))
    assert not glob.glob(debian.root + "/usr/libexec/congvu/*")
    said = debian.run("dpkg", "-P", "congvu")
    assert "are left in /var/lib/congvu" in said, said
    left = {p for p in debian.files() - debian.before if "congvu" in p}
    assert left and all(p.startswith("/var/lib/congvu") for p in left), sorted(left)[:20]
    assert "/var/lib/congvu/keys/master.key" in left and "/var/lib/congvu/store/index/data.mdb" in left


def main():
    tests = [units_are_valid_and_closed, filters_do_not_contradict_our_sandboxes, it_builds, it_has_what_it_should,
             lintian_finds_no_error, the_example_lacks_only_the_rule_set]
    if "--long" in sys.argv[1:]:
        if os.geteuid() == 0 and shutil.which("debootstrap"):
            tests += [it_installs_and_starts_nothing, it_runs_as_its_units_say, it_lives_under_systemd, it_goes_and_leaves_the_mail]
        else:
            print("skip installing: only root can, with debootstrap")
    try:
        return 1 if run(tests) else 0
    finally:
        subprocess.run(["umount", os.path.join(HERE, "debian/proc")], stderr=subprocess.DEVNULL)
        shutil.rmtree(HERE, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
