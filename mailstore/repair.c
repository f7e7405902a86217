/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/repair_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

enum { HOLD_BACK_FROM = 200 };

static const repair_fn fixes[CHECK_KIND_COUNT] = {
	[CHECK_ROW] = repair_row,
	[CHECK_ROW_UNKNOWN] = repair_drop,
	[CHECK_BOX_COUNTER] = repair_box_counter,
	[CHECK_ACCOUNT_COUNTER] = repair_account_counter,
	[CHECK_GROUP_COUNTER] = repair_group_counter,
	[CHECK_BLOB_REFS] = repair_refs,
	[CHECK_SEGMENT_COUNTER] = repair_segment_counter,
	[CHECK_ACCOUNT_LOST] = repair_account_lost,
	[CHECK_GUID] = repair_guid,
	[CHECK_BOX_LOST] = repair_box_lost,
	[CHECK_BOX_NAME] = repair_box_name,
	[CHECK_NAME] = repair_drop,
	[CHECK_MESSAGE] = repair_message,
	[CHECK_VANISHED] = repair_vanished,
	[CHECK_ORPHAN] = repair_drop,
	[CHECK_TOKEN] = repair_token,
	[CHECK_BLOB_LOST] = repair_blob_lost,
	[CHECK_FRAME] = repair_frame,
	[CHECK_SEGMENT_HEADER] = repair_segment_header,
	[CHECK_GC] = repair_gc,
	[CHECK_DONE] = repair_done,
	[CHECK_QUEUE] = repair_queue,
};

/* ---- the report ---- */

void
repair_line_begin(struct check *c, const char *removed, const char *why)
{
	fprintf(c->repair->report, "{\"time\":%lld,\"removed\":\"%s\",\"why\":\"%s\"",
	    (long long)c->repair->now_s, removed, why);
}

void
repair_line_text(struct check *c, const char *name, struct slice text)
{
	fprintf(c->repair->report, ",\"%s\":\"", name);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char o = (unsigned char)text.p[i];

		if (o == '"' || o == '\\' || o < ' ')
			fprintf(c->repair->report, "\\u%04x", o);
		else
			putc(o, c->repair->report);
	}
	putc('"', c->repair->report);
}

void
repair_line_hex(struct check *c, const char *name, struct slice octets)
{
	fprintf(c->repair->report, ",\"%s\":\"", name);
	for (size_t i = 0; i < octets.n; i++)
		fprintf(c->repair->report, "%02x", (unsigned char)octets.p[i]);
	putc('"', c->repair->report);
}

void
repair_line_number(struct check *c, const char *name, uint64_t v)
{
	fprintf(c->repair->report, ",\"%s\":%llu", name, (unsigned long long)v);
}

void
repair_line_end(struct check *c)
{
	fputs("}\n", c->repair->report);
	c->repair->removed++;
}

int
repair_drop_row(struct check *c, const struct check_finding *f, const char *why)
{
	struct env_txn *t = f->in_control ? c->ctl->t : c->ix->t;
	struct slice key = { (const char *)f->key, f->key_octets }, val;
	size_t n;
	int r = env_get(t, f->tree, key, &val);

	if (r != OK)
		return r;
	repair_line_begin(c, "row", why);
	repair_line_text(c, "environment", slice_of(f->in_control ? "control" : "index"));
	repair_line_text(c, "tree",
	    slice_of((f->in_control ? control_trees(&n) : index_trees(&n))[f->tree]));
	if (f->account != 0)
		repair_line_number(c, "account", f->account);
	if (f->mailbox != 0)
		repair_line_number(c, "mailbox", f->mailbox);
	if (f->uid != 0)
		repair_line_number(c, "uid", f->uid);
	repair_line_hex(c, "key", key);
	repair_line_hex(c, "value", val);
	repair_line_end(c);
	return env_del(t, f->tree, key);
}

/* What is taken out is on disk before it is taken out. */
static int
sync_report(struct repair *rp)
{
	if (fflush(rp->report) != 0 || ferror(rp->report) || fdatasync(fileno(rp->report)) != 0)
		return errno > 0 ? -errno : ERR_IO;
	return OK;
}

/* ---- the audit ---- */

static int
add_audit(struct check *c, const char *event, const char *detail)
{
	struct st_audit record = { .event = slice_of(event) };
	char text[300];
	int r = control_begin_write(c->ctl);

	snprintf(text, sizeof text, "%.150s %.140s", detail, c->conf->who);
	record.detail = slice_of(text);
	if (r == OK)
		r = audit_add(c->ctl, &c->repair->audit, clock_real_ms(), &record, 1);
	if (r == OK)
		r = control_commit(c->ctl);
	control_abort(c->ctl);
	return r;
}

static int
begin_audit(struct check *c)
{
	int r = control_begin_read(c->ctl);

	if (r != OK)
		return r;
	r = audit_load(c->ctl, &c->a, &c->repair->audit);
	control_abort(c->ctl);
	arena_clear(&c->a);
	if (r == OK)
		r = add_audit(c, "store-repair", "begun");
	c->repair->begun = r == OK;
	return r;
}

/* The head itself is damaged: the last record has it, too. */
static bool
is_audit_head(const struct check_finding *f)
{
	return f->kind == CHECK_ROW && f->in_control && f->tree == CONTROL_META &&
	    f->key_octets == 10 && memcmp(f->key, "audit-head", 10) == 0;
}

static int
begin_changes(struct check *c)
{
	if (c->repair->begun)
		return OK;
	for (size_t i = 0; i < c->fixes_n; i++)
		if (is_audit_head(&c->fixes[i])) {
			int r = control_begin_write(c->ctl);

			if (r == OK)
				r = repair_row(c, &c->fixes[i]);
			if (r == OK)
				r = sync_report(c->repair);
			if (r == OK)
				r = control_commit(c->ctl);
			control_abort(c->ctl);
			if (r != OK)
				return r;
		}
	return begin_audit(c);
}

int
repair_begin(struct check *c)
{
	struct repair *rp = calloc(1, sizeof *rp);

	c->repair = rp;
	if (rp == NULL)
		return ERR_NOMEM;
	rp->now_s = clock_real_s();
	rp->report = fopen(c->conf->report, "ae");
	return rp->report == NULL ? -errno : OK;
}

int
repair_end(struct check *c)
{
	struct repair *rp = c->repair;
	char text[128];
	int r;

	if (rp == NULL || !rp->begun)
		return OK;
	snprintf(text, sizeof text, "ended rounds=%u repaired=%llu removed=%llu left=%llu",
	    c->res->rounds, (unsigned long long)rp->done, (unsigned long long)rp->removed,
	    (unsigned long long)(c->res->errors + c->res->warnings - c->res->repaired));
	r = add_audit(c, "store-repair", text);
	return r;
}

void
repair_free(struct check *c)
{
	struct repair *rp = c->repair;

	if (rp == NULL)
		return;
	if (rp->report != NULL)
		fclose(rp->report);
	free(rp->places);
	free(rp);
	c->repair = NULL;
}

/* ---- a batch ---- */

static int
commit_batch(struct check *c)
{
	bool index = env_writes(c->ix->t) > 0, control = env_writes(c->ctl->t) > 0;
	int r = sync_report(c->repair);

	if (r == OK && index)
		r = index_commit(c->ix);
	if (r == OK && control)
		r = control_commit(c->ctl);
	return r;
}

static bool
is_fatal(int r)
{
	return r != OK && r != ERR_NOENT && r != ERR_CORRUPT && r != ERR_ACCESS &&
	    r != ERR_VERSION && r != ERR_EXIST && r != ERR_LIMIT;
}

/* Put n findings right in one transaction; state says which were. *undo: one failed halfway. */
static int
try_batch(struct check *c, struct check_finding *f, size_t n, bool *undo)
{
	int r = index_begin_write(c->ix);

	*undo = false;
	if (r == OK)
		r = control_begin_write(c->ctl);
	for (size_t i = 0; i < n && r == OK && !*undo; i++) {
		uint64_t before = env_writes(c->ix->t) + env_writes(c->ctl->t);
		int err = fixes[f[i].kind] == NULL ? ERR_NOENT : fixes[f[i].kind](c, &f[i]);

		arena_clear(&c->a);
		f[i].state = err == OK ? CHECK_REPAIRED : CHECK_LEFT;
		if (is_fatal(err))
			r = err;
		else if (err != OK)
			*undo = env_writes(c->ix->t) + env_writes(c->ctl->t) != before;
	}
	if (r == OK && !*undo)
		r = commit_batch(c);
	index_abort(c->ix);
	control_abort(c->ctl);
	return r;
}

static int
do_batch(struct check *c, struct check_finding *f, size_t n)
{
	bool undo;
	int r = try_batch(c, f, n, &undo);

	for (size_t i = 0; i < n && r == OK && undo && n > 1; i++) {
		bool alone;

		r = try_batch(c, &f[i], 1, &alone);
	}
	for (size_t i = 0; i < n && r != OK; i++)
		f[i].state = CHECK_LEFT;
	return r;
}

static void
tell_repaired(struct check *c, size_t *done)
{
	for (size_t i = 0; i < c->fixes_n; i++)
		*done += c->fixes[i].state == CHECK_REPAIRED;
	c->repair->done += *done;
	for (size_t i = 0; i < c->fixes_n; i++)
		/* What could not be put right may be so in the next round, after other things. */
		if (c->fixes[i].state == CHECK_REPAIRED || *done == 0)
			check_tell(c, &c->fixes[i]);
}

/* Most of all bodies gone at once is no damage of bodies: perhaps a file system is not there. Then
 * nothing is taken out. */
static void
hold_back(struct check *c)
{
	uint64_t out = 0;

	for (size_t i = 0; i < c->fixes_n; i++)
		out += c->fixes[i].kind == CHECK_FRAME || c->fixes[i].kind == CHECK_BLOB_LOST;
	if (out < HOLD_BACK_FROM || 2 * out < c->res->messages)
		return;
	for (size_t i = 0; i < c->fixes_n; i++) {
		c->fixes[i].state = CHECK_LEFT;
		check_tell(c, &c->fixes[i]);
	}
	c->fixes_n = 0;
}

static bool
is_anything_to_do(const struct check *c)
{
	for (size_t i = 0; i < c->fixes_n; i++)
		if (fixes[c->fixes[i].kind] != NULL)
			return true;
	return false;
}

int
repair_round(struct check *c, size_t *done_out)
{
	bool any;
	int r = OK;

	*done_out = 0;
	hold_back(c);
	any = is_anything_to_do(c);
	if (any)
		r = begin_changes(c);
	if (r == OK)
		r = repair_find_bodies(c);
	for (size_t i = 0; i < c->fixes_n; i++)
		c->fixes[i].state = CHECK_LEFT;
	for (size_t i = 0; i < c->fixes_n && r == OK && any; i += CHECK_BATCH) {
		size_t n = c->fixes_n - i < CHECK_BATCH ? c->fixes_n - i : CHECK_BATCH;

		check_step(c, "repairing", i, c->fixes_n);
		r = do_batch(c, &c->fixes[i], n);
	}
	tell_repaired(c, done_out);
	return r;
}
