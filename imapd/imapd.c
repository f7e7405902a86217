/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd -c FILE: the IMAP server of congvu, in the foreground: workers for each zone that has a
 * listener, and the parent that starts them.
 */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/program.h"
#include "common/parent.h"
#include "imapd/worker.h"

static bool
is_internal(const struct conf_listener *l)
{
	return l->role == CONF_LISTEN_IMAP && l->zone == ZONE_INTERNAL;
}

static bool
is_internet(const struct conf_listener *l)
{
	return l->role == CONF_LISTEN_IMAP && l->zone != ZONE_INTERNAL;
}

static uint64_t
workers(const struct conf *conf, bool (*serves)(const struct conf_listener *))
{
	for (size_t i = 0; i < conf->listener_n; i++)
		if (serves(&conf->listener[i]))
			return conf->limits.imap_workers;
	return 0;
}

static uint64_t
internal_workers(const struct conf *conf)
{
	return workers(conf, is_internal);
}

static uint64_t
internet_workers(const struct conf *conf)
{
	return workers(conf, is_internet);
}

static int
run_internal(const struct parent_child *child)
{
	return worker_run(child, ZONE_INTERNAL);
}

static int
run_internet(const struct parent_child *child)
{
	return worker_run(child, ZONE_INTERNET);
}

int
main(int argc, char **argv)
{
	static const char *const alpn[] = { "imap", NULL };
	static const struct parent_role roles[] = {
		{ "internal", "imapd-internal", internal_workers, is_internal,
		    IDENTITY_IMAPD_INTERNAL, run_internal },
		{ "internet", "imapd-internet", internet_workers, is_internet,
		    IDENTITY_IMAPD_INTERNET, run_internet },
	};
	static const struct parent_program program = { .name = "imapd", .alpn = alpn,
		.listener_roles = LISTEN_ROLE(CONF_LISTEN_IMAP),
		.roles = roles, .roles_n = ARRAY_LEN(roles) };
	const char *path = program_conf_path(argc, argv, "imapd");

	if (path == NULL)
		return PROGRAM_USAGE;
	if (sodium_init() < 0)
		return 1;
	return parent_run(&program, path);
}
