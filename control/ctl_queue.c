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

static const char *const outcomes[] = {
	[ST_DELIVERED] = "delivered", [ST_DEFERRED] = "waiting", [ST_FAILED] = "failed",
};

/* The notice that is owed about a recipient. */
static const char *const tells[] = {
	[ST_TELL_NOTHING] = "none", [ST_TELL_FAILED] = "failed", [ST_TELL_DELAYED] = "delayed",
	[ST_TELL_DELIVERED] = "delivered", [ST_TELL_RELAYED] = "relayed",
	[ST_TELL_EXPANDED] = "expanded",
};

static json_t *
json_of(struct ctl *ctl, const struct st_queue_entry *e)
{
	json_t *rcpts = json_array();

	for (size_t i = 0; i < e->recipients_n; i++)
		json_array_append_new(rcpts, json_pack("{s:o,s:o,s:s,s:s}", "address",
		    ctl_json(e->recipients[i].address), "last", ctl_json(e->recipients[i].text),
		    "outcome", outcomes[e->recipients[i].outcome], "notice",
		    tells[e->recipients[i].tell]));
	return json_pack("{s:s,s:s,s:o,s:o,s:s,s:s,s:i,s:s,s:s,s:I,s:o}", "id", ctl_hex(ctl, e->id),
	    "state", states[e->state], "from", ctl_json(e->mail_from), "route", ctl_json(e->route),
	    "exit-zone", zone_name(e->zone), "level", level_name(e->level), "attempts",
	    (int)e->attempts, "arrived", ctl_time(ctl, e->arrived_s), "due", ctl_time(ctl, e->due_s),
	    "size", (json_int_t)e->size_octets, "recipients", rcpts);
}

static void
print_text(struct ctl *ctl, const struct st_queue_entry *e)
{
	ctl_say("%s %s %s <%.*s> route=%.*s attempts=%u due=%s", ctl_hex(ctl, e->id),
	    states[e->state], ctl_time(ctl, e->arrived_s), (int)e->mail_from.n, e->mail_from.p,
	    (int)e->route.n, e->route.p, e->attempts, ctl_time(ctl, e->due_s));
	for (size_t i = 0; i < e->recipients_n; i++)
		ctl_say("    <%.*s> %.*s", (int)e->recipients[i].address.n,
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
		return ctl_usage(ctl);
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

/* RFC 3461 4.1, as the sender said it. */
static void
add_notify(unsigned notify, struct buf *out)
{
	static const char *const words[] = { "never", "success", "failure", "delay" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if ((notify & 1U << i) != 0)
			buf_addf(out, "%s%s", out->n > 0 ? "," : "", words[i]);
	if (out->n == 0)
		buf_adds(out, "default");
}

static json_t *
json_all(struct ctl *ctl, const struct st_queue_entry *e)
{
	static const char *const rets[] = { "none", "full", "headers" };
	json_t *o = json_of(ctl, e), *history = json_array();
	json_t *rcpts = json_object_get(o, "recipients");
	struct buf notify;

	buf_init(&notify, 100);
	for (size_t i = 0; i < e->recipients_n; i++) {
		buf_clear(&notify);
		add_notify(e->recipients[i].notify, &notify);
		json_object_set_new(json_array_get(rcpts, i), "notify",
		    ctl_json(buf_slice(&notify)));
		json_object_set_new(json_array_get(rcpts, i), "original-recipient",
		    ctl_json(e->recipients[i].orcpt));
	}
	buf_fini(&notify);
	for (size_t i = 0; i < e->history_n; i++)
		json_array_append_new(history, json_pack("{s:s,s:i,s:i,s:i,s:o}", "time",
		    ctl_time(ctl, e->history[i].time_s), "delivered", (int)e->history[i].delivered,
		    "waiting", (int)e->history[i].deferred, "failed", (int)e->history[i].failed,
		    "said", ctl_json(e->history[i].text)));
	json_object_set_new(o, "arrival-zone", json_string(zone_name(e->arrival_zone)));
	json_object_set_new(o, "kind", json_string(kind_name(e->kind)));
	json_object_set_new(o, "tried-for", json_integer((json_int_t)e->age_s));
	json_object_set_new(o, "smtputf8", json_boolean(e->utf8));
	json_object_set_new(o, "8bitmime", json_boolean(e->body8));
	json_object_set_new(o, "return", json_string(rets[e->ret]));
	json_object_set_new(o, "envelope-id", ctl_json(e->envid));
	json_object_set_new(o, "notices-sent", json_integer((json_int_t)e->notices));
	json_object_set_new(o, "delay-told", json_boolean(e->delay_told));
	json_object_set_new(o, "history", history);
	return o;
}

static void
print_all(struct ctl *ctl, const struct st_queue_entry *e)
{
	struct buf notify;

	print_text(ctl, e);
	ctl_say("    arrival=%s exit=%s level=%s kind=%s size=%llu tried-for=%llus envid=%.*s",
	    zone_name(e->arrival_zone), zone_name(e->zone), level_name(e->level),
	    kind_name(e->kind), (unsigned long long)e->size_octets, (unsigned long long)e->age_s,
	    (int)e->envid.n, e->envid.p);
	buf_init(&notify, 100);
	for (size_t i = 0; i < e->recipients_n; i++) {
		buf_clear(&notify);
		add_notify(e->recipients[i].notify, &notify);
		ctl_say("    <%.*s> %s notice=%s notify=%.*s", (int)e->recipients[i].address.n,
		    e->recipients[i].address.p, outcomes[e->recipients[i].outcome],
		    tells[e->recipients[i].tell], (int)notify.n, notify.p);
	}
	buf_fini(&notify);
	for (size_t i = 0; i < e->history_n; i++)
		ctl_say("    %s delivered=%u waiting=%u failed=%u %.*s",
		    ctl_time(ctl, e->history[i].time_s), e->history[i].delivered,
		    e->history[i].deferred, e->history[i].failed, (int)e->history[i].text.n,
		    e->history[i].text.p);
}

int
ctl_queue_show(struct ctl *ctl, int argc, char **argv)
{
	struct st_show_request req = { .id = { NULL, 0 } };
	const struct st_queue_list_reply *page;
	char id[ST_ID_OCTETS];
	const void *reply;
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	if (argc != 2 || slice_hex(slice_of(argv[1]), id, sizeof id) != OK)
		return ctl_fail("queue show needs one id as \"queue list\" shows it");
	req.id = (struct slice){ id, sizeof id };
	if (ctl_ask(ctl, "store", rows, n, ST_QUEUE_SHOW, &req, &reply) != OK)
		return CTL_USAGE;
	page = reply;
	for (size_t i = 0; i < page->entries_n; i++)
		if (ctl->json)
			ctl_print_json(json_all(ctl, &page->entries[i]));
		else
			print_all(ctl, &page->entries[i]);
	return CTL_OK;
}

/* --notify, of delete alone, may stand before or behind the id; it is taken out of the line. */
static int
take_notify(int argc, char **argv, uint8_t *notify_out)
{
	int n = 0;

	for (int i = 0; i < argc; i++)
		if (strcmp(argv[0], "delete") == 0 && strcmp(argv[i], "--notify") == 0)
			*notify_out = 1;
		else
			argv[n++] = argv[i];
	return n;
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

	argc = take_notify(argc, argv, &req.notify);
	if (argc != 2 || slice_hex(slice_of(argv[1]), id, sizeof id) != OK)
		return ctl_fail("queue %s needs one id as \"queue list\" shows it", argv[0]);
	while (strcmp(acts[req.act], argv[0]) != 0)
		req.act++;
	req.id = (struct slice){ id, sizeof id };
	if (ctl_ask(ctl, "store", rows, n, ST_QUEUE_ACT, &req, &reply) != OK)
		return CTL_USAGE;
	if (ctl->json)
		ctl_print_json(json_pack("{s:s,s:s,s:b}", "id", ctl_hex(ctl, req.id), "done",
		    argv[0], "notify", req.notify));
	return CTL_OK;
}
