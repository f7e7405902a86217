/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/label/labels.h"

#include "common/base64.h"
#include "common/words.h"
#include "mime/param.h"

enum { LABEL_OCTETS_MAX = 64 * 1024 };

enum label_form {
	FORM_LEVEL,		/* the value is a level */
	FORM_SENSITIVITY,	/* RFC 4021: words of its own; a level may be written too */
	FORM_SIO,		/* RFC 7444 */
	FORM_MENTION		/* a list of attributes; a level among them counts */
};

static const struct { const char *name; enum label_form form; } fields[] = {
	{ "X-Do-Mat", FORM_LEVEL },
	{ "X-DoMat", FORM_LEVEL },
	{ "Do-Mat", FORM_LEVEL },
	{ "X-Muc-Do-Mat", FORM_LEVEL },
	{ "X-Classification", FORM_LEVEL },
	{ "X-Security-Classification", FORM_LEVEL },
	{ "X-Security-Level", FORM_LEVEL },
	{ "X-Security-Label", FORM_LEVEL },
	{ "Security-Label", FORM_LEVEL },
	{ "Classification", FORM_LEVEL },
	{ "X-Secrecy", FORM_LEVEL },
	{ "X-Protective-Marking", FORM_MENTION },
	{ "msip_labels", FORM_MENTION },
	{ "X-Sensitivity", FORM_SENSITIVITY },
	{ "Sensitivity", FORM_SENSITIVITY },
	{ "SIO-Label", FORM_SIO },
	{ "X-SIO-Label", FORM_SIO },
	{ "SIO-Label-History", FORM_SIO },
};

static int
form_of(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (slice_is_nocase(name, fields[i].name))
			return (int)fields[i].form;
	return -1;
}

bool
labels_is_field(struct slice name)
{
	return form_of(name) >= 0;
}

struct field {
	struct fold    *f;
	struct arena   *a;
	label_found_fn *found;
	void	       *arg;
};

static void
tell(const struct field *x, unsigned level, enum label_weight weight)
{
	struct label_finding one = { "header-label", 0, level, weight };

	x->found(x->arg, &one);
}

/* The highest level in words, Vietnamese or English; 0 when some word says "not secret"; -1. */
static int
level_in_words(const struct fold *f, bool *internal_out)
{
	static const char *const none[] = {
		"thuHoHngF", "thuong", "khoCng", "khong", "none", "unclassified", "unmarked",
		"public", "normal",
	};
	static const char *const internal[] = { "noCiJ", "noi", "internal", "official" };
	static const char *const negations[] = { "khoCng", "khong", "non", "not", "no" };
	struct mark_level m;
	bool negated = false;
	int level = -1;

	*internal_out = false;
	for (unsigned i = 0; i < f->count; i++) {
		int found = -1;

		if (mark_level_at(f, i, false, &m))
			found = (int)m.level;
		else if (fold_is(f, i, "secret"))
			found = i > 0 && fold_is(f, i - 1, "top") ? LEVEL_TUYET_MAT :
			    LEVEL_TOI_MAT;
		else if (fold_is(f, i, "topsecret"))
			found = LEVEL_TUYET_MAT;
		else if (fold_is(f, i, "confidential") || fold_is(f, i, "restricted"))
			found = LEVEL_MAT;
		for (size_t k = 0; k < ARRAY_LEN(none) && found < 0; k++)
			if (fold_is(f, i, none[k]))
				found = LEVEL_THUONG;
		for (size_t k = 0; k < ARRAY_LEN(internal) && found < 0; k++)
			*internal_out |= fold_is(f, i, internal[k]);
		if (found > LEVEL_THUONG && negated)
			found = LEVEL_THUONG;
		level = found > level ? found : level;
		negated = false;
		for (size_t k = 0; k < ARRAY_LEN(negations); k++)
			negated |= fold_is(f, i, negations[k]);
	}
	return level;
}

/* The letters of the envelope stamps, as a value of their own. */
static int
level_of_letter(const struct fold *f)
{
	if (f->count != 1)
		return -1;
	return fold_is(f, 0, "a") ? LEVEL_TUYET_MAT : fold_is(f, 0, "b") ? LEVEL_TOI_MAT :
	    fold_is(f, 0, "c") ? LEVEL_MAT : fold_is(f, 0, "0") ? LEVEL_THUONG : -1;
}

static void
value(const struct field *x, struct slice text, bool mention)
{
	bool internal;
	int level;

	fold_text(x->f, text);
	if (x->f->count == 0)
		return;
	level = level_in_words(x->f, &internal);
	if (level < 0)
		level = level_of_letter(x->f);
	if (level > LEVEL_THUONG)
		tell(x, (unsigned)level, LABEL_ASSERTED);
	else if (internal)
		tell(x, LEVEL_THUONG, LABEL_INTERNAL);
	else if (level < 0 && !mention)
		tell(x, LEVEL_THUONG, LABEL_REVIEW);
}

/* "Personal", "Private", "Company-Confidential": what a mail program's menu offers (RFC 4021), no
 * level and no stamp. */
static void
sensitivity(const struct field *x, struct slice text)
{
	struct mark_level m;

	fold_text(x->f, text);
	for (unsigned i = 0; i < x->f->count; i++)
		if (mark_level_at(x->f, i, false, &m)) {
			tell(x, m.level, LABEL_ASSERTED);
			return;
		}
}

/* An ESSSecurityLabel in DER: SET { policy OID, classification INTEGER, ... } in any order. */
static void
ess_label(const struct field *x, struct slice der)
{
	static const int levels[] = { LEVEL_THUONG, LEVEL_THUONG, LEVEL_MAT, LEVEL_MAT,
	    LEVEL_TOI_MAT, LEVEL_TUYET_MAT };
	bool seen = false;

	if (der.n < 2 || (unsigned char)der.p[0] != 0x31)
		goto unknown;
	for (size_t i = 2; i + 2 < der.n;) {
		size_t len = (unsigned char)der.p[i + 1];

		if (len >= 0x80)
			break;
		if (der.p[i] == 0x02 && len == 1) {
			unsigned v = (unsigned char)der.p[i + 2];

			if (v >= ARRAY_LEN(levels))
				goto unknown;
			seen = true;
			if (levels[v] > LEVEL_THUONG)
				tell(x, (unsigned)levels[v], LABEL_ASSERTED);
		}
		i += 2 + len;
	}
	if (seen)
		return;
unknown:
	tell(x, LEVEL_THUONG, LABEL_REVIEW);
}

/* The text of an XML label (STANAG 4774): what stands between tags. */
static void
xml_label(const struct field *x, struct slice xml)
{
	struct buf text;
	bool tag = false;

	buf_init(&text, LABEL_OCTETS_MAX);
	for (size_t i = 0; i < xml.n; i++) {
		tag = xml.p[i] == '<' || (tag && xml.p[i] != '>');
		buf_addc(&text, tag || xml.p[i] == '>' ? ' ' : xml.p[i]);
	}
	value(x, buf_slice(&text), false);
	buf_fini(&text);
}

static int
binary_label(const struct field *x, struct slice text)
{
	struct buf out;
	int err;

	buf_init(&out, LABEL_OCTETS_MAX);
	err = base64_decode(text, &out, NULL);
	if (err == OK && out.n > 0 && slice_find(buf_slice(&out), SLICE("<")) >= 0)
		xml_label(x, buf_slice(&out));
	else if (err == OK)
		ess_label(x, buf_slice(&out));
	else
		tell(x, LEVEL_THUONG, LABEL_REVIEW);
	buf_fini(&out);
	return err == ERR_NOMEM ? err : OK;
}

static int
sio(const struct field *x, struct slice raw)
{
	struct param_value v;
	struct buf field;
	int err;

	buf_init(&field, LABEL_OCTETS_MAX);
	buf_adds(&field, "label; ");
	buf_add(&field, raw);
	err = field.err == OK ? param_disposition(arena_copy(x->a, buf_slice(&field)), x->a, &v) :
	    field.err;
	buf_fini(&field);
	if (err == ERR_LIMIT && x->a->err == OK) {
		tell(x, LEVEL_THUONG, LABEL_REVIEW);
		return OK;
	}
	if (err != OK)
		return err;
	for (unsigned i = 0; i < v.count && err == OK; i++) {
		if (slice_is_nocase(v.params[i].name, "marking"))
			value(x, v.params[i].text, false);
		else if (slice_is_nocase(v.params[i].name, "label"))
			err = binary_label(x, v.params[i].text);
	}
	return err;
}

int
labels_field(struct slice name, struct slice raw, struct slice text, struct fold *f,
    struct arena *a, label_found_fn *found, void *arg)
{
	struct field x = { f, a, found, arg };

	switch (form_of(name)) {
	case FORM_LEVEL:
		value(&x, text, false);
		return OK;
	case FORM_MENTION:
		value(&x, text, true);
		return OK;
	case FORM_SENSITIVITY:
		sensitivity(&x, text);
		return OK;
	case FORM_SIO:
		return sio(&x, raw);
	default:
		return OK;
	}
}
