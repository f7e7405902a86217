#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""The documentation against the programs: what is generated is up to date, what is named exists, what exists is named,
snippets parse, commands are accepted, links lead somewhere, the two languages say the same, the directory's LDIF works."""
import glob
import importlib.machinery
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import unicodedata

sys.dont_write_bytecode = True
from harness import TOP, Province, eventually, run  # noqa: E402

BUILD = os.path.abspath(os.environ.get("CONGVU_BUILD", os.path.join(TOP, "build")))
CTL = os.path.join(BUILD, "control/congvuctl")
PROGRAMS = {"smtpd": "smtpd", "imapd": "imapd", "directoryd": "directory", "policyd": "policy", "mailstored": "mailstore",
            "metricsd": "control", "congvu-trust": "policy/fetch"}
JOBS = ("congvu-trust",)	# come and go without a word
HERE = tempfile.mkdtemp(prefix="congvu-docs-")
PAGES = sorted(glob.glob(os.path.join(TOP, "doc/man/*.[5-8]")))
ADMIN = sorted(glob.glob(os.path.join(TOP, "doc/admin/*.md")))
ALL = ADMIN + [os.path.join(TOP, p) for p in ("README.md", "README.vi.md", "SECURITY.md", "CHANGELOG.md", "doc/performance.md")] + \
    sorted(glob.glob(os.path.join(TOP, "doc/design/*.md")))


def text_of(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def output(*argv, ok=True, **kw):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kw)
    assert not ok or done.returncode == 0, (argv, done.returncode, done.stdout[-2000:])
    return done.stdout


def page(name):
    """As it is read, in one line."""
    return re.sub(r"\s+", " ", re.sub(r".\x08", "", output("mandoc", "-T", "utf8", "-O", "width=1000", os.path.join(TOP, "doc/man", name))))


def load_generate():
    path = os.path.join(TOP, "doc/generate")
    loader = importlib.machinery.SourceFileLoader("generate", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate", loader))
    loader.exec_module(module)
    return module


generate = load_generate()


def blocks(text):
    """The indented and the fenced blocks of a Markdown text."""
    for fence in re.findall(r"(?ms)^```\w*\n(.*?)^```", text):
        yield fence
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    for block in re.findall(r"(?m)(?:^\n|\A)((?:^    .*\n|^\n(?=    ))+)", text):
        yield re.sub(r"(?m)^    ", "", block)


# ---- manual pages ----

def what_is_generated_is_up_to_date():
    output(os.path.join(TOP, "doc/generate"), BUILD, HERE)
    made = [os.path.relpath(os.path.join(at, n), HERE) for at, _, names in os.walk(HERE) for n in names]
    assert len(made) >= 9, made
    for path in made:
        with open(os.path.join(HERE, path)) as f:
            assert f.read() == text_of(os.path.join("doc", path)), "doc/generate was not run: doc/" + path


def pages_are_clean():
    said = output("mandoc", "-T", "lint", "-W", "warning", *PAGES, ok=False)
    assert said == "", said
    names = {os.path.basename(p) for p in PAGES}
    for path in PAGES:
        for name, section in re.findall(r"(?m)^\.Xr (\S+) (\d)", text_of(path)):
            assert "%s.%s" % (name, section) in names or name in ("sd_notify", "sd_listen_fds", "curl", "mandoc"), (path, name)
    for unit in glob.glob(os.path.join(TOP, "systemd/*.in")) + [os.path.join(TOP, "systemd/congvu.target")]:
        for name, section in re.findall(r"man:([\w.]+)\((\d)\)", text_of(unit)):
            assert "%s.%s" % (name, section) in names, (unit, name)
    listed = re.findall(r"doc/man/([\w.-]+\.[5-8])\b", text_of("doc/Makefile.inc"))
    assert set(listed) == names, set(listed) ^ names


def pages_have_their_sections():
    wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "SIGNALS", "ENVIRONMENT", "FILES", "EXIT STATUS", "LOG", "DIAGNOSTICS", "SEE ALSO"]
    for program in PROGRAMS:
        text = text_of("doc/man/%s.8" % program)
        sections = re.findall(r"(?m)^\.Sh (.+)", text)
        assert [s for s in sections if s in wanted] == wanted and ".Ss Processes and users" in text, (program, sections)


def every_program_ends_as_its_page_says():
    for program, folder in PROGRAMS.items():
        assert "2 It was called wrongly" in page(program + ".8"), program
        done = subprocess.run([os.path.join(BUILD, folder, program), "--no-such-word"], stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2 and "usage: %s" % program in done.stderr, (program, done)
        nowhere = os.path.join(HERE, "nowhere.conf")
        done = subprocess.run([os.path.join(BUILD, folder, program), "-c", nowhere], stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 1 and nowhere in done.stderr, (program, done)


def every_event_is_told():
    known = {name for _, name, _ in generate.events().values()}
    told = set()
    for program in PROGRAMS:
        listed = set(re.findall(r"(?m)^\.It Sy (\S+) Pq", text_of("doc/man/%s.8" % program)))
        assert {"config-error"} | (set() if program in JOBS else {"start", "stop"}) <= listed <= known, (program, listed - known)
        told |= listed
    # What only a test build can log is nobody's.
    assert known - told <= {"control-off"}, known - told
    assert len(known) == text_of("common/event.def").count("\nEVENT_ROW("), "doc/generate does not read every row"
    for path in ADMIN:
        for name in re.findall(r"(?:event|events|sự kiện) `([a-z-]+)`", text_of(path)):
            assert name in known, (path, name)


def every_figure_is_told():
    rows = list(generate.metrics())
    assert len(rows) == len(re.findall(r"(?m)^M\(", text_of("common/metric.def"))), "doc/generate does not read every row"
    kinds = {"congvu_" + name: kind for name, kind, _, _, _ in rows}
    kinds.update({"congvu_up": "gauge", "congvu_start_time_seconds": "gauge"})
    labels = {"congvu_" + name: set(l) for name, _, _, l, _ in rows}
    for path in ADMIN:
        for name, given in re.findall(r"\b(congvu_[a-z0-9_]+)(?:\{(\w+)=)?", text_of(path)):
            base = re.sub(r"_(total|bucket)$", "", name)
            assert base in kinds, (path, name)
            assert not given or given in labels[base], (path, name, given)
            assert name.endswith("_total") == (kinds[base] == "counter"), (path, name)
            assert not name.endswith("_bucket") or kinds[base] == "histogram", (path, name)


# ---- the configuration ----

def manual_keys():
    section, keys = None, set()
    for line in output(CTL, "config", "manual").splitlines():
        if line.startswith(".Ss "):
            section = line.split()[1]
        elif line.startswith(".It Cm "):
            keys.add((section, line.split()[2]))
    return keys


def conf_frame(snippet):
    """The snippet with what a whole file needs."""
    frame = {"profile": "profile = open", "hostname": 'hostname = "mail.example.gov.vn"', "domains": 'domains = { "example.gov.vn" }',
             "internal-networks": 'internal-networks = { "10.0.0.0/8" }',
             "tls": 'tls { certificate = "/c"\n key = "/k" }', "ldap": 'ldap { uri = { "ldapi:///" }\n base = "dc=x" }',
             "signature": 'signature { roots = "/r"\n crls = "/l" }'}
    given = set(re.findall(r"(?m)^([a-z-]+)\b", snippet))
    return "\n".join(line for name, line in frame.items() if name not in given) + "\n" + snippet


def conf_mistakes(text):
    path = os.path.join(HERE, "snippet.conf")
    with open(path, "w") as f:
        f.write(text)
    said = output(CTL, "-c", path, "config", "check", ok=False)
    return [line for line in said.splitlines() if "No such file" not in line and "no mistakes found" not in line]


def is_conf(block):
    return re.match(r"(#.*\n|\s)*(profile|legal-basis|metrics|listener|route|rule|limits|incident|trust|signer|hostname|internal-networks)\b"
                    r"[^\n]*[={]", block) and "://" not in block.split("\n", 1)[0]


def every_key_is_told():
    keys = manual_keys()
    rows = re.findall(r"(?m)^O\((\w+), \w+, \w+, \"([a-z0-9-]+)\"", text_of("common/conf.def"))
    assert keys == set(rows) and len(keys) > 90, keys ^ set(rows)
    said = page("congvu.conf.5")
    assert all(" %s " % key in said for _, key in keys)
    # What the programs refuse at a reload is what conf(5) says needs a restart.
    part = re.search(r"(?s)\.Ss Changes that need a restart.*?\.Sh KEYS", text_of("doc/man/congvu.conf.5")).group(0)
    fixed = set()
    for path in glob.glob(os.path.join(TOP, "*/*.c")):
        for array in re.findall(r"(?s)fixed\[\] = \{(.*?)\}", text_of(path)):
            fixed |= {name.split(".")[-1] for name in re.findall(r'"([a-z.-]+)"', array)}
    said = set(re.findall(r"[a-z-]+", re.sub(r"(?m)^\.It .*|section\n", "", part)))
    assert len(fixed) >= 10 and fixed <= said, fixed - said


def every_snippet_parses():
    example = re.search(r"(?s)\.Bd -literal\n(profile = .*?)\.Ed", text_of("doc/man/congvu.conf.5")).group(1).replace("\\e", "\\")
    assert conf_mistakes(example) == [], conf_mistakes(example)
    for section in {section for section, _ in manual_keys()} - {"general"}:
        assert re.search(r"(?m)^%s\b.* \{" % section, example), "conf(5) has no example of section " + section
    n = 0
    for path in ALL:
        for block in blocks(text_of(path)):
            if is_conf(block):
                n += 1
                assert conf_mistakes(conf_frame(block)) == [], (path, block, conf_mistakes(conf_frame(block)))
    assert n >= 6, n
    # Said in passing: `section { key, key }`, `section { key = value }`.
    keys = manual_keys()
    sections = {s for s, _ in keys}
    needed = {"ldap": 'uri = { "ldapi:///" }\n base = "dc=x"\n', "signature": 'roots = "/r"\n crls = "/l"\n'}
    for path in ADMIN + [os.path.join(TOP, "README.md"), os.path.join(TOP, "SECURITY.md")] + glob.glob(os.path.join(TOP, "doc/design/*.md")):
        for section, inside in re.findall(r"`([a-z]+) \{ ([^`}]*)\}`", text_of(path)):
            assert section in sections, (path, section)
            for key in re.findall(r"([a-z-]+)(?: = [^,]+)?(?:,|\s*$)", inside.strip()):
                assert (section, key) in keys, (path, section, key)
            assert "=" not in inside or section in ("listener", "route", "rule") or \
                conf_mistakes(conf_frame("%s { %s %s }" % (section, needed.get(section, ""), inside))) == [], (path, inside)
    for name in PROGRAMS:
        for inside in re.findall(r'(?m)^\.Cm "?([a-z]+ \{ [^}]*\})', text_of("doc/man/%s.8" % name)):
            section, names = re.match(r"([a-z]+) \{ (.*) \}", inside).groups()
            for key in names.split(","):
                assert (section, key.split("=")[0].strip()) in keys, (name, inside)


# ---- congvuctl ----

def usage():
    """{verb: the words behind it}, as congvuctl itself says."""
    said = subprocess.run([CTL], stderr=subprocess.PIPE, text=True, check=False).stderr
    rows = {}
    for line in said.splitlines()[1:]:
        words = line.split()[1:]
        n = next((i for i, w in enumerate(words) if not re.fullmatch(r"[a-z][a-z-]*", w)), len(words))
        rows[" ".join(words[:n])] = words[n:]
    return rows


def every_verb_is_told():
    rows, said = usage(), text_of("doc/man/congvuctl.8")
    assert len(rows) >= 15, rows
    described = set(re.findall(r"(?m)^\.It Cm ([a-z]+(?: [a-z][a-z-]*){0,2})", said))
    assert described == set(rows), described ^ set(rows)
    examples = said[said.index(".Sh EXAMPLES"):]
    for verb, words in rows.items():
        assert "congvuctl " + verb in examples, "no example of " + verb
        for option in re.findall(r"--([a-z-]+)", " ".join(words)):
            assert re.search(r"Fl -%s\b" % option, said) or option in ("max", "from"), (verb, option)
    readme = {m for path in ("README.md", "README.vi.md") for m in re.findall(r"congvuctl ([a-z]+(?: [a-z]+)?)", text_of(path))}
    tops = {" ".join(v.split()[:n]) for v in rows for n in (1, 2, 3)}
    assert all(m in tops or m.split()[0] in rows for m in readme), readme - tops


def every_word_of_explain_is_told():
    """The keys of "congvuctl policy explain --json" are in congvuctl(8)."""
    source = text_of("policy/explain.c")
    keys = {k for name in ("evidence", "recipients", "signers", "notes", "whole")
            for k in re.findall(r'"([a-z0-9_]+)", ', re.search(r"(?ms)^%s\(.*?^}" % name, source).group(0))}
    said = text_of("doc/man/congvuctl.8")
    told = set(re.findall(r"[a-z0-9_]+", said[said.index(".It Cm policy explain"):said.index(".It Cm policy rules")]))
    assert {"verdict", "signers", "liftable", "not_after", "position"} <= keys <= told, keys - told


def every_line_of_status_is_told():
    """What "congvuctl status" may complain of is in doc/admin/operate, and nothing else is."""
    source = text_of("control/ctl_status.c")
    said = set(re.findall(r'problem\(r, "((?:[^"\\]|\\.)*)"', source)) | {"everything is in order"}
    said = {re.sub(r"%d", "N", s).replace("%%", "%") for s in said}
    for path in ("doc/admin/operate.en.md", "doc/admin/operate.vi.md"):
        text = text_of(path)
        table = text[:text.index("congvuctl config check && congvuctl reload")]
        told = {t for row in table.splitlines() if row.startswith("| `") for t in re.findall(r"`([^`]+)`", row.split("|")[1])}
        told = {re.sub(r"\b\d+\b", "N", t) for t in told}
        assert all(any(s.startswith(t) for s in said) for t in told), (path, told)
        assert all(any(s.startswith(t) for t in told) for s in said), (path, [s for s in said if not any(s.startswith(t) for t in told)])


def every_finding_is_told():
    """What "congvuctl store check" may find is in doc/admin/operate, with its severity, and whether a repair does anything."""
    rows = re.findall(r'K\(\w+, "([a-z-]+)", ([A-Z]+),\s*(?:\\\s*)?(NULL|")', text_of("mailstore/check.h"))
    known = {word: (severity, act != "NULL") for word, severity, act in rows}
    assert len(rows) == text_of("mailstore/check.h").count("\tK("), "the table of findings is not read whole"
    words = {"en": ({"ERROR": "error", "WARNING": "warning", "NOTE": "note"}, "does nothing"),
             "vi": ({"ERROR": "lỗi", "WARNING": "cảnh báo", "NOTE": "ghi chú"}, "không làm gì")}
    for language, (severities, nothing) in words.items():
        told = {}
        text = text_of("doc/admin/operate.%s.md" % language)
        for row in re.search(r"(?m)^\|[^\n]*\| `--repair` \|\n((?:\|.*\n)+)", text).group(1).splitlines()[1:]:
            names, severity, _, repair = [cell.strip() for cell in row.strip("|").split("|")]
            told.update({name: (severity, not repair.startswith(nothing)) for name in re.findall(r"`([^`]+)`", names)})
        wanted = {word: (severities[severity], acts) for word, (severity, acts) in known.items()}
        assert told == wanted, (language, set(told.items()) ^ set(wanted.items()))


def every_rule_is_told():
    """Each row of the shipped table that does not allow is in doc/admin/refused, and no row that is not there."""
    table = text_of("doc/admin/policy-rules.md")
    rows = set(re.findall(r"(?m)^\| `([a-z-]+)` \| [^|]* \| (?:reject|defer)\b", table))
    assert len(rows) >= 30, rows
    for path in ("doc/admin/refused.en.md", "doc/admin/refused.vi.md"):
        told = {name for row in text_of(path).splitlines() if row.startswith("| `") for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
        assert told == rows, (path, told ^ rows)


def replies_are_told_as_they_are():
    """Codes that documents show are codes that smtpd says."""
    rows = re.findall(r'REPLY_ROW\(\w+, (\d+), "([\d.]*)"', text_of("smtpd/reply.def"))
    codes, enhanced, n = {code for code, _ in rows}, {e for _, e in rows}, 0
    for path in ADMIN + PAGES:
        text = re.sub(r"(?s)^\.Sh STANDARDS.*|RFC \d+(?:(?:,| to| and| đến| và) \d+)*(?: [\d.]+)?", "", text_of(path), flags=re.M)
        shown = re.findall(r"\b[45][0-5]\d(?= [45]\.\d|[,;)]| and\b|\.$| with\b)", text, flags=re.M)
        assert set(shown) <= codes, (path, set(shown) - codes)
        details = re.findall(r"(?<![\d.])[45]\.\d\.\d{1,2}(?![\d.])", text)
        assert set(details) <= enhanced, (path, set(details) - enhanced)
        n += len(shown) + len(details)
    assert n >= 15, n


def commands():
    """Every command line of congvuctl that a document shows: (file, words)."""
    for path in ALL + PAGES:
        text = text_of(path)
        places = re.findall(r"`([^`\n]*congvuctl [^`]*)`", text) if path.endswith(".md") else re.findall(r"(?m)^\.(?:Li|Dl) (.*)", text)
        shown = [b for b in blocks(text)] if path.endswith(".md") else re.findall(r"(?ms)^\.Bd -literal.*?\n(.*?)^\.Ed", text)
        for place in places + shown:
            for line in place.splitlines():
                for one in re.findall(r"(?:^|&& )(?:sudo )?congvuctl ([^&|;]*)", line):
                    one = re.sub(r" [.,]$", "", one.replace(" Ar ", " "))
                    yield path, one.split() if one.count('"') % 2 or "'" in one or "\\" in one else shlex.split(one)


def every_command_is_accepted():
    rows, n = usage(), 0
    for path, words in commands():
        if words[0] == "config" and "manual" not in words and "check" not in words:
            continue
        where = (path, words)
        verb = next((v for v in sorted(rows, key=len, reverse=True) if words[:len(v.split())] == v.split()), None)
        assert verb is not None, where
        n += 1
        rest, allowed = words[len(verb.split()):], " ".join(rows[verb])
        takes = re.findall(r"(--[a-z-]+)( [A-Za-z|]+)?", allowed)
        wanted = re.sub(r"[][]", "", re.sub(r"\[?--[a-z-]+( [A-Za-z|]+)?\]?", "", allowed)).split()
        plain, i = [], 0
        while i < len(rest):
            option = [t for t in takes if t[0] == rest[i]]
            assert option or not rest[i].startswith("--"), where
            if option and option[0][1]:
                i += 1
                assert i < len(rest), where
                choice = option[0][1].strip()
                assert "|" not in choice or re.search("[A-Z]", choice) or rest[i] in choice.split("|"), where
            elif not option:
                plain.append(rest[i])
            i += 1
        # Words may be left out in running text ("congvuctl queue show"), never too many.
        assert len(plain) <= len(wanted) or (wanted and wanted[-1].endswith("...")), where
        done = subprocess.run([CTL, "-c", os.path.join(HERE, "nowhere.conf"), *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        assert "usage: congvuctl [-c FILE]" not in done.stderr, where
    assert n >= 40, n


# ---- Markdown ----

def anchors(text):
    for heading in re.findall(r"(?m)^#+ (.*)", text):
        yield re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()))


def every_link_leads_somewhere():
    n = 0
    for path in ALL:
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(?s)```.*?```", "", text_of(path))):
            if re.match(r"[a-z]+:", target):
                continue
            n += 1
            file, _, anchor = target.partition("#")
            there = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            assert os.path.exists(there), (path, target)
            assert there.startswith(TOP), (path, target)
            assert not anchor or anchor in anchors(text_of(there)), (path, target)
    assert n >= 30, n
    linked = set(re.findall(r"\]\(([\w.-]+\.md)\)", text_of("doc/admin/README.md")))
    there = {os.path.basename(p) for p in ADMIN} - {"README.md"}
    assert linked == there, linked ^ there


def shape(text):
    text = re.sub(r"(?ms)^```.*?^```", "", text)
    tables = [[len(re.findall(r"(?<!\\)\|", row)) for row in t.strip().splitlines()]
              for t in re.findall(r"(?m)((?:^\|.*\n)+)", text)]
    return {"headings": [len(h) for h in re.findall(r"(?m)^(#+) ", text)], "tables": tables,
            "points": len(re.findall(r"(?m)^(?:-|\d+\.) ", text))}


def what_design_names_is_there():
    """Files, folders and tests that doc/design speaks of."""
    n = 0
    for path in glob.glob(os.path.join(TOP, "doc/design/*.md")):
        text = text_of(path)
        for name in set(re.findall(r"\b((?:common|mime|mailstore|directory|policy|smtpd|imapd|control|tests|tools)/[\w./-]+)", text)):
            n += 1
            assert glob.glob(os.path.join(TOP, name.rstrip("./") + "*")), (path, name)
        for test, function in set(re.findall(r"\b(test_\w+)(?: ([a-z]\w+_\w+_\w+))?", text)):
            files = glob.glob(os.path.join(TOP, "tests/**/%s.*" % test), recursive=True)
            assert files and (not function or any(function in text_of(f) for f in files)), (path, test, function)
    assert n >= 100, n


def both_languages_say_the_same():
    pairs = [(p, p.replace(".vi.md", ".en.md")) for p in ADMIN if p.endswith(".vi.md")]
    assert {p for p in ADMIN if p.endswith(".en.md")} == {en for _, en in pairs} and len(pairs) >= 5
    for vi, en in pairs:
        v, e = text_of(vi), text_of(en)
        assert shape(v) == shape(e), (vi, shape(v), shape(e))
        assert "(%s)" % os.path.basename(en) in v and "(%s)" % os.path.basename(vi) in e, vi
        code_v, code_e = ([re.sub(r"(?m)#.*", "", b) for b in blocks(t)] for t in (v, e))
        assert code_v == code_e, (vi, [x for x in zip(code_v, code_e) if x[0] != x[1]])
        firsts = [[re.findall(r"`[^`]+`", row.split("|")[1]) for row in t.splitlines() if row.startswith("|")] for t in (v, e)]
        assert firsts[0] == firsts[1] or os.path.basename(vi).startswith(("zones", "refused")), vi
        # Vietnamese with its marks, composed; English without.
        assert unicodedata.normalize("NFC", v) == v, vi
        v = re.sub(r"(?ms)^```.*?^```|^    .*?$|`[^`]*`", "", v)
        marked = len(re.findall(r"[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", v.lower()))
        assert marked > len(v) / 8, (vi, marked, len(v))


def what_readme_says_to_run_is_there():
    for readme in ("README.md", "README.vi.md"):
        text = text_of(readme)
        for word in set(re.findall(r"(?m)(?:^    |`)((?:\./|tools/|packaging/)[\w/-]+)", text)):
            if word.endswith("/"):
                continue
            assert os.access(os.path.join(TOP, word), os.X_OK), (readme, word)
        for option in set(re.findall(r"\./demo (--[a-z-]+)", text)):
            assert option in text_of("demo"), (readme, option)
        for section in re.findall(r"tools/setup ([a-z]+)", text):
            assert "# [%s]" % section in text_of("tools/packages"), (readme, section)
        for program in PROGRAMS:
            assert "| `%s` |" % program in text, (readme, program)
    units = {os.path.basename(u)[7:].split(".")[0] for u in glob.glob(os.path.join(TOP, "systemd/congvu-*.service.in"))}
    users = set(re.findall(r"(?m)^[ug] congvu-([a-z-]+)", text_of("systemd/congvu.sysusers")))
    for path in ADMIN + PAGES:
        for name in re.findall(r"(?:systemctl \w+|journalctl -u) congvu-([a-z]+)", text_of(path)):
            assert name in units, (path, name)
        for name in re.findall(r"(?:-o |\")congvu-([a-z-]+)", text_of(path)):
            assert name in users, (path, name)
    installed = text_of("packaging/Makefile.inc") + text_of("packaging/debian/congvu.docs")
    for path in ADMIN + PAGES:
        for name in re.findall(r"/usr/share/(?:doc/)?congvu/(?:\w+/)?([\w.]+)", text_of(path)):
            assert name in installed, (path, name)
    for profile in ("open", "dedicated", "lan"):
        assert "secret-internet" in output(CTL, "policy", "rules", "--profile", profile)


def what_install_says_of_ldap_works():
    """server.ldif and first.ldif, as they are printed, on a slapd as Debian configures it."""
    if os.geteuid() != 0 or not shutil.which("slapd", path="/usr/sbin:/usr/bin"):
        print("skip LDIF: only root may write into cn=config over ldapi")
        return
    config, data, socket = (os.path.join(HERE, n) for n in ("slapd.d", "data", "ldapi"))
    os.mkdir(config)
    os.mkdir(data)
    root = "gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth"
    schema = "".join(open("/etc/ldap/schema/%s.ldif" % n).read().strip() + "\n\n" for n in ("core", "cosine", "nis", "inetorgperson"))
    subprocess.run(["/usr/sbin/slapadd", "-F", config, "-n", "0"], text=True, check=True, input="""\
dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: %(here)s/slapd.pid

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

%(schema)sdn: olcDatabase={0}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {0}config
olcAccess: to * by dn.exact=%(root)s manage by * break

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcDbDirectory: %(data)s
olcSuffix: dc=example,dc=gov,dc=vn
olcRootDN: cn=admin,dc=example,dc=gov,dc=vn
olcRootPW: mat-khau
olcDbIndex: objectClass eq
""" % {"here": HERE, "schema": schema, "root": root, "data": data})
    url = "ldapi://" + socket.replace("/", "%2F")
    subprocess.run(["/usr/sbin/slapd", "-h", url, "-F", config], check=True)
    try:
        external = ["-Q", "-Y", "EXTERNAL", "-H", url]
        assert eventually(lambda: subprocess.run(["ldapwhoami", *external], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                                 check=False).returncode == 0), "slapd does not answer"
        admin = ["-x", "-D", "cn=admin,dc=example,dc=gov,dc=vn", "-w", "mat-khau", "-H", url]
        shown = list(blocks(text_of("doc/admin/install.en.md")))
        server = next(b for b in shown if b.startswith("dn: cn=module"))
        first = next(b for b in shown if b.startswith("dn: ou=services"))
        first = re.sub(r"(?m)^ldapadd.*", "", first).replace("{SSHA}...", "mat-khau-2")
        output("ldapadd", *external, "-f", os.path.join(TOP, "directory/schema/congvu.ldif"))
        output("ldapadd", *admin, input="dn: dc=example,dc=gov,dc=vn\nobjectClass: dcObject\nobjectClass: organization\n"
               "dc: example\no: Example\n")
        output("ldapmodify", *external, input=server)
        output("ldapadd", *admin, input=first)
        service = ["-x", "-D", "cn=congvu,ou=services,dc=example,dc=gov,dc=vn", "-w", "mat-khau-2", "-H", url, "-LLL"]
        base = ["-b", "dc=example,dc=gov,dc=vn"]
        assert "mail: annv@example.gov.vn" in output("ldapsearch", *service, *base, "(uid=annv)")
        assert "userPassword" not in output("ldapsearch", *service, *base, "(uid=annv)")
        control = output("ldapsearch", *service, *base, "-E", "!sync=ro", "(uid=annv)")
        assert "mail: annv@" in control, control
        for change in [b for b in blocks(text_of("doc/admin/operate.en.md")) if b.startswith("ldapmodify")]:
            output("ldapmodify", *admin, input=re.search(r"(?s)'END'\n(.*?)END", change).group(1))
        account = output("ldapsearch", *service, *base, "(uid=annv)")
        assert "congvuStatus: locked" in account and "congvuQuotaMessages: 100000" in account, account
        assert "congvuQuota: 500000000000" in output("ldapsearch", *service, *base, "(objectClass=congvuAgency)")
    finally:
        with open(HERE + "/slapd.pid") as f:
            os.kill(int(f.read()), signal.SIGTERM)


def what_install_says_of_the_first_mail_works():
    """The commands as they are printed, with names, ports and passwords of a province that runs."""
    (first,) = [b for b in blocks(text_of("doc/admin/install.en.md")) if b.startswith("openssl smime")]
    (start,) = [b for b in blocks(text_of("doc/admin/install.en.md")) if b.startswith("systemctl enable")]
    with Province(28300) as p:
        e = p.env
        user = e["CONGVU_USER1"]
        for name, key in (("an.pem", "CONGVU_CERT1"), ("an.key", "CONGVU_KEY1")):
            shutil.copy(e[key], os.path.join(HERE, name))
        with open(os.path.join(HERE, "text.eml"), "w") as f:
            f.write("Kinh gui anh An: chao anh.\n")
        env = dict(os.environ, CURL_CA_BUNDLE=e["CONGVU_CA"], CONGVU_CONF=e["CONGVU_CONF"], PATH=os.path.join(BUILD, "control") +
                   ":" + os.environ["PATH"])
        said = []
        for line in [c for c in start.splitlines() if c.startswith("congvuctl")] + first.splitlines():
            for old, new in (("annv@example.gov.vn", user), ("smtps://mail.example.gov.vn", "smtps://localhost:%d" % p.port("SUBMISSIONS")),
                             ("imaps://mail.example.gov.vn", "imaps://localhost:%d" % p.port("IMAPS")),
                             ("--user annv", "--user %s:%s" % (user.split("@")[0], e["CONGVU_PASS"])), ("test annv", "test " + user)):
                line = line.replace(old, new)
            # Services that have just started have not all met yet.
            if line == "congvuctl status":
                eventually(lambda: subprocess.run(["congvuctl", "status"], env=env, stdout=subprocess.DEVNULL, check=False).returncode == 0)
            said.append(output("sh", "-c", line, cwd=HERE, env=env))
        explained = said[5]
        assert "everything is in order" in said[0] and "no mistakes" in said[2] and "valid" in explained and "allow" in explained, said
        assert "ENVELOPE" in said[7] and "submit allow" in said[8] and "chain of" in said[9], said


def main():
    try:
        return 1 if run([what_is_generated_is_up_to_date, pages_are_clean, pages_have_their_sections,
                         every_program_ends_as_its_page_says, every_event_is_told, every_figure_is_told, every_key_is_told,
                         every_snippet_parses, every_verb_is_told, every_word_of_explain_is_told,
                         every_line_of_status_is_told, every_finding_is_told, every_rule_is_told, replies_are_told_as_they_are,
                         every_command_is_accepted, every_link_leads_somewhere, what_design_names_is_there,
                         both_languages_say_the_same, what_readme_says_to_run_is_there, what_install_says_of_ldap_works,
                         what_install_says_of_the_first_mail_works]) else 0
    finally:
        shutil.rmtree(HERE, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
