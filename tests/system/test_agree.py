#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What `policy scan` says about a file, the gate does with the message: 100 messages, signed, to the internet."""
import base64
import collections
import io
import json
import os
import sys
import zipfile

from harness import TOP, Province, Smtp, eventually, header, run
import scenario

OUT = "x@internet.example"
MESSAGES = 100


def rows():
    """(what is expected, place, text) of the texts that the unit tests have too."""
    with open(os.path.join(TOP, "tests/data/policy/words.tsv"), encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                expect, place, text = line.rstrip("\n").split("\t", 2)
                yield expect, place, text.replace("\\n", "\n").replace("\\t", "\t")


def sample(n):
    """So many of them, of every kind: as many that may go as of the others."""
    kinds = collections.defaultdict(list)
    for expect, place, text in rows():
        kinds["allow" in expect.split("|"), place].append((expect, place, text))
    out = []
    while len(out) < n:
        for kind in sorted(kinds):
            step = max(1, len(kinds[kind]) // (n // len(kinds) + 1))
            out.append(kinds[kind][(len(out) // len(kinds) * step) % len(kinds[kind])])
    return out[:n]


def b64(data):
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def leaf(kind, data, *fields):
    return b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: base64\r\n" + \
        b"".join(f + b"\r\n" for f in fields) + b"\r\n" + b64(data)


def text_leaf(text):
    return leaf(b"text/plain; charset=utf-8", text.replace("\n", "\r\n").encode())


def mixed(*leaves):
    return b"Content-Type: multipart/mixed; boundary=\"=b\"\r\n\r\n" + \
        b"".join(b"--=b\r\n" + one + b"\r\n" for one in leaves) + b"--=b--\r\n"


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def document(text):
    return scenario.docx(escaped(text).split("\n"))


def archive(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(name, data)
    return out.getvalue()


def attached(name, data):
    return mixed(text_leaf("Kính gửi."), leaf(b"application/octet-stream", data,
                                              b"Content-Disposition: attachment; filename=\"%s\"" % name))


def dress(n, place, text):
    """Subject and entity."""
    if place == "s":
        return text, text_leaf("Kính gửi.")
    if place == "f":
        word = b"=?utf-8?B?" + base64.b64encode(text.encode()) + b"?="
        return "Thư", attached(word, b"xin chao\r\n")
    ways = [
        lambda: text_leaf(text),
        lambda: leaf(b"text/html; charset=utf-8", ("<p>%s</p>" % escaped(text).replace("\n", "</p><p>")).encode()),
        lambda: attached(b"bc.docx", document(text)),
        lambda: attached(b"bc.zip", archive("bc.docx", document(text))),
        lambda: mixed(text_leaf("Kính gửi."), b"Content-Type: message/rfc822\r\n\r\nFrom: <y@z.example>\r\n"
                      b"MIME-Version: 1.0\r\n" + text_leaf(text)),
        lambda: attached(b"anh.png", b"\x89PNG\r\n\x1a\n" + text.encode()),  # broken: nobody can inspect it
    ]
    return "Thư", ways[n % len(ways)]()


def signed(p, tools, n, place, text):
    user, cert, key = tools.user(1)
    subject, entity = dress(n, place, text)
    word = "=?utf-8?B?%s?=" % base64.b64encode(subject.encode()).decode()
    return header(user, OUT, word) + tools.sign(entity, cert, key)


def scanned(p, messages):
    paths = []
    for i, message in enumerate(messages):
        paths.append(os.path.join(p.dir, "%d.eml" % i))
        with open(paths[-1], "wb") as f:
            f.write(message)
    lines = p.ctl("policy", "scan", *paths).stdout.splitlines()
    assert len(lines) == len(messages), lines
    return [json.loads(line) for line in lines]


def submitted(p, user, message):
    with Smtp(p, user=user) as s:
        return s.message(user, [OUT], message, b".\r\n")


def scan_and_gate_agree(p):
    tools = scenario.Province(p.dir)
    user = tools.user(1)[0]
    messages = [signed(p, tools, n, place, text) for n, (_, place, text) in enumerate(sample(MESSAGES))]
    said = scanned(p, messages)
    before, outcomes = len(tools.sink()), collections.Counter()
    for message, line in zip(messages, said):
        code, text = submitted(p, user, message)
        goes = line["verdict"] == "allow" and line["class"] == ""
        assert code == (250 if goes else 550), (line, code, text)
        assert goes or "rule=%s" % line["rule"] in text, (line, text)
        outcomes[line["verdict"]] += 1
    assert min(outcomes[v] for v in ("allow", "block", "review")) >= 3 and sum(outcomes.values()) == MESSAGES, outcomes
    went = sum(line["verdict"] == "allow" and line["class"] == "" for line in said)
    assert eventually(lambda: len(tools.sink()) - before == went), (len(tools.sink()) - before, went)


def main():
    with Province(29400) as p:
        return run([scan_and_gate_agree], p)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
