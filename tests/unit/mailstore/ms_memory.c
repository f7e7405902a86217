/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "ms_memory_internal.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/name.h"

static int
memory_open(const struct ms_conf *conf, struct ms **out)
{
	(void)conf;
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return ERR_NOMEM;
	arena_init(&(*out)->a, ARENA_OCTETS);
	return OK;
}

static void
memory_close(struct ms **ms)
{
	struct ms *m = *ms;

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->owners_n; i++) {
		for (size_t k = 0; k < m->owners[i]->boxes_n; k++)
			free(m->owners[i]->box[k]);
		free(m->owners[i]);
	}
	arena_clear(&m->a);
	free(m);
	*ms = NULL;
}

/* ---- finding ---- */

struct owner *
memory_owner(const struct ms *ms, uint32_t account)
{
	return account == 0 || account > ms->owners_n ? NULL : ms->owners[account - 1];
}

struct mbox *
memory_box(struct owner *o, uint32_t mailbox, bool internet)
{
	for (size_t i = 0; i < o->boxes_n; i++)
		if (o->box[i]->is.id == mailbox && !o->box[i]->deleted)
			return internet && o->box[i]->is.keyset_class == KEYSET_MAT ? NULL :
			    o->box[i];
	return NULL;
}

static struct mbox *
box_named(struct owner *o, struct slice name)
{
	for (size_t i = 0; i < o->boxes_n; i++)
		if (!o->box[i]->deleted && slice_eq(o->box[i]->is.name, name))
			return o->box[i];
	return NULL;
}

static bool
is_in(const struct st_range *r, size_t n, uint32_t uid)
{
	for (size_t i = 0; i < n; i++)
		if ((uid >= r[i].lo && uid <= r[i].hi) || (uid >= r[i].hi && uid <= r[i].lo))
			return true;
	return false;
}

static struct answer *
answered(struct owner *o, struct slice token)
{
	for (size_t i = 0; i < o->answers_n && token.n > 0; i++)
		if (slice_eq(o->answers[i].token, token))
			return &o->answers[i];
	return NULL;
}

static void
answer(struct ms *ms, struct owner *o, struct slice token, const union ms_reply *reply)
{
	if (token.n > 0)
		o->answers[o->answers_n++] = (struct answer){ arena_copy(&ms->a, token), *reply };
}

uint64_t
memory_octets(const struct owner *o, uint64_t *messages_out)
{
	uint64_t octets = 0;

	*messages_out = 0;
	for (size_t i = 0; i < o->boxes_n; i++) {
		for (size_t k = 0; k < o->box[i]->n && !o->box[i]->deleted; k++)
			octets += o->box[i]->m[k].size_octets;
		*messages_out += o->box[i]->deleted ? 0 : o->box[i]->n;
	}
	return octets;
}

static bool
too_much(const struct owner *o, const struct st_quota *q, uint64_t size)
{
	uint64_t n, octets = memory_octets(o, &n);

	return (q->octets != 0 && octets + o->pending_octets + size > q->octets) ||
	    (q->messages != 0 && n + o->pending_n + 1 > q->messages);
}

/* ---- mailboxes ---- */

static void
subscribe(struct ms *ms, struct owner *o, struct slice name, bool on)
{
	size_t i = 0;

	while (i < o->subs_n && !slice_eq(o->subs[i], name))
		i++;
	if (on && i == o->subs_n)
		o->subs[o->subs_n++] = arena_copy(&ms->a, name);
	if (!on && i < o->subs_n)
		o->subs[i] = o->subs[--o->subs_n];
}

static struct mbox *
make_box(struct ms *ms, struct owner *o, struct slice name, uint8_t class, uint8_t use,
    int64_t now_s)
{
	struct mbox *b = calloc(1, sizeof *b);

	if (b == NULL)
		abort();
	o->last_uidvalidity = o->last_uidvalidity < now_s ? (uint32_t)now_s :
	    o->last_uidvalidity + 1;
	b->is = (struct store_mailbox){ .id = o->next_mailbox++, .uidnext = 1, .recent_uid = 1,
		.uidvalidity = o->last_uidvalidity, .highestmodseq = 1, .special_use = use,
		.keyset_class = class, .name = arena_copy(&ms->a, name) };
	o->box[o->boxes_n++] = b;
	subscribe(ms, o, name, true);
	return b;
}

static int
memory_account(struct ms *ms, const struct ms_account *who, uint32_t *number_out)
{
	static const struct { const char *name; uint8_t class, use; } first[] = {
		{ "INBOX", KEYSET_OPEN, ST_USE_NONE }, { "Nháp", KEYSET_OPEN, ST_USE_DRAFTS },
		{ "Đã gửi", KEYSET_OPEN, ST_USE_SENT }, { "Thùng rác", KEYSET_OPEN, ST_USE_TRASH },
		{ "Thư rác", KEYSET_OPEN, ST_USE_JUNK }, { "Lưu trữ", KEYSET_OPEN, ST_USE_ARCHIVE },
		{ "Mật", KEYSET_MAT, ST_USE_NONE }, { "Mật/Nháp", KEYSET_MAT, ST_USE_NONE },
		{ "Mật/Đã gửi", KEYSET_MAT, ST_USE_NONE },
		{ "Mật/Thùng rác", KEYSET_MAT, ST_USE_NONE },
	};
	struct owner *o;

	for (*number_out = 1; *number_out <= ms->owners_n; ++*number_out)
		if (slice_eq(ms->owners[*number_out - 1]->guid, who->guid))
			return OK;
	o = calloc(1, sizeof *o);
	if (o == NULL)
		return ERR_NOMEM;
	o->guid = arena_copy(&ms->a, who->guid);
	o->next_mailbox = 1;
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		make_box(ms, o, slice_of(first[i].name), first[i].class, first[i].use, 1);
	ms->owners[ms->owners_n++] = o;
	return OK;
}

static struct mbox *
make_levels(struct ms *ms, struct owner *o, struct slice name, uint8_t use, int64_t now_s)
{
	struct mbox *b = NULL;

	for (size_t i = 1; i <= name.n; i++) {
		struct slice level = slice_sub(name, 0, i);

		if (i < name.n && name.p[i] != '/')
			continue;
		b = box_named(o, level);
		if (b == NULL)
			b = make_box(ms, o, level, KEYSET_OPEN, i == name.n ? use : ST_USE_NONE,
			    now_s);
	}
	return b;
}

/* ---- messages ---- */

static uint64_t
keyword_bits(struct ms *ms, struct mbox *b, const struct st_keyword *kw, size_t n, bool make)
{
	uint64_t bits = 0;

	for (size_t k = 0; k < n; k++) {
		size_t i = 0;

		while (i < b->is.keywords_n && !slice_eq_nocase(b->keywords[i], kw[k].name))
			i++;
		if (i == b->is.keywords_n && !make)
			continue;
		if (i == b->is.keywords_n)
			b->keywords[b->is.keywords_n++] = arena_copy(&ms->a, kw[k].name);
		bits |= UINT64_C(1) << i;
	}
	return bits;
}

static struct store_record *
put(struct mbox *b, const struct store_record *r, uint64_t modseq)
{
	struct store_record *m = &b->m[b->n++];

	*m = *r;
	m->uid = b->is.uidnext++;
	m->modseq = modseq;
	return m;
}

static void
take_out(struct mbox *b, size_t i, uint64_t modseq)
{
	b->gone[b->gone_n++] = (struct gone){ b->m[i].uid, modseq };
	memmove(&b->m[i], &b->m[i + 1], (b->n - i - 1) * sizeof *b->m);
	b->n--;
}

static uint64_t
keep_body(struct ms *ms, const struct ms_call *c, struct slice email_id)
{
	struct body *b = &ms->bodies[ms->bodies_n++];

	b->message = arena_copy(&ms->a, c->message);
	b->summary = arena_copy(&ms->a, c->summary);
	b->number = ms->bodies_n;
	if (email_id.n == sizeof b->email_id)
		memcpy(b->email_id, email_id.p, email_id.n);
	else
		memcpy(b->email_id, &b->number, sizeof b->number);
	return b->number;
}

static struct store_record
record_of(const struct ms *ms, uint64_t body)
{
	const struct body *b = &ms->bodies[body - 1];
	struct store_record r = { .size_octets = (uint32_t)b->message.n, .blob = body };

	memcpy(r.email_id, b->email_id, sizeof r.email_id);
	return r;
}

/* ---- acts ---- */

static int
deliver(struct ms *ms, struct ms_call *c)
{
	const struct st_deliver_request *req = c->req;
	uint64_t body;

	for (size_t i = 0; i < req->local_n; i++)
		if (req->level >= LEVEL_MAT && req->local[i].place == ST_PLACE_INBOX)
			return ERR_ACCESS;
	for (size_t i = 0; i < ms->done_n; i++)
		if (slice_eq(ms->done[i], req->id))
			return OK;
	for (size_t i = 0; i < req->local_n; i++) {
		uint32_t number = 0;

		while (number < ms->owners_n &&
		    !slice_eq(ms->owners[number]->guid, req->local[i].guid))
			number++;
		if (number == ms->owners_n)
			return ERR_UNAVAIL;
		if (too_much(ms->owners[number], &req->local[i].quota, c->message.n))
			return ERR_QUOTA;
		ms->wait[ms->wait_n + i] = (struct waiting){ ms->owners[number],
			req->local[i].place == ST_PLACE_MAT ? 7 :
			req->local[i].place == ST_PLACE_MAT_SENT ? 9 : 1, 0, req->level };
	}
	body = keep_body(ms, c, req->id);
	for (size_t i = 0; i < req->local_n; i++) {
		struct waiting *w = &ms->wait[ms->wait_n++];

		w->body = body;
		w->to->pending_octets += c->message.n;
		w->to->pending_n++;
	}
	ms->done[ms->done_n++] = arena_copy(&ms->a, req->id);
	return OK;
}

static int
memory_settle(struct ms *ms)
{
	for (size_t i = 0; i < ms->wait_n; i++) {
		struct waiting *w = &ms->wait[i];
		struct store_record r = record_of(ms, w->body);
		struct mbox *b = memory_box(w->to, w->mailbox, false);

		r.level = w->level;
		put(b, &r, ++b->is.highestmodseq);
		w->to->pending_octets -= r.size_octets;
		w->to->pending_n--;
		w->to->generation++;
	}
	ms->wait_n = 0;
	return OK;
}

static int
append(struct ms *ms, struct owner *o, struct ms_call *c)
{
	const struct st_append_request *req = c->req;
	const struct answer *before = answered(o, req->token);
	struct mbox *b = memory_box(o, req->mailbox, c->internet);
	struct store_record r;

	if (before != NULL) {
		c->reply = before->reply;
		return OK;
	}
	if (b == NULL)
		return ERR_NOENT;
	if (req->level >= LEVEL_MAT && b->is.keyset_class != KEYSET_MAT)
		return ERR_ACCESS;
	if (too_much(o, &req->quota, c->message.n))
		return ERR_QUOTA;
	r = record_of(ms, keep_body(ms, c, (struct slice){ NULL, 0 }));
	r.flags = req->flags;
	r.level = req->level;
	r.internal_date_s = (int64_t)req->internal_date_s;
	r.keywords = keyword_bits(ms, b, req->keywords, req->keywords_n, true);
	c->reply.append.uid = put(b, &r, ++b->is.highestmodseq)->uid;
	c->reply.append.uidvalidity = b->is.uidvalidity;
	answer(ms, o, req->token, &c->reply);
	return OK;
}

static void
flag_one(const struct st_flags_request *req, uint64_t bits, struct mbox *b, struct store_record *m,
    uint64_t *last)
{
	struct store_record was = *m;

	if (req->op == ST_FLAGS_SET)
		m->flags = req->flags, m->keywords = bits;
	else if (req->op == ST_FLAGS_ADD)
		m->flags |= req->flags, m->keywords |= bits;
	else
		m->flags &= (uint16_t)~req->flags, m->keywords &= ~bits;
	if (m->flags == was.flags && m->keywords == was.keywords)
		return;
	m->modseq = b->is.highestmodseq + 1 +
	    (req->known_modseq != 0 && was.modseq > req->known_modseq);
	if (m->modseq > *last)
		*last = m->modseq;
}

void
memory_add_uid(struct st_range *list, size_t *n, uint32_t uid)
{
	if (*n > 0 && list[*n - 1].hi + 1 == uid)
		list[*n - 1].hi = uid;
	else
		list[(*n)++] = (struct st_range){ uid, uid };
}

static int
flags(struct ms *ms, struct owner *o, struct ms_call *c)
{
	const struct st_flags_request *req = c->req;
	struct mbox *b = memory_box(o, req->mailbox, c->internet);
	struct st_flags_reply *out = &c->reply.flags;
	uint64_t bits, last;

	if (b == NULL)
		return ERR_NOENT;
	*out = (struct st_flags_reply){ .modified = arena_array(&ms->a, b->n + 1,
	    sizeof *out->modified) };
	bits = keyword_bits(ms, b, req->keywords, req->keywords_n, req->op != ST_FLAGS_REMOVE);
	last = b->is.highestmodseq;
	for (size_t i = 0; i < b->n; i++) {
		if (!is_in(req->uids, req->uids_n, b->m[i].uid))
			continue;
		if (req->unchanged_since != 0 && b->m[i].modseq > req->unchanged_since)
			memory_add_uid(out->modified, &out->modified_n, b->m[i].uid);
		else
			flag_one(req, bits, b, &b->m[i], &last);
	}
	out->modseq = last > b->is.highestmodseq ? b->is.highestmodseq + 1 : 0;
	b->is.highestmodseq = last;
	return OK;
}

static int
expunge(struct ms *ms, struct owner *o, struct ms_call *c)
{
	const struct st_expunge_request *req = c->req;
	struct mbox *b = memory_box(o, req->mailbox, c->internet);
	struct st_expunge_reply *out = &c->reply.expunge;

	if (b == NULL)
		return ERR_NOENT;
	*out = (struct st_expunge_reply){ .expunged = arena_array(&ms->a, b->n + 1,
	    sizeof *out->expunged) };
	for (size_t i = 0; i < b->n;) {
		if (!is_in(req->uids, req->uids_n, b->m[i].uid) ||
		    (b->m[i].flags & ST_DELETED) == 0) {
			i++;
			continue;
		}
		memory_add_uid(out->expunged, &out->expunged_n, b->m[i].uid);
		take_out(b, i, b->is.highestmodseq + 1);
	}
	b->is.highestmodseq += out->expunged_n > 0;
	out->modseq = b->is.highestmodseq;
	return OK;
}

static uint64_t
translated(struct ms *ms, const struct mbox *from, struct mbox *to, uint64_t bits)
{
	uint64_t out = 0;

	for (size_t i = 0; i < from->is.keywords_n; i++) {
		struct st_keyword kw = { from->keywords[i] };

		if ((bits >> i & 1) != 0)
			out |= keyword_bits(ms, to, &kw, 1, true);
	}
	return out;
}

static int
copy_fits(const struct owner *o, const struct mbox *from, const struct st_copy_request *req)
{
	uint64_t n, octets = memory_octets(o, &n) + o->pending_octets;

	n += o->pending_n;
	for (size_t i = 0; i < from->n && !req->move; i++) {
		if (!is_in(req->uids, req->uids_n, from->m[i].uid))
			continue;
		octets += from->m[i].size_octets;
		n++;
		if ((req->quota.octets != 0 && octets > req->quota.octets) ||
		    (req->quota.messages != 0 && n > req->quota.messages))
			return ERR_QUOTA;
	}
	return OK;
}

static void
copy_all(struct ms *ms, const struct st_copy_request *req, struct mbox *from, struct mbox *to,
    struct st_copy_reply *out)
{
	uint64_t to_modseq = to->is.highestmodseq + 1;
	uint64_t from_modseq = from == to ? to_modseq + 1 : from->is.highestmodseq + 1;
	size_t n = from->n;

	for (size_t i = 0; i < n;) {
		struct store_record r = from->m[i];

		if (!is_in(req->uids, req->uids_n, r.uid)) {
			i++;
			continue;
		}
		memory_add_uid(out->from, &out->from_n, r.uid);
		r.keywords = translated(ms, from, to, r.keywords);
		memory_add_uid(out->to, &out->to_n, put(to, &r, to_modseq)->uid);
		if (req->move) {
			take_out(from, i, from_modseq);
			n--;
		} else
			i++;
	}
	if (out->to_n == 0)
		return;
	to->is.highestmodseq = to_modseq;
	if (req->move)
		from->is.highestmodseq = from_modseq;
}

static int
copy_between(struct ms *ms, struct owner *o, const struct st_copy_request *req, struct mbox *from,
    struct mbox *to, struct st_copy_reply *out)
{
	/* Out of mat never; into it only with wraps, which this does not make. */
	int r = from->is.keyset_class == to->is.keyset_class ? copy_fits(o, from, req) :
	    from->is.keyset_class == KEYSET_MAT ? ERR_ACCESS : ERR_CRYPTO;

	*out = (struct st_copy_reply){ .uidvalidity = to->is.uidvalidity,
		.from = arena_array(&ms->a, from->n + 1, sizeof *out->from),
		.to = arena_array(&ms->a, from->n + 1, sizeof *out->to) };
	if (r == OK)
		copy_all(ms, req, from, to, out);
	return r;
}

static int
copy(struct ms *ms, struct owner *o, struct ms_call *c)
{
	const struct st_copy_request *req = c->req;
	const struct answer *before = answered(o, req->token);
	struct mbox *from = memory_box(o, req->mailbox, c->internet);
	struct mbox *to = memory_box(o, req->target, c->internet);
	int r;

	if (before != NULL) {
		c->reply = before->reply;
		return OK;
	}
	if (from == NULL || to == NULL)
		return ERR_NOENT;
	r = copy_between(ms, o, req, from, to, &c->reply.copy);
	if (r == OK)
		answer(ms, o, req->token, &c->reply);
	return r;
}

/* ---- names ---- */

static int
create(struct ms *ms, struct owner *o, struct ms_call *c, struct slice name)
{
	const struct st_name_request *req = c->req;

	if (store_name_is_mat(name))
		return ERR_ACCESS;
	if (box_named(o, name) != NULL)
		return ERR_EXIST;
	c->reply.name.mailbox = make_levels(ms, o, name, req->special_use, c->now_s)->is.id;
	return OK;
}

/* Who may be renamed or removed. */
static int
own_box(struct owner *o, struct slice name, bool internet, struct mbox **out)
{
	*out = box_named(o, name);
	if (*out == NULL || (internet && (*out)->is.keyset_class == KEYSET_MAT))
		return ERR_NOENT;
	return (*out)->is.keyset_class == KEYSET_MAT ? ERR_ACCESS : OK;
}

static int
delete(struct owner *o, struct ms_call *c, struct slice name)
{
	struct mbox *b;
	int r = own_box(o, name, c->internet, &b);

	if (r == OK && b->is.id == 1)
		r = ERR_ACCESS;
	if (r == OK)
		b->deleted = true;
	return r;
}

static int
rename_inbox(struct ms *ms, struct owner *o, struct ms_call *c, struct slice to)
{
	struct st_range all = { 1, UINT32_MAX };
	struct st_copy_request req = { .move = 1, .uids = &all, .uids_n = 1 };
	struct st_copy_reply reply;

	if (box_named(o, to) != NULL)
		return ERR_EXIST;
	return copy_between(ms, o, &req, memory_box(o, 1, false),
	    make_levels(ms, o, to, ST_USE_NONE, c->now_s), &reply);
}

static struct slice
moved_name(struct ms *ms, struct slice old, size_t prefix, struct slice to)
{
	char *p = arena_alloc(&ms->a, to.n + old.n);

	memcpy(p, to.p, to.n);
	memcpy(p + to.n, old.p + prefix, old.n - prefix);
	return (struct slice){ p, to.n + old.n - prefix };
}

static int
rename_tree(struct ms *ms, struct owner *o, struct ms_call *c, struct slice from, struct slice to)
{
	size_t n = 0, before = o->boxes_n, parent = to.n;

	for (size_t i = 0; i < before; i++) {
		struct slice name = o->box[i]->is.name;

		if (o->box[i]->deleted || (!slice_eq(name, from) && !name_is_below(name, from)))
			continue;
		n++;
		if (box_named(o, moved_name(ms, name, from.n, to)) != NULL)
			return ERR_EXIST;
	}
	if (n == 0)
		return ERR_NOENT;
	while (parent > 0 && to.p[parent - 1] != '/')
		parent--;
	if (parent > 1)
		make_levels(ms, o, slice_sub(to, 0, parent - 1), ST_USE_NONE, c->now_s);
	for (size_t i = 0; i < before; i++) {
		struct slice *name = &o->box[i]->is.name;

		if (!o->box[i]->deleted && (slice_eq(*name, from) || name_is_below(*name, from)))
			*name = moved_name(ms, *name, from.n, to);
	}
	return OK;
}

static int
rename_box(struct ms *ms, struct owner *o, struct ms_call *c, struct slice from, struct slice to)
{
	struct mbox *b;
	int r = own_box(o, from, c->internet, &b);

	if (r == ERR_NOENT && !store_name_is_mat(from))
		r = OK;		/* a level that only stands above others */
	if (r == OK && store_name_is_mat(to))
		r = ERR_ACCESS;
	if (r == OK && slice_eq(from, to))
		r = ERR_EXIST;
	if (r == OK && name_is_below(to, from) && !name_is_inbox(from))
		r = ERR_INVAL;
	if (r != OK)
		return r;
	return name_is_inbox(from) ? rename_inbox(ms, o, c, to) : rename_tree(ms, o, c, from, to);
}

static int
names(struct ms *ms, struct owner *o, struct ms_call *c)
{
	const struct st_name_request *req = c->req;
	struct buf name, to;
	int r;

	buf_init(&name, 8192);
	buf_init(&to, 8192);
	r = name_normal(req->name, &name);
	if (r == OK && c->act == MS_CREATE)
		r = create(ms, o, c, buf_slice(&name));
	else if (r == OK && c->act == MS_DELETE)
		r = delete(o, c, buf_slice(&name));
	else if (r == OK && c->act == MS_SUBSCRIBE) {
		if (c->internet && store_name_is_mat(buf_slice(&name)))
			r = ERR_ACCESS;
		else
			subscribe(ms, o, buf_slice(&name), req->on != 0);
	} else if (r == OK) {
		int valid = name_normal(req->new_name, &to);
		struct mbox *b;

		/* The old name is looked at first. */
		r = own_box(o, buf_slice(&name), c->internet, &b);
		if (r == OK || (r == ERR_NOENT && !store_name_is_mat(buf_slice(&name))))
			r = valid != OK ? valid : rename_box(ms, o, c, buf_slice(&name),
			    buf_slice(&to));
	}
	buf_fini(&name);
	buf_fini(&to);
	return r;
}

static int
seen_recent(struct owner *o, struct ms_call *c)
{
	const struct st_seen_recent_request *req = c->req;
	struct mbox *b = memory_box(o, req->mailbox, c->internet);

	if (b == NULL)
		return ERR_NOENT;
	c->reply.recent = (struct st_seen_recent_reply){ b->is.recent_uid, b->is.uidnext };
	b->is.recent_uid = b->is.uidnext;
	return OK;
}

static uint32_t
account_of(const struct ms_call *c)
{
	switch (c->act) {
	case MS_APPEND:
		return ((const struct st_append_request *)c->req)->account;
	case MS_FLAGS:
		return ((const struct st_flags_request *)c->req)->account;
	case MS_EXPUNGE:
		return ((const struct st_expunge_request *)c->req)->account;
	case MS_COPY:
		return ((const struct st_copy_request *)c->req)->account;
	case MS_SEEN_RECENT:
		return ((const struct st_seen_recent_request *)c->req)->account;
	default:
		return ((const struct st_name_request *)c->req)->account;
	}
}

static int
act(struct ms *ms, struct ms_call *c)
{
	struct owner *o;
	int r;

	if (c->act == MS_DELIVER)
		return deliver(ms, c);
	o = memory_owner(ms, account_of(c));
	if (o == NULL)
		return ERR_NOENT;
	r = c->act == MS_APPEND ? append(ms, o, c) : c->act == MS_FLAGS ? flags(ms, o, c) :
	    c->act == MS_EXPUNGE ? expunge(ms, o, c) : c->act == MS_COPY ? copy(ms, o, c) :
	    c->act == MS_SEEN_RECENT ? seen_recent(o, c) : names(ms, o, c);
	o->generation += r == OK;
	return r;
}

static void
memory_submit(struct ms *ms, struct ms_call *calls)
{
	for (struct ms_call *c = calls; c != NULL; c = c->next)
		c->status = act(ms, c);
}

const struct ms_engine *
ms_memory(void)
{
	static struct ms_engine engine = { .name = "memory", .open = memory_open,
		.close = memory_close, .account = memory_account, .submit = memory_submit,
		.settle = memory_settle };

	memory_readers(&engine);
	return &engine;
}
