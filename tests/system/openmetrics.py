# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""A strict reader of OpenMetrics 1.0 text: what the standard says MUST be is asserted, nothing is guessed."""
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN")
SUFFIXES = {"counter": ("_total", "_created"), "gauge": ("",),
            "histogram": ("_bucket", "_count", "_sum", "_created")}


class Family:
    def __init__(self, name, kind):
        self.name, self.kind, self.unit, self.help = name, kind, None, None
        self.samples = {}		# (suffix, frozen labels) -> value


def read_labels(text):
    if not text:
        return {}
    assert text[0] == "{" and text[-1] == "}", text
    labels, at, inner = {}, 0, text[1:-1]
    while at < len(inner):
        m = LABEL.match(inner, at)
        assert m, text
        assert m.group(1) not in labels, "a label twice: " + text
        labels[m.group(1)] = re.sub(r"\\(.)", lambda e: {"n": "\n"}.get(e.group(1), e.group(1)), m.group(2))
        at = m.end()
        if at < len(inner):
            assert inner[at] == "," and at + 1 < len(inner), text
            at += 1
    return labels


def read_sample(families, family, line):
    m = re.fullmatch(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)", line)
    assert m, "no sample: " + line
    assert family is not None and m.group(1).startswith(family.name), "outside of its family: " + line
    suffix = m.group(1)[len(family.name):]
    assert suffix in SUFFIXES[family.kind], line
    assert NUMBER.fullmatch(m.group(3)), line
    value = float(m.group(3).replace("Inf", "inf"))
    if family.kind == "counter" or (family.kind == "histogram" and suffix != "_created"):
        assert value >= 0 and value == value, line
    labels = read_labels(m.group(2))
    assert ("le" in labels) == (suffix == "_bucket"), line
    key = (suffix, frozenset(labels.items()))
    assert key not in family.samples, "twice: " + line
    family.samples[key] = value


def check_histogram(family):
    series = {}
    for (suffix, labels), value in family.samples.items():
        labels = dict(labels)
        le = labels.pop("le", None)
        one = series.setdefault(frozenset(labels.items()), {"buckets": []})
        if suffix == "_bucket":
            assert le == "+Inf" or repr(float(le)) == le or "e" in repr(float(le)), "not canonical: " + le
            one["buckets"].append((float(le.replace("Inf", "inf")), value))
        else:
            one[suffix] = value
    for labels, one in series.items():
        counts = [count for _, count in sorted(one["buckets"])]
        assert sorted(one["buckets"]) == one["buckets"], "buckets out of order"
        assert counts == sorted(counts), (family.name, labels)
        assert one["buckets"][-1][0] == float("inf") and counts[-1] == one["_count"], (family.name, labels)
        assert "_sum" in one, (family.name, labels)


def parse(text):
    """{family name: Family}."""
    assert text.endswith("# EOF\n"), text[-80:]
    assert "\r" not in text and "\n\n" not in text
    families, family = {}, None
    for line in text[:-len("# EOF\n")].split("\n")[:-1]:
        if not line.startswith("#"):
            read_sample(families, family, line)
            continue
        hash_, word, name, rest = (line.split(" ", 3) + [""])[:4]
        assert hash_ == "#" and NAME.fullmatch(name), line
        if word == "TYPE":
            assert name not in families and rest in SUFFIXES, "a family twice, or unknown: " + line
            family = families[name] = Family(name, rest)
            continue
        assert family is not None and name == family.name and not family.samples, line
        if word == "UNIT":
            assert family.unit is None and name.endswith("_" + rest), line
            family.unit = rest
        else:
            assert word == "HELP" and family.help is None and rest, line
            family.help = rest
    for one in families.values():
        if one.kind == "histogram":
            check_histogram(one)
        if one.kind == "counter":
            assert all((("_total", labels) in one.samples) for _, labels in one.samples), one.name
    # No sample name may be read as one of another family (the standard: names must not clash).
    for one in families.values():
        for suffix in SUFFIXES[one.kind]:
            assert suffix == "" or one.name + suffix not in families, one.name
    return families


class Scrape:
    """The numbers of one text, easy to ask for."""

    def __init__(self, text):
        self.families = parse(text)

    def value(self, name, suffix="_total", **labels):
        """The sum of all series of congvu_NAME that have these labels."""
        family = self.families["congvu_" + name]
        if family.kind == "gauge":
            suffix = ""
        return sum(v for (s, found), v in family.samples.items()
                   if s == suffix and set(labels.items()) <= found)
