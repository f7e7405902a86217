/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/session/coverage.h: does every command of the engine's table have its transcripts?
 *
 * Asked of each command: one that succeeds, one that is refused, one with bad syntax, and, as its
 * flags in smtpd/command.c say, one too early, before TLS, before sign-in, in the other protocol;
 * besides within a transaction, too long, and pipelined.
 */
#ifndef TESTS_COVERAGE_H
#define TESTS_COVERAGE_H

#include "tests/session/smtp_script.h"

/* Note what the case shows. */
void coverage_note(const struct script_case *c);

/* Print what is missing, and with verbose the whole table; how many cells are missing? */
unsigned coverage_missing(bool verbose);

#endif
