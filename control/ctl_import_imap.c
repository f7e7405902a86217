/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* An IMAP server as the source of an import: its name, the password, its zone. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "common/conf_net.h"
#include "control/ctl_import.h"
#include "control/import_imap.h"

enum { PASSWORD_MAX = 1000 };

static bool
is_internal(void *arg, const char *peer)
{
	const struct conf_list *list = &((const struct import *)arg)->ctl->conf->general
	    .internal_networks;
	struct conf_net address, block;

	if (!conf_net_parse(peer, &address))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (conf_net_parse(list->v[i], &block) && conf_net_has(&block, &address))
			return true;
	return false;
}

/* The first line of fd. */
static int
read_line(int fd, char *to, size_t *n_out)
{
	ssize_t n = 0, got;

	while (n < PASSWORD_MAX && (got = read(fd, to + n, 1)) == 1 && to[n] != '\n')
		n++;
	while (n > 0 && to[n - 1] == '\r')
		n--;
	*n_out = (size_t)n;
	return n > 0 && memchr(to, '\0', (size_t)n) == NULL ? OK : ERR_SYNTAX;
}

static int
from_file(const char *path, char *to, size_t *n_out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		ctl_fail("%s: %s", path, err_text(-errno));
		r = ERR_IO;
	} else if (S_ISREG(st.st_mode) && ((st.st_mode & 077) != 0 ||
	    (st.st_uid != 0 && st.st_uid != geteuid()))) {
		ctl_fail("%s: others may read it; run: chown 0 %s && chmod 600 %s", path, path,
		    path);
		r = ERR_ACCESS;
	} else {
		r = read_line(fd, to, n_out);
		if (r != OK)
			ctl_fail("%s: holds no password", path);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int
from_terminal(const char *whom, char *to, size_t *n_out)
{
	struct termios was, quiet;
	int r;

	if (isatty(STDIN_FILENO) != 1 || tcgetattr(STDIN_FILENO, &was) != 0)
		return ctl_fail("--password-file is missing"), ERR_SYNTAX;
	fprintf(stderr, "password of %s: ", whom);
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	r = read_line(STDIN_FILENO, to, n_out);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	fputc('\n', stderr);
	return r == OK ? OK : (ctl_fail("no password"), r);
}

int
import_open_imap(struct import *im, const struct import_words *w)
{
	struct import_imap *conf = arena_alloc(&im->ctl->arena, sizeof *conf);
	char *password = sodium_malloc(PASSWORD_MAX + 1);
	int r = conf == NULL || password == NULL ? ERR_NOMEM : OK;

	if (r == OK && import_imap_url(slice_of(w->from), conf) != OK) {
		/* It is not shown: it may hold a password. */
		ctl_fail("--from: is not imaps://USER@HOST[:PORT]/ (\":\" in a name is written %%3A; "
		    "a password goes into --password-file: all users see the command line)");
		r = ERR_SYNTAX;
	}
	if (r == OK && w->insecure && conf->implicit_tls) {
		ctl_fail("--insecure-plain: does not go with imaps:");
		r = ERR_SYNTAX;
	}
	if (r == OK)
		r = w->password_file != NULL ?
		    from_file(w->password_file, password, &conf->password.n) :
		    from_terminal(conf->text, password, &conf->password.n);
	if (r == OK) {
		conf->password.p = password;
		conf->insecure_plain = w->insecure;
		conf->ca_file = w->ca != NULL ? w->ca : "/etc/ssl/certs/ca-certificates.crt";
		conf->message_octets = im->ctl->conf->limits.message_octets;
		conf->is_internal = is_internal;
		conf->arg = im;
		r = import_imap_new(conf, &im->source);
		if (r != OK)
			ctl_fail("%s", im->source == NULL ? err_text(r) : im->source->why);
	}
	sodium_free(password);
	return r;
}
