# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""After the failure tests' traffic: what was acknowledged against what is there, and the state of the processes."""
import collections
import hashlib
import json
import os
import re
import socket
import time

from harness import PATIENCE_S, Smtp, eventually, header, run
from failure import Client, Message, RECIPIENTS, STRANGER, Traffic, appended, bulk, set_quota

FILES_MORE, MEMORY_MORE_KB, IDLE_SHARE = 8, 48 * 1024, 0.15
DRAINS_S = 200.0	# what two dead relays had waits a minute, since it might be what killed them


def listing(p, user, box):
    """{uid: (flags, octets)} and STATUS of a mailbox; the counters must agree with a recount."""
    with Client(p, user=user) as c:
        status, got = c.do("STATUS %s (MESSAGES UNSEEN UIDNEXT)" % box)
        assert status.startswith("OK"), status
        figures = {k: int(v) for k, v in re.findall(r"([A-Z]+) (\d+)", got[0][0].decode().split("(")[-1])}
        status, got = c.do("EXAMINE " + box)
        assert status.startswith("OK"), status
        status, got = c.do("UID FETCH 1:* (FLAGS BODY.PEEK[] RFC822.SIZE)") if figures["MESSAGES"] else ("OK", [])
        assert status.startswith("OK"), status
    rows = []
    for line, literals in got:
        m = re.search(rb"UID (\d+)", line)
        if m and literals:
            size = int(re.search(rb"RFC822.SIZE (\d+)", line).group(1))
            assert size == len(literals[0]), (user, box, "size", size, len(literals[0]))
            rows.append((int(m.group(1)), re.search(rb"FLAGS \(([^)]*)\)", line).group(1).decode(), literals[0]))
    uids = [r[0] for r in rows]
    assert uids == sorted(set(uids)), (user, box, "order")
    assert figures["MESSAGES"] == len(rows), (user, box, figures, len(rows))
    assert figures["UNSEEN"] == sum("\\Seen" not in f for _, f, _ in rows), (user, box, figures)
    assert not uids or uids[-1] < figures["UIDNEXT"], (user, box, figures, uids[-1])
    return {u: (f, d) for u, f, d in rows}, figures


def token_of(data):
    m = re.search(rb"^Subject: k([0-9.]+)\r\n", data, re.M)
    return m.group(1).decode() if m else None


def sink(p):
    """Token -> how often it arrived outside. Everything there bears a good signature and was judged for that very way:
    the audit has its digest."""
    judged = {r["sha256"] for r in audit(p) if r["event"] == "relay" and r["verdict"] == "allow"}
    count, new = collections.Counter(), os.path.join(p.env["CONGVU_SINK"], "new")
    for name in os.listdir(new):
        with open(os.path.join(new, name), "rb") as f:
            data = f.read()
        count[token_of(data)] += 1
        head = data[:data.index(b"\r\n\r\n")]
        assert re.search(rb"^Authentication-Results: [^;]*;[^\r]*(\r\n[ \t][^\r]*)*smime=pass", head, re.M), ("LEAK", head)
        assert hashlib.sha256(data).hexdigest() in judged, ("LEAK: left unjudged", head)
    return count


def audit(p):
    out = p.ctl("audit", "list", "--json")
    assert out.returncode == 0, out.stdout
    return [json.loads(line) for line in out.stdout.splitlines()]


def queue(p):
    out = p.ctl("queue", "list", "--json")
    return [json.loads(line) for line in out.stdout.splitlines()] if out.returncode == 0 else None


def queue_empties(p, seconds=DRAINS_S):
    assert eventually(lambda: queue(p) == [], seconds), ("queue", (queue(p) or [])[:3])


def check_mail(p, traffic):
    """Accepted: once at each recipient, whole. Refused: nowhere. Unknown: at all of them or at none."""
    of = {m.token: m for m in traffic.sent}
    local = {}
    for n in RECIPIENTS:
        rows, _ = listing(p, bulk(p, n), "INBOX")
        local[bulk(p, n)] = seen = collections.Counter()
        for flags, data in rows.values():
            t = token_of(data)
            seen[t] += 1
            m = of.get(t)
            assert m is None or data.endswith(traffic.writer.octets(m)), (t, "other octets")
            assert m is None or bulk(p, n) in m.to, (t, "not for", bulk(p, n))
    outside = sink(p)
    for m in traffic.sent:
        counts = [local[t][m.token] if t in local else outside[m.token] for t in m.to]
        inside = [c for c, t in zip(counts, m.to) if t in local]
        told = (m.token, m.kind, m.sender, m.outcome, m.said, list(zip(m.to, counts)))
        assert m.kind == "text" or (m.outcome != "ok" and not any(counts)), ("LEAK", told)
        assert all(c <= 1 for c in inside), ("twice", told)
        assert m.outcome != "ok" or all(counts), ("lost", told)
        assert m.outcome != "no" or not any(counts), ("refused and there", told)
        assert all(counts) or not any(counts), ("at some only", told)
    return sum(outside.values())


def check_account(p, a):
    if a.a.validity is None:	# never got in
        return
    rows = {b.name: listing(p, a.user, b.name) for b in (a.a, a.b)}
    for box in (a.a, a.b):
        have, figures = rows[box.name]
        for uid, token in box.ever.items():
            assert uid < figures["UIDNEXT"], (a.user, box.name, uid, figures)
        assert box.there <= set(have), (a.user, "lost", sorted(box.there - set(have))[:5])
        assert not box.gone & set(have), (a.user, "came back", sorted(box.gone & set(have))[:5])
        count = collections.Counter()
        for uid, (flags, data) in have.items():
            token = token_of(data)
            count[token] += 1
            assert token in a.sizes and data == appended(token, a.sizes[token]), (a.user, uid, "other octets")
            assert box.ever.get(uid, token) == token, (a.user, uid, "another message under this UID")
            assert uid in box.ever or token in box.maybe, (a.user, box.name, uid, token, "refused and there")
            assert uid not in box.flagged or "\\Flagged" in flags, (a.user, uid, flags)
            assert uid in box.maybe_flagged or token in a.copied or "\\Flagged" not in flags, (a.user, uid, flags)
        assert all(n == 1 for n in count.values()), (a.user, box.name, "twice")
    here, there = ({token_of(d) for _, d in rows[b.name][0].values()} for b in (a.a, a.b))
    for token, group in a.b.maybe.items():
        assert group != "certain" or token in there, (a.user, token, "moved and lost")
    for g in a.groups:
        copied = [t in there for t in g["tokens"]]
        assert all(copied) or not any(copied), (a.user, "half copied", g, copied)
        stays = [t in here for t in g["tokens"]]
        assert not g["move"] or stays == [not c for c in copied], (a.user, "half moved", g, stays, copied)
    check_names(p, a)


def check_names(p, a):
    with Client(p, user=a.user) as c:
        _, got = c.do('LIST "" "%sn*"' % a.stem)
    names = {line.split(b" ")[-1].decode().strip('"') for line, _ in got}
    for name, outcome in a.names.items():
        assert outcome == "unknown" or (outcome == "ok") == (name in names), (a.user, name, outcome)
    assert names <= set(a.names), (a.user, names - set(a.names))


def check_quota(p, a):
    """The account's octets are those of its messages: what just fits is taken, one octet more is not."""
    total = 0
    with Client(p, user=a.user) as c:
        _, got = c.do('LIST "" "*"')
        for line, _ in got:
            status, _ = c.do("EXAMINE " + line.split(b' "/" ')[-1].decode())
            assert status.startswith("OK"), (line, status)
            _, sizes = c.do("UID FETCH 1:* RFC822.SIZE")
            total += sum(int(m.group(1)) for m in (re.search(rb"RFC822.SIZE (\d+)", s) for s, _ in sizes) if m)
    room = 1000
    set_quota(p, a.user, total + room)
    fits = lambda octets: takes(p, a.user, octets)
    if not eventually(lambda: not fits(room + 1)) or not fits(room):
        lo, hi = 0, total + room + 1		# the largest that is taken tells what the server counted
        while hi - lo > 1:
            lo, hi = ((lo + hi) // 2, hi) if fits((lo + hi) // 2) else (lo, (lo + hi) // 2)
        raise AssertionError((a.user, "has", total, "counted", total + room - lo, p.ctl("directory", "test", a.user).stdout))
    set_quota(p, a.user, a.quota)


def takes(p, user, octets):
    """Is there room for so many octets?"""
    with Client(p, user=user) as c:
        c.send(b"q APPEND INBOX {%d}\r\n" % octets)
        line = c.line()
    assert line.startswith(b"+") or b"OVERQUOTA" in line, line
    return line.startswith(b"+")


def check(p, traffic):
    """Everything."""
    assert not traffic.errors, traffic.errors[:3]
    left = check_mail(p, traffic)
    for a in traffic.accounts:
        check_account(p, a)
    for a in (traffic.accounts[0], traffic.accounts[-1]):
        check_quota(p, a)
    out = p.ctl("audit", "verify")
    assert out.returncode == 0, out.stdout
    print("     %s; outside %d" % (traffic.told(), left))


# ---- service ----

def one(p, traffic, to):
    """A message that is to arrive: its token once it was accepted."""
    m = Message("%s.%d" % (traffic.stem, next(traffic.serial)), p.env["CONGVU_USER1"], to, "text", 10)
    traffic.sent.append(m)
    try:
        with Smtp(p, user=m.sender) as s:
            traffic.send(s, m)
    except (OSError, AssertionError) as e:
        m.outcome, m.said = m.outcome or "no", repr(e)
    return m


def served(p, traffic):
    """Sending, filing, reading, relaying, idling all work."""
    to = bulk(p, 1)
    try:
        with Client(p, user=to) as c:
            c.do("SELECT INBOX")
            c.n += 1
            c.send(b"i IDLE\r\n")
            if not c.line().startswith(b"+"):
                return "IDLE"
            m = one(p, traffic, [to, "z@internet.example"])
            if m.outcome != "ok":
                return m.said
            c.sock.settimeout(30)
            while b"EXISTS" not in (line := c.line()):
                if not line:
                    return "no EXISTS"
        with Client(p, "IMAPS_INTERNET", user=to) as c:
            if not c.do("CREATE s%d" % time.monotonic_ns())[0].startswith("OK"):
                return "CREATE"
        with Smtp(p, "SMTP", tls=False) as s:
            code, text = s.message(STRANGER, [to], header(STRANGER, to) + b"\r\nxin\r\n", b".\r\n")
            if code != 250:
                return text
    except (OSError, AssertionError) as e:
        return repr(e)
    return None


def recovers(p, traffic, seconds=PATIENCE_S):
    """All is served again within the time, without anybody's help; how long it took."""
    began = time.monotonic()
    why = ["not asked"]

    def again():
        why[0] = served(p, traffic)
        return why[0] is None
    assert eventually(again, seconds), ("not served again", why[0])
    return time.monotonic() - began


# ---- processes ----

class Process:
    def __init__(self, pid):
        with open("/proc/%d/stat" % pid) as f:
            text = f.read()
        fields = text[text.rindex(")") + 2:].split()
        self.pid, self.comm = pid, text[text.index("(") + 1:text.rindex(")")]
        self.state, self.parent = fields[0], int(fields[1])
        self.cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        with open("/proc/%d/status" % pid) as f:
            m = re.search(r"RssAnon:\s+(\d+)", f.read())
        self.memory_kb = int(m.group(1)) if m else 0
        self.files = len(open_files(pid))


def open_files(pid):
    """What a process has open, but for segments of the store: of those imapd keeps the last 64."""
    found = []
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            found.append(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except FileNotFoundError:
            pass
    return [f for f in found if not f.endswith(".seg")]


def tree(p):
    """Every process of the province."""
    with open(os.path.join(p.dir, "supervisor.pid")) as f:
        todo = [int(f.read())]
    found = []
    while todo:
        pid = todo.pop()
        try:
            found.append(Process(pid))
            for task in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                    todo += [int(c) for c in f.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found[1:]


def ours(p):
    return [x for x in tree(p) if x.comm not in ("slapd", "python3")]


def children(p, program, comm=None):
    parent = p.pid(program)
    return [x.pid for x in tree(p) if x.parent == parent]


def figures(p):
    """Most open files, and most memory, of any process of each program."""
    files, memory = collections.Counter(), collections.Counter()
    for x in ours(p):
        files[x.comm] = max(files[x.comm], x.files)
        memory[x.comm] = max(memory[x.comm], x.memory_kb)
    return files, memory


def too_many(p, before):
    files, memory = figures(p)
    return [(c, "files", before[0][c], n) for c, n in files.items() if n > before[0][c] + FILES_MORE] + \
        [(c, "memory", before[1][c], n) for c, n in memory.items() if n > before[1][c] + MEMORY_MORE_KB]


def at_rest(p, before):
    """Nothing spins, nothing has leaked since `before` (figures()), nobody is a zombie."""
    assert eventually(lambda: not too_many(p, before)), too_many(p, before)
    assert eventually(lambda: not [x for x in tree(p) if x.state == "Z"]), "zombies"

    def busy():
        first, began = {x.pid: x for x in ours(p)}, time.monotonic()
        time.sleep(1.0)
        span = time.monotonic() - began
        return [(x.comm, x.pid, x.cpu_s - first[x.pid].cpu_s) for x in ours(p)
                if x.pid in first and x.cpu_s - first[x.pid].cpu_s > IDLE_SHARE * span]
    assert eventually(lambda: not busy()), ("spins", busy())


def until_new(p, program, old, seconds=PATIENCE_S):
    """The process id of a program that was started again."""
    def other():
        pid = p.pid(program)
        return pid if pid not in (None, old) and os.path.exists("/proc/%d" % pid) else None
    pid = eventually(other, seconds)
    assert pid, program + " was not started again"
    return pid


def listens(port):
    with socket.socket() as c:
        return c.connect_ex(("127.0.0.1", port)) == 0


def all_is_well(p, traffic, before):
    """After a fault: served again, the queue empty, everything acknowledged there once, nothing held that was not."""
    took = recovers(p, traffic)
    queue_empties(p)
    check(p, traffic)
    at_rest(p, before)
    print("     served again after %.1f s" % took)


def rounds(p, tests, logs=True):
    """Each of tests with the province at work and its figures at rest: how many failed."""
    with Traffic(p) as warm:
        time.sleep(2)
    recovers(p, warm)
    failures = run(tests, p, figures(p))
    if failures and logs:
        p.show_logs()
    return failures
