/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/mapi.h"

#include "policy/extract/codepage.h"
#include "policy/extract/lzfu.h"
#include "policy/extract/sniff.h"

enum {
	TEXT_OCTETS_MAX = 32 << 20,
	KEY_OCTETS_MAX = 64 * 1024,	/* of a binary value that is passed over */
	ID_HEADERS = 0x007D, ID_RTF = 0x1009, ID_HTML = 0x1013, ID_RENDERING = 0x3709,
};

enum charset
mapi_charset(uint32_t page)
{
	enum charset cs = codepage_charset(page);

	return cs == CHARSET_UNKNOWN || cs == CHARSET_UTF_16LE ? CHARSET_WINDOWS_1252 : cs;
}

void
mapi_init(struct mapi *m, struct hand *h)
{
	*m = (struct mapi){ .hand = h, .charset = CHARSET_WINDOWS_1252 };
	buf_init(&m->text, TEXT_OCTETS_MAX);
}

void
mapi_fini(struct mapi *m)
{
	buf_fini(&m->text);
}

/* ---- texts ---- */

static bool
is_title(unsigned id)
{
	static const uint16_t ids[] = {
		0x0037, 0x0070, 0x0E1D, 0x0049, 0x3FFA, 0x001A,	/* subject, topic, ... */
	};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		if (ids[i] == id)
			return true;
	return false;
}

static bool
is_file_name(unsigned id)
{
	return id == 0x3704 || id == 0x3707 || id == 0x3001 || id == 0x370D || id == 0x3708;
}

/* The header of a message that came over the internet, without what says how its body, which is not
 * here, was divided and encoded. */
static void
headers(struct mapi *m, struct slice text)
{
	uint32_t number = hand_number(m->hand);
	struct slice line;
	bool left_out = false;
	struct buf out;

	buf_init(&out, text.n + 8);
	while (text.n > 0) {
		slice_cut(&text, '\n', &line);
		if (line.n == 0 || !ascii_is_space(line.p[0]))
			left_out = slice_starts_nocase(line, SLICE("content-")) ||
			    slice_starts_nocase(line, SLICE("mime-version"));
		if (!left_out && slice_trim(line).n > 0) {
			buf_add(&out, line);
			buf_addc(&out, '\n');
		}
	}
	buf_adds(&out, "\n");
	hand_name(m->hand, number, SLICE("headers.eml"));
	hand_file(m->hand, number, buf_slice(&out));
	buf_fini(&out);
}

static void
put_text(struct mapi *m, unsigned id, struct slice name)
{
	struct slice text = buf_slice(&m->text);
	struct buf line;

	while (text.n > 0 && text.p[text.n - 1] == '\0')
		text.n--;
	if (id == ID_HEADERS) {
		headers(m, text);
	} else if (m->number > 0 && is_file_name(id)) {
		hand_name(m->hand, m->number, text);
	} else if (is_title(id)) {
		hand_title(m->hand, m->number, text);
	} else {
		hand_text(m->hand, m->number, text);
	}
	if (name.n == 0 || text.n == 0)
		return;
	buf_init(&line, name.n + text.n + 4);
	buf_add(&line, name);
	buf_adds(&line, ": ");
	buf_add(&line, text);
	hand_text(m->hand, m->number, buf_slice(&line));
	buf_fini(&line);
}

static void
text_value(struct mapi *m, enum charset cs, unsigned id, struct slice name, struct slice value)
{
	int err;

	buf_clear(&m->text);
	err = charset_to_utf8(cs, value, &m->text, NULL);
	if (err != OK && m->hand->err == OK)
		m->hand->err = err;
	put_text(m, id, name);
}

/* ---- binary values ---- */

static void
named_file(struct mapi *m, const char *name, struct slice octets)
{
	uint32_t number = hand_number(m->hand);

	hand_name(m->hand, number, slice_of(name));
	hand_file(m->hand, number, octets);
}

static void
rich_text(struct mapi *m, struct slice value)
{
	int err;

	buf_clear(&m->text);
	err = lzfu_decode(value, &m->text);
	if (err == ERR_NOMEM && m->hand->err == OK)
		m->hand->err = err;
	if (err != OK)
		hand_opaque(m->hand, m->number, EXTRACT_WHY_BROKEN);
	named_file(m, "body.rtf", buf_slice(&m->text));
}

static void
binary_value(struct mapi *m, unsigned id, struct slice value)
{
	if (id == ID_RTF)
		rich_text(m, value);
	else if (id == ID_HTML)
		named_file(m, "body.html", value);
	else if (id == MAPI_ATTACH_DATA && m->number > 0)
		hand_file(m->hand, m->number, value);
	else if (id == MAPI_ATTACH_DATA || id == ID_RENDERING || value.n > KEY_OCTETS_MAX ||
	    sniff_is_known(value) || sniff_zip_at_end(value))
		hand_file(m->hand, hand_number(m->hand), value);
}

void
mapi_value(struct mapi *m, unsigned type, unsigned id, struct slice name, struct slice value)
{
	if (value.n == 0)
		return;
	switch (type) {
	case MAPI_UNICODE:
		text_value(m, CHARSET_UTF_16LE, id, name, value);
		break;
	case MAPI_STRING8:
		text_value(m, m->charset, id, name, value);
		break;
	case MAPI_BINARY:
		binary_value(m, id, value);
		break;
	case MAPI_OBJECT:	/* an interface's number, then a message or a compound file */
		hand_file(m->hand, m->number > 0 ? m->number : hand_number(m->hand),
		    slice_from(value, 16));
		break;
	default:
		break;
	}
}
