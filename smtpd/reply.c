/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/reply.h"

enum { TEXT_MAX = REPLY_LINE_MAX - 2 };

static const struct {
	unsigned    code;
	const char *enhanced, *vi, *en;
} rows[] = {
#define REPLY_ROW(id, code, enhanced, vi, en) { code, enhanced, vi, en },
#include "smtpd/reply.def"
#undef REPLY_ROW
};

unsigned
reply_code(enum reply id)
{
	return rows[id].code;
}

static void
add_printable(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(out, s.p[i] >= 32 && s.p[i] <= 126 ? s.p[i] : '?');
}

void
reply_line(struct buf *out, unsigned code, struct slice enhanced, bool last, struct slice text)
{
	size_t room = TEXT_MAX - 4;

	buf_addf(out, "%03u%c", code % 1000, last ? ' ' : '-');
	if (enhanced.n > 0 && enhanced.n < 16) {
		add_printable(out, enhanced);
		buf_addc(out, ' ');
		room -= enhanced.n + 1;
	}
	add_printable(out, slice_sub(text, 0, room));
	buf_adds(out, "\r\n");
}

void
reply_add(struct buf *out, enum reply id, struct slice detail)
{
	struct buf text;

	buf_init(&text, 2 * REPLY_LINE_MAX);
	buf_addf(&text, "%s / %s", rows[id].vi, rows[id].en);
	if (detail.n > 0)
		buf_addf(&text, " [%.*s]", (int)slice_sub(detail, 0, 300).n, detail.p);
	reply_line(out, rows[id].code, slice_of(rows[id].enhanced), true, buf_slice(&text));
	buf_fini(&text);
}

/* "what: a, b, c" on as many lines as needed, REPLY_LINES_MAX at most. */
static void
add_refused(struct buf *out, const struct reply_refusal *r, unsigned code)
{
	static const char what[] = "Khong gui duoc toi / refused for: ";
	struct buf line;
	unsigned lines = 0;

	buf_init(&line, 2 * REPLY_LINE_MAX);
	for (size_t i = 0; i < r->refused_n && lines < REPLY_LINES_MAX; i++) {
		if (line.n > 0 && line.n + r->refused[i].n > TEXT_MAX - 30) {
			reply_line(out, code, r->enhanced, false, buf_slice(&line));
			buf_clear(&line);
			lines++;
		}
		buf_adds(&line, line.n == 0 ? what : ", ");
		buf_add(&line, slice_sub(r->refused[i], 0, 320));
	}
	if (line.n > 0 && lines < REPLY_LINES_MAX)
		reply_line(out, code, r->enhanced, false, buf_slice(&line));
	buf_fini(&line);
}

static void
add_contact(struct buf *out, const struct reply_refusal *r, unsigned code)
{
	struct buf line;

	if (r->contact_vi.n == 0)
		return;
	buf_init(&line, 2 * REPLY_LINE_MAX);
	buf_adds(&line, "Lien he / contact: ");
	buf_add(&line, slice_sub(r->contact_vi, 0, 200));
	if (r->contact_en.n > 0) {
		buf_adds(&line, " / ");
		buf_add(&line, slice_sub(r->contact_en, 0, 200));
	}
	reply_line(out, code, r->enhanced, false, buf_slice(&line));
	buf_fini(&line);
}

/* How it may be sent all the same: whom to go to, and with what. */
static void
add_way_out(struct buf *out, const struct reply_refusal *r, unsigned code)
{
	struct buf line;

	if (!r->releasable || r->temporary)
		return;
	buf_init(&line, 2 * REPLY_LINE_MAX);
	buf_addf(&line, "Can bo bao mat co the cho phep: hay dua thu va ma tham chieu %.*s / "
	    "Security officers may release it: give them the message and reference %.*s",
	    (int)slice_sub(r->ref, 0, 64).n, r->ref.p, (int)slice_sub(r->ref, 0, 64).n, r->ref.p);
	reply_line(out, code, r->enhanced, false, buf_slice(&line));
	buf_fini(&line);
}

/* The words of doc/design/release.md that the sender can do something about; the last row is for all
 * others. */
static const struct { const char *unfit, *vi, *en; } ways_not_to_fit[] = {
	{ "recipients", "nguoi nhan khong dung nhu trong phieu", "for other recipients" },
	{ "not-covered", "noi dung khong dung nhu trong phieu", "for other content" },
	{ "own-message", "nguoi gui khong duoc la mot trong hai nguoi ky phieu",
	    "who sends may not be one of the two who signed it" },
	{ "lift", "phieu khong xac nhan dau do mat la nham",
	    "it does not state that the mark is none" },
	{ NULL, "khong dung duoc", "it cannot be used" },
};

static void
add_unfit(struct buf *out, const struct reply_refusal *r, unsigned code)
{
	struct buf line;
	size_t i = 0;

	if (r->unfit.n == 0 || !r->releasable || r->temporary)
		return;
	while (ways_not_to_fit[i].unfit != NULL && !slice_is(r->unfit, ways_not_to_fit[i].unfit))
		i++;
	buf_init(&line, 2 * REPLY_LINE_MAX);
	buf_addf(&line, "Da co phieu cho phep nhung %s / A release is open, but %s [%.*s]",
	    ways_not_to_fit[i].vi, ways_not_to_fit[i].en, (int)slice_sub(r->unfit, 0, 32).n,
	    r->unfit.p);
	reply_line(out, code, r->enhanced, false, buf_slice(&line));
	buf_fini(&line);
}

/* The two reasons on one line if they fit, else on a line each. */
static void
add_reasons(struct buf *out, const struct reply_refusal *r, unsigned code)
{
	struct buf tail, line;

	buf_init(&tail, REPLY_LINE_MAX);
	buf_init(&line, 4 * REPLY_LINE_MAX);
	buf_addf(&tail, "[rule=%.*s ref=%.*s]", (int)slice_sub(r->rule, 0, 64).n, r->rule.p,
	    (int)slice_sub(r->ref, 0, 64).n, r->ref.p);
	buf_addf(&line, "%.*s / %.*s ", (int)r->vi.n, r->vi.p, (int)r->en.n, r->en.p);
	if (line.n + tail.n + r->enhanced.n + 5 > TEXT_MAX) {
		reply_line(out, code, r->enhanced, false, r->vi);
		reply_line(out, code, r->enhanced, false, r->en);
		buf_clear(&line);
	}
	buf_add(&line, buf_slice(&tail));
	reply_line(out, code, r->enhanced, true, buf_slice(&line));
	buf_fini(&line);
	buf_fini(&tail);
}

void
reply_refusal(struct buf *out, const struct reply_refusal *r)
{
	unsigned code = r->temporary ? 451 : 550;

	add_refused(out, r, code);
	add_contact(out, r, code);
	add_way_out(out, r, code);
	add_unfit(out, r, code);
	add_reasons(out, r, code);
}
