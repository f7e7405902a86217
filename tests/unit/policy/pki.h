/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/pki.h: a throw-away PKI in a temporary folder, and messages signed with it.
 */
#ifndef TESTS_PKI_H
#define TESTS_PKI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "policy/smime/smime.h"

/* cmocka group fixtures: make the folder with tests/pki.sh, remove it. */
int pki_setup(void **state);
int pki_teardown(void **state);

/* The folder. */
const char *pki_dir(void);

/* Run a shell command in the folder; the test fails if it does. */
void pki_run(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The path of tests/pki.sh. */
const char *pki_script(void);

/* Revoke a leaf of inter and write its CRL anew. */
void pki_revoke(const char *name);

/* The octets of a file of the folder, kept until the end of the program's group of tests. */
struct slice pki_read(const char *name);
void pki_write(const char *name, struct slice octets);

/*
 * A message from an@tinh.example signed with "openssl cms -sign OPTIONS", in CRLF. Made once for
 * each options string.
 */
struct slice pki_sign(const char *options);

/* Trust: parts is a string of letters: r root, p pool, c CRL of inter, C CRL of root. */
struct smime_trust *pki_trust(const char *parts);

/* s with the first a replaced by b (which must occur), kept as pki_read's. */
struct slice pki_replace(struct slice s, const char *a, const char *b);

/* A kept copy of printf-like text. */
struct slice pki_text(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
