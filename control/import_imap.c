/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * An IMAP server. Mailboxes are opened with EXAMINE, and nothing there is changed. A message is
 * UIDVALIDITY and UID; flags, date and size are asked for many messages at once, octets for those
 * that are not here yet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/words.h"
#include "control/import_imap.h"
#include "control/imap_wire.h"

enum { BATCH = 200, GROUP = 50, GROUP_OCTETS = 8 << 20, TEXTS_MAX = 16 << 20 };

/* What the server says of one message. */
struct meta {
	uint32_t uid;
	unsigned flags;
	int64_t	 date_s;
	uint64_t size_octets;
	bool	 asked, given;
	struct slice *keywords;
	size_t	 keywords_n;
};

struct imap {
	struct import_source s;		/* first */
	struct imap_wire w;
	bool	 special_use;
	uint32_t uidvalidity, exists, next;	/* next: number of the first message not looked at */
	struct meta metas[BATCH];
	size_t	 metas_n, at;
	bool	 group_open;		/* a FETCH of octets is being answered */
	struct arena texts;		/* keywords of the batch */
	char	 id[32];
	struct buf line;
};

static struct imap *
of(struct import_source *s)
{
	return (struct imap *)(void *)s;
}

static int
wire_failed(struct imap *m, int r)
{
	return import_fail(&m->s, r, "%s: %s", m->w.host,
	    m->w.why[0] != '\0' ? m->w.why : err_text(r));
}

/* ---- commands ---- */

typedef int (*reply_fn)(struct imap *m, const struct imap_reply *r, void *arg);

/* What a server may say at any time. */
static void
notice(struct imap *m, const struct imap_reply *r)
{
	if (slice_is_nocase(r->word, "EXISTS"))
		m->exists = r->number;
	else if (slice_is_nocase(r->word, "EXPUNGE")) {
		m->exists -= m->exists > 0;
		m->next -= r->number < m->next && m->next > 1;
	}
}

/* Responses up to the end of the command; fn gets those without a tag, and the last one. */
static int
finish(struct imap *m, const char *what, reply_fn fn, void *arg)
{
	struct imap_reply reply;

	for (;;) {
		int r = imap_wire_reply(&m->w, &reply);

		if (r != OK)
			return wire_failed(m, r);
		if (reply.kind == IMAP_UNTAGGED)
			notice(m, &reply);
		if (fn != NULL && reply.kind != IMAP_CONTINUE) {
			r = fn(m, &reply, arg);
			if (r != OK)
				return r;
		}
		if (reply.kind == IMAP_UNTAGGED && slice_is_nocase(reply.word, "BYE"))
			return import_fail(&m->s, ERR_CLOSED, "%s: ended: %.*s", m->w.host,
			    (int)(reply.rest.n < 200 ? reply.rest.n : 200), reply.rest.p);
		if (!imap_wire_is_end(&m->w, &reply))
			continue;
		if (slice_is_nocase(reply.word, "OK"))
			return OK;
		return import_fail(&m->s, ERR_ACCESS, "%s: %s: %.*s", m->w.host, what,
		    (int)(reply.rest.n < 200 ? reply.rest.n : 200), reply.rest.p);
	}
}

static int
command(struct imap *m, struct slice text, const char *what, reply_fn fn, void *arg)
{
	int r = imap_wire_send(&m->w, text);

	return r == OK ? finish(m, what, fn, arg) : wire_failed(m, r);
}

/* ---- signing in ---- */

struct capabilities { bool starttls, login_disabled, special_use; };

static int
on_capability(struct imap *m, const struct imap_reply *r, void *arg)
{
	struct capabilities *c = arg;

	(void)m;
	if (r->kind == IMAP_UNTAGGED && slice_is_nocase(r->word, "CAPABILITY")) {
		c->starttls = imap_has_word(r->rest, "STARTTLS");
		c->login_disabled = imap_has_word(r->rest, "LOGINDISABLED");
		c->special_use = imap_has_word(r->rest, "SPECIAL-USE");
	}
	return OK;
}

static int
capability(struct imap *m, struct capabilities *out)
{
	*out = (struct capabilities){ .starttls = false };
	return command(m, SLICE("CAPABILITY"), "CAPABILITY", on_capability, out);
}

static int
greeting(struct imap *m)
{
	struct imap_reply r;
	int e = imap_wire_reply(&m->w, &r);

	if (e != OK)
		return wire_failed(m, e);
	if (r.kind != IMAP_UNTAGGED || !slice_is_nocase(r.word, "OK"))
		return import_fail(&m->s, ERR_ACCESS, "%s: does not want us", m->w.host);
	return OK;
}

/* As literals: a name or password may hold anything but NUL and line ends. */
static int
sign_in(struct imap *m, const struct import_imap *conf)
{
	const struct slice parts[] = { slice_of(conf->user), conf->password };
	char text[64];
	int r;

	snprintf(text, sizeof text, "LOGIN {%zu}", parts[0].n);
	r = imap_wire_send(&m->w, slice_of(text));
	for (size_t i = 0; r == OK && i < ARRAY_LEN(parts); i++) {
		struct imap_reply reply;

		do
			r = imap_wire_reply(&m->w, &reply);
		while (r == OK && reply.kind == IMAP_UNTAGGED &&
		    !slice_is_nocase(reply.word, "BYE"));
		if (r == OK && reply.kind != IMAP_CONTINUE)
			return import_fail(&m->s, ERR_ACCESS, "%s: does not let %s in",
			    m->w.host, conf->user);
		if (r == OK)
			r = imap_wire_write(&m->w, parts[i]);
		snprintf(text, sizeof text, i == 0 ? " {%zu}\r\n" : "\r\n", parts[1].n);
		if (r == OK)
			r = imap_wire_write(&m->w, slice_of(text));
	}
	return r == OK ? finish(m, "sign-in", NULL, NULL) : wire_failed(m, r);
}

static bool
is_loopback(const char *peer)
{
	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

static int
secure(struct imap *m, const struct import_imap *conf, const char *peer)
{
	struct capabilities c = { .starttls = false };
	int r;

	if (conf->implicit_tls) {
		r = imap_wire_tls(&m->w, conf->ca_file);
		return r == OK ? greeting(m) : wire_failed(m, r);
	}
	r = greeting(m);
	if (r == OK && conf->insecure_plain) {
		if (!is_loopback(peer))
			return import_fail(&m->s, ERR_TLS, "%s: --insecure-plain is for this "
			    "machine alone", m->w.host);
		return OK;
	}
	if (r == OK)
		r = capability(m, &c);
	if (r == OK && !c.starttls)
		return import_fail(&m->s, ERR_TLS, "%s: offers no TLS", m->w.host);
	if (r == OK)
		r = command(m, SLICE("STARTTLS"), "STARTTLS", NULL, NULL);
	if (r != OK)
		return r;
	r = imap_wire_tls(&m->w, conf->ca_file);
	return r == OK ? OK : wire_failed(m, r);
}

static int
begin(struct imap *m, const struct import_imap *conf)
{
	struct capabilities c;
	char peer[64] = "";
	int r = imap_wire_connect(&m->w, conf->host, conf->port, peer);

	if (r != OK)
		return wire_failed(m, r);
	m->s.zone = is_loopback(peer) || conf->is_internal(conf->arg, peer) ? ZONE_INTERNAL :
	    ZONE_INTERNET;
	r = secure(m, conf, peer);
	if (r == OK)
		r = capability(m, &c);
	if (r == OK && c.login_disabled)
		return import_fail(&m->s, ERR_TLS, "%s: takes no password here", m->w.host);
	if (r == OK)
		r = sign_in(m, conf);
	if (r == OK)
		r = capability(m, &c);	/* it may be another one now */
	m->special_use = c.special_use;
	return r;
}

/* ---- folders ---- */

static int
on_list(struct imap *m, const struct imap_reply *r, void *arg)
{
	struct import_folders *l = arg;
	static struct imap_folder f;
	struct import_folder *to;
	int e;

	if (r->kind != IMAP_UNTAGGED || !slice_is_nocase(r->word, "LIST"))
		return OK;
	if (imap_folder_read(r->rest, &f) != OK || !f.selectable)
		return OK;
	e = import_folders_add(&m->s, l, &to);
	if (e != OK)
		return e;
	buf_clear(&m->line);
	if (imap_folder_name(&f, &m->line) != OK)
		buf_clear(&m->line);
	*to = (struct import_folder){ .source = arena_copy(l->a, f.name),
		.name = arena_copy(l->a, buf_slice(&m->line)), .special_use = f.special_use };
	return l->a->err;
}

static int
on_status(struct imap *m, const struct imap_reply *r, void *arg)
{
	struct import_folder *f = arg;
	ptrdiff_t at;
	struct slice number;
	uint64_t n;

	(void)m;
	if (r->kind != IMAP_UNTAGGED || !slice_is_nocase(r->word, "STATUS"))
		return OK;
	at = slice_find_nocase(r->rest, SLICE("(MESSAGES "));
	number = at < 0 ? (struct slice){ NULL, 0 } : slice_from(r->rest, (size_t)at + 10);
	(void)slice_cut(&number, ')', &number);
	if (slice_u64(number, UINT32_MAX, &n) == OK)
		f->messages = n;
	return OK;
}

static int
folder_command(struct imap *m, const char *word, struct slice name, const char *after)
{
	int r;

	buf_clear(&m->line);
	buf_adds(&m->line, word);
	r = imap_add_quoted(name, &m->line);
	buf_adds(&m->line, after);
	return r == OK ? m->line.err : r;
}

static int
imap_folders(struct import_source *s, struct arena *a, struct import_folder **list_out,
    size_t *n_out)
{
	struct imap *m = of(s);
	struct import_folders l = { .a = a };
	int r = command(m, m->special_use ? SLICE("LIST \"\" \"*\" RETURN (SPECIAL-USE)") :
	    SLICE("LIST \"\" \"*\""), "LIST", on_list, &l);

	for (size_t i = 0; r == OK && i < l.n; i++) {
		if (folder_command(m, "STATUS ", l.v[i].source, " (MESSAGES)") != OK)
			continue;
		r = command(m, buf_slice(&m->line), "STATUS", on_status, &l.v[i]);
		if (r == ERR_ACCESS)	/* it will be refused again, and told, when it is opened */
			r = OK;
	}
	*list_out = l.v;
	*n_out = l.n;
	return r;
}

/* ---- one folder ---- */

static int
on_examine(struct imap *m, const struct imap_reply *r, void *arg)
{
	(void)arg;
	if (r->kind == IMAP_UNTAGGED && slice_is_nocase(r->word, "OK"))
		(void)imap_code_number(r->rest, "UIDVALIDITY", &m->uidvalidity);
	return OK;
}

static int
imap_open(struct import_source *s, const struct import_folder *f, uint64_t *messages_out)
{
	struct imap *m = of(s);
	int r = folder_command(m, "EXAMINE ", f->source, "");

	m->uidvalidity = m->exists = 0;
	m->next = 1;
	m->metas_n = m->at = 0;
	m->group_open = false;
	if (r != OK)	/* of this folder alone */
		return import_fail(s, r == ERR_NOMEM ? r : ERR_ACCESS,
		    "%s: the folder has a name that cannot be asked for", m->w.host);
	r = command(m, buf_slice(&m->line), "EXAMINE", on_examine, NULL);
	if (r == OK && m->uidvalidity == 0)
		r = import_fail(s, ERR_SYNTAX, "%s: gives no UIDVALIDITY", m->w.host);
	*messages_out = m->exists;
	return r;
}

static void
imap_close(struct import_source *s)
{
	arena_clear(&of(s)->texts);
}

/* ---- messages ---- */

static int
on_meta(struct imap *m, const struct imap_reply *r, void *arg)
{
	static struct imap_fetch f;
	struct meta *x = &m->metas[m->metas_n];

	(void)arg;
	if (r->kind != IMAP_UNTAGGED || !slice_is_nocase(r->word, "FETCH") ||
	    imap_fetch_read(r->rest, &f) != OK || f.uid == 0 || !f.has_flags)
		return OK;	/* what is not asked for may come at any time */
	for (size_t i = 0; i < m->metas_n; i++)
		if (m->metas[i].uid == f.uid)
			return OK;
	if (m->metas_n == BATCH)
		return OK;
	*x = (struct meta){ .uid = f.uid, .flags = f.flags, .size_octets = f.size_octets,
		.date_s = f.has_date ? f.date_s : 0, .keywords_n = f.keywords.n };
	x->keywords = arena_array(&m->texts, f.keywords.n, sizeof *x->keywords);
	for (size_t i = 0; x->keywords != NULL && i < f.keywords.n; i++)
		x->keywords[i] = arena_copy(&m->texts, f.keywords.v[i]);
	if (m->texts.err != OK)
		return import_fail(&m->s, m->texts.err, "%s: too many keywords", m->w.host);
	m->metas_n++;
	return OK;
}

static int
by_uid(const void *a, const void *b)
{
	const struct meta *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int
next_batch(struct imap *m)
{
	char text[100];
	uint32_t last = m->exists - m->next < BATCH ? m->exists : m->next + BATCH - 1;
	int r;

	arena_clear(&m->texts);
	m->metas_n = m->at = 0;
	snprintf(text, sizeof text, "FETCH %u:%u (UID FLAGS INTERNALDATE RFC822.SIZE)", m->next,
	    last);
	m->next = last + 1;
	r = command(m, slice_of(text), "FETCH", on_meta, NULL);
	qsort(m->metas, m->metas_n, sizeof *m->metas, by_uid);
	return r;
}

static void
name(struct imap *m, const struct meta *x)
{
	snprintf(m->id, sizeof m->id, "%u.%u", m->uidvalidity, x->uid);
}

static void
describe(struct imap *m, const struct meta *x, struct import_message *out)
{
	name(m, x);
	*out = (struct import_message){ .id = slice_of(m->id), .date_s = x->date_s,
		.flags = x->flags, .keywords = x->keywords, .keywords_n = x->keywords_n };
}

/* Ask for the octets of the next ones that are wanted. */
static int
ask_group(struct imap *m)
{
	uint64_t octets = 0;
	size_t n = 0;
	int r;

	buf_clear(&m->line);
	buf_adds(&m->line, "UID FETCH ");
	for (size_t i = m->at; i < m->metas_n && n < GROUP && octets < GROUP_OCTETS; i++) {
		struct meta *x = &m->metas[i];

		name(m, x);
		if (x->size_octets > m->s.message_octets || m->s.known(m->s.arg, slice_of(m->id)))
			continue;
		buf_addf(&m->line, "%s%u", n++ > 0 ? "," : "", x->uid);
		octets += x->size_octets;
		x->asked = true;
	}
	buf_adds(&m->line, " (UID BODY.PEEK[])");
	if (n == 0)
		return OK;
	r = imap_wire_send(&m->w, buf_slice(&m->line));
	m->group_open = r == OK;
	return r == OK ? OK : wire_failed(m, r);
}

/* 1: the octets of a message that was asked for. 0: the group is through. */
static int
from_group(struct imap *m, struct import_message *out)
{
	static struct imap_fetch f;
	struct imap_reply r;

	for (;;) {
		int e = imap_wire_reply(&m->w, &r);

		if (e != OK)
			return wire_failed(m, e);
		if (imap_wire_is_end(&m->w, &r)) {
			m->group_open = false;
			return 0;	/* NO: some of it could not be given; that is told below */
		}
		if (r.kind == IMAP_UNTAGGED && slice_is_nocase(r.word, "BYE"))
			return import_fail(&m->s, ERR_CLOSED, "%s: ended", m->w.host);
		if (r.kind == IMAP_UNTAGGED)
			notice(m, &r);
		if (r.kind != IMAP_UNTAGGED || !slice_is_nocase(r.word, "FETCH") ||
		    imap_fetch_read(r.rest, &f) != OK || !f.has_body)
			continue;
		for (size_t i = 0; i < m->metas_n; i++) {
			struct meta *x = &m->metas[i];

			if (x->uid != f.uid || !x->asked || x->given)
				continue;
			x->given = true;
			describe(m, x, out);
			out->octets = f.body;
			out->refused = m->w.dropped ? "the message is too large" :
			    import_refuses(f.body);
			if (out->refused != NULL)
				out->octets = (struct slice){ NULL, 0 };
			return 1;
		}
	}
}

/* Go over those that are through: 1: one that cannot be had; 0: none is left before the next that
 * must be asked for. */
static int
pass_over(struct imap *m, struct import_message *out)
{
	for (; m->at < m->metas_n; m->at++) {
		struct meta *x = &m->metas[m->at];

		if (x->given)
			continue;
		describe(m, x, out);
		if (x->asked)
			out->refused = "the server did not give it";
		else if (m->s.known(m->s.arg, out->id)) {
			m->s.known_n++;
			continue;
		} else if (x->size_octets > m->s.message_octets)
			out->refused = "the message is too large";
		else
			return 0;
		m->at++;
		return 1;
	}
	return 0;
}

static int
imap_next(struct import_source *s, struct import_message *out)
{
	struct imap *m = of(s);
	int r;

	for (;;) {
		if (m->group_open) {
			r = from_group(m, out);
			if (r != 0)
				return r;
		}
		r = pass_over(m, out);
		if (r != 0)
			return r;
		if (m->at < m->metas_n)
			r = ask_group(m);
		else if (m->next <= m->exists)
			r = next_batch(m);
		else
			return 0;
		if (r != OK)
			return r;
	}
}

static void
imap_free(struct import_source *s)
{
	struct imap *m = of(s);

	if (m->w.fd >= 0 && !m->group_open)
		(void)!imap_wire_send(&m->w, SLICE("LOGOUT"));
	imap_wire_fini(&m->w);
	arena_clear(&m->texts);
	buf_fini(&m->line);
	free(m);
}

static const struct import_ops ops = { "imap", imap_folders, imap_open, imap_next, imap_close,
	imap_free };

int
import_imap_new(const struct import_imap *conf, struct import_source **out)
{
	struct imap *m = calloc(1, sizeof *m);

	if (m == NULL)
		return ERR_NOMEM;
	*out = &m->s;
	m->s.ops = &ops;
	m->s.place = conf->place;
	m->s.message_octets = conf->message_octets;
	imap_wire_init(&m->w, conf->message_octets);
	arena_init(&m->texts, TEXTS_MAX);
	buf_init(&m->line, 65536);
	return begin(m, conf);
}
