/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* smtpd -c FILE: the SMTP server and relay of congvu, in the foreground. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "smtpd/parent.h"
#include "smtpd/worker.h"

int
main(int argc, char **argv)
{
	const char *path = "/etc/congvu/congvu.conf";
	int opt;

	while ((opt = getopt(argc, argv, "c:")) != -1) {
		if (opt != 'c') {
			fprintf(stderr, "usage: smtpd [-c FILE]\n");
			return 2;
		}
		path = optarg;
	}
	if (optind != argc) {
		fprintf(stderr, "usage: smtpd [-c FILE]\n");
		return 2;
	}
	if (worker_prepare() != OK) {
		fprintf(stderr, "smtpd: out of memory\n");
		return 1;
	}
	return parent_run(path);
}
