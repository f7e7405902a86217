/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * "audit export" and "audit verify --file": the chain as JSON lines, which need no server to be verified.
 * A record's line has its canonical octets beside what people read, and both are compared; so nothing
 * in a line can be changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "control/ctl_audit.h"
#include "control/ctl_mailbox.h"
#include "mailstore/audit.h"

enum { PAGE = 200, OCTETS_MAX = 16 << 20 };

/* ---- export ---- */

struct export {
	struct ctl *ctl;
	uint64_t    from, since_ms;
	bool	    begun;
	uint8_t	    before[AUDIT_CHAIN_OCTETS];
};

static void
print_begin(struct export *e, const struct st_audit_list_reply *page,
    const struct st_audit_record *first)
{
	ctl_print_json(json_pack("{s:s,s:s,s:I,s:s}", "audit", "congvu audit 1", "node",
	    ctl_hex(e->ctl, page->node), "from", (json_int_t)first->serial, "before",
	    ctl_hex(e->ctl, (struct slice){ (const char *)e->before, sizeof e->before })));
	e->begun = true;
}

static int
print_record(struct ctl *ctl, const struct st_audit_record *r)
{
	json_t *line = ctl_audit_json(ctl, r);
	struct buf octets;
	int err;

	buf_init(&octets, OCTETS_MAX);
	err = wire_encode(&st_audit_wire, r->audit, &octets);
	json_object_set_new(line, "time-ms", json_integer((json_int_t)r->time_ms));
	json_object_set_new(line, "octets", json_string(ctl_hex(ctl, buf_slice(&octets))));
	ctl_print_json(line);
	buf_fini(&octets);
	return err;
}

static void
print_checkpoint(struct ctl *ctl, const struct st_audit_checkpoint *c)
{
	ctl_print_json(json_pack("{s:I,s:i,s:s,s:s,s:s}", "checkpoint", (json_int_t)c->serial,
	    "version", c->version, "node", ctl_hex(ctl, c->node), "signature",
	    ctl_hex(ctl, c->signature), "public-key", ctl_hex(ctl, c->public_key)));
}

static int
print_page(struct export *e, const struct st_audit_list_reply *page)
{
	size_t k = 0;
	int r = OK;

	for (size_t i = 0; i < page->records_n && r == OK; i++) {
		const struct st_audit_record *rec = &page->records[i];

		if (rec->audit_n != 1 || rec->chain.n != sizeof e->before)
			return ctl_fail("the answer is malformed"), ERR_CORRUPT;
		if (!e->begun && rec->time_ms >= e->since_ms)
			print_begin(e, page, rec);
		if (e->begun)
			r = print_record(e->ctl, rec);
		for (; k < page->checkpoints_n && page->checkpoints[k].serial <= rec->serial; k++)
			if (e->begun && page->checkpoints[k].serial == rec->serial)
				print_checkpoint(e->ctl, &page->checkpoints[k]);
		memcpy(e->before, rec->chain.p, sizeof e->before);
		e->from = rec->serial + 1;
	}
	return r;
}

static int
parse_export(int argc, char **argv, struct export *e)
{
	int64_t since_s = 0;

	e->from = 1;
	for (int i = 1; i < argc; i += 2) {
		uint64_t seconds;

		if (i + 1 >= argc)
			return ERR_SYNTAX;
		if (strcmp(argv[i], "--from") == 0) {
			if (slice_u64(slice_of(argv[i + 1]), UINT64_MAX - 1, &e->from) != OK ||
			    e->from == 0)
				return ERR_SYNTAX;
		} else if (strcmp(argv[i], "--since") != 0)
			return ERR_SYNTAX;
		else if (slice_u64(slice_of(argv[i + 1]), INT64_MAX / 1000, &seconds) == OK)
			since_s = (int64_t)seconds;
		else if (ctl_parse_day(argv[i + 1], &since_s) != OK)
			return ERR_SYNTAX;
	}
	e->since_ms = (uint64_t)since_s * 1000;
	return OK;
}

int
ctl_audit_export(struct ctl *ctl, int argc, char **argv)
{
	struct export e = { .ctl = ctl };
	const struct st_audit_list_reply *page;
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	const void *reply;
	bool first = true;

	if (parse_export(argc, argv, &e) != OK)
		return ctl_usage(ctl);
	do {
		struct st_list_request req = { e.from, PAGE };

		arena_clear(&ctl->arena);
		if (ctl_ask(ctl, "store", rows, n, ST_AUDIT_LIST, &req, &reply) != OK)
			return CTL_USAGE;
		page = reply;
		if (first && page->before.n == sizeof e.before)
			memcpy(e.before, page->before.p, sizeof e.before);
		first = false;
		if (print_page(&e, page) != OK)
			return CTL_USAGE;
	} while (page->more && page->records_n > 0);
	return fflush(stdout) == 0 ? CTL_OK : ctl_fail("standard output: write error");
}

/* ---- verify an export ---- */

struct verify {
	struct ctl *ctl;
	struct audit_head at;
	uint8_t	    key[32];
	bool	    has_key, begun;
	uint64_t    line, records, checkpoints, covered;
	const char *what;		/* NULL: nothing wrong so far */
};

static bool
hex_of(const json_t *line, const char *name, uint8_t *out, size_t n)
{
	const char *text = json_string_value(json_object_get(line, name));
	size_t got = 0;

	return text != NULL && sodium_hex2bin(out, n, text, strlen(text), NULL, &got, NULL) == 0 &&
	    got == n;
}

static bool
u64_of(const json_t *line, const char *name, uint64_t *out)
{
	const json_t *v = json_object_get(line, name);

	*out = json_is_integer(v) && json_integer_value(v) > 0 ?
	    (uint64_t)json_integer_value(v) : 0;
	return *out > 0;
}

static const char *
take_begin(struct verify *v, const json_t *line)
{
	uint8_t start[AUDIT_CHAIN_OCTETS];
	const char *form = json_string_value(json_object_get(line, "audit"));
	uint64_t from;

	if (form == NULL || strcmp(form, "congvu audit 1") != 0 || !hex_of(line, "node", v->at.node, sizeof v->at.node) ||
	    !hex_of(line, "before", v->at.chain, sizeof v->at.chain) ||
	    !u64_of(line, "from", &from))
		return "the first line is not that of an export";
	audit_start(v->at.node, start);
	if (from == 1 && memcmp(start, v->at.chain, sizeof start) != 0 &&
	    !sodium_is_zero(v->at.chain, sizeof v->at.chain))
		return "the chain does not begin with its node";
	v->at.serial = from - 1;
	v->begun = true;
	return NULL;
}

/* The record of a line, from its canonical octets, in v->ctl->arena. */
static int
decode(struct verify *v, const json_t *line, struct st_audit_record *out)
{
	const char *text = json_string_value(json_object_get(line, "octets"));
	struct st_audit *audit = arena_alloc(&v->ctl->arena, sizeof *audit);
	size_t n = text == NULL ? 0 : strlen(text) / 2, got = 0;
	char *octets = arena_alloc(&v->ctl->arena, n + 1);

	if (audit == NULL || octets == NULL || text == NULL ||
	    sodium_hex2bin((unsigned char *)octets, n + 1, text, strlen(text), NULL, &got, NULL) != 0)
		return ERR_CORRUPT;
	*out = (struct st_audit_record){ .audit = audit, .audit_n = 1 };
	if (!u64_of(line, "serial", &out->serial) || !u64_of(line, "time-ms", &out->time_ms))
		return ERR_CORRUPT;
	return wire_decode(&st_audit_wire, (struct slice){ octets, got }, &v->ctl->arena, audit);
}

/* The same record written by us must be the same line. */
static bool
same_line(struct verify *v, const struct st_audit_record *rec, json_t *line)
{
	json_t *ours = ctl_audit_json(v->ctl, rec);
	bool same;

	json_object_del(line, "octets");
	json_object_del(line, "time-ms");
	same = json_equal(ours, line) == 1;
	json_decref(ours);
	return same;
}

static const char *
take_record(struct verify *v, json_t *line)
{
	uint8_t said[AUDIT_CHAIN_OCTETS], chain[AUDIT_CHAIN_OCTETS];
	struct st_audit_record rec;

	if (decode(v, line, &rec) != OK)
		return "a record is damaged or was altered";
	if (rec.serial != v->at.serial + 1)
		return "a record is missing";
	if (!hex_of(line, "chain", said, sizeof said) ||
	    audit_next(v->at.chain, &rec, chain) != OK || memcmp(said, chain, sizeof said) != 0)
		return "a record was altered, removed or moved";
	rec.chain = (struct slice){ (const char *)chain, sizeof chain };
	if (!same_line(v, &rec, line))
		return "what the line says is not what was recorded";
	v->at.serial = rec.serial;
	memcpy(v->at.chain, chain, sizeof chain);
	v->records++;
	return NULL;
}

static const char *
take_checkpoint(struct verify *v, const json_t *line)
{
	uint8_t node[AUDIT_NODE_OCTETS], signature[64], key[32];
	const json_t *version = json_object_get(line, "version");
	struct st_audit_checkpoint cp = { .version = (uint8_t)json_integer_value(version),
		.signature = { (char *)signature, 64 }, .public_key = { (char *)key, 32 } };

	if (!u64_of(line, "checkpoint", &cp.serial) || !hex_of(line, "signature", signature, 64) ||
	    !hex_of(line, "public-key", key, 32) || cp.version < 1 || cp.version > 2)
		return "a checkpoint is damaged";
	if (cp.version == 2 && (!hex_of(line, "node", node, sizeof node) ||
	    memcmp(node, v->at.node, sizeof node) != 0))
		return "a checkpoint is another node's";
	cp.node = (struct slice){ (char *)node, cp.version == 2 ? sizeof node : 0 };
	if (!v->has_key)
		memcpy(v->key, key, sizeof key);
	v->has_key = true;
	if (!audit_signed(&v->at, &cp, v->key))
		return "a checkpoint's signature does not fit";
	v->checkpoints++;
	v->covered = cp.serial;
	return NULL;
}

static void
take_line(struct verify *v, const char *text)
{
	json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	v->line++;
	if (line == NULL)
		v->what = "a line is no JSON object";
	else if (v->line == 1)
		v->what = take_begin(v, line);
	else if (json_object_get(line, "checkpoint") != NULL)
		v->what = take_checkpoint(v, line);
	else
		v->what = take_record(v, line);
	json_decref(line);
	arena_clear(&v->ctl->arena);
}

static int
tell(struct verify *v)
{
	bool ok = v->what == NULL;

	if (v->ctl->json)
		ctl_print_json(json_pack("{s:b,s:I,s:I,s:I,s:s,s:s,s:I,s:s}", "ok", ok, "records",
		    (json_int_t)v->records, "checkpoints", (json_int_t)v->checkpoints, "covered",
		    (json_int_t)v->covered, "node", ctl_hex(v->ctl, (struct slice){
		    (char *)v->at.node, sizeof v->at.node }), "key", ctl_hex(v->ctl,
		    (struct slice){ (char *)v->key, v->has_key ? sizeof v->key : 0 }), "line",
		    ok ? (json_int_t)0 : (json_int_t)v->line, "what", ok ? "" : v->what));
	else if (ok)
		printf("the chain of %llu records up to %llu holds; %llu checkpoints are signed by "
		    "%s, the newest one covers all up to record %llu\n",
		    (unsigned long long)v->records, (unsigned long long)v->at.serial,
		    (unsigned long long)v->checkpoints, ctl_hex(v->ctl, (struct slice){
		    (char *)v->key, v->has_key ? sizeof v->key : 0 }),
		    (unsigned long long)v->covered);
	else
		printf("the chain is BROKEN at line %llu: %s\n", (unsigned long long)v->line,
		    v->what);
	return ok ? CTL_OK : CTL_NOT_IN_ORDER;
}

int
ctl_audit_verify_file(struct ctl *ctl, int argc, char **argv)
{
	struct verify v = { .ctl = ctl };
	char *text = NULL;
	size_t cap = 0, got = 0;
	FILE *f;

	if ((argc != 3 && argc != 5) || strcmp(argv[1], "--file") != 0 || sodium_init() < 0 ||
	    (argc == 5 && (strcmp(argv[3], "--key") != 0 || sodium_hex2bin(v.key, sizeof v.key,
	    argv[4], strlen(argv[4]), NULL, &got, NULL) != 0 || got != sizeof v.key)))
		return ctl_usage(ctl);
	v.has_key = argc == 5;
	f = fopen(argv[2], "re");
	if (f == NULL)
		return ctl_fail("%s: %s", argv[2], err_text(-errno));
	while (v.what == NULL && getline(&text, &cap, f) > 0)
		take_line(&v, text);
	if (v.what == NULL && !v.begun)
		v.what = "there is nothing in it";
	free(text);
	fclose(f);
	return tell(&v);
}
