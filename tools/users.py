#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tools/users.py own ROLE PATH... | section: the users of a private province (tools/users.conf).

own gives files to the user of a role, section prints the section for congvu.conf. Started by somebody else than
root, the programs all run as he: own does nothing, section is empty. Also a module for the tests.
"""
import os
import re
import sys

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "users.conf")


def section():
    if os.geteuid() != 0:
        return ""
    with open(FILE) as f:
        return f.read()


def uid(role):
    """The user of a role, None where all are one."""
    found = re.search(r"(?m)\b%s = (\d+)" % re.escape(role), section())
    return int(found.group(1)) if found else None


def own(role, *paths):
    if uid(role) is not None:
        for path in paths:
            os.chown(path, uid(role), uid(role))


if __name__ == "__main__":
    if sys.argv[1:] == ["section"]:
        sys.stdout.write(section())
    elif sys.argv[1:2] == ["own"] and len(sys.argv) > 3:
        own(*sys.argv[2:])
    else:
        sys.exit(__doc__)
