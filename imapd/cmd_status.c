/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/name.h"
#include "imapd/status.h"

enum { MESSAGES, RECENT, UIDNEXT, UIDVALIDITY, UNSEEN, ITEM_COUNT };

static const char *const names[ITEM_COUNT] = {
	"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN"
};

int
status_parse(struct args *a, unsigned *items_out)
{
	int err = args_open(a);
	size_t i;

	*items_out = 0;
	while (err == OK) {
		for (i = 0; i < ITEM_COUNT && !args_word(a, names[i]); i++)
			;
		if (i == ITEM_COUNT)
			return ERR_SYNTAX;
		*items_out |= 1u << i;
		if (args_peek(a, ')'))
			return args_close(a);
		err = args_space(a);
	}
	return err;
}

/* Messages that no session was told of yet: counted from the end of the mailbox. */
static int
count_recent(struct session *s, uint32_t box, const struct backend_state *st, uint32_t *out)
{
	struct backend_msg chunk[64];
	uint32_t from = st->first_recent_uid;
	size_t n = ARRAY_LEN(chunk);

	*out = 0;
	while (n == ARRAY_LEN(chunk) && from < st->uidnext) {
		int err = s->conf.backend->scan(s->conf.ctx, box, from, chunk, n, &n);

		if (err != OK)
			return err;
		*out += (uint32_t)n;
		if (n > 0)
			from = chunk[n - 1].uid + 1;
	}
	return OK;
}

int
status_add(struct session *s, const struct backend_box *box, unsigned items)
{
	struct backend_state st;
	uint32_t values[ITEM_COUNT], recent = 0;
	bool first = true;
	int err = s->conf.backend->state(s->conf.ctx, box->id, &st);

	if (err == OK && (items & 1u << RECENT) != 0)
		err = count_recent(s, box->id, &st, &recent);
	if (err != OK)
		return err;
	values[MESSAGES] = st.messages;
	values[RECENT] = recent;
	values[UIDNEXT] = st.uidnext;
	values[UIDVALIDITY] = st.uidvalidity;
	values[UNSEEN] = st.unseen;
	buf_adds(&s->out, "* STATUS ");
	name_add(&s->out, box->name);
	buf_adds(&s->out, " (");
	for (size_t i = 0; i < ITEM_COUNT; i++)
		if ((items & 1u << i) != 0) {
			buf_addf(&s->out, "%s%s %u", first ? "" : " ", names[i], values[i]);
			first = false;
		}
	buf_adds(&s->out, ")\r\n");
	return OK;
}

enum session_next
cmd_status(struct session *s, struct args *a)
{
	struct backend_box box;
	struct slice wire, name;
	unsigned items;
	int err = args_space(a);

	if (err == OK)
		err = args_astring(a, &wire);
	if (err == OK)
		err = args_space(a);
	if (err == OK)
		err = status_parse(a, &items);
	if (err == OK)
		err = args_end(a);
	if (err == OK)
		err = name_parse(wire, s->conf.zone, &s->arena, &name);
	if (err == OK)
		err = s->conf.backend->box(s->conf.ctx, name, &box);
	if (err == OK)
		err = status_add(s, &box, items);
	return err == OK ? session_ok(s, NULL, "STATUS done") : session_err(s, err);
}
