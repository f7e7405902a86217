#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Does tools/check-layers catch each kind of violation, and nothing in a clean tree?"""
import os
import pathlib
import subprocess
import sys
import tempfile

SPDX = "/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */\n"
SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "tools" / "check-layers"

# A small tree in which everything is as it should be.
CLEAN = {
    "common/Makefile.inc": "libcommon0_a_SOURCES = \\\n\tcommon/buf.c common/buf.h\n"
                           "libcommon1_a_SOURCES = \\\n\tcommon/loop.c common/loop.h \\\n"
                           "\tcommon/tls.c\n",
    "common/buf.h": SPDX + "typedef void (*buf_fn)(int);\nstruct buf { int n; };\n"
                           "extern const int buf_table[];\nint buf_add(struct buf *b);\n",
    "common/buf.c": SPDX + '#include "common/buf.h"\n#include <string.h>\n'
                           "/* strcpy() in a comment, and \"gets(\" in a string, are fine */\n"
                           "static int calls;\nconst int buf_table[] = { 1, 2 };\n"
                           "static const struct { int v; } rows[] = { { 1 } };\n"
                           "int\nbuf_add(struct buf *b)\n{\n\tcalls += rows[0].v;\n"
                           '\treturn b->n + calls + (int)strlen("strtok(x)");\n}\n',
    "common/loop.h": SPDX + '#include "common/buf.h"\nvoid loop_run(void);\n',
    "common/tls.c": SPDX + "#include <openssl/ssl.h>\n",
    "common/sandbox.c": SPDX + "#include <seccomp.h>\n",
    "mime/tree.h": SPDX + '#include "common/buf.h"\n',
    "mailstore/env.c": SPDX + '#include <lmdb.h>\n#include "common/loop.h"\n',
    "mailstore/proto.h": SPDX,
    "mailstore/inner.h": SPDX,
    "directory/ldap.c": SPDX + "#include <ldap.h>\n#include <sasl/sasl.h>\n",
    "policy/judge.c": SPDX + '#include "mime/tree.h"\n#include "common/loop.h"\n',
    "policy/label/mark.c": SPDX + '#include "mime/tree.h"\n',
    "imapd/session.h": SPDX + '#include "common/buf.h"\n',
    "imapd/cmd_noop.c": SPDX + '#include "imapd/session.h"\n#include "mime/tree.h"\n',
    "imapd/worker.c": SPDX + '#include "common/loop.h"\n#include "mailstore/proto.h"\n',
    "smtpd/smtp_engine.c": SPDX + '#include "common/buf.h"\n',
    "tests/unit/test_x.c": SPDX + '#include <lmdb.h>\n#include "mailstore/inner.h"\n',
}

LONG = "int\nbuf_long(void)\n{\n" + "\t;\n" * 80 + "}\n"

# name, file to change, text to append (or the whole file, if it is new), rule expected, is an error
CASES = [
    ("layer 0 includes layer 1", "common/buf.c", '#include "common/loop.h"\n', "layer", True),
    ("layer 0 includes mime", "common/buf.c", '#include "mime/tree.h"\n', "layer", True),
    ("layer 1 includes a program", "common/loop.h", '#include "mailstore/proto.h"\n', "layer", True),
    ("mime includes layer 1", "mime/word.h", SPDX + '#include "common/loop.h"\n', "layer", True),
    ("mime includes policy", "mime/word.h", SPDX + '#include "policy/proto.h"\n', "layer", True),
    ("labels include layer 1", "policy/label/mark.c", '#include "common/loop.h"\n', "layer", True),
    ("policy includes the store", "policy/judge.c", '#include "mailstore/proto.h"\n', "layer", True),
    ("mailstore includes mime", "mailstore/env.c", '#include "mime/tree.h"\n', "layer", True),
    ("directory includes the store", "directory/ldap.c", '#include "mailstore/proto.h"\n',
     "layer", True),
    ("an engine includes the loop", "smtpd/smtp_engine.c", '#include "common/loop.h"\n',
     "layer", True),
    ("a command includes a client", "imapd/cmd_noop.c", '#include "mailstore/proto.h"\n',
     "layer", True),
    ("a command reaches the loop by its own header", "imapd/session.h",
     '#include "common/loop.h"\n', "layer", True),
    ("a worker includes the inside of the store", "imapd/worker.c",
     '#include "mailstore/inner.h"\n', "layer", True),
    ("imapd includes smtpd", "imapd/worker.c", '#include "smtpd/x.h"\n', "layer", True),
    ("another's internal header", "imapd/worker.c", '#include "common/tls_internal.h"\n',
     "layer", True),
    ("an include without its folder", "mime/word.h", SPDX + '#include "buf.h"\n', "include", True),
    ("a second file with lmdb", "imapd/worker.c", "#include <lmdb.h>\n", "lmdb", True),
    ("ldap outside of directory", "smtpd/x.c", SPDX + "#include <ldap.h>\n", "foreign", True),
    ("sasl outside of directory", "imapd/worker.c", "#include <sasl/sasl.h>\n", "foreign", True),
    ("openssl in mime", "mime/tree.h", "#include <openssl/sha.h>\n", "foreign", True),
    ("openssl in smtpd", "smtpd/smtp_engine.c", "#include <openssl/ssl.h>\n", "foreign", True),
    ("seccomp elsewhere", "common/loop.h", "#include <seccomp.h>\n", "foreign", True),
    ("extern data", "common/buf.h", "extern int buf_count;\n", "data", True),
    ("extern pointer to const", "common/buf.h", "extern const char *buf_name;\n", "data", True),
    ("data that others could link to", "common/buf.c", "int counter = 1;\n", "data", True),
    ("a table that is not const", "common/buf.c", "struct buf all[3] = { { 1 } };\n", "data", True),
    ("strcpy", "common/buf.c", "void f(char *a) { strcpy(a, a); }\n", "forbidden", True),
    ("strcat", "common/buf.c", "void f(char *a) { strcat (a, a); }\n", "forbidden", True),
    ("sprintf", "common/buf.c", "void f(char *a) { sprintf(a, a); }\n", "forbidden", True),
    ("gets", "common/buf.c", "void f(char *a) { gets(a); }\n", "forbidden", True),
    ("strtok", "common/buf.c", "void f(char *a) { strtok(a, a); }\n", "forbidden", True),
    ("no licence line", "mime/new.c", "int mime_x(void);\n", "spdx", True),
    ("a typedef of a struct", "common/buf.h", "typedef struct buf buf_t;\n", "typedef", True),
    ("something left to do", "common/buf.c", "/* TO" "DO: later */\n", "todo", True),
    ("a file far too long", "mime/big.c", SPDX + "\n" * 950, "length", True),
    ("a long file", "mime/big.c", SPDX + "\n" * 650, "shape", False),
    ("a long function", "common/buf.c", LONG, "shape", False),
    ("a wide line", "common/buf.c", "/* " + "x" * 100 + " */\n", "shape", False),
]


def run(files):
    """Exit status and the rules found in a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True,
                              env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    rules = [line.split("[")[1].split("]")[0] for line in done.stdout.splitlines() if ": [" in line]
    return done.returncode, rules, done.stdout + done.stderr


def main():
    failed = 0
    status, rules, text = run(CLEAN)
    if status != 0 or rules:
        print(f"FAIL: the clean tree: {text}")
        failed += 1
    for name, path, added, rule, is_error in CASES:
        files = dict(CLEAN)
        files[path] = files.get(path, "") + added
        status, rules, text = run(files)
        if rules != [rule] or status != (1 if is_error else 0):
            print(f"FAIL: {name}: exit {status}, {text}")
            failed += 1
    print(f"{len(CASES) + 1 - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
