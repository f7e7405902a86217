/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <string.h>

#include "control/control.h"
#include "mailstore/proto.h"

enum { PAGE = 200 };

static const char *const states[] = {
	[ST_QUEUE_WAITING] = "waiting", [ST_QUEUE_CLAIMED] = "being-sent", [ST_QUEUE_HELD] = "held",
	[ST_QUEUE_GIVEN_UP] = "given-up",
};

static json_t *
json_of(struct ctl *ctl, const struct st_queue_entry *e)
{
	json_t *rcpts = json_array();

	for (size_t i = 0; i < e->recipients_n; i++)
		json_array_append_new(rcpts, json_pack("{s:o,s:o}", "address",
		    ctl_json(e->recipients[i].address), "last", ctl_json(e->recipients[i].text)));
	return json_pack("{s:s,s:s,s:o,s:o,s:s,s:s,s:i,s:s,s:s,s:I,s:o}", "id", ctl_hex(ctl, e->id),
	    "state", states[e->state], "from", ctl_json(e->mail_from), "route", ctl_json(e->route),
	    "exit-zone", zone_name(e->zone), "level", level_name(e->level), "attempts",
	    (int)e->attempts, "arrived", ctl_time(ctl, e->arrived_s), "due", ctl_time(ctl, e->due_s),
	    "size", (json_int_t)e->size_octets, "recipients", rcpts);
}

static void
print_text(struct ctl *ctl, const struct st_queue_entry *e)
{
	printf("%s %s %s <%.*s> route=%.*s attempts=%u due=%s\n", ctl_hex(ctl, e->id),
	    states[e->state], ctl_time(ctl, e->arrived_s), (int)e->mail_from.n, e->mail_from.p,
	    (int)e->route.n, e->route.p, e->attempts, ctl_time(ctl, e->due_s));
	for (size_t i = 0; i < e->recipients_n; i++)
		printf("    <%.*s> %.*s\n", (int)e->recipients[i].address.n,
		    e->recipients[i].address.p, (int)e->recipients[i].text.n,
		    e->recipients[i].text.p);
}

int
ctl_queue_list(struct ctl *ctl, int argc, char **argv)
{
	struct st_list_request req = { .max = PAGE };
	const struct st_queue_list_reply *page;
	const void *reply;
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	(void)argv;
	if (argc > 1)
		return ctl_fail("queue list takes no further words");
	do {
		if (ctl_ask(ctl, "store", rows, n, ST_QUEUE_LIST, &req, &reply) != OK)
			return CTL_USAGE;
		page = reply;
		for (size_t i = 0; i < page->entries_n; i++)
			if (ctl->json)
				ctl_print_json(json_of(ctl, &page->entries[i]));
			else
				print_text(ctl, &page->entries[i]);
		req.from += page->entries_n;
	} while (page->more && page->entries_n > 0);
	if (!ctl->json)
		printf("%llu in the queue\n", (unsigned long long)req.from);
	return CTL_OK;
}

static int
parse_id(const char *hex, char id[ST_ID_OCTETS])
{
	if (strlen(hex) != 2 * ST_ID_OCTETS)
		return ERR_SYNTAX;
	for (size_t i = 0; i < ST_ID_OCTETS; i++) {
		int hi = ascii_hex(hex[2 * i]), lo = ascii_hex(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return ERR_SYNTAX;
		id[i] = (char)(hi << 4 | lo);
	}
	return OK;
}

int
ctl_queue_act(struct ctl *ctl, int argc, char **argv)
{
	static const char *const acts[] = {
		[ST_ACT_RETRY] = "retry", [ST_ACT_HOLD] = "hold", [ST_ACT_DELETE] = "delete",
	};
	struct st_queue_act_request req = { 0 };
	char id[ST_ID_OCTETS];
	const void *reply;
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	if (argc != 2 || parse_id(argv[1], id) != OK)
		return ctl_fail("queue %s needs one id as \"queue list\" shows it", argv[0]);
	while (strcmp(acts[req.act], argv[0]) != 0)
		req.act++;
	req.id = (struct slice){ id, sizeof id };
	return ctl_ask(ctl, "store", rows, n, ST_QUEUE_ACT, &req, &reply) == OK ? CTL_OK : CTL_USAGE;
}
