/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/incident.h"

#include "common/base64.h"
#include "common/clock.h"
#include "common/utf8.h"
#include "mime/compose.h"

enum { LINE_CHARS = 76, TEXT_MAX = 1 << 20, MEM_MAX = 1 << 20, SHOWN_MAX = 320, ZONE_S = 7 * 3600 };

/* ---- what was gathered ---- */

void
incident_init(struct incident *i)
{
	*i = (struct incident){ .items_n = 0 };
	arena_init(&i->mem, MEM_MAX);
}

void
incident_fini(struct incident *i)
{
	arena_clear(&i->mem);
}

void
incident_clear(struct incident *i)
{
	incident_fini(i);
	incident_init(i);
}

bool
incident_is_empty(const struct incident *i)
{
	return i->mat + i->toi_mat + i->tuyet_mat + i->releases == 0;
}

static struct slice
keep(struct incident *i, struct slice s)
{
	return arena_copy(&i->mem, slice_sub(s, 0, SHOWN_MAX));
}

void
incident_add(struct incident *i, const struct st_incidents_reply *reply)
{
	i->mat += reply->mat;
	i->toi_mat += reply->toi_mat;
	i->tuyet_mat += reply->tuyet_mat;
	i->releases += reply->releases;
	for (size_t k = 0; k < reply->items_n && i->items_n < INCIDENT_NAMED_MAX; k++) {
		struct st_incident one = reply->items[k];

		one.event = keep(i, one.event);
		one.account = keep(i, one.account);
		one.client = keep(i, one.client);
		one.mail_from = keep(i, one.mail_from);
		one.rule = keep(i, one.rule);
		one.reference = keep(i, one.reference);
		one.evidence = keep(i, one.evidence);
		one.detail = keep(i, one.detail);
		if (i->mem.err != OK)
			return;		/* counted, not named */
		i->items[i->items_n++] = one;
	}
}

/* ---- text ---- */

/* Whatever it is: valid UTF-8 without controls. */
static void
show(struct buf *t, const char *label, struct slice s)
{
	uint32_t cp;

	if (s.n == 0)
		return;
	buf_addf(t, "      %s: ", label);
	while (s.n > 0) {
		int r = utf8_next(&s, &cp);

		utf8_add(t, r == 1 && utf8_is_safe_char(cp) ? cp : '?');
	}
	buf_adds(t, "\r\n");
}

static void
show_time(struct buf *t, uint64_t time_ms)
{
	struct clock_utc u;

	clock_utc((int64_t)(time_ms / 1000) + ZONE_S, &u);
	buf_addf(t, "%04d-%02d-%02d %02d:%02d:%02d +07:00", u.year, u.month, u.day, u.hour,
	    u.minute, u.second);
}

static void
show_item(struct buf *t, const struct st_incident *i, size_t number, bool bare)
{
	buf_addf(t, "  %zu. ", number);
	show_time(t, i->time_ms);
	if (i->detail.n == 0)
		buf_addf(t, ", mức / level %u, người nhận / recipients %u", i->level,
		    (unsigned)i->recipients);
	buf_adds(t, "\r\n");
	show(t, "việc / act", i->event);
	show(t, "quy tắc / rule", i->rule);
	show(t, "tài khoản / account", i->account);
	show(t, "từ địa chỉ / client", i->client);
	if (!bare)
		show(t, "MAIL FROM", i->mail_from);
	show(t, "dấu hiệu / evidence", i->evidence);
	if (!bare)
		show(t, "chi tiết / detail", i->detail);
	show(t, "ref", i->reference);
}

static void
show_counts(struct buf *t, const struct incident *i)
{
	unsigned long long refused = i->mat + i->toi_mat + i->tuyet_mat;

	buf_addf(t, "Thư bị từ chối vì mức của nội dung: %llu (mức 1: %llu, mức 2: %llu, mức 3: "
	    "%llu). Việc cho phép gửi: %llu.\r\nMessages refused because of the level of their "
	    "content: %llu (level 1: %llu, level 2: %llu, level 3: %llu). Acts with releases: "
	    "%llu.\r\n\r\n", refused, (unsigned long long)i->mat,
	    (unsigned long long)i->toi_mat, (unsigned long long)i->tuyet_mat,
	    (unsigned long long)i->releases, refused, (unsigned long long)i->mat,
	    (unsigned long long)i->toi_mat, (unsigned long long)i->tuyet_mat,
	    (unsigned long long)i->releases);
}

static void
write_text(const struct incident *i, bool bare, struct buf *t)
{
	uint64_t all = i->mat + i->toi_mat + i->tuyet_mat + i->releases;

	show_counts(t, i);
	for (size_t k = 0; k < i->items_n; k++)
		show_item(t, &i->items[k], k + 1, bare);
	if (all > i->items_n)
		buf_addf(t, "  ... và %llu việc nữa / and %llu more\r\n",
		    (unsigned long long)(all - i->items_n), (unsigned long long)(all - i->items_n));
	if (bare)
		buf_adds(t, "\r\nMAIL FROM và chi tiết không ghi ở đây, vì trong đó có chữ như dấu "
		    "hiệu mức; xem nhật ký.\r\nMAIL FROM and details are left out, since some of "
		    "them look like a level; see the audit.\r\n");
	buf_adds(t, "\r\nMức 1, 2, 3 là các giá trị của khóa level-at-least, theo thứ tự. Báo cáo "
	    "này chỉ có siêu dữ liệu; toàn bộ ở sổ kiểm toán: congvuctl audit list.\r\n"
	    "Levels 1, 2, 3 are the values of the key level-at-least, in their order. This is "
	    "metadata only; everything is in the audit: congvuctl audit list.\r\n");
}

/* ---- the message ---- */

static int
write_address(struct buf *out, const struct incident_head *h)
{
	struct buf from;
	int err;

	if (!utf8_is_ascii(h->to))
		return ERR_INVAL;
	buf_init(&from, 1024);
	buf_adds(&from, "postmaster@");
	buf_add(&from, h->domain);
	err = from.err != OK ? from.err :
	    compose_addr(out, "From", SLICE("Hệ thống thư công vụ"), buf_slice(&from));
	buf_fini(&from);
	return err == OK ? compose_addr(out, "To", (struct slice){ NULL, 0 }, h->to) : err;
}

static int
write_head(struct buf *out, const struct incident_head *h)
{
	struct buf id;
	int err = write_address(out, h);

	if (err == OK)
		err = compose_text(out, "Subject",
		    SLICE("Báo cáo an ninh thư điện tử / Mail security report"));
	if (err == OK)
		err = compose_date(out, "Date", h->now_s, 0);
	buf_init(&id, 1024);
	buf_addc(&id, '<');
	for (size_t k = 0; k < INCIDENT_ID_OCTETS; k++)
		buf_addf(&id, "%02x", h->id[k]);
	buf_addf(&id, ".incident@%.*s>", (int)h->hostname.n, h->hostname.p);
	if (err == OK)
		err = id.err != OK ? id.err : compose_raw(out, "Message-ID", buf_slice(&id));
	buf_fini(&id);
	buf_adds(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n");
	return err == OK ? out->err : err;
}

int
incident_compose(const struct incident *i, const struct incident_head *h, struct buf *out)
{
	struct buf text;
	int err = write_head(out, h);

	buf_init(&text, TEXT_MAX);
	if (err == OK) {
		write_text(i, h->bare, &text);
		err = text.err;
	}
	if (err == OK) {
		base64_encode_lines(buf_slice(&text), LINE_CHARS, out);
		if (out->n < 2 || out->p[out->n - 1] != '\n')
			buf_adds(out, "\r\n");
		err = out->err;
	}
	buf_fini(&text);
	return err;
}
