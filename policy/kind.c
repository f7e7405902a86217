/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/kind.h"

#include "common/words.h"
#include "mime/header.h"
#include "mime/tree.h"
#include "policy/extract/sniff.h"

enum { CMS_HEAD_OCTETS = 512, CALENDAR_OCTETS_MAX = 256 * 1024 };

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

/* A report: prose, the machine part, and at most what names the original's header. */
static bool
is_report(const struct tree *t, uint32_t root, const char *report, const char *machine)
{
	uint32_t c = t->parts[root].first_child;

	if (!tree_is(t, root, "multipart", "report") ||
	    !param_is(&t->parts[root], "report-type", report))
		return false;
	if (c == TREE_NONE || !is_prose(t, c))
		return false;
	c = t->parts[c].next_sibling;
	if (c == TREE_NONE || !tree_is(t, c, "message", machine))
		return false;
	c = t->parts[c].next_sibling;
	if (c == TREE_NONE)
		return true;
	return tree_is(t, c, "text", "rfc822-headers") && t->parts[c].next_sibling == TREE_NONE;
}

/* text/calendar that is a reply by its parameter and by its content. */
static bool
is_calendar_reply(const struct tree *t, uint32_t i)
{
	struct buf text;
	bool reply;

	if (!tree_is(t, i, "text", "calendar") || !param_is(&t->parts[i], "method", "REPLY"))
		return false;
	buf_init(&text, CALENDAR_OCTETS_MAX);
	reply = tree_decode(t, i, &text, NULL) == OK &&
	    slice_find_nocase(buf_slice(&text), SLICE("\nMETHOD:REPLY")) >= 0;
	buf_fini(&text);
	return reply;
}

/* Every leaf is prose, the reply, or the reply once more as a file. */
static bool
is_calendar(const struct tree *t, uint32_t root)
{
	bool reply = false;

	for (uint32_t i = root; i < t->count; i++) {
		const struct tree_part *p = &t->parts[i];

		if (i > root && p->depth <= t->parts[root].depth)
			break;	/* what follows is not below root */
		if (p->kind == TREE_MULTIPART) {
			if (!tree_is(t, i, "multipart", "alternative") &&
			    !tree_is(t, i, "multipart", "mixed"))
				return false;
		} else if (tree_is(t, i, "text", "calendar")) {
			if (!is_calendar_reply(t, i))
				return false;
			reply = true;
		} else if (!is_text(t, i) && !tree_is(t, i, "application", "ics")) {
			return false;
		}
	}
	return reply;
}

static bool
is_encrypted(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];
	struct slice head = slice_sub(tree_body(t, i), 0, CMS_HEAD_OCTETS);
	struct buf der;
	bool yes;

	if (tree_is(t, i, "multipart", "encrypted"))
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

/* RFC 3834: answered by a program, and nothing but text. */
static bool
is_auto_reply(const struct tree *t, uint32_t root)
{
	struct header_field field;
	struct slice value;

	if (!is_prose(t, root) ||
	    header_count(tree_header(t, 0), SLICE("Auto-Submitted")) != 1 ||
	    header_find(tree_header(t, 0), SLICE("Auto-Submitted"), &field) != 1)
		return false;
	value = slice_trim(field.value);
	return slice_starts_nocase(value, SLICE("auto-replied")) ||
	    slice_starts_nocase(value, SLICE("auto-generated"));
}

unsigned
kind_of(const struct tree *t)
{
	uint32_t root = 0;

	if (t->count == 0)
		return KIND_MAIL;
	if (tree_is(t, 0, "multipart", "signed") && t->parts[0].first_child != TREE_NONE)
		root = t->parts[0].first_child;
	if (is_encrypted(t, 0) || is_encrypted(t, root))
		return KIND_ENCRYPTED;
	if (is_report(t, root, "disposition-notification", "disposition-notification"))
		return KIND_MDN;
	if (is_report(t, root, "delivery-status", "delivery-status"))
		return KIND_DSN;
	if (is_calendar(t, root))
		return KIND_CALENDAR_REPLY;
	return is_auto_reply(t, root) ? KIND_AUTO_REPLY : KIND_MAIL;
}
