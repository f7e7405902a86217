/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/words.h"
#include "control/ctl_key.h"
#include "mailstore/check.h"

enum { PATH_MAX_OCTETS = 400, TTY_MS = 100 };

struct check_line {
	struct ctl *ctl;
	bool	    repair, keys, mat, tty;
	const char *user, *report;
	uint64_t    shown_ms;
	bool	    offline;
	bool	    line;		/* how far it is stands there, unfinished */
};

static int
parse(int argc, char **argv, struct check_line *l)
{
	for (int i = 1; i < argc; i++) {
		const char **text = strcmp(argv[i], "--account") == 0 ? &l->user :
		    strcmp(argv[i], "--report") == 0 ? &l->report : NULL;
		bool *on = strcmp(argv[i], "--repair") == 0 ? &l->repair :
		    strcmp(argv[i], "--keys") == 0 ? &l->keys :
		    strcmp(argv[i], "--mat") == 0 ? &l->mat : NULL;

		if (on != NULL)
			*on = true;
		else if (text != NULL && i + 1 < argc)
			*text = argv[++i];
		else
			return ERR_SYNTAX;
	}
	return (l->mat && !l->keys) || (l->report != NULL && !l->repair) ? ERR_SYNTAX : OK;
}

/* ---- a finding ---- */

static const char *
state_name(enum check_state state)
{
	return state == CHECK_REPAIRED ? "repaired" : state == CHECK_LEFT ? "left" : "found";
}

static void
add_number(json_t *o, const char *name, uint64_t v, bool is_there)
{
	if (is_there)
		json_object_set_new(o, name, json_integer((json_int_t)v));
}

static void
add_text(json_t *o, const char *name, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new(o, name, ctl_json(slice_of(text)));
}

static bool
is_of_file(const struct check_finding *f)
{
	return f->key_octets > 0 || f->kind == CHECK_PAGE;
}

static json_t *
json_of(struct ctl *ctl, const struct check_finding *f)
{
	const struct check_kind_row *k = check_kind_row(f->kind);
	json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "kind", k->word, "severity",
	    check_severity_name(k->severity), "state", state_name(f->state), "text", k->text);

	add_text(o, "what", f->what);
	add_text(o, "repair", k->repair == NULL ? "" : k->repair);
	add_number(o, "account", f->account, f->account != 0);
	add_text(o, "user", f->user);
	add_number(o, "mailbox", f->mailbox, f->mailbox != 0);
	add_number(o, "uid", f->uid, f->uid != 0);
	add_number(o, "body", f->blob, f->blob != 0);
	add_number(o, "segment", f->segment, f->segment != 0);
	add_number(o, "offset", f->offset, f->offset != 0);
	add_text(o, "environment", is_of_file(f) ? f->in_control ? "control" : "index" : "");
	add_number(o, "page", f->page, f->kind == CHECK_PAGE);
	add_text(o, "tree", f->key_octets > 0 ? check_tree_name(f) : "");
	add_text(o, "key", ctl_hex(ctl, (struct slice){ (const char *)f->key, f->key_octets }));
	add_number(o, "is", f->is, f->has_numbers);
	add_number(o, "should", f->should, f->has_numbers);
	return o;
}

static void
print_place(struct ctl *ctl, const struct check_finding *f)
{
	if (f->account != 0)
		printf(", account %u%s%s%s", f->account, f->user[0] != '\0' ? " (" : "", f->user,
		    f->user[0] != '\0' ? ")" : "");
	if (f->mailbox != 0)
		printf(", mailbox %u", f->mailbox);
	if (f->uid != 0)
		printf(", uid %u", f->uid);
	if (f->segment != 0)
		printf(", segment %08x", f->segment);
	if (f->offset != 0)
		printf(" at %llu", (unsigned long long)f->offset);
	else if (f->blob != 0)
		printf(", body %llx", (unsigned long long)f->blob);
	if (is_of_file(f))
		printf(", %s", f->in_control ? "control" : "index");
	if (f->kind == CHECK_PAGE)
		printf(", page %llu", (unsigned long long)f->page);
	if (f->key_octets > 0)
		printf(", tree %s, key %s", check_tree_name(f),
		    ctl_hex(ctl, (struct slice){ (const char *)f->key, f->key_octets }));
}

static void
hide_line(struct check_line *l)
{
	if (l->line)
		fputs("\r\033[K", stderr);
	l->line = false;
}

static void
found(void *arg, const struct check_finding *f)
{
	const struct check_kind_row *k = check_kind_row(f->kind);
	struct check_line *l = arg;

	hide_line(l);
	if (l->ctl->json) {
		ctl_print_json(json_of(l->ctl, f));
		fflush(stdout);
		return;
	}
	printf("%s: %s: %s", check_severity_name(k->severity), k->word, k->text);
	if (f->what[0] != '\0')
		printf(" (%s)", f->what);
	print_place(l->ctl, f);
	if (f->has_numbers)
		printf(", is %llu, should be %llu", (unsigned long long)f->is,
		    (unsigned long long)f->should);
	printf("%s\n", f->state == CHECK_REPAIRED ? ": repaired" :
	    f->state == CHECK_LEFT ? ": left as it is" : "");
	fflush(stdout);
}

static void
step(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct check_line *l = arg;

	if (clock_ms() - l->shown_ms < TTY_MS)
		return;
	l->shown_ms = clock_ms();
	if (total == 0)
		fprintf(stderr, "\r\033[K%s %llu", what, (unsigned long long)done);
	else
		fprintf(stderr, "\r\033[K%s %llu of %llu (%llu %%)", what, (unsigned long long)done,
		    (unsigned long long)total,
		    (unsigned long long)(done >= total ? 100 : 100 * done / total));
	fflush(stderr);
	l->line = true;
}

/* ---- keys ---- */

static int
secret(void *arg, const struct check_keyset *ks, uint8_t *secret_out)
{
	struct check_line *l = arg;
	struct ctl_keyset open = { .guid = ks->guid, .address = ks->address,
		.class = ks->keyset->class, .wrapped = ks->keyset->wrapped };

	if (ks->keyset->class == KEYSET_MAT && !l->mat)
		return ERR_NOENT;
	return ctl_key_open(l->ctl, "store-check", &open, secret_out);
}

/* ---- the end ---- */

static int
tell_end(struct ctl *ctl, const struct check_line *l, const struct check_result *r,
    const char *report)
{
	uint64_t left = r->errors + r->warnings - r->repaired;

	if (ctl->json) {
		ctl_print_json(json_pack("{s:b,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,"
		    "s:I,s:I}", "summary", true, "ok", left == 0, "offline", l->offline, "errors",
		    (json_int_t)r->errors,
		    "warnings", (json_int_t)r->warnings, "notes", (json_int_t)r->notes, "repaired",
		    (json_int_t)r->repaired, "accounts", (json_int_t)r->accounts, "mailboxes",
		    (json_int_t)r->mailboxes, "messages", (json_int_t)r->messages, "bodies",
		    (json_int_t)r->bodies, "segments", (json_int_t)r->segments, "frame-octets",
		    (json_int_t)r->frame_octets, "queued", (json_int_t)r->queued, "audit-records",
		    (json_int_t)r->audits, "opened", (json_int_t)r->opened));
		return left == 0 ? CTL_OK : CTL_NOT_IN_ORDER;
	}
	printf("%llu accounts, %llu mailboxes, %llu messages, %llu bodies in %llu segments "
	    "(%llu octets), %llu queued, %llu audit records\n", (unsigned long long)r->accounts,
	    (unsigned long long)r->mailboxes, (unsigned long long)r->messages,
	    (unsigned long long)r->bodies, (unsigned long long)r->segments,
	    (unsigned long long)r->frame_octets, (unsigned long long)r->queued,
	    (unsigned long long)r->audits);
	if (l->keys)
		printf("%llu messages opened, %llu left out\n", (unsigned long long)r->opened,
		    (unsigned long long)r->left_out);
	if (r->repaired > 0)
		printf("%llu findings repaired; what was taken out is in %s\n",
		    (unsigned long long)r->repaired, report);
	printf(left == 0 ? "the store is whole\n" : "%llu findings\n", (unsigned long long)left);
	return left == 0 ? CTL_OK : CTL_NOT_IN_ORDER;
}

static const char *
report_path(struct ctl *ctl, const struct check_line *l)
{
	char *path = arena_alloc(&ctl->arena, PATH_MAX_OCTETS);

	if (l->report != NULL || path == NULL)
		return l->report;
	snprintf(path, PATH_MAX_OCTETS, "%s/repair-%s.jsonl", ctl->conf->general.state_dir,
	    ctl_time(ctl, (uint64_t)clock_real_s()));
	return path;
}

static int
run(struct ctl *ctl, struct check_line *l)
{
	struct check_conf conf = { .state_dir = ctl->conf->general.state_dir,
		.map_octets = ctl->conf->store.map_octets, .offline = l->offline,
		.repair = l->repair, .user = l->user, .secret = l->keys ? secret : NULL,
		.found = found, .step = l->tty ? step : NULL, .arg = l };
	const char *sudo = getenv("SUDO_USER");
	struct check_result res;
	char who[128];
	int r;

	snprintf(who, sizeof who, "by-uid=%u%s%.64s", (unsigned)getuid(),
	    sudo == NULL ? "" : " sudo=", sudo == NULL ? "" : sudo);
	conf.who = who;
	conf.report = l->repair ? report_path(ctl, l) : NULL;
	(void)umask(077);
	fflush(stdout);
	r = check_run_apart(&conf, &res);
	hide_line(l);
	if (r == ERR_NOENT && l->user != NULL)
		return ctl_fail("%s: the store has no such account", l->user);
	return r != OK ? ctl_fail("the check could not be done: %s", err_text(r)) :
	    tell_end(ctl, l, &res, conf.report);
}

int
ctl_store_check(struct ctl *ctl, int argc, char **argv)
{
	struct check_line l = { .ctl = ctl, .tty = isatty(STDERR_FILENO) == 1 };
	int r;

	if (parse(argc, argv, &l) != OK)
		return ctl_usage(ctl);
	r = check_take(ctl->conf->general.state_dir, &l.offline);
	if (r != OK)
		return ctl_fail("%s: %s", ctl->conf->general.state_dir,
		    r == ERR_NOENT ? "there is no store" : err_text(r));
	if (l.repair && !l.offline)
		return ctl_fail("mailstored runs: stop it before a repair");
	if (l.keys && l.offline)
		return ctl_fail("keys are opened by keyd, with a record in the audit of "
		    "mailstored: start both");
	return run(ctl, &l);
}
