/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The SMTP session engine: octets of a client mixed with answers of the services. The first octet
 * chooses the listener; then each octet below 0x80 is a count of octets to send, others are events.
 * Checked: lines of replies are whole and bounded; "accepted" is said only when the store said so;
 * LMTP answers the text once for each accepted recipient.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int body_open(void *host) { (void)host; return OK; }
static int body_write(void *host, struct slice s) { (void)host, (void)s; return OK; }
static void nothing(void *host) { (void)host; }
static int judge(void *host) { (void)host; return OK; }
static void no_auth(void *host, const struct engine_auth *a) { (void)host, (void)a; }
static void no_rcpt(void *host, struct slice a) { (void)host, (void)a; }

static void
no_room(void *host, const struct envelope_local *l, uint64_t n)
{
	(void)host, (void)l, (void)n;
}

static bool
route(void *host, struct slice domain, struct slice *title_out, unsigned *zone_out)
{
	(void)host;
	*title_out = SLICE("r");
	*zone_out = ZONE_INTERNET;
	return domain.n % 2 == 0;
}

static void
octets(void *host, void *to, size_t n)
{
	(void)host;
	memset(to, 7, n);
}

static bool may(void *host, enum engine_may what) { (void)host; return what != ENGINE_MAY_ERR; }

static const struct engine_ops ops = { nothing, no_auth, no_rcpt, no_room, body_open, body_write,
    nothing, judge, nothing, nothing, nothing, route, octets, may };

static const struct engine_conf confs[] = {
	{ ENGINE_MX, "mx", "d.example", "", "", true, 5000, 5, 50, 1000, 1000, 1000, 1000, 1000,
	    1, true, 30, 4 },
	{ ENGINE_SUBMISSION, "mx", "d.example", "a", "b", true, 5000, 5, 50, 1000, 1000, 1000, 1000,
	    1000, 1, true, 30, 4 },
	{ ENGINE_LMTP, "mx", "d.example", "a", "b", true, 5000, 5, 50, 1000, 1000, 1000, 1000, 1000,
	    1, true, 30, 4 },
};

struct fuzz {
	struct engine e;
	struct buf    in, out;
	uint64_t      now;
};

static void
check_lines(struct buf *out, bool may_accept)
{
	struct slice rest = buf_slice(out), line;

	while (rest.n > 0) {
		if (!slice_cut(&rest, '\n', &line) || line.n < 4 || line.p[line.n - 1] != '\r' ||
		    line.n + 1 > 16 * 1024 || slice_chr(slice_sub(line, 0, line.n - 1), '\r') >= 0)
			abort();
		if (slice_find(line, SLICE("da nhan / accepted")) >= 0 && !may_accept)
			abort();
	}
	buf_clear(out);
}

static void
answer_auth(struct fuzz *f, uint8_t what)
{
	static const struct slice ids[] = { { "a@d.example", 11 }, { "b@d.example", 11 } };
	struct engine_auth_answer a = { .status = what % 8 == 7 ? ERR_UNAVAIL : OK,
	    .outcome = what % 8, .conversation = what, .challenge = SLICE("challenge"),
	    .account = { ids[0], ids, 2 } };

	engine_on_auth(&f->e, f->now, &a);
}

static void
answer_rcpt(struct fuzz *f, uint8_t what)
{
	struct envelope_local l[2] = { { .uid = SLICE("u"), .guid = { what } },
	    { .uid = SLICE("v") } };
	struct slice x = SLICE("x@out.example");
	struct engine_rcpt_answer a = { .status = what % 8 == 7 ? ERR_UNAVAIL : OK,
	    .outcome = what % 8,
	    .locals = l, .locals_n = what % 8 == 0 ? 1 : what / 8 % 3, .externals = &x,
	    .externals_n = what / 32 % 2 };

	engine_on_rcpt(&f->e, f->now, &a);
}

static void
answer_verdict(struct fuzz *f, uint8_t what)
{
	uint8_t views[64];
	struct engine_verdict v = { .status = what % 4 == 3 ? ERR_TIMEOUT : OK, .verdict = what % 4,
	    .rule = SLICE("rule"), .reason_vi = SLICE("a\r\nb"), .reason_en = SLICE("why"),
	    .views = views, .views_n = what / 4 };

	for (unsigned i = 0; i < sizeof views; i++)
		views[i] = i % 2 == 0 ? (uint8_t)(what % 4) : VERDICT_ALLOW;
	engine_on_verdict(&f->e, f->now, &v);
}

/* How many replies the text has to get from here; 0: it is not there yet. */
static size_t
owed(const struct engine *e)
{
	bool judged = e->state == ENGINE_WAIT_POLICY || e->state == ENGINE_WAIT_STORE ||
	    e->state == ENGINE_STORE_PAUSE || e->state == ENGINE_WAIT_SPACE ||
	    e->state == ENGINE_WAIT_AUDIT;

	return judged && e->env->apart ? e->env->told_n : 0;
}

static void
check_owed(const struct fuzz *f, size_t replies)
{
	struct slice rest = buf_slice(&f->out), line;
	size_t n = 0;

	if (replies == 0 || f->e.env != NULL || f->e.state != ENGINE_COMMAND)
		return;
	while (rest.n > 0) {
		slice_cut(&rest, '\n', &line);
		n += line.n > 3 && line.p[3] == ' ';
	}
	if (n != replies)
		abort();
}

static void
event(struct fuzz *f, uint8_t b, uint8_t what)
{
	static const int status[] = { OK, ERR_QUOTA, ERR_NOSPC, ERR_UNAVAIL, ERR_UNKNOWN,
	    ERR_TIMEOUT,
	    ERR_NOENT, ERR_IO };
	int err = status[what % ARRAY_LEN(status)];
	size_t replies = owed(&f->e);

	switch (b % 10) {
	case 0: answer_auth(f, what); break;
	case 1: answer_rcpt(f, what); break;
	case 2: engine_on_room(&f->e, f->now, err); break;
	case 3: answer_verdict(f, what); break;
	case 4: engine_on_stored(&f->e, f->now, err); break;
	case 5: engine_on_audited(&f->e, f->now, err); break;
	case 6: engine_on_tls(&f->e, f->now); break;
	case 7: engine_on_shutdown(&f->e, f->now); break;
	default:
		f->now += what * 10U;
		engine_on_timer(&f->e, f->now);
		break;
	}
	check_owed(f, replies);
	check_lines(&f->out, b % 10 == 4 && err == OK);
	buf_consume(&f->in, engine_input(&f->e, f->now, buf_slice(&f->in)));
	check_lines(&f->out, false);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct fuzz f;

	if (n < 1)
		return 0;
	f.now = 0;
	buf_init(&f.in, 1 << 20);
	buf_init(&f.out, 1 << 20);
	engine_open(&f.e, &confs[(data[0] & 4) != 0 ? 2 : data[0] & 1], &ops, NULL, &f.out,
	    (data[0] & 2) != 0, 0);
	check_lines(&f.out, false);
	for (size_t i = 1; i < n; i++) {
		size_t count = data[i] < n - i - 1 ? data[i] : n - i - 1;

		if (data[i] >= 0x80) {
			event(&f, data[i], i + 1 < n ? data[i + 1] : 0);
			i++;
			continue;
		}
		buf_add(&f.in, (struct slice){ (const char *)data + i + 1, count });
		buf_consume(&f.in, engine_input(&f.e, f.now, buf_slice(&f.in)));
		check_lines(&f.out, false);
		i += count;
	}
	engine_close(&f.e);
	buf_fini(&f.in);
	buf_fini(&f.out);
	return 0;
}
