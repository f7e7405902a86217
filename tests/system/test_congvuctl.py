#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""congvuctl beside a running province: each verb, its words, its JSON, its exit status."""
import json
import os
import re
import signal
import socket
import subprocess
import sys

from harness import TOP, Imap, Province, Smtp, eventually, run
import scenario  # in tools/, which harness makes known

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SECRETS = ("Chuyen rieng 4711", "noi-dung-rieng-4711", "tep-rieng-4711")


def objects(p, *words, status=0):
    """What a verb says with --json: every line is one object."""
    done = p.ctl(*words, "--json")
    assert done.returncode == status, (words, done)
    return [json.loads(line) for line in done.stdout.splitlines()]


def marked(s, to):
    data = scenario.docx(["ỦY BAN NHÂN DÂN", "MẬT", "BÁO CÁO"])
    return s.mail(1, to, "Báo cáo", s.mixed_entity("Kính gửi.\n", "bao-cao.docx", DOCX, data))


def status(p, s):
    # Services that have just started have not all met yet.
    eventually(lambda: p.ctl("status").returncode == 0)
    (all_of_it,) = objects(p, "status")
    assert all_of_it["mailstored"]["accounts"] >= 1 and all_of_it["directoryd"]["ldap-up"], all_of_it
    assert all_of_it["policyd"]["profile"] == "dedicated" and all_of_it["policyd"]["sandboxed"], all_of_it
    assert all_of_it["problems"] == [] and all(all_of_it[n]["generation"] >= 1 for n in
                                               ("smtpd", "imapd", "directoryd", "policyd", "mailstored")), all_of_it
    text = p.ctl("status")
    assert text.returncode == 0 and re.search(r"^policyd +since .*\n +profile dedicated;", text.stdout, re.M), text
    assert text.stdout.endswith("everything is in order\n") and text.stdout.count("\n") <= 24, text
    elsewhere = os.path.join(p.dir, "elsewhere.conf")
    with open(p.env["CONGVU_CONF"]) as f, open(elsewhere, "w") as out:
        out.write(re.sub('run-dir = ".*"', 'run-dir = "%s/nowhere"' % p.dir, f.read()))
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", elsewhere, "status", "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1, done
    said = json.loads(done.stdout)
    names = ("smtpd", "imapd", "directoryd", "policyd", "mailstored", "metricsd")
    assert all(said[n] is None for n in names), done
    assert said["problems"] == [n + ": does not run" for n in names], done


def config_check(p, s):
    assert objects(p, "config", "check") == [{"ok": True, "errors": []}]
    bad = os.path.join(p.dir, "ctl-bad.conf")
    with open(p.env["CONGVU_CONF"]) as f, open(bad, "w") as out:
        out.write(f.read().replace('role = mx', 'role = mix', 1) + "\ncolour = red\n")
    done = subprocess.run([p.env["CONGVU_CTL"], "config", "check", "--json"], stdout=subprocess.PIPE, text=True,
                          env=dict(os.environ, CONGVU_CONF=bad))
    said = json.loads(done.stdout)
    assert done.returncode == 1 and not said["ok"] and len(said["errors"]) >= 2, said
    assert all(e["file"] == bad and e["line"] > 0 and e["text"] for e in said["errors"]), said
    # Files that are named: one is not there, one is empty.
    hollow = os.path.join(p.dir, "hollow.pem")
    open(hollow, "w").close()
    with open(p.env["CONGVU_CONF"]) as f, open(bad, "w") as out:
        out.write(f.read().replace(p.env["CONGVU_CA"], hollow).replace("/pki/server.key", "/pki/no.key"))
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", bad, "config", "check"], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "hollow.pem: is empty" in done.stdout and "no.key: No such" in done.stdout, done
    # Rows that would pass for shipped ones, of any profile.
    row = '\nrule "%s" { action = allow }\n'
    with open(p.env["CONGVU_CONF"]) as f:
        text = f.read()
    with open(bad, "w") as out:
        out.write(text + "".join(row % name for name in ("opaque-out", "Secret-Internet", "lan-no-internet", "opaque-outside")))
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", bad, "config", "check", "--json"], stdout=subprocess.PIPE, text=True)
    said = [(e["line"], e["text"]) for e in json.loads(done.stdout)["errors"]]
    first = text.count("\n") + 2
    assert done.returncode == 1 and [line for line, _ in said] == [first, first + 2, first + 4], said
    assert all("is the name of a shipped row" in t for _, t in said), said
    # Of the sections that mail goes on without, and the officers' mailbox, which nobody has.
    with open(p.env["CONGVU_CONF"]) as f, open(bad, "w") as out:
        out.write(f.read() + 'signer "x" { certificate = "/no.pem"\n key = "/no.key" }\ntrust { ca = "/no.ca" }\n')
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", bad, "config", "check"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 1 and all("/no." + x in done.stdout for x in ("pem: No", "key: No", "ca: No")), done
    with open(p.env["CONGVU_CONF"]) as f, open(bad, "w") as out:
        out.write(f.read() + 'incident { mailbox = "nobody@%s" }\n' % p.env["CONGVU_DOMAIN"])
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", bad, "config", "check"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and "reaches nobody: no notice gets to the security officers" in done.stdout, done


def explain(p, s, message, *words):
    (o,) = objects(p, "policy", "explain", s.file("explain.eml", message), *words)
    for key in ("verdict", "class", "level", "kind", "opaque", "signature", "rule", "evidence"):
        assert key in o, (key, o)
    return o


def policy_explain(p, s):
    to = s.user(2)[0]
    plain = s.text_entity("Kính gửi.\n")
    o = explain(p, s, s.mail(1, to, "Báo cáo", plain), "--to", to, "--to-zone", "local")
    assert (o["verdict"], o["signature"], o["level"], o["kind"], o["opaque"]) == (
        "allow", "valid", "thuong", "mail", False), o
    o = explain(p, s, s.mail(1, to, "Báo cáo", plain), "--at", "2090-01-01T00:00:00Z")
    assert (o["verdict"], o["signature"], o["signature_reason"]) == ("reject", "bad", "expired"), o
    o = explain(p, s, s.mail(1, to, "Báo cáo", plain), "--at", "0")	# a moment as any other
    assert (o["verdict"], o["signature"], o["signature_reason"]) == ("reject", "bad", "expired"), o
    o = explain(p, s, s.mail(1, to, "Báo cáo", plain), "--from", s.user(3)[0])
    assert o["verdict"] == "reject" and o["rule"] != "unsigned", o
    o = explain(p, s, s.mail(1, to, "Báo cáo", plain, "none"))
    assert (o["verdict"], o["signature"], o["rule"]) == ("reject", "none", "unsigned"), o
    unsigned = s.mail(1, to, "Báo cáo", plain, "none")
    for message, verdict in ((unsigned, "reject"),	# an address of ours, from outside
                             (unsigned.replace(s.user(1)[0].encode(), b"x@khach.example", 1), "allow")):
        o = explain(p, s, message, "--role", "receive", "--from-zone", "internet", "--to-zone", "local")
        assert o["verdict"] == verdict, o
    o = explain(p, s, marked(s, to))
    assert (o["verdict"], o["level"], o["rule"]) == ("reject", "mat", "secret-internet"), o
    assert {"detector", "part", "level"} <= set(o["evidence"][0]) and o["evidence"][0]["level"] == "mat", o
    # An agency's mailbox is written from by whose subject the directory binds to it.
    sealed = s.mail(1, to, "Công văn", plain).replace(s.user(1)[0].encode(), b"vanthu@so.example", 1)
    clerk = ("--from", s.user(2)[0])
    o = explain(p, s, sealed)
    assert (o["signature"], o["signature_reason"]) == ("bad", "wrong-signer"), o
    subject = o["signers"][0]["subject"].replace("CN=", "cn = ")  # as another tool writes it
    for words, signature, rule in (((subject,), "valid", "allow"), ((subject,) + clerk, "valid", "allow"),
                                   (("CN=Sở Nội vụ,C=VN",), "bad", "wrong-signer")):
        o = explain(p, s, sealed, "--agency-subject", *words)
        assert (o["signature"], o["rule"], o["signers"][0]["bound"]) == (signature, rule, signature == "valid"), (words, o)
    o = explain(p, s, sealed, *clerk)
    assert o["rule"] == "from-not-yours", o
    # Without a configuration: the trust files come from the command line.
    path = s.file("alone.eml", s.mail(1, to, "Báo cáo", plain))
    alone = [p.env["CONGVU_CTL"], "-c", "/nonexistent", "policy", "explain", path, "--json", "--to-zone", "local"]
    for words, expected in ((["--roots", p.env["CONGVU_CA"], "--crls", p.env["CONGVU_CRL"]], "valid"), ([], "bad")):
        done = subprocess.run(alone + words, stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0 and json.loads(done.stdout)["signature"] == expected, (words, done)
    text = p.ctl("policy", "explain", path, "--to-zone", "local").stdout
    assert re.search(r"^verdict +allow$", text, re.M), text
    assert p.ctl("policy", "explain").returncode == 2 and p.ctl("policy", "explain", "/nonexistent").returncode == 2


def policy_rules(p, s):
    """One object a line, as many as the table has rows."""
    rows = objects(p, "policy", "rules")
    table = [line for line in p.ctl("policy", "rules").stdout.splitlines() if line.startswith("| `")]
    assert ["| `%s` " % o["rule"] for o in rows] == [line[:len(o["rule"]) + 5] for o, line in zip(rows, table)], rows
    assert len(rows) == len(table) and rows[0]["rule"] == "secret-internet" and rows[-1]["rule"] == "no-rule", rows


def words_of_policy(p, s):
    """Whoever calls it wrongly hears what is wrong, not only how it would be right."""
    path = s.file("words.eml", s.mail(1, "x@internet.example", "Thư", s.text_entity("Kính gửi.\n")))
    box = s.file("words.mbox", b"From x Sun Nov 22 01:02:03 2026\nFrom: <x@y.example>\n\nx\n")
    for words, said, status in (
            (["policy", "explain", path, "--role", "nobody"], '--role: "nobody" will not do', 2),
            (["policy", "explain", path, "--to", "nobody"], '--to: "nobody" will not do', 2),
            (["policy", "explain", path, "--agency-subject", "So Noi vu"], '--agency-subject: "So Noi vu" will not do', 2),
            (["policy", "explain", path, "--at", "noon"], '--at: "noon" will not do', 2),
            (["policy", "explain", path, "--at", "arrival"], "--at arrival is for mailboxes", 2),
            (["policy", "explain", path, "--nothing", "x"], "--nothing: there is no such option", 2),
            (["policy", "explain", path, "--from"], "--from: a value is missing", 2),
            (["policy", "explain", path, path], "one file at a time", 2),
            (["policy", "explain", "/"], "/: is no plain file", 2),
            (["policy", "explain", box], "say mbox:" + box, 0),
            (["policy", "release", "prepare", path, "--expires", "73"], '--expires: "73" will not do', 2),
            (["policy", "release", "prepare", path, "--to", "x@internet.example"], "usage: congvuctl policy release prepare", 2),
            (["policy", "release", "submit", path, path, "--officer", "a@b"], "usage: congvuctl policy release submit", 2),
            (["policy", "release", "revoke", "1"], "policy release revoke needs one id", 2),
            (["policy", "release", "give"], 'there is no verb "give" of policy', 2),
            (["status", "now"], "usage: congvuctl status [--json]", 2)):
        done = p.ctl(*words)
        assert done.returncode == status and said in done.stdout, (words, done)
    # Of the verbs that begin so.
    assert "policy release list" in p.ctl("policy").stdout and "queue list" not in p.ctl("policy").stdout
    # A configuration that is not there: told, since the answer may be another with it.
    done = subprocess.run([p.env["CONGVU_CTL"], "-c", "/nonexistent", "policy", "explain", path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and "/nonexistent: No such file" in done.stderr, done
    # The same moment in the words of those who live by the clock in Hà Nội.
    ends = [explain(p, s, open(path, "rb").read(), "--at", at)["signature_reason"] for at in (
        "2090-01-01T07:00:00+07:00", "2090-01-01T00:00:00Z", "3786912000")]
    assert ends == ["expired"] * 3, ends


def explain_is_what_the_gate_says(p, s):
    sender, cleared, uncleared = s.user(1)[0], s.user(2)[0], s.user(3)[0]
    outside = "x@internet.example"
    plain = s.text_entity("Kính gửi.\n")
    for message, to, words in (
            (s.mail(1, outside, "Thư", plain, "none"), outside, ["--to-zone", "internet"]),
            (s.mail(1, outside, "Thư", plain, s.user(3)[1:]), outside, ["--to-zone", "internet"]),
            (marked(s, outside), outside, ["--to-zone", "internet"]),
            (marked(s, uncleared), uncleared, ["--to-zone", "local", "--clearance", "thuong"]),
            (s.mail(1, cleared, "Thư", plain), cleared, ["--to-zone", "local"])):
        o = explain(p, s, message, "--from", sender, "--to", to, *words)
        with Smtp(p, user=sender) as c:
            code, text = c.message(sender, [to], message, b".\r\n")
        assert (code == 250) == (o["verdict"] == "allow"), (code, text, o)
        assert code == 250 or "rule=%s " % o["rule"] in text.replace("]", " "), (text, o)


def policy_scan(p, s):
    to = "x@internet.example"
    files = [s.file("scan-%d.eml" % i, m) for i, m in enumerate((
        s.mail(1, to, "Thư", s.text_entity("Đổi mật khẩu, mật độ, Mặt trận.\n"), "none"), marked(s, to),
        s.mail(1, to, "Thư", s.mixed_entity("x\n", "a.bin", "application/x-unknown", b"\x01\x02\x03\xff" * 50))))]
    lines = objects(p, "policy", "scan", *files)
    assert [o["file"] for o in lines] == files, lines
    assert [o["verdict"] for o in lines] == ["allow", "block", "block"], lines
    assert [o["level"] for o in lines] == ["none", "mat", "none"], lines
    assert lines[1]["evidence"][0]["level"] == "mat" and "detector" in lines[1]["evidence"][0], lines
    done = p.ctl("policy", "scan", files[0], "/nonexistent")
    assert done.returncode == 1 and json.loads(done.stdout.splitlines()[0])["verdict"] == "allow", done


def listens(port):
    with socket.socket() as c:
        return c.connect_ex(("127.0.0.1", port)) == 0


def set_routes(p, text):
    with open(p.env["CONGVU_CONF"]) as f:
        conf = f.read()
    with open(p.env["CONGVU_CONF"], "w") as f:
        f.write(conf.replace('route "sink"', text + 'route "sink"', 1))
    said = json.loads(p.ctl("reload", "--json").stdout)
    assert said["programs"]["smtpd"]["ok"], said


def queue_retries_after_451(p, s):
    """One 451, one wait, one delivery; a hop that is away keeps its mail until somebody decides."""
    sender, port = s.user(1)[0], p.port_base + 11
    box = os.path.join(p.dir, "later")
    hop = subprocess.Popen([sys.executable, os.path.join(TOP, "tools/sink.py"), "--port", str(port), "--maildir", box,
                            "--fail", "451", "--fail-times", "1"])
    try:
        assert eventually(lambda: listens(port))
        route = 'route "%s" { domains = { "%s.example" }\n\thost = "127.0.0.1"\n\tport = %d\n\tzone = internet\n\ttls = none }\n'
        set_routes(p, route % ("later", "later", port) + route % ("away", "away", 1))
        message = s.mail(1, "x@later.example", "Thư", s.text_entity("Chờ.\n"))

        def send(to, data):
            with Smtp(p, user=sender) as c:
                return c.message(sender, [to], data, b".\r\n")
        assert eventually(lambda: send("x@away.example", message.replace(b"later", b"away"))[0] == 250)
        first = eventually(lambda: [e for e in objects(p, "queue", "list") if e["attempts"] >= 1])
        for key in ("id", "state", "from", "route", "exit-zone", "level", "attempts", "arrived", "due", "size",
                    "recipients"):
            assert key in first[0], (key, first)
        assert first[0]["route"] == "away" and first[0]["exit-zone"] == "internet", first
        assert send("x@later.example", message)[0] == 250
        later = eventually(lambda: [e for e in objects(p, "queue", "list") if e["route"] == "later"
                                    and e["recipients"][0]["last"].startswith("451")])
        assert later[0]["state"] in ("waiting", "being-sent"), later
        new = os.path.join(box, "new")
        assert eventually(lambda: os.listdir(new)), objects(p, "queue", "list")
        with open(os.path.join(new, os.listdir(new)[0]), "rb") as f:
            assert f.read().endswith(message)
        assert eventually(lambda: not [e for e in objects(p, "queue", "list") if e["route"] == "later"])
        assert len(os.listdir(new)) == 1
    finally:
        hop.kill()
        hop.wait(20)
    for e in objects(p, "queue", "list"):
        assert e["route"] == "away", e
        assert eventually(lambda e=e: p.ctl("queue", "hold", e["id"]).returncode == 0)
        assert eventually(lambda e=e: [x["state"] for x in objects(p, "queue", "list") if x["id"] == e["id"]] == ["held"])
        before = e["attempts"]
        assert p.ctl("queue", "retry", e["id"]).returncode == 0
        assert eventually(lambda e=e, before=before: [x for x in objects(p, "queue", "list")
                                                      if x["id"] == e["id"] and x["attempts"] > before])
        assert eventually(lambda e=e: p.ctl("queue", "delete", e["id"]).returncode == 0)
    assert eventually(lambda: objects(p, "queue", "list") == [])
    assert p.ctl("queue", "list").stdout.strip().endswith("0 in the queue")
    assert p.ctl("queue", "retry", "00").returncode == 2 and p.ctl("queue", "delete", "0" * 32).returncode == 2


def audit(p, s):
    """Every decision is there, and never what the mail says."""
    sender, to = s.user(1)[0], s.user(2)[0]
    for signer, code in ((None, 250), ("none", 550)):
        message = s.mail(1, to, SECRETS[0], s.mixed_entity(SECRETS[1] + "\n", SECRETS[2] + ".txt", "text/plain", b"x\n"),
                         signer)
        with Smtp(p, user=sender) as c:
            assert c.message(sender, [to], message, b".\r\n")[0] == code
    records = objects(p, "audit", "list")
    assert [r["serial"] for r in records] == list(range(1, len(records) + 1)), [r["serial"] for r in records]
    assert [r["verdict"] for r in records if r["account"]][-2:] == ["allow", "reject"], records[-4:]
    for key in ("time", "event", "account", "client", "from", "recipients", "size", "sha256", "verdict", "rule",
                "level", "signature", "arrival-zone", "evidence", "reference", "chain"):
        assert key in records[-1], (key, records[-1])
    everything = p.ctl("audit", "list").stdout + json.dumps(records)
    for name in os.listdir(os.path.join(p.dir, "log")):
        with open(os.path.join(p.dir, "log", name)) as f:
            everything += f.read()
    for word in SECRETS:
        assert word not in everything, word
    assert p.env["CONGVU_PASS"] not in everything
    assert any("legal-basis=Quyết định thử nghiệm số 1/QĐ-UBND" in r["detail"] for r in records), records[0]
    part = objects(p, "audit", "list", "--from", "2", "--max", "1")
    assert [r["serial"] for r in part] == [2], part
    (v,) = objects(p, "audit", "verify")
    assert v["ok"] and v["records"] >= len(records) and v["checkpoints"] >= 1, v
    assert "holds" in p.ctl("audit", "verify").stdout


def directory_test(p, s):
    (o,) = objects(p, "directory", "test", s.user(1)[0])
    assert o["ok"] and all(step["ok"] and step["step"] for step in o["steps"]), o
    (o,) = objects(p, "directory", "test", "khong-co@" + s.domain, status=1)
    assert not o["ok"] and not all(step["ok"] for step in o["steps"]), o
    assert p.ctl("directory", "test").returncode == 2


def store_stat(p, s):
    user = s.user(2)[0]
    (before,) = objects(p, "store", "stat")
    with Imap(p, user=user) as c:
        text = "Subject: bo di\r\n\r\nMot thu de xoa.\r\n"
        c.send(b"a APPEND INBOX (\\Deleted) {%d}\r\n" % len(text))
        assert c.line().startswith(b"+")
        c.send(text.encode() + b"\r\n")
        line = c.until(b"a ")
        assert line.startswith(b"a OK"), line
        (there,) = objects(p, "store", "stat")
        assert c.command("SELECT INBOX")[0].startswith("OK") and c.command("EXPUNGE")[0].startswith("OK")
    (after,) = objects(p, "store", "stat")
    assert there["messages"] > before["messages"] and after["messages"] < there["messages"], (before, there, after)
    assert after["restorable-messages"] == there["restorable-messages"] + 1, (there, after)
    assert after["restorable-octets"] - there["restorable-octets"] == there["octets"] - after["octets"], (there, after)
    assert 0 < after["index-used-octets"] < after["index-size-octets"] and after["free-octets"] > 0, after
    states = [one["state"] for one in after["segments"]]
    assert states.count("uncounted") >= 1 and all(one["there"] for one in after["segments"]), after
    assert after["disk-octets"] == sum(one["disk-octets"] for one in after["segments"]), after
    said = p.ctl("store", "stat", "--segments")
    assert said.returncode == 0 and re.search(r"^restorable-messages +%d " % after["restorable-messages"], said.stdout, re.M), said
    assert len(re.findall(r"^[0-9a-f]{8}  (?:uncounted|sealed|open|condemned|gone) ", said.stdout, re.M)) == len(states), said


def wrong_words(p, s):
    for words in ([], ["nonsense"], ["queue"], ["audit", "nonsense"],
                  ["queue", "list", "x"], ["audit", "verify", "x"], ["store", "stat", "x"], ["config", "check", "x"]):
        assert p.ctl(*words).returncode == 2, words


TESTS = [status, config_check, policy_explain, policy_rules, words_of_policy, explain_is_what_the_gate_says, policy_scan, audit, directory_test,
         store_stat, queue_retries_after_451, wrong_words]

if __name__ == "__main__":
    with Province(25500) as province:
        failures = run(TESTS, province, scenario.Province(province.dir))
        if failures:
            province.show_logs()
    sys.exit(1 if failures else 0)
