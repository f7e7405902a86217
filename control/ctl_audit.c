/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <string.h>

#include "control/control.h"
#include "control/ctl_audit.h"
#include "mailstore/proto.h"

enum { PAGE = 200 };

json_t *
ctl_audit_json(struct ctl *ctl, const struct st_audit_record *r)
{
	const struct st_audit *a = &r->audit[0];
	json_t *rcpts = json_array();

	for (size_t i = 0; i < a->recipients_n; i++)
		json_array_append_new(rcpts, ctl_json(a->recipients[i].address));
	return json_pack("{s:I,s:s,s:o,s:o,s:o,s:o,s:o,s:I,s:s,s:s,s:o,s:s,s:s,s:s,s:s,s:o,s:o,s:o,"
	    "s:s}",
	    "serial", (json_int_t)r->serial, "time", ctl_time(ctl, r->time_ms / 1000), "event",
	    ctl_json(a->event), "account", ctl_json(a->account), "client", ctl_json(a->client),
	    "from", ctl_json(a->mail_from), "recipients", rcpts, "size",
	    (json_int_t)a->size_octets, "sha256", ctl_hex(ctl, a->sha256), "verdict",
	    verdict_name(a->verdict), "rule", ctl_json(a->rule), "level", level_name(a->level),
	    "signature", sig_name(a->sig), "signature-reason", sig_reason_name(a->sig_reason),
	    "arrival-zone", zone_name(a->arrival_zone), "evidence", ctl_json(a->evidence),
	    "reference", ctl_json(a->reference), "detail", ctl_json(a->detail), "chain",
	    ctl_hex(ctl, r->chain));
}

static void
print_text(struct ctl *ctl, const struct st_audit_record *r)
{
	const struct st_audit *a = &r->audit[0];

	ctl_say("%llu %s %.*s %s rule=%.*s level=%s account=%.*s from=<%.*s> recipients=%zu "
	    "ref=%.*s %.*s",
	    (unsigned long long)r->serial, ctl_time(ctl, r->time_ms / 1000), (int)a->event.n,
	    a->event.p, verdict_name(a->verdict), (int)a->rule.n, a->rule.p, level_name(a->level),
	    (int)a->account.n, a->account.p, (int)a->mail_from.n, a->mail_from.p, a->recipients_n,
	    (int)a->reference.n, a->reference.p, (int)a->detail.n, a->detail.p);
}

static int
parse_range(int argc, char **argv, uint64_t *from_out, uint64_t *max_out)
{
	*from_out = 1;
	*max_out = UINT64_MAX;
	for (int i = 1; i < argc; i += 2) {
		uint64_t *to = strcmp(argv[i], "--from") == 0 ? from_out :
		    strcmp(argv[i], "--max") == 0 ? max_out : NULL;

		if (to == NULL || i + 1 >= argc ||
		    slice_u64(slice_of(argv[i + 1]), UINT64_MAX - 1, to) != OK)
			return ERR_SYNTAX;
	}
	return OK;
}

int
ctl_audit_list(struct ctl *ctl, int argc, char **argv)
{
	struct st_list_request req = { 0 };
	const struct st_audit_list_reply *page;
	uint64_t left;
	const void *reply;
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	if (parse_range(argc, argv, &req.from, &left) != OK)
		return ctl_usage(ctl);
	do {
		req.max = left < PAGE ? (uint32_t)left : PAGE;
		if (ctl_ask(ctl, "store", rows, n, ST_AUDIT_LIST, &req, &reply) != OK)
			return CTL_USAGE;
		page = reply;
		for (size_t i = 0; i < page->records_n; i++) {
			if (page->records[i].audit_n != 1)
				return ctl_fail("the answer is malformed");
			if (ctl->json)
				ctl_print_json(ctl_audit_json(ctl, &page->records[i]));
			else
				print_text(ctl, &page->records[i]);
			req.from = page->records[i].serial + 1;
		}
		left -= page->records_n;
	} while (page->more && page->records_n > 0 && left > 0);
	return CTL_OK;
}

int
ctl_audit_verify(struct ctl *ctl, int argc, char **argv)
{
	const struct st_audit_verify_reply *v;
	const void *reply;
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	if (argc > 1)
		return ctl_audit_verify_file(ctl, argc, argv);
	if (ctl_ask(ctl, "store", rows, n, ST_AUDIT_VERIFY, &(struct st_nothing){ 0 }, &reply) != OK)
		return CTL_USAGE;
	v = reply;
	if (ctl->json)
		ctl_print_json(json_pack("{s:b,s:I,s:I,s:I,s:s,s:s,s:I,s:o}", "ok", v->ok,
		    "records", (json_int_t)v->records, "checkpoints",
		    (json_int_t)v->checkpoints, "covered", (json_int_t)v->covered, "covered-time",
		    ctl_time(ctl, v->covered_ms / 1000), "node", ctl_hex(ctl, v->node), "first-bad",
		    (json_int_t)v->first_bad, "what", ctl_json(v->what)));
	else if (v->ok)
		printf("the chain of %llu records of node %s holds; %llu checkpoints are signed, the "
		    "newest one covers all up to record %llu (%s)\n",
		    (unsigned long long)v->records, ctl_hex(ctl, v->node),
		    (unsigned long long)v->checkpoints, (unsigned long long)v->covered,
		    ctl_time(ctl, v->covered_ms / 1000));
	else
		printf("the chain is BROKEN at record %llu: %.*s\n", (unsigned long long)v->first_bad,
		    (int)v->what.n, v->what.p);
	return v->ok ? CTL_OK : CTL_NOT_IN_ORDER;
}
