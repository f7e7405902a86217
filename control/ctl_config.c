/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/control.h"
#include "directory/proto.h"
#include "policy/profile.h"

enum { ASK_MS = 5000 };

/* A file that the configuration names must be there and hold something. Whether a program may read
 * it is not for us to say: each runs under an account of its own, and we may be one that cannot
 * look into its folder. */
static void
check_file(const char *key, const char *path, struct buf *errors, const char *file)
{
	struct stat st;
	int err;

	if (*path == '\0')
		return;
	err = stat(path, &st) == 0 ? 0 : errno;
	if (err == 0 && st.st_size == 0)
		buf_addf(errors, "%s:0: %s: %s: is empty\n", file, key, path);
	else if (err != 0 && err != EACCES)
		buf_addf(errors, "%s:0: %s: %s: %s\n", file, key, path, strerror(err));
}

static void
check_files(const struct conf *c, const char *file, struct buf *errors)
{
	check_file("tls: certificate", c->tls.certificate, errors, file);
	check_file("tls: key", c->tls.key, errors, file);
	check_file("ldap: ca", c->ldap.ca, errors, file);
	check_file("ldap: bind-password-file", c->ldap.bind_password_file, errors, file);
	check_file("signature: roots", c->signature.roots, errors, file);
	check_file("signature: intermediates", c->signature.intermediates, errors, file);
	check_file("signature: crls", c->signature.crls, errors, file);
	for (size_t i = 0; i < c->route_n; i++)
		check_file("route: ca", c->route[i].ca, errors, file);
	check_file("trust: ca", c->trust.ca, errors, file);
	for (size_t i = 0; i < c->signer_n; i++) {
		const struct conf_signer *s = &c->signer[i];

		check_file("signer: certificate", s->certificate, errors, file);
		check_file("signer: key", s->key, errors, file);
		check_file("signer: pkcs11-module", s->pkcs11_module, errors, file);
		check_file("signer: pin-file", s->pin_file, errors, file);
	}
}

/* Whoever reads a refusal or the audit must be able to tell whose row it was. */
static void
check_names(const struct conf *c, const char *file, struct buf *errors)
{
	for (size_t i = 0; i < c->rule_n; i++)
		if (profile_has(slice_of(c->rule[i].title)))
			buf_addf(errors, "%s:%d: rule \"%s\": is the name of a shipped row "
			    "(congvuctl policy rules)\n", file, c->rule[i].line, c->rule[i].title);
}

/* {"ok":false,"errors":[{"file":..,"line":..,"text":..}]} */
static void
print_json(struct slice errors)
{
	json_t *list = json_array();
	struct slice line, file, number;
	uint64_t n;

	while (errors.n > 0) {
		slice_cut(&errors, '\n', &line);
		slice_cut(&line, ':', &file);
		slice_cut(&line, ':', &number);
		if (slice_u64(number, 1000000, &n) != OK)
			n = 0;
		json_array_append_new(list, json_pack("{s:o,s:I,s:o}", "file", ctl_json(file),
		    "line", (json_int_t)n, "text", ctl_json(slice_trim(line))));
	}
	ctl_print_json(json_pack("{s:b,s:o}", "ok", json_array_size(list) == 0, "errors", list));
}

static void
find_errors(struct ctl *ctl, struct buf *errors)
{
	buf_init(errors, 65536);
	if (conf_load(ctl->conf_path, &ctl->conf, errors) != OK)
		return;
	check_names(ctl->conf, ctl->conf_path, errors);
	check_files(ctl->conf, ctl->conf_path, errors);
}

bool
ctl_config_errors(struct ctl *ctl)
{
	struct buf errors;
	bool any;

	find_errors(ctl, &errors);
	any = errors.n > 0;
	if (any && ctl->json)
		print_json(buf_slice(&errors));
	else if (any)
		fputs(buf_cstr(&errors), stdout);
	buf_fini(&errors);
	return any;
}

/* ---- postmaster (RFC 5321 4.5.1) and the security officers, if the directory can be asked ---- */

static void
check_reached(struct ctl *ctl, int fd, const char *address, const char *advice)
{
	const struct dir_rcpt_reply *reply;
	struct dir_rcpt_request req = { .address = slice_of(address) };
	const struct chan_row *row;
	const void *answer;
	size_t n;

	row = dir_rows(&n);
	while (n > 0 && row->code != DIR_RCPT)
		row++, n--;
	if (n == 0 || chan_sync_call(fd, row, &req, NULL, 0, ASK_MS, &ctl->arena, &answer, NULL,
	    NULL) != OK)
		return;
	reply = answer;
	if (reply->outcome == DIR_RCPT_LOCAL || reply->outcome == DIR_RCPT_NOT_OURS ||
	    (reply->outcome == DIR_RCPT_GROUP && reply->accounts_n + reply->externals_n > 0))
		return;
	fprintf(stderr, "congvuctl: warning: mail for %s reaches nobody: %s\n", address, advice);
}

static void
check_mailboxes(struct ctl *ctl)
{
	static const char advice[] = "set postmaster, or give an account that alias";
	const struct conf_general *g = &ctl->conf->general;
	char path[128], address[320];
	int fd = -1;

	if (chan_path(g->run_dir, "directory", ROLE_CONTROL, path, sizeof path) != OK ||
	    chan_sync_connect(path, ASK_MS, &fd) != OK)
		return;	/* it does not run yet, or may not be asked: the server itself will look */
	if (g->postmaster[0] != '\0')
		check_reached(ctl, fd, g->postmaster, advice);
	for (size_t i = 0; g->postmaster[0] == '\0' && i < g->domains.n; i++) {
		snprintf(address, sizeof address, "postmaster@%s", g->domains.v[i]);
		check_reached(ctl, fd, address, advice);
	}
	if (ctl->conf->incident.mailbox[0] != '\0')
		check_reached(ctl, fd, ctl->conf->incident.mailbox,
		    "no notice gets to the security officers");
	close(fd);
}

int
ctl_config_check(struct ctl *ctl, int argc, char **argv)
{
	struct buf errors;
	bool ok;

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl);
	find_errors(ctl, &errors);
	ok = errors.n == 0;
	if (ok)
		check_mailboxes(ctl);
	if (ctl->json)
		print_json(buf_slice(&errors));
	else if (ok)
		printf("%s: no mistakes found\n", ctl->conf_path);
	else
		fputs(buf_cstr(&errors), stdout);
	buf_fini(&errors);
	return ok ? CTL_OK : CTL_NOT_IN_ORDER;
}

int
ctl_config_manual(struct ctl *ctl, int argc, char **argv)
{
	struct buf out;

	(void)ctl;
	(void)argc;
	(void)argv;
	buf_init(&out, 1024 * 1024);
	conf_manual(&out);
	fwrite(out.p, 1, out.n, stdout);
	buf_fini(&out);
	return CTL_OK;
}
