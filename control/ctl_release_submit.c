/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_release_submit.c: "policy release submit": both signed statements are verified as
 * policyd will, their officers looked up, and mailstored is given them.
 */
#include <stdio.h>
#include <string.h>

#include "common/base64.h"
#include "control/ctl_explain.h"
#include "control/ctl_key.h"
#include "directory/proto.h"
#include "mailstore/proto.h"
#include "policy/release.h"

enum { OFFICERS = 2, SIGNED_MAX = 32768 };

struct submit {
	struct ctl	       *ctl;
	struct judge_env	env;
	const char	       *files[OFFICERS], *officers[OFFICERS];
	size_t			files_n, officers_n;
	struct pol_statement	octets[OFFICERS];
	struct pol_officer	known[OFFICERS];
	struct st_address	address[OFFICERS];
	struct release_statement s;
};

static int
parse(int argc, char **argv, struct submit *sub)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--officer") == 0 && i + 1 < argc &&
		    sub->officers_n < OFFICERS)
			sub->officers[sub->officers_n++] = argv[++i];
		else if (argv[i][0] != '-' && sub->files_n < OFFICERS)
			sub->files[sub->files_n++] = argv[i];
		else
			return ERR_SYNTAX;
	return sub->files_n == OFFICERS && (sub->officers_n == 0 || sub->officers_n == OFFICERS) ?
	    OK : ERR_SYNTAX;
}

/* What stands between the lines of PEM. */
static int
from_pem(struct slice text, struct buf *out)
{
	struct slice line;
	bool inside = false;
	struct buf base64;
	int r;

	buf_init(&base64, text.n);
	while (slice_cut(&text, '\n', &line)) {
		line = slice_trim(line);
		if (slice_starts_nocase(line, SLICE("-----")))
			inside = !inside;
		else if (inside)
			buf_add(&base64, line);
	}
	r = base64_decode(buf_slice(&base64), out, NULL);
	buf_fini(&base64);
	return r;
}

/* DER as it is, PEM as DER, a mail with the line ends that it had on its way. An error is told. */
static int
read_signed(struct submit *sub, size_t i)
{
	struct slice file, wire;
	struct buf mem;
	int r = ctl_map_file(sub->files[i], &file);

	if (r != OK)
		return r;
	buf_init(&mem, 4 * SIGNED_MAX);
	if (slice_starts_nocase(file, SLICE("-----BEGIN "))) {
		r = from_pem(file, &mem);
		wire = buf_slice(&mem);
	} else if (file.n > 0 && (unsigned char)file.p[0] == 0x30) {
		wire = file;
	} else {
		r = explain_as_on_wire(file, &mem, &wire);
	}
	if (r == OK && wire.n > SIGNED_MAX)
		r = ERR_LIMIT;
	if (r == OK)
		sub->octets[i].octets = arena_copy(&sub->ctl->arena, wire);
	buf_fini(&mem);
	ctl_unmap_file(file);
	if (r == OK)
		r = sub->ctl->arena.err;
	if (r != OK)
		ctl_fail("%s: %s", sub->files[i], err_text(r));
	return r;
}

/* 1: the directory has an account of that address, which becomes officer i. */
static int
look_up(struct submit *sub, size_t i, struct slice address)
{
	struct dir_account_request req = { .address = address };
	const struct dir_account_reply *a;
	const void *reply;
	size_t n;
	const struct chan_row *rows = dir_rows(&n);

	if (ctl_ask(sub->ctl, "directory", rows, n, DIR_ACCOUNT, &req, &reply) != OK)
		return ERR_UNAVAIL;
	a = reply;
	if (a->account_n != 1)
		return 0;
	sub->known[i] = (struct pol_officer){ .guid = a->account[0].guid,
		.status = a->account[0].status, .roles = a->account[0].roles,
		.identities = a->identities, .identities_n = a->identities_n };
	sub->address[i].address = a->account[0].address;
	return 1;
}

static int
find_officer(struct submit *sub, size_t i, const struct smime_result *sig)
{
	int r = 0;

	if (sub->officers_n == OFFICERS)
		r = look_up(sub, i, slice_of(sub->officers[i]));
	for (unsigned k = 0; k < sig->signers_n && r == 0 && sub->officers_n == 0; k++)
		for (unsigned e = 0; e < sig->signers[k].emails_n && r == 0; e++)
			r = look_up(sub, i, sig->signers[k].emails[e]);
	if (r == 0 && sub->officers_n == OFFICERS)
		ctl_fail("%s: the directory has no account of this address", sub->officers[i]);
	else if (r == 0)
		ctl_fail("%s: the directory has no account of the signer's address; name both with "
		    "--officer", sub->files[i]);
	return r == 1 ? OK : r == 0 ? ERR_NOENT : r;
}

/* One statement by itself; what is wrong is told. */
static int
take_one(struct submit *sub, size_t i)
{
	const char *unfit = NULL;
	struct smime_result sig;
	int r = read_signed(sub, i);

	if (r != OK)
		return r;
	r = release_open(sub->octets[i].octets, sub->env.trust, &sub->env.smime,
	    &sub->ctl->arena, &sig, &sub->s, &unfit);
	if (r != OK) {
		ctl_fail("%s: %s", sub->files[i], err_text(r));
		return r;
	}
	if (unfit != NULL) {
		ctl_fail("%s: %s (signature: %s%s%s)", sub->files[i], unfit, sig_name(sig.sig),
		    sig.reason == SIG_OK ? "" : ", ",
		    sig.reason == SIG_OK ? "" : sig_reason_name(sig.reason));
		return ERR_ACCESS;
	}
	return find_officer(sub, i, &sig);
}

/* Both together, as policyd will look at them. */
static int
verify(struct submit *sub)
{
	struct pol_release r = { .id = { (const char *)sub->s.id, RELEASE_ID_OCTETS },
		.statements = sub->octets, .statements_n = OFFICERS, .officers = sub->known,
		.officers_n = OFFICERS };
	struct pol_rcpt *to = arena_array(&sub->ctl->arena, sub->s.recipients_n, sizeof *to);
	struct release_context c = { .path = PATH_SUBMIT, .sender = sub->s.sender,
		.recipients = to, .recipients_n = sub->s.recipients_n,
		.by_sender = sub->env.rules.release_by_sender,
		.trust = sub->env.trust, .smime = &sub->env.smime };
	struct release_statement s;
	const char *unfit = NULL;
	int err = to == NULL ? ERR_NOMEM : OK;

	for (size_t i = 0; err == OK && i < sub->s.recipients_n; i++)
		to[i].address = sub->s.recipients[i];
	if (err == OK)
		err = release_verify(&r, &c, &sub->ctl->arena, &s, &unfit);
	if (err != OK)
		ctl_fail("%s", err_text(err));
	else if (unfit != NULL && strcmp(unfit, "own-message") == 0)
		ctl_fail("the two statements make no release: own-message: nguoi gui thu khong duoc "
		    "la mot trong hai nguoi ky phieu / whoever sends the message may not be one of "
		    "the two who sign");
	else if (unfit != NULL)
		ctl_fail("the two statements make no release: %s", unfit);
	return err != OK ? err : unfit != NULL ? ERR_ACCESS : OK;
}

static int
hand_over(struct submit *sub)
{
	struct ctl *ctl = sub->ctl;
	struct st_statement signed_[OFFICERS] = { { sub->octets[0].octets },
		{ sub->octets[1].octets } };
	struct st_release r = { .id = { (const char *)sub->s.id, RELEASE_ID_OCTETS },
		.sender = sub->s.sender, .lift = (uint8_t)sub->s.lift,
		.expires_s = (uint64_t)sub->s.expires_s, .officers = sub->address,
		.officers_n = OFFICERS, .reason = sub->s.reason,
		.reference = sub->s.reference, .statements = signed_,
		.statements_n = OFFICERS };
	struct st_release_add_request req = { .release = &r, .release_n = 1 };
	const void *reply;
	char by[100];
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	int err;

	ctl_by(by);
	req.by = slice_of(by);
	r.recipients = arena_array(&ctl->arena, sub->s.recipients_n, sizeof *r.recipients);
	if (r.recipients == NULL)
		return ERR_NOMEM;
	r.recipients_n = sub->s.recipients_n;
	for (size_t i = 0; i < r.recipients_n; i++)
		r.recipients[i].address = sub->s.recipients[i];
	err = ctl_ask(ctl, "store", rows, n, ST_RELEASE_ADD, &req, &reply);
	if (err == ERR_EXIST)
		ctl_fail("this statement was handed in before: see policy release list");
	else if (err == ERR_LIMIT)
		ctl_fail("there are too many open releases of this sender, or of all together");
	return err;
}

static void
tell(const struct submit *sub)
{
	struct ctl *ctl = sub->ctl;
	const char *id = ctl_hex(ctl, (struct slice){ (const char *)sub->s.id,
	    RELEASE_ID_OCTETS });
	const char *until = ctl_time(ctl, (uint64_t)sub->s.expires_s);

	if (ctl->json)
		ctl_print_json(json_pack("{s:s,s:s,s:o,s:s,s:o,s:o}", "id", id, "state", "open",
		    "sender", ctl_json(sub->s.sender), "expires", until, "officer1",
		    ctl_json(sub->address[0].address), "officer2",
		    ctl_json(sub->address[1].address)));
	else
		ctl_say("%s: <%.*s> may send it once until %s", id, (int)sub->s.sender.n,
		    sub->s.sender.p, until);
}

int
ctl_release_submit(struct ctl *ctl, int argc, char **argv)
{
	struct submit sub = { .ctl = ctl };
	struct explain_line none = { .file = NULL };
	int r;

	if (parse(argc, argv, &sub) != OK)
		return ctl_usage(ctl);
	r = ctl_judge_env(ctl, &none, &sub.env);
	if (r == OK && ctl->conf == NULL)
		r = ERR_CONF;
	if (r != OK)
		ctl_fail("%s: %s", ctl->conf_path, err_text(r));
	for (size_t i = 0; i < OFFICERS && r == OK; i++)
		r = take_one(&sub, i);
	if (r == OK)
		r = verify(&sub);
	if (r == OK)
		r = hand_over(&sub);
	if (r == OK)
		tell(&sub);
	ctl_judge_env_fini(&sub.env);
	return r == OK ? CTL_OK : CTL_USAGE;
}
