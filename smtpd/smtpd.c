/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* smtpd -c FILE: the SMTP server and relay of congvu, in the foreground. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/program.h"
#include "common/parent.h"
#include "smtpd/relay.h"
#include "smtpd/worker.h"

static uint64_t
workers(const struct conf *conf)
{
	return conf->limits.smtp_workers;
}

static uint64_t
one(const struct conf *conf)
{
	(void)conf;
	return 1;
}

static bool
is_ours(const struct conf_listener *l)
{
	return l->role != CONF_LISTEN_IMAP;
}

int
main(int argc, char **argv)
{
	static const char *const alpn[] = { "smtp", "esmtp", NULL };
	static const struct parent_role roles[] = {
		{ .name = "worker", .count = workers, .serves = is_ours, .who = IDENTITY_SMTPD,
		    .run = worker_run },
		{ .name = "relay", .count = one, .who = IDENTITY_RELAY, .run = relay_run },
	};
	static const struct parent_program program = { .name = "smtpd", .alpn = alpn,
		.listener_roles = LISTEN_ROLE(CONF_LISTEN_MX) |
		    LISTEN_ROLE(CONF_LISTEN_SUBMISSION) | LISTEN_ROLE(CONF_LISTEN_LMTP),
		.roles = roles, .roles_n = ARRAY_LEN(roles) };
	const char *path = program_conf_path(argc, argv, "smtpd");

	if (path == NULL)
		return PROGRAM_USAGE;
	if (worker_prepare() != OK) {
		fprintf(stderr, "smtpd: out of memory\n");
		return 1;
	}
	return parent_run(&program, path);
}
