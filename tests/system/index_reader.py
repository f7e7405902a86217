#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""index_reader.py FOLDER N: take N views of the store's index, or as many as there are places (those of the dead are free),
say how many, and keep them until standard input ends."""
import ctypes
import signal
import sys

NOTLS, RDONLY, READERS_FULL, PR_SET_PDEATHSIG = 0x200000, 0x20000, -30790, 1


def main(folder, wanted):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    lmdb, env, n, rc = ctypes.CDLL("liblmdb.so.0"), ctypes.c_void_p(), 0, 0
    assert lmdb.mdb_env_create(ctypes.byref(env)) == 0
    rc = lmdb.mdb_env_open(env, folder.encode(), NOTLS | RDONLY, 0)
    assert rc == 0, rc
    assert lmdb.mdb_reader_check(env, ctypes.byref(ctypes.c_int())) == 0
    while n < wanted and rc == 0:
        txn = ctypes.c_void_p()
        rc = lmdb.mdb_txn_begin(env, None, RDONLY, ctypes.byref(txn))
        n += rc == 0
    assert rc in (0, READERS_FULL), rc
    print(n, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
