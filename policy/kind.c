/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/kind.h"

#include "common/control.h"
#include "common/words.h"
#include "mime/header.h"
#include "mime/tree.h"
#include "policy/extract/sniff.h"

enum {
	CMS_HEAD_OCTETS = 512,
	CALENDAR_OCTETS_MAX = 64 * 1024,
	REPORT_OCTETS_MAX = 256 * 1024,
	RECEIPT_PROSE_OCTETS_MAX = 16 * 1024	/* a receipt is no letter */
};

static bool
param_is(const struct tree_part *p, const char *name, const char *want)
{
	const struct param *v = param_get(&p->content_type, name);

	return v != NULL && param_count(&p->content_type, name) == 1 &&
	    slice_is_nocase(v->text, want);
}

static bool
is_file(const struct tree_part *p)
{
	return p->filename.n > 0 || slice_is_nocase(p->disposition.type, "attachment");
}

/* Plain or HTML text that is no attachment. */
static bool
is_text(const struct tree *t, uint32_t i)
{
	return (tree_is(t, i, "text", "plain") || tree_is(t, i, "text", "html")) &&
	    t->parts[i].kind == TREE_LEAF && !is_file(&t->parts[i]);
}

/* Text, or the same text in two forms. */
static bool
is_prose(const struct tree *t, uint32_t i)
{
	if (!tree_is(t, i, "multipart", "alternative"))
		return is_text(t, i);
	for (uint32_t c = t->parts[i].first_child; c != TREE_NONE; c = t->parts[c].next_sibling)
		if (!is_text(t, c))
			return false;
	return t->parts[i].first_child != TREE_NONE;
}

/* ---- reports ---- */

/* The decoded body of part i, if it is small; false: it is not, or it is damaged. */
static bool
small_body(const struct tree *t, uint32_t i, struct buf *out)
{
	unsigned flags = 0;

	buf_clear(out);
	return t->parts[i].body_end - t->parts[i].body_begin <= 2 * (size_t)out->max &&
	    tree_decode(t, i, out, &flags) == OK && flags == 0;
}

/* One group of fields of a report: how often each of the names occurs. Consumes it and the empty
 * lines behind it; false: something in it is no field. */
static bool
take_group(struct slice *s, const char *const names[], unsigned counts[], size_t n)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, *s);
	while (header_next(&it, &field) == 1)
		for (size_t i = 0; i < n; i++)
			counts[i] += slice_is_nocase(field.name, names[i]);
	*s = slice_from(*s, it.body);
	while (s->n > 0 && (s->p[0] == '\r' || s->p[0] == '\n'))
		*s = slice_from(*s, 1);
	return (it.flags & HEADER_MALFORMED) == 0;
}

/* What a receipt may say became of the message (RFC 8098 3.2.6, RFC 2298). */
static bool
is_disposition(struct slice value)
{
	static const char *const types[] = { "displayed", "deleted", "dispatched", "processed",
		"denied", "failed" };
	struct slice mode, type;

	if (!slice_cut(&value, ';', &mode))
		return false;
	slice_cut(&value, '/', &type);
	type = slice_trim(type);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (slice_is_nocase(type, types[i]))
			return true;
	return false;
}

/* RFC 8098 3.1: one group of fields, and nothing behind it. */
static bool
is_mdn_content(struct slice s)
{
	static const char *const names[] = { "Final-Recipient", "Disposition" };
	unsigned counts[ARRAY_LEN(names)] = { 0 };
	struct header_field disposition;
	bool told = header_find(s, SLICE("Disposition"), &disposition) == 1;

	return told && take_group(&s, names, counts, ARRAY_LEN(names)) && s.n == 0 &&
	    counts[0] == 1 && counts[1] == 1 && is_disposition(disposition.value);
}

/* RFC 3464 2.1: a group about the message, then one for each recipient. */
static bool
is_dsn_content(struct slice s)
{
	static const char *const first[] = { "Reporting-MTA" };
	static const char *const each[] = { "Final-Recipient", "Action", "Status" };
	unsigned reporting = 0;

	if (!take_group(&s, first, &reporting, 1) || reporting != 1 || s.n == 0)
		return false;
	while (s.n > 0) {
		unsigned counts[ARRAY_LEN(each)] = { 0 };

		if (!take_group(&s, each, counts, ARRAY_LEN(each)))
			return false;
		for (size_t i = 0; i < ARRAY_LEN(each); i++)
			if (counts[i] != 1)
				return false;
	}
	return true;
}

/* Fields of the original and no word of its body. */
static bool
is_header_only(struct slice s)
{
	unsigned none = 0;

	return take_group(&s, NULL, &none, 0) && s.n == 0;
}

struct report {
	const char *type, *machine;	/* report-type, and message/... of the second part */
	bool	  (*is_content)(struct slice content);
	size_t	    prose_octets_max;
};

/* A report: prose, the machine part, and at most what names the original's header. */
static bool
is_report(const struct tree *t, uint32_t root, const struct report *r)
{
	uint32_t c = t->parts[root].first_child;
	struct buf body;
	bool ok;

	if (!tree_is(t, root, "multipart", "report") ||
	    !param_is(&t->parts[root], "report-type", r->type) || c == TREE_NONE ||
	    !is_prose(t, c) ||
	    t->parts[c].body_end - t->parts[c].body_begin > r->prose_octets_max)
		return false;
	c = t->parts[c].next_sibling;
	if (c == TREE_NONE || !tree_is(t, c, "message", r->machine))
		return false;
	buf_init(&body, REPORT_OCTETS_MAX);
	ok = small_body(t, c, &body) && (r->is_content(buf_slice(&body)) ||
	    control_off("kind-content"));
	c = t->parts[c].next_sibling;
	if (ok && c != TREE_NONE)
		ok = tree_is(t, c, "text", "rfc822-headers") &&
		    t->parts[c].next_sibling == TREE_NONE && small_body(t, c, &body) &&
		    is_header_only(buf_slice(&body));
	buf_fini(&body);
	return ok;
}

static bool
is_mdn(const struct tree *t, uint32_t root)
{
	static const struct report mdn = { "disposition-notification",
		"disposition-notification", is_mdn_content, RECEIPT_PROSE_OCTETS_MAX };

	return is_report(t, root, &mdn);
}

static bool
is_dsn(const struct tree *t, uint32_t root)
{
	static const struct report dsn = { "delivery-status", "delivery-status", is_dsn_content,
		REPORT_OCTETS_MAX };

	return is_report(t, root, &dsn);
}

/* ---- calendar replies ---- */

/* What the lines of a calendar say, as far as it matters. */
struct calendar {
	unsigned begins, methods, replies, attendees, attachments;
};

/* name *(";" param) ":" value, unfolded (RFC 5545 3.1). */
static void
calendar_line(struct slice line, struct calendar *c)
{
	struct slice head, name;
	bool value = slice_cut(&line, ':', &head);

	slice_cut(&head, ';', &name);
	name = slice_trim(name);
	line = slice_trim(line);
	if (!value)
		return;
	c->begins += slice_is_nocase(name, "BEGIN") && slice_is_nocase(line, "VCALENDAR");
	c->attendees += slice_is_nocase(name, "ATTENDEE");
	c->attachments += slice_is_nocase(name, "ATTACH") || slice_is_nocase(name, "IMAGE");
	if (slice_is_nocase(name, "METHOD")) {
		c->methods++;
		c->replies += slice_is_nocase(line, "REPLY");
	}
}

static void
read_calendar(struct slice text, struct calendar *c)
{
	struct slice line;
	struct buf whole;
	bool more = true;

	buf_init(&whole, CALENDAR_OCTETS_MAX);
	while (more) {
		more = slice_cut(&text, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n > 0 && ascii_is_space(line.p[0])) {
			buf_add(&whole, slice_from(line, 1));
			continue;
		}
		calendar_line(buf_slice(&whole), c);
		buf_clear(&whole);
		buf_add(&whole, line);
	}
	calendar_line(buf_slice(&whole), c);
	buf_fini(&whole);
}

/* RFC 5546 3.2.3: one calendar whose one method is REPLY, with who replies, and no file in it. */
static bool
is_reply_content(const struct tree *t, uint32_t i)
{
	struct calendar c = { 0 };
	struct buf text;
	bool ok;

	buf_init(&text, CALENDAR_OCTETS_MAX);
	ok = small_body(t, i, &text);
	if (ok)
		read_calendar(buf_slice(&text), &c);
	buf_fini(&text);
	return ok && c.begins == 1 && c.methods == 1 && c.replies == 1 && c.attendees > 0 &&
	    c.attachments == 0;
}

/* The leafs of a reply by their type: text, the reply itself, or the reply once more as a file. */
static bool
is_calendar_leaf(const struct tree *t, uint32_t i, bool *reply)
{
	bool main = tree_is(t, i, "text", "calendar");

	if (!main && !tree_is(t, i, "application", "ics"))
		return is_text(t, i) &&
		    t->parts[i].body_end - t->parts[i].body_begin <= RECEIPT_PROSE_OCTETS_MAX;
	if (main && !param_is(&t->parts[i], "method", "REPLY"))
		return false;
	*reply |= main;
	return is_reply_content(t, i);
}

static bool
is_calendar(const struct tree *t, uint32_t root)
{
	bool reply = false;

	for (uint32_t i = root; i < t->count; i++) {
		const struct tree_part *p = &t->parts[i];

		if (i > root && p->depth <= t->parts[root].depth)
			break;	/* what follows is not below root */
		if (p->kind == TREE_MULTIPART ? !tree_is(t, i, "multipart", "alternative") &&
		    !tree_is(t, i, "multipart", "mixed") : !is_calendar_leaf(t, i, &reply))
			return false;
	}
	return reply;
}

/* ---- encrypted mail ---- */

/* OpenPGP without MIME: a text that is nothing else. */
static bool
is_pgp_text(const struct tree *t, uint32_t i)
{
	return is_text(t, i) && slice_starts_nocase(slice_trim(tree_body(t, i)),
	    SLICE("-----BEGIN PGP MESSAGE-----"));
}

static bool
is_encrypted(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];
	struct slice head = slice_sub(tree_body(t, i), 0, CMS_HEAD_OCTETS);
	struct buf der;
	bool yes;

	if (tree_is(t, i, "multipart", "encrypted") || is_pgp_text(t, i))
		return true;
	if (!tree_is(t, i, "application", "pkcs7-mime") &&
	    !tree_is(t, i, "application", "x-pkcs7-mime"))
		return false;
	buf_init(&der, CMS_HEAD_OCTETS + 8);
	yes = body_decode((enum body_encoding)p->encoding, head, &der, NULL) == OK &&
	    sniff_cms(buf_slice(&der)) == SNIFF_CMS_ENCRYPTED;
	buf_fini(&der);
	return yes;
}

/* ---- answers of programs ---- */

/* RFC 3834 5: the one Auto-Submitted field says that nobody wrote this. */
static bool
says_automatic(struct slice header)
{
	static const char *const words[] = { "auto-replied", "auto-generated", "auto-notified" };
	struct header_field field;
	struct slice value, word;

	if (header_count(header, SLICE("Auto-Submitted")) != 1 ||
	    header_find(header, SLICE("Auto-Submitted"), &field) != 1)
		return false;
	value = field.value;
	slice_cut(&value, ';', &word);
	value = word;
	slice_cut(&value, '(', &word);
	word = slice_trim(word);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (slice_is_nocase(word, words[i]))
			return true;
	return false;
}

/* The kind by the structure below root of t, and the header of the message. */
static unsigned
kind_at(struct slice header, const struct tree *t, uint32_t root)
{
	if (is_encrypted(t, root))
		return KIND_ENCRYPTED;
	if (is_mdn(t, root))
		return KIND_MDN;
	if (is_dsn(t, root))
		return KIND_DSN;
	if (is_calendar(t, root))
		return KIND_CALENDAR_REPLY;
	return is_prose(t, root) && says_automatic(header) ? KIND_AUTO_REPLY : KIND_MAIL;
}

unsigned
kind_of(const struct tree *t)
{
	uint32_t root = 0;

	if (t->count == 0)
		return KIND_MAIL;
	if (tree_is(t, 0, "multipart", "signed") && t->parts[0].first_child != TREE_NONE)
		root = t->parts[0].first_child;
	if (is_encrypted(t, 0))
		return KIND_ENCRYPTED;
	return kind_at(tree_header(t, 0), t, root);
}

unsigned
kind_of_signed(const struct tree *message, const struct tree *content)
{
	if (message->count == 0 || content->count == 0)
		return KIND_MAIL;
	return kind_at(tree_header(message, 0), content, 0);
}
