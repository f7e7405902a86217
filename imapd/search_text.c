/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The texts of one message, part by part, in pieces: octets -> transfer encoding -> charset ->
 * folded, with an overlap so that what lies across two pieces is found. One pass serves all keys.
 */
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "imapd/search.h"
#include "mime/body.h"
#include "mime/charset.h"
#include "mime/header.h"

enum {
	PIECE_OCTETS = 32 * 1024,
	PIECES_A_STEP = 8,
	TEXT_OCTETS = 8 * PIECE_OCTETS,
	OVERLAP_OCTETS = 4096,		/* of the longest key */
	TAIL_OCTETS = 1024,		/* held back so that no character and no cluster is cut */
	PART_HEADER_OCTETS = 16 * 1024,
};

struct search_text {
	uint32_t part;
	bool	 in_part, header_done;
	uint64_t at, end;
	struct body body;
	struct charset_decoder charset;
	struct buf octets;	/* decoded of the transfer encoding */
	struct buf text;	/* UTF-8 not yet folded */
	struct buf folded;	/* overlap, and what is new */
};

struct search_text *
search_text_new(void)
{
	struct search_text *t = calloc(1, sizeof *t);

	if (t != NULL) {
		buf_init(&t->octets, TEXT_OCTETS);
		buf_init(&t->text, TEXT_OCTETS);
		buf_init(&t->folded, 4 * TEXT_OCTETS);
	}
	return t;
}

void
search_text_free(struct search_text **tp)
{
	struct search_text *t = *tp;

	if (t == NULL)
		return;
	buf_fini(&t->octets);
	buf_fini(&t->text);
	buf_fini(&t->folded);
	free(t);
	*tp = NULL;
}

void
search_text_begin(struct search_text *t)
{
	t->part = 0;
	t->in_part = t->header_done = false;
}

static int
keep(void *ctx, struct slice out)
{
	struct buf *b = ctx;

	buf_add(b, out);
	return b->err;
}

static bool
all_found(const struct search *q, const struct search_message *m)
{
	for (unsigned i = 0; i < q->texts_n; i++)
		if (m->texts[i] != SEARCH_YES)
			return false;
	return true;
}

static void
look(const struct search *q, struct search_message *m, struct slice text, bool only_text)
{
	for (unsigned i = 0; i < q->texts_n; i++) {
		const struct search_key *k = q->texts[i];

		if ((!only_text || k->kind == SEARCH_TEXT) && (k->text.n == 0 ||
		    (text.n > 0 && memmem(text.p, text.n, k->text.p, k->text.n) != NULL)))
			m->texts[i] = SEARCH_YES;
	}
}

/* ---- headers ---- */

static int
look_into_header(struct session *s, const struct search *q, struct search_message *m,
    const struct summary_part *p, bool only_text)
{
	struct buf raw;
	bool yes = false;
	int err;

	buf_init(&raw, HEADER_OCTETS_MAX);
	err = search_read(s, m, p->header_begin, p->header_end, HEADER_OCTETS_MAX, &raw);
	for (unsigned i = 0; err == OK && i < q->texts_n; i++) {
		if (only_text && q->texts[i]->kind != SEARCH_TEXT)
			continue;
		err = search_header_holds(buf_slice(&raw), (struct slice){ NULL, 0 },
		    q->texts[i]->text, &yes);
		if (err == OK && yes)
			m->texts[i] = SEARCH_YES;
	}
	buf_fini(&raw);
	return err;
}

/* Only text is looked into: images and documents hold no words as octets. */
static int
is_text(struct session *s, const struct search_message *m, const struct summary_part *p, bool *out)
{
	struct header_field f;
	struct buf raw;
	int err;

	buf_init(&raw, PART_HEADER_OCTETS);
	err = search_read(s, m, p->header_begin, p->header_end, PART_HEADER_OCTETS, &raw);
	*out = err == OK && (header_find(buf_slice(&raw), SLICE("Content-Type"), &f) != 1 ||
	    slice_starts_nocase(slice_trim(f.value), SLICE("text/")));
	buf_fini(&raw);
	return err;
}

/* ---- bodies ---- */

/* Fold the text up to a place where neither a character nor a cluster of marks is cut. */
static int
fold(struct search_text *t, bool end)
{
	size_t n = t->text.n;
	int err;

	if (!end)
		while (n > 0 && t->text.n - n < TAIL_OCTETS &&
		    ((unsigned char)t->text.p[n - 1] > ' '))
			n--;
	if (!end && n > 0)
		n--;
	err = utf8_casefold(slice_sub(buf_slice(&t->text), 0, n), &t->folded);
	buf_consume(&t->text, n);
	return err;
}

static int
digest(const struct search *q, struct search_message *m, struct search_text *t, bool end)
{
	int err = OK;

	charset_feed(&t->charset, buf_slice(&t->octets), &t->text);
	if (end)
		charset_end(&t->charset, &t->text);
	buf_clear(&t->octets);
	if (t->text.err != OK)
		return t->text.err;
	err = fold(t, end);
	if (err != OK)
		return err;
	look(q, m, buf_slice(&t->folded), false);
	if (t->folded.n > OVERLAP_OCTETS)
		buf_consume(&t->folded, t->folded.n - OVERLAP_OCTETS);
	return OK;
}

static int
part_begins(struct session *s, const struct search *q, struct search_message *m,
    struct search_text *t)
{
	struct summary_part p;
	bool text = false;
	int err = summary_part(&m->summary, t->part, &p);

	/* The header of the message is for TEXT; those inside it are in its body. */
	if (err == OK && (t->part == 0 || !m->msg.withheld))
		err = look_into_header(s, q, m, &p, t->part == 0);
	if (err == OK && p.kind == TREE_LEAF && !m->msg.withheld)
		err = is_text(s, m, &p, &text);
	if (err != OK)
		return err;
	if (!text) {
		t->part++;
		return OK;
	}
	t->in_part = true;
	t->at = p.body_begin;
	t->end = p.body_end;
	buf_clear(&t->octets);
	buf_clear(&t->text);
	buf_clear(&t->folded);
	body_init(&t->body, (enum body_encoding)p.encoding, keep, &t->octets);
	/* A label that is missing or unknown hides UTF-8 more often than anything else. */
	charset_init(&t->charset, p.charset == CHARSET_UNKNOWN || p.charset == CHARSET_US_ASCII ?
	    CHARSET_UTF_8 : (enum charset)p.charset);
	return OK;
}

static int
part_goes_on(struct session *s, const struct search *q, struct search_message *m,
    struct search_text *t)
{
	struct slice piece = { NULL, 0 };
	int err = OK;

	if (t->at < t->end) {
		uint64_t end = t->end - t->at > PIECE_OCTETS ? t->at + PIECE_OCTETS : t->end;

		err = s->conf.backend->octets(s->conf.ctx, s->view.box, m->msg.uid, t->at, end,
		    &piece);
		if (err == OK)
			err = body_feed(&t->body, piece);
		t->at += piece.n;
	}
	if (err == OK && t->at >= t->end) {
		err = body_end(&t->body);
		t->in_part = false;
		t->part++;
	}
	return err == OK ? digest(q, m, t, !t->in_part) : err;
}

int
search_text_step(struct session *s, const struct search *q, struct search_message *m,
    struct search_text *t)
{
	int err = search_need_summary(s, m);

	for (int i = 0; err == OK && i < PIECES_A_STEP; i++) {
		if (t->part >= m->summary.part_count || all_found(q, m)) {
			for (unsigned k = 0; k < q->texts_n; k++)
				if (m->texts[k] == SEARCH_DEPENDS)
					m->texts[k] = SEARCH_NO;
			return 0;
		}
		err = t->in_part ? part_goes_on(s, q, m, t) : part_begins(s, q, m, t);
	}
	return err == OK ? 1 : err;
}
