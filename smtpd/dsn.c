/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/dsn.h"

#include <stdio.h>
#include <string.h>

#include "common/base64.h"
#include "common/utf8.h"
#include "mime/compose.h"
#include "mime/date.h"
#include "mime/header.h"
#include "smtpd/mailpath.h"
#include "smtpd/xtext.h"

enum { LINE_CHARS = 76, VALUE_MAX = 4096, SHOWN_MAX = 600, TEXT_MAX = 256 * 1024, ID_MAX = 900 };

/* What is said per kind of outcome, to programs and to people. */
static const struct {
	const char *action, *status, *subject, *head_vi, *head_en;
} actions[DSN_ACTIONS] = {
	[DSN_FAILED] = { "failed", "5.0.0",
	    "Thư không gửi được / Mail could not be delivered",
	    "THƯ CỦA ÔNG/BÀ KHÔNG GỬI ĐƯỢC tới người nhận sau đây. Hệ thống sẽ không thử lại nữa.",
	    "YOUR MESSAGE COULD NOT BE DELIVERED to the recipients below. It will not be tried "
	    "again." },
	[DSN_DELAYED] = { "delayed", "4.0.0",
	    "Thư gửi chậm, đang thử lại / Mail is delayed",
	    "THƯ CỦA ÔNG/BÀ CHƯA GỬI ĐƯỢC tới người nhận sau đây. Hệ thống vẫn đang thử lại; "
	    "ông/bà KHÔNG cần gửi lại.",
	    "YOUR MESSAGE HAS NOT YET BEEN DELIVERED to the recipients below. It is still being "
	    "tried; you do NOT need to send it again." },
	[DSN_DELIVERED] = { "delivered", "2.0.0",
	    "Thư đã tới hộp thư / Mail was delivered",
	    "Thư của ông/bà đã tới hộp thư của người nhận sau đây.",
	    "Your message is in the mailbox of the recipients below." },
	[DSN_RELAYED] = { "relayed", "2.0.0",
	    "Thư đã chuyển sang máy chủ khác / Mail was passed on",
	    "Thư của ông/bà đã chuyển cho máy chủ của người nhận sau đây; máy chủ đó không báo lại "
	    "việc phát thư.",
	    "Your message was passed on to the server of the recipients below, which does not "
	    "report on delivery." },
	[DSN_EXPANDED] = { "expanded", "2.0.0",
	    "Thư đã tới nhóm / Mail was delivered to a group",
	    "Thư của ông/bà đã gửi tới các thành viên của nhóm sau đây.",
	    "Your message was sent to the members of the groups below." },
};

struct reason {
	int subject, detail;
	const char *why_vi, *do_vi, *why_en, *do_en;
};

static const struct reason reasons[] = {
#define DSN_REASON(subject, detail, why_vi, do_vi, why_en, do_en) \
	{ subject, detail, why_vi, do_vi, why_en, do_en },
#include "smtpd/dsn_text.def"
#undef DSN_REASON
};

/* ---- status codes ---- */

/* "5.1.1" at the start of s: its octets, 0 if there is none of that class. */
static size_t
enhanced_at(struct slice s, char class)
{
	size_t n = 1;

	if (s.n < 5 || s.p[0] != class)
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (n >= s.n || s.p[n++] != '.')
			return 0;
		for (; n < s.n && ascii_is_digit(s.p[n]) && digits < 3; n++)
			digits++;
		if (digits == 0)
			return 0;
	}
	return n == s.n || s.p[n] == ' ' ? n : 0;
}

static bool
has_code(struct slice text)
{
	return text.n >= 3 && ascii_is_digit(text.p[0]) && ascii_is_digit(text.p[1]) &&
	    ascii_is_digit(text.p[2]) && (text.n == 3 || text.p[3] == ' ' || text.p[3] == '-');
}

/* Given up though nobody said a final no: its time was over. */
static bool
is_expired(const struct dsn_rcpt *r)
{
	return r->action == DSN_FAILED && (!has_code(r->text) || r->text.p[0] != '5');
}

void
dsn_status(const struct dsn_rcpt *r, char out[DSN_STATUS_MAX])
{
	const char *plain = actions[r->action].status;
	size_t n = has_code(r->text) ? enhanced_at(slice_from(r->text, 4), plain[0]) : 0;

	if (is_expired(r))
		snprintf(out, DSN_STATUS_MAX, "4.4.7");
	else if (r->action == DSN_DELAYED && !has_code(r->text))
		snprintf(out, DSN_STATUS_MAX, "4.4.1");
	else if (n > 0 && n < DSN_STATUS_MAX && plain[0] != '2')
		snprintf(out, DSN_STATUS_MAX, "%.*s", (int)n, r->text.p + 4);
	else
		snprintf(out, DSN_STATUS_MAX, "%s", plain);
}

static const struct reason *
reason_of(const char *status)
{
	unsigned subject = 0, detail = 0;
	size_t i = 0;

	if (sscanf(status, "%*u.%3u.%3u", &subject, &detail) != 2)
		subject = detail = 0;
	while (i + 1 < ARRAY_LEN(reasons) &&
	    ((reasons[i].subject >= 0 && (unsigned)reasons[i].subject != subject) ||
	    (reasons[i].detail >= 0 && (unsigned)reasons[i].detail != detail)))
		i++;
	return &reasons[i];
}

/* ---- values that may come from anywhere ---- */

/* As people see it: valid UTF-8 without controls, cut at SHOWN_MAX. */
static void
add_shown(struct buf *out, struct slice s)
{
	uint32_t cp;

	s = slice_sub(s, 0, SHOWN_MAX);
	while (s.n > 0) {
		int r = utf8_next(&s, &cp);

		utf8_add(out, r == 1 && utf8_is_safe_char(cp) ? cp : '?');
	}
}

/* As programs read it: printable ASCII. */
static void
add_ascii(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(out, s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?');
}

/* One field of the machine part; what is too long for one is cut. */
static void
field(struct buf *out, const char *name, struct buf *value)
{
	size_t n = value->n < ID_MAX ? value->n : ID_MAX;

	if (compose_raw(out, name, slice_sub(buf_slice(value), 0, n)) == ERR_INVAL)
		out->err = ERR_INVAL;	/* cannot be: every value was made by add_ascii */
	buf_clear(value);
}

/* RFC 6533 3: an address in UTF-8, in ASCII. */
static void
add_utf8_address(struct buf *out, struct slice s)
{
	uint32_t cp;

	while (s.n > 0) {
		int r = utf8_next(&s, &cp);

		if (r == 1 && cp > ' ' && cp < 0x7f && cp != '\\' && cp != '+' && cp != '=')
			buf_addc(out, (char)cp);
		else
			buf_addf(out, "\\x{%X}", (unsigned)cp);
	}
}

static void
add_address(struct buf *out, struct slice address)
{
	if (utf8_is_ascii(address)) {
		buf_adds(out, "rfc822; ");
		add_ascii(out, address);
	} else {
		buf_adds(out, "utf-8; ");
		add_utf8_address(out, address);
	}
}

/* "type;xtext" as it came. Nothing if it is none. */
static void
add_orcpt(struct buf *out, struct slice orcpt)
{
	struct slice type;

	if (xtext_orcpt(orcpt) != OK || !slice_cut(&orcpt, ';', &type))
		return;
	buf_add(out, type);
	buf_adds(out, "; ");
	if (xtext_decode(orcpt, out) != OK)
		out->err = out->err == OK ? ERR_INVAL : out->err;
}

/* ---- the header ---- */

static void
add_hex(struct buf *out, const uint8_t id[DSN_ID_OCTETS])
{
	for (size_t i = 0; i < DSN_ID_OCTETS; i++)
		buf_addf(out, "%02x", id[i]);
}

/* The original's Message-ID, if it is one that may be repeated. */
static struct slice
original_id(struct slice original)
{
	struct header_field f;
	struct slice id;

	if (header_count(original, SLICE("Message-ID")) != 1 ||
	    header_find(original, SLICE("Message-ID"), &f) != 1)
		return (struct slice){ NULL, 0 };
	id = slice_trim(f.value);
	if (id.n < 3 || id.n > ID_MAX || id.p[0] != '<' || id.p[id.n - 1] != '>')
		return (struct slice){ NULL, 0 };
	for (size_t i = 1; i + 1 < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~' || id.p[i] == '<' || id.p[i] == '>')
			return (struct slice){ NULL, 0 };
	return id;
}

static enum dsn_action
main_action(const struct dsn *d)
{
	enum dsn_action least = DSN_EXPANDED;

	for (size_t i = 0; i < d->rcpts_n; i++)
		if (d->rcpts[i].action < least)
			least = d->rcpts[i].action;
	return least;
}

static int
add_from(const struct dsn *d, struct buf *out)
{
	struct buf from;
	int err;

	buf_init(&from, VALUE_MAX);
	buf_adds(&from, "postmaster@");
	add_ascii(&from, d->domain);
	err = from.err != OK ? from.err :
	    compose_addr(out, "From", SLICE("Hệ thống thư công vụ"), buf_slice(&from));
	buf_fini(&from);
	return err;
}

static int
add_header(const struct dsn *d, struct buf *out)
{
	struct slice id = original_id(d->original);
	struct buf v;
	int err = add_from(d, out);

	buf_init(&v, VALUE_MAX);
	if (err == OK)
		err = compose_addr(out, "To", (struct slice){ NULL, 0 }, d->to);
	if (err == OK)
		err = compose_text(out, "Subject", slice_of(actions[main_action(d)].subject));
	if (err == OK)
		err = compose_date(out, "Date", d->now_s, 0);
	buf_adds(&v, "<");
	add_hex(&v, d->id);
	buf_adds(&v, ".dsn@");
	add_ascii(&v, d->hostname);
	buf_adds(&v, ">");
	field(out, "Message-ID", &v);
	if (err == OK && id.n > 0)
		err = compose_raw(out, "In-Reply-To", id);
	if (err == OK && id.n > 0)
		err = compose_raw(out, "References", id);
	buf_adds(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"=_");
	add_hex(out, d->id);
	buf_adds(out, "\"\r\n\r\n");
	buf_fini(&v);
	return err;
}

static void
begin_part(const struct dsn *d, const char *fields, struct buf *out)
{
	buf_adds(out, "--=_");
	add_hex(out, d->id);
	buf_addf(out, "\r\n%s\r\n", fields);
}

static void
add_base64(struct slice s, struct buf *out)
{
	base64_encode_lines(s, LINE_CHARS, out);
	if (out->n < 2 || out->p[out->n - 1] != '\n')
		buf_adds(out, "\r\n");
}

/* ---- for people ---- */

static void
add_words(const struct dsn_rcpt *r, const char *label, struct buf *t)
{
	if (r->text.n == 0)
		return;
	buf_addf(t, "    %s: \"", label);
	add_shown(t, r->text);
	buf_adds(t, "\"\r\n");
}

static void
tell_recipient(const struct dsn_rcpt *r, bool vi, struct buf *t)
{
	char status[DSN_STATUS_MAX];
	const struct reason *why;
	bool bad = r->action == DSN_FAILED || r->action == DSN_DELAYED;

	dsn_status(r, status);
	why = reason_of(status);
	buf_adds(t, "  * ");
	add_shown(t, r->address);
	buf_adds(t, "\r\n");
	if (!bad)
		return;
	buf_addf(t, "    %s: %s (%s)\r\n", vi ? "Lý do" : "Reason", vi ? why->why_vi : why->why_en,
	    status);
	add_words(r, r->remote ? (vi ? "Máy chủ nhận trả lời" : "The receiving server said") :
	    vi ? "Hệ thống ghi" : "This system noted", t);
	if (r->action == DSN_FAILED)
		buf_addf(t, "    %s: %s\r\n", vi ? "Nên làm gì" : "What to do",
		    vi ? why->do_vi : why->do_en);
}

static void
tell_action(const struct dsn *d, enum dsn_action a, bool vi, struct buf *t)
{
	size_t n = 0;

	for (size_t i = 0; i < d->rcpts_n; i++) {
		if (d->rcpts[i].action != a)
			continue;
		if (n == 0)
			buf_addf(t, "%s\r\n\r\n", vi ? actions[a].head_vi : actions[a].head_en);
		if (n++ < DSN_NAMED_MAX)
			tell_recipient(&d->rcpts[i], vi, t);
	}
	if (n > DSN_NAMED_MAX)
		buf_addf(t, vi ? "  * và %zu người nhận khác\r\n" :
		    "  * and %zu other recipients\r\n",
		    n - DSN_NAMED_MAX);
	if (n > 0)
		buf_adds(t, "\r\n");
}

/* In the time of Viet Nam; for its people as they write it: 05:26 22/11/2026. */
static void
add_moment(struct buf *t, int64_t at_s, bool vi)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char date[DATE_RFC5322_OCTETS + 1];	/* "Sun, 22 Nov 2026 05:26:40 +0700" */
	ptrdiff_t month;

	date_format_rfc5322(at_s, 7 * 60, date);
	month = slice_find(slice_of(months), (struct slice){ date + 8, 3 }) / 3 + 1;
	if (vi)
		buf_addf(t, "%.5s %.2s/%02d/%.4s", date + 17, date + 5, (int)month, date + 12);
	else
		buf_adds(t, date);
}

static void
tell_until(const struct dsn *d, bool vi, struct buf *t)
{
	size_t delayed = 0;

	for (size_t i = 0; i < d->rcpts_n; i++)
		delayed += d->rcpts[i].action == DSN_DELAYED;
	if (d->until_s <= 0 || delayed == 0)
		return;
	buf_adds(t, vi ? "Hệ thống sẽ thử đến khoảng: " : "It will be tried until about: ");
	add_moment(t, d->until_s, vi);
	buf_adds(t, "\r\n\r\n");
}

static void
tell(const struct dsn *d, bool vi, struct buf *t)
{
	struct slice contact = vi ? d->contact_vi : d->contact_en;

	for (unsigned a = DSN_FAILED; a < DSN_ACTIONS; a++)
		tell_action(d, (enum dsn_action)a, vi, t);
	tell_until(d, vi, t);
	buf_adds(t, vi ? "Thư được nhận vào hệ thống lúc: " : "The message came in: ");
	add_moment(t, d->arrived_s, vi);
	buf_adds(t, "\r\n");
	if (contact.n > 0) {
		buf_adds(t, vi ? "Cần giúp đỡ, xin liên hệ: " : "For help: ");
		add_shown(t, contact);
		buf_adds(t, "\r\n");
	}
	buf_adds(t, vi ? "Đây là thông báo tự động; tiêu đề của thư được gửi kèm, nội dung thì "
	    "không.\r\n" :
	    "This is an automatic notice; it holds the header of the message, not its "
	    "content.\r\n");
}

static void
add_people(const struct dsn *d, struct buf *out)
{
	struct buf t;

	buf_init(&t, TEXT_MAX);
	tell(d, true, &t);
	buf_adds(&t, "\r\n----------------------------------------\r\n\r\n");
	tell(d, false, &t);
	begin_part(d, "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\nContent-Language: vi, en\r\n", out);
	add_base64(buf_slice(&t), out);
	if (t.err != OK)
		out->err = t.err;
	buf_fini(&t);
}

/* ---- for programs ---- */

static void
add_date(struct buf *out, const char *name, int64_t at_s)
{
	if (compose_date(out, name, at_s, 0) != OK && out->err == OK)
		out->err = ERR_INVAL;
}

static void
add_recipient(const struct dsn *d, const struct dsn_rcpt *r, struct buf *v, struct buf *out)
{
	char status[DSN_STATUS_MAX];

	dsn_status(r, status);
	buf_adds(out, "\r\n");
	add_orcpt(v, r->orcpt);
	if (v->n > 0)
		field(out, "Original-Recipient", v);
	add_address(v, r->address);
	field(out, "Final-Recipient", v);
	buf_addf(out, "Action: %s\r\nStatus: %s\r\n", actions[r->action].action, status);
	if (d->next_hop.n > 0) {
		buf_adds(v, slice_chr(d->next_hop, ':') >= 0 ? "dns; [IPv6:" : "dns; [");
		add_ascii(v, d->next_hop);
		buf_addc(v, ']');
		field(out, "Remote-MTA", v);
	}
	if (r->text.n > 0 && r->action != DSN_DELIVERED && r->action != DSN_EXPANDED) {
		buf_adds(v, r->remote ? "smtp; " : "x-congvu; ");
		add_ascii(v, slice_sub(r->text, 0, SHOWN_MAX));
		field(out, "Diagnostic-Code", v);
	}
	add_date(out, "Last-Attempt-Date", d->now_s);
	if (r->action == DSN_DELAYED && d->until_s > 0)
		add_date(out, "Will-Retry-Until", d->until_s);
}

static void
add_programs(const struct dsn *d, struct buf *out)
{
	struct buf v;

	buf_init(&v, 16384);
	begin_part(d, "Content-Type: message/delivery-status\r\n", out);
	buf_adds(&v, "dns; ");
	add_ascii(&v, d->hostname);
	field(out, "Reporting-MTA", &v);
	if (d->envid.n > 0 && xtext_envid(d->envid) == OK && xtext_decode(d->envid, &v) == OK)
		field(out, "Original-Envelope-Id", &v);
	buf_clear(&v);
	add_date(out, "Arrival-Date", d->arrived_s);
	for (size_t i = 0; i < d->rcpts_n && out->err == OK; i++)
		add_recipient(d, &d->rcpts[i], &v, out);
	if (v.err != OK)
		out->err = v.err;
	buf_fini(&v);
	buf_adds(out, "\r\n");
}

/* ---- the original's header ---- */

/* Up to the empty line, whole lines of at most DSN_HEADER_MAX octets. */
static struct slice
header_of(struct slice original)
{
	ptrdiff_t end = slice_find(original, SLICE("\r\n\r\n"));
	struct slice h = slice_sub(original, 0, end < 0 ? original.n : (size_t)end + 2);

	if (slice_starts_nocase(original, SLICE("\r\n")))
		return (struct slice){ NULL, 0 };
	if (h.n <= DSN_HEADER_MAX)
		return end < 0 && slice_find(original, SLICE("\n")) < 0 ?
		    (struct slice){ NULL, 0 } : h;
	h.n = DSN_HEADER_MAX;
	while (h.n > 0 && h.p[h.n - 1] != '\n')
		h.n--;
	return h;
}

/* Can it stand there as it is: lines of ASCII, each ended by CRLF, none like a boundary? */
static bool
is_tame(struct slice s)
{
	size_t line = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n') {
			line = 0;
			i++;
			continue;
		}
		if ((c < ' ' && c != '\t') || c == 0x7f || ++line > 990 ||
		    (line == 2 && c == '-' && s.p[i - 1] == '-'))
			return false;
	}
	return line == 0;
}

static void
add_original(const struct dsn *d, struct buf *out)
{
	struct slice h = header_of(d->original);

	if (is_tame(h)) {
		begin_part(d, "Content-Type: text/rfc822-headers\r\n", out);
		buf_add(out, h);
	} else {
		begin_part(d, "Content-Type: text/rfc822-headers; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: base64\r\n", out);
		add_base64(h, out);
	}
	buf_adds(out, "\r\n--=_");
	add_hex(out, d->id);
	buf_adds(out, "--\r\n");
}

/* ---- */

static bool
may_write_to(struct slice address)
{
	struct mailpath path;
	struct buf b;
	struct slice s;
	bool ok;

	buf_init(&b, 2 * MAILPATH_MAX);
	buf_addc(&b, '<');
	buf_add(&b, slice_sub(address, 0, MAILPATH_MAX + 1));
	buf_addc(&b, '>');
	s = buf_slice(&b);
	ok = mailpath_parse(&s, &path) == OK && s.n == 0 && path.domain.n > 0 &&
	    slice_eq(path.spec, address);
	buf_fini(&b);
	return ok;
}

int
dsn_compose(const struct dsn *d, struct buf *out)
{
	int err;

	if (!may_write_to(d->to) || d->rcpts_n == 0)
		return ERR_INVAL;
	for (size_t i = 0; i < d->rcpts_n; i++)
		if (d->rcpts[i].action < DSN_FAILED || d->rcpts[i].action >= DSN_ACTIONS)
			return ERR_INVAL;
	err = add_header(d, out);
	if (err != OK)
		return err;
	add_people(d, out);
	add_programs(d, out);
	add_original(d, out);
	return out->err;
}
