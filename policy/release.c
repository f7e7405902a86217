/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* The statement as text. */
#include "policy/release.h"

#include <string.h>

#include "common/civil.h"
#include "common/utf8.h"

#define FIRST_LINE	"CONGVU-RELEASE 1"
#define LAST_LINE	"end: CONGVU-RELEASE"
#define TWO_OTHERS \
	"Người gửi thư không được là một trong hai người ký phiếu, trừ khi cấu hình\n" \
	"của máy chủ cho phép (release-by-sender).\n" \
	"Whoever sends the message is not one of the two who sign, unless the\n" \
	"server's configuration allows it (release-by-sender).\n"

enum { PREAMBLE_LINES = 8 };

static const char *const preambles[] = {
	[LIFT_REVIEW] =
	    "Tôi là cán bộ bảo mật: tôi đã xem các phần ghi dưới đây và cho phép\n"
	    "gửi một lần một thư có các phần đó.\n"
	    "I am a security officer: I have looked at the parts named below and\n"
	    "allow one message with them to be sent, once.\n" TWO_OTHERS,
	[LIFT_FALSE_POSITIVE] =
	    "Tôi là cán bộ bảo mật: tôi đã xem các phần ghi dưới đây và xác nhận dấu\n"
	    "hiệu độ mật tìm thấy là nhầm: nội dung không thuộc bí mật nhà nước.\n"
	    "I am a security officer: I have looked at the parts named below and\n"
	    "state that what was taken for a secrecy mark is none.\n" TWO_OTHERS,
};

/* ---- writing ---- */

static void
add_hex(struct buf *b, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%02x", p[i]);
}

static void
add_time(struct buf *b, const char *name, int64_t s)
{
	struct civil day = civil_of(s / 86400);
	int64_t left = s % 86400;

	buf_addf(b, "%s: %04d-%02d-%02dT%02d:%02d:%02dZ\n", name, (int)day.year, day.month,
	    day.day, (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60));
}

static void
add_line(struct buf *b, const char *name, struct slice value)
{
	buf_addf(b, "%s: ", name);
	buf_add(b, value);
	buf_addc(b, '\n');
}

static bool
is_line(struct slice s, size_t max)
{
	return s.n > 0 && s.n <= max && utf8_is_safe(s) && slice_trim(s).n == s.n;
}

static bool
is_address(struct slice s)
{
	return is_line(s, RELEASE_ADDRESS_MAX) && slice_chr(s, '@') > 0 && slice_chr(s, ' ') < 0;
}

static bool
is_writable(const struct release_statement *s)
{
	bool ok = is_address(s->sender) && s->recipients_n > 0 &&
	    s->recipients_n <= RELEASE_RECIPIENTS_MAX && s->lift <= LIFT_FALSE_POSITIVE &&
	    is_line(s->reason, RELEASE_REASON_MAX) && s->issued_s > 0 && s->expires_s > 0 &&
	    s->issued_s < INT32_MAX * (int64_t)4 && s->expires_s < INT32_MAX * (int64_t)4 &&
	    s->parts_n <= FACTS_CAUSES_MAX &&
	    (s->reference.n == 0 || is_line(s->reference, RELEASE_REFERENCE_MAX));

	for (size_t i = 0; ok && i < s->recipients_n; i++)
		ok = is_address(s->recipients[i]);
	for (size_t i = 0; ok && i < s->parts_n; i++)
		ok = is_line(s->parts[i].what, 256);
	return ok && !slice_is(s->reference, "-");
}

int
release_format(const struct release_statement *s, struct buf *out)
{
	if (!is_writable(s))
		return ERR_INVAL;
	buf_addf(out, "%s\n%sid: ", FIRST_LINE, preambles[s->lift]);
	add_hex(out, s->id, sizeof s->id);
	buf_addc(out, '\n');
	add_line(out, "sender", s->sender);
	for (size_t i = 0; i < s->recipients_n; i++)
		add_line(out, "to", s->recipients[i]);
	add_line(out, "lift", slice_of(lift_name(s->lift)));
	add_time(out, "issued", s->issued_s);
	add_time(out, "expires", s->expires_s);
	add_line(out, "reference", s->reference.n > 0 ? s->reference : SLICE("-"));
	add_line(out, "reason", s->reason);
	buf_adds(out, "content: ");
	add_hex(out, s->content, sizeof s->content);
	buf_addc(out, '\n');
	for (size_t i = 0; i < s->parts_n; i++) {
		buf_adds(out, "part: ");
		add_hex(out, s->parts[i].sha256, sizeof s->parts[i].sha256);
		buf_addc(out, '\n');
		add_line(out, "what", s->parts[i].what);
	}
	buf_adds(out, LAST_LINE "\n");
	return out->err;
}

/* ---- reading ---- */

/* The lines that are left; what is read is checked by writing it again. */
struct reader {
	struct slice  rest;
	struct arena *a;
	bool	      bad;
};

static struct slice
next_line(struct reader *rd)
{
	struct slice line = { NULL, 0 };

	if (!slice_cut(&rd->rest, '\n', &line))
		rd->bad = true;
	return line;
}

/* The value of the next line, which must have that name. */
static struct slice
value(struct reader *rd, const char *name)
{
	struct slice line = next_line(rd), want = slice_of(name);

	if (rd->bad || line.n < want.n + 2 || !slice_eq(slice_sub(line, 0, want.n), want)) {
		rd->bad = true;
		return (struct slice){ NULL, 0 };
	}
	return slice_from(line, want.n + 2);
}

static bool
has_next(const struct reader *rd, const char *name)
{
	struct slice want = slice_of(name);

	return !rd->bad && slice_eq(slice_sub(rd->rest, 0, want.n), want);
}

static void
read_hex(struct reader *rd, const char *name, unsigned char *out, size_t n)
{
	struct slice s = value(rd, name);

	if (slice_hex(s, out, n) != OK)
		rd->bad = true;
}

static int64_t
read_time(struct reader *rd, const char *name)
{
	static const unsigned at[] = { 0, 5, 8, 11, 14, 17 }, width[] = { 4, 2, 2, 2, 2, 2 };
	struct slice s = value(rd, name);
	uint64_t v[ARRAY_LEN(at)] = { 0 };

	if (s.n != 20)
		rd->bad = true;
	for (size_t i = 0; !rd->bad && i < ARRAY_LEN(at); i++)
		rd->bad = slice_u64(slice_sub(s, at[i], width[i]), 9999, &v[i]) != OK;
	return rd->bad ? 0 : civil_seconds(&(struct tm){ .tm_year = (int)v[0] - 1900,
	    .tm_mon = (int)v[1] - 1, .tm_mday = (int)v[2], .tm_hour = (int)v[3],
	    .tm_min = (int)v[4], .tm_sec = (int)v[5] });
}

static unsigned
read_lift(struct reader *rd)
{
	unsigned v = 0;

	if (word_value(WORD_lift, value(rd, "lift"), &v) != OK)
		rd->bad = true;
	return v;
}

static int
read_recipients(struct reader *rd, struct release_statement *s)
{
	s->recipients = arena_array(rd->a, RELEASE_RECIPIENTS_MAX, sizeof *s->recipients);
	if (s->recipients == NULL)
		return rd->a->err;
	while (has_next(rd, "to: ")) {
		if (s->recipients_n == RELEASE_RECIPIENTS_MAX)
			return ERR_LIMIT;
		s->recipients[s->recipients_n++] = value(rd, "to");
	}
	return OK;
}

static int
read_parts(struct reader *rd, struct release_statement *s)
{
	s->parts = arena_array(rd->a, FACTS_CAUSES_MAX, sizeof *s->parts);
	if (s->parts == NULL)
		return rd->a->err;
	while (has_next(rd, "part: ")) {
		struct release_part *p;

		if (s->parts_n == FACTS_CAUSES_MAX)
			return ERR_LIMIT;
		p = &s->parts[s->parts_n++];
		read_hex(rd, "part", p->sha256, sizeof p->sha256);
		p->what = value(rd, "what");
	}
	return OK;
}

static int
read_all(struct reader *rd, struct release_statement *s)
{
	int r;

	if (!slice_is(next_line(rd), FIRST_LINE))
		return ERR_SYNTAX;
	for (int i = 0; i < PREAMBLE_LINES; i++)
		(void)next_line(rd);
	read_hex(rd, "id", s->id, sizeof s->id);
	s->sender = value(rd, "sender");
	if ((r = read_recipients(rd, s)) != OK)
		return r;
	s->lift = read_lift(rd);
	s->issued_s = read_time(rd, "issued");
	s->expires_s = read_time(rd, "expires");
	s->reference = value(rd, "reference");
	if (slice_is(s->reference, "-"))
		s->reference = SLICE("");
	s->reason = value(rd, "reason");
	read_hex(rd, "content", s->content, sizeof s->content);
	if ((r = read_parts(rd, s)) != OK)
		return r;
	return rd->bad ? ERR_SYNTAX : OK;
}

/* CRLF as LF, and of the empty lines at the end none. */
static int
unix_lines(struct slice text, struct arena *a, struct slice *out)
{
	char *p = arena_alloc(a, text.n + 2);
	size_t n = 0;

	if (p == NULL)
		return a->err;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\r' || i + 1 == text.n || text.p[i + 1] != '\n')
			p[n++] = text.p[i];
	while (n > 0 && p[n - 1] == '\n')
		n--;
	p[n++] = '\n';
	*out = (struct slice){ p, n };
	return OK;
}

int
release_parse(struct slice text, struct arena *a, struct release_statement *out)
{
	struct reader rd = { .a = a };
	struct slice lines;
	struct buf again;
	int r;

	*out = (struct release_statement){ .lift = 0 };
	if (text.n > RELEASE_OCTETS_MAX)
		return ERR_LIMIT;
	if ((r = unix_lines(text, a, &lines)) != OK)
		return r;
	rd.rest = lines;
	if ((r = read_all(&rd, out)) != OK)
		return r;
	buf_init(&again, 2 * RELEASE_OCTETS_MAX);
	r = release_format(out, &again);
	if (r == ERR_INVAL || (r == OK && !slice_eq(buf_slice(&again), lines)))
		r = ERR_SYNTAX;
	buf_fini(&again);
	return r;
}
