/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/parent.h: the process that starts the others, and starts them again.
 *
 * Shape   it opens sockets and TLS files, forks the workers and the relay, and does nothing else:
 *         no octet of a peer reaches it. SIGHUP makes a new generation from the file read anew (a
 *         bad file changes nothing) while the old one ends its sessions; SIGTERM ends all.
 */
#ifndef SMTPD_PARENT_H
#define SMTPD_PARENT_H

/* Run with the configuration file at path; the exit status of the program. */
int parent_run(const char *path);

#endif
