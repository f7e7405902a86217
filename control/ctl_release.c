/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_release.c: "policy release": what two security officers sign so that a refused
 * message may pass once (doc/design/release.md). "prepare" needs no server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "control/ctl_explain.h"
#include "control/ctl_key.h"
#include "mailstore/proto.h"
#include "policy/release.h"

enum { HOURS_DEFAULT = 24, HOURS_MAX = RELEASE_VALID_S / 3600 };

struct prepare_line {
	struct explain_line explain;
	const char *reason, *out, *reference;
	uint64_t    hours;
	unsigned    lift;
};

/* ---- prepare ---- */

static int
prepare_option(void *arg, const char *name, const char *value)
{
	struct prepare_line *line = arg;

	if (strcmp(name, "--lift") == 0)
		return word_value(WORD_lift, slice_of(value), &line->lift);
	if (strcmp(name, "--expires") == 0)
		return slice_u64(slice_of(value), HOURS_MAX, &line->hours) != OK ||
		    line->hours == 0 ? ERR_SYNTAX : OK;
	if (strcmp(name, "--reason") == 0)
		line->reason = value;
	else if (strcmp(name, "--reference") == 0)
		line->reference = value;
	else if (strcmp(name, "--out") == 0)
		line->out = value;
	else
		return explain_option(&line->explain, name, value);
	return OK;
}

static int
prepare_parse(const struct ctl *ctl, int argc, char **argv, struct prepare_line *line)
{
	*line = (struct prepare_line){ .hours = HOURS_DEFAULT, .reference = "" };
	if (explain_parse(ctl, argc, argv, &line->explain, prepare_option, line) != OK)
		return ERR_SYNTAX;
	if (line->explain.options.to_n > 0 && line->reason != NULL)
		return OK;
	ctl_usage(ctl);
	return ERR_SYNTAX;
}

/* Is it a message that this release could help? Tells the user if not. */
static int
check_found(const struct prepare_line *line, const struct explain_judged *j)
{
	const struct pol_judge_reply *r = &j->res.reply;
	const char *file = line->explain.file;
	struct slice want = line->explain.options.from;

	if (want.n > 0 && !binding_same_address(want, r->from))
		ctl_fail("%s: From is <%.*s>, not <%.*s>", file, (int)r->from.n, r->from.p,
		    (int)want.n, want.p);
	else if (r->verdict == VERDICT_ALLOW)
		ctl_fail("%s: nothing to release: the gate allows it (rule %.*s)", file,
		    (int)r->rule.n, r->rule.p);
	else if (!r->liftable)
		ctl_fail("%s: no release can lift this: rule %.*s", file, (int)r->rule.n,
		    r->rule.p);
	else if (r->level > LEVEL_THUONG && line->lift != LIFT_FALSE_POSITIVE)
		ctl_fail("%s: marks of level %s were found; they can be released only as no marks "
		    "(--lift false-positive)", file, level_name(r->level));
	else
		return OK;
	return ERR_ACCESS;
}

static int
fill_statement(const struct prepare_line *line, struct explain_judged *j,
    struct release_statement *s)
{
	const struct explain_options *o = &line->explain.options;
	int r;

	*s = (struct release_statement){ .sender = j->res.reply.from,
		.recipients = (struct slice *)(uintptr_t)o->to, .recipients_n = o->to_n,
		.lift = line->lift, .issued_s = clock_real_s(),
		.reference = slice_of(line->reference), .reason = slice_of(line->reason) };
	s->expires_s = s->issued_s + (int64_t)line->hours * 3600;
	if (getrandom(s->id, sizeof s->id, 0) != (ssize_t)sizeof s->id)
		return ERR_IO;
	r = release_parts(&j->res.facts, &j->a, &s->parts, &s->parts_n);
	return r == OK ? release_content(j->res.content, &j->a, s->content) : r;
}

static int
write_out(const char *path, struct slice text)
{
	FILE *f = path == NULL ? stdout : fopen(path, "wx");
	bool ok;

	if (f == NULL) {
		ctl_fail("%s: %s", path, err_text(-errno));
		return -errno;
	}
	ok = fwrite(text.p, 1, text.n, f) == text.n;
	ok = (path == NULL ? fflush(f) : fclose(f)) == 0 && ok;
	if (!ok)
		ctl_fail("%s: cannot be written", path == NULL ? "standard output" : path);
	return ok ? OK : ERR_IO;
}

static int
prepare(const struct prepare_line *line, struct slice file, const struct judge_env *env)
{
	struct release_statement s;
	struct explain_judged j;
	struct buf text;
	int r = explain_judge(file, &line->explain.options, env, &j);

	if (r != OK)
		return ctl_fail("%s: %s", line->explain.file, err_text(r)), r;
	buf_init(&text, RELEASE_OCTETS_MAX);
	r = check_found(line, &j);
	if (r == OK) {
		r = fill_statement(line, &j, &s);
		if (r == OK)
			r = release_format(&s, &text);
		if (r != OK)
			ctl_fail("no statement can be written: %s (is every address and the "
			    "reason one line of plain text?)", err_text(r));
		else
			r = write_out(line->out, buf_slice(&text));
	}
	buf_fini(&text);
	explain_judged_fini(&j);
	return r;
}

int
ctl_release_prepare(struct ctl *ctl, int argc, char **argv)
{
	struct prepare_line line;
	struct judge_env env = { 0 };
	struct slice file = { NULL, 0 };
	int r;

	if (prepare_parse(ctl, argc, argv, &line) != OK)
		return CTL_USAGE;
	r = ctl_judge_env(ctl, &line.explain, &env);
	if (r != OK)
		ctl_fail("%s: %s", line.explain.file, err_text(r));
	else
		r = ctl_map_file(line.explain.file, &file);
	if (r == OK)
		r = prepare(&line, file, &env);
	ctl_unmap_file(file);
	ctl_judge_env_fini(&env);
	return r == OK ? CTL_OK : CTL_USAGE;
}

/* ---- list, revoke ---- */

static const char *
state_of(const struct st_release *r)
{
	static const char *const names[] = {
		[ST_RELEASE_OPEN] = "open", [ST_RELEASE_USED] = "used",
		[ST_RELEASE_REVOKED] = "revoked",
	};

	return r->state == ST_RELEASE_OPEN && (int64_t)r->expires_s <= clock_real_s() ? "expired" :
	    names[r->state];
}

static json_t *
addresses(const struct st_address *list, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, ctl_json(list[i].address));
	return all;
}

static void
show(struct ctl *ctl, const struct st_release *r)
{
	if (ctl->json) {
		ctl_print_json(json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:s,s:s,s:s,s:o,s:o,s:s}", "id",
		    ctl_hex(ctl, r->id), "state", state_of(r), "lift", lift_name(r->lift),
		    "sender", ctl_json(r->sender), "recipients",
		    addresses(r->recipients, r->recipients_n), "officers",
		    addresses(r->officers, r->officers_n), "added", ctl_time(ctl, r->added_s),
		    "expires", ctl_time(ctl, r->expires_s), "settled",
		    r->settled_s > 0 ? ctl_time(ctl, r->settled_s) : "", "reason",
		    ctl_json(r->reason), "reference", ctl_json(r->reference), "delivery",
		    ctl_hex(ctl, r->delivery)));
		return;
	}
	ctl_say("%s %s %s <%.*s> until %s by %.*s %.*s", ctl_hex(ctl, r->id), state_of(r),
	    lift_name(r->lift), (int)r->sender.n, r->sender.p, ctl_time(ctl, r->expires_s),
	    (int)r->officers[0].address.n, r->officers[0].address.p,
	    (int)r->officers[1].address.n, r->officers[1].address.p);
	for (size_t i = 0; i < r->recipients_n; i++)
		ctl_say("    to <%.*s>", (int)r->recipients[i].address.n,
		    r->recipients[i].address.p);
	ctl_say("    %.*s", (int)r->reason.n, r->reason.p);
}

int
ctl_release_list(struct ctl *ctl, int argc, char **argv)
{
	struct st_release_list_request req = { .max = 1000 };
	const struct st_release_list_reply *page;
	const void *reply;
	unsigned long long all = 0;
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl);
	do {
		if (ctl_ask(ctl, "store", rows, n, ST_RELEASE_LIST, &req, &reply) != OK)
			return CTL_USAGE;
		page = reply;
		for (size_t i = 0; i < page->releases_n; i++)
			if (page->releases[i].officers_n == 2)
				show(ctl, &page->releases[i]);
		all += page->releases_n;
		if (page->releases_n > 0)
			req.after = page->releases[page->releases_n - 1].id;
	} while (page->more && page->releases_n > 0);
	if (!ctl->json)
		printf("%llu releases\n", all);
	return CTL_OK;
}

int
ctl_release_revoke(struct ctl *ctl, int argc, char **argv)
{
	char id[ST_ID_OCTETS], by[100];
	struct st_release_revoke_request req = { .id = { id, sizeof id } };
	const void *reply;
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	int r;

	if (argc != 2 || slice_hex(slice_of(argv[1]), id, sizeof id) != OK)
		return ctl_fail("policy release revoke needs one id as \"policy release list\" "
		    "shows it");
	ctl_by(by);
	req.by = slice_of(by);
	r = ctl_ask(ctl, "store", rows, n, ST_RELEASE_REVOKE, &req, &reply);
	if (r == ERR_BAD_STATE)
		ctl_fail("it was used or revoked before: see policy release list");
	if (r != OK)
		return CTL_USAGE;
	if (ctl->json)
		ctl_print_json(json_pack("{s:s,s:s}", "id", argv[1], "state", "revoked"));
	else
		ctl_say("%s revoked", argv[1]);
	return CTL_OK;
}
