#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""policyd killed, stopped, slow, talking nonsense: nothing is taken or sent on a guess, and all goes on afterwards.

With CONGVU_CONTROL_OFF, from ./check: only one short round without a fault, in the build with controls, which must find
what the missing check let through.
"""
import os
import random
import signal
import sys
import time

from harness import eventually, run
from failure import FailingProvince, Traffic
from failure_check import all_is_well, check, children, rounds, until_new
from failure_fault import Liar, slow_for, stop_for

LONG = 5 if "--long" in sys.argv else 1


def undisturbed(p, before):
    with Traffic(p) as traffic:
        time.sleep(3)
        eventually(lambda: traffic.count("ok", True) > 20 and traffic.count("no", False) > 5)
    assert traffic.count("ok", True) > 20 and traffic.count("no", True) == 0, traffic.told()
    assert traffic.count("no", False) > 5, traffic.told()
    all_is_well(p, traffic, before)


def killed(p, before):
    with Traffic(p) as traffic:
        for i in range(6 * LONG):
            time.sleep(random.choice((0.05, 0.3, 0.8)))
            pid = until_new(p, "policyd", None)
            if i % 2:
                for worker in children(p, "policyd"):
                    os.kill(worker, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
                until_new(p, "policyd", pid)
    all_is_well(p, traffic, before)


def stopped(p, before):
    """Longer than policy-time: the answer is "later", and the late verdicts are for nobody."""
    with Traffic(p) as traffic:
        time.sleep(0.5)
        stop_for([p.pid("policyd")], 6.0)
        time.sleep(0.5)
        stop_for(children(p, "policyd"), 1.5)
        time.sleep(0.3)
    all_is_well(p, traffic, before)


def slow(p, before):
    with Traffic(p) as traffic:
        slow_for([p.pid("policyd")] + children(p, "policyd"), 5 * LONG)
    all_is_well(p, traffic, before)


def nonsense(p, before):
    with Traffic(p) as traffic:
        with Liar(os.path.join(p.dir, "run"), "policy") as liar:
            os.kill(p.pid("policyd"), 0)
            for program in ("smtpd", "imapd"):	# who is connected already must ask anew
                for pid in children(p, program):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(6 * LONG)
            assert eventually(lambda: liar.lies > 50), liar.lies
    print("     %d lies" % liar.lies)
    all_is_well(p, traffic, before)


def main():
    control = "CONGVU_CONTROL_OFF" in os.environ
    if control:  # from ./check, in the folder of the build with controls
        os.environ.setdefault("CONGVU_BUILD", os.getcwd())
    with FailingProvince(23600) as p:
        failures = rounds(p, [undisturbed] if control else [undisturbed, killed, stopped, slow, nonsense], logs=not control)
    return failures


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
