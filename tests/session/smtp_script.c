/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/session/smtp_script.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/session/smtp_host.h"

/* The listener that the flags of a case ask for. */
static const struct engine_conf *
conf_of(struct slice flags)
{
	static struct engine_conf c;
	bool small = slice_find(flags, SLICE(" smallsize")) >= 0;
	bool dsn = slice_find(flags, SLICE(" dsn")) >= 0;

	c = (struct engine_conf){ .role = ENGINE_MX, .hostname = "mx.tinh.example",
	    .postmaster_domain = "tinh.example", .contact_vi = "", .contact_en = "",
	    .starttls = true, .message_octets = small ? 100 : 1000000, .recipients = 5,
	    .errors = 5, .command_ms = 300000, .preauth_ms = 60000, .idle_ms = 1800000,
	    .service_ms = 5000, .policy_ms = 60000, .min_octets_s = 500, .dsn = dsn,
	    .hops = dsn ? 30 : 50, .own_hops = 4 };
	if (slice_find(flags, SLICE(" lmtp")) >= 0) {
		c.role = ENGINE_LMTP;
		c.starttls = !small;
	}
	if (slice_find(flags, SLICE(" submission")) >= 0) {
		c.role = ENGINE_SUBMISSION;
		c.contact_vi = "Goi 1234";
		c.contact_en = "call 1234";
	}
	return &c;
}

/* ---- running ---- */

static void
feed(struct run *r, struct slice s)
{
	buf_add(&r->in, s);
	buf_consume(&r->in, engine_input(&r->engine, r->now_ms, buf_slice(&r->in)));
}

/* The next line of text from *at on; false when there is none. */
static bool
next_line(const struct buf *b, size_t *at, struct slice *out)
{
	struct slice rest = slice_from(buf_slice(b), *at);
	ptrdiff_t lf = slice_chr(rest, '\n');

	if (lf < 0)
		return false;
	*out = slice_sub(rest, 0, (size_t)lf);
	*at += (size_t)lf + 1;
	if (out->n > 0 && out->p[out->n - 1] == '\r')
		out->n--;
	return true;
}

static const char *
differ(struct run *r, const char *what, struct slice want, struct slice got)
{
	snprintf(r->why, sizeof r->why, "%s: wanted \"%.*s\", got \"%.*s\"", what, (int)want.n,
	    want.p,
	    (int)got.n, got.p);
	return r->why;
}

static bool
matches(struct slice pattern, struct slice line)
{
	char p[600], l[600];
	regex_t re;
	bool ok;

	snprintf(p, sizeof p, "^%.*s$", (int)pattern.n, pattern.p);
	snprintf(l, sizeof l, "%.*s", (int)line.n, line.p);
	if (regcomp(&re, p, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	ok = regexec(&re, l, 0, NULL, 0) == 0;
	regfree(&re);
	return ok;
}

static const char *
check_body(struct run *r, struct slice text)
{
	static char want_mem[8192];
	struct buf want;
	const char *why = NULL;

	buf_init(&want, sizeof want_mem);
	script_unescape(text, &want);
	if (!slice_eq(buf_slice(&want), buf_slice(&r->body)))
		why = differ(r, "body", text, buf_slice(&r->body));
	buf_fini(&want);
	return why;
}

static const char *
check_counts(struct run *r, struct slice want)
{
	char got[100];

	snprintf(got, sizeof got, "mail=%u rcpt=%u err=%u", r->counts[ENGINE_MAY_MAIL],
	    r->counts[ENGINE_MAY_RCPT], r->counts[ENGINE_MAY_ERR]);
	return slice_is(want, got) ? NULL : differ(r, "counted", want, slice_of(got));
}

/* All lines of a reply, whatever they say. */
static const char *
check_reply(struct run *r, struct slice code)
{
	struct slice got = SLICE("");

	do {
		if (!next_line(&r->out, &r->out_at, &got) || !slice_starts_nocase(got, code))
			return differ(r, "server", code, got);
	} while (got.n > 3 && got.p[3] == '-');
	return NULL;
}

static const char *
check(struct run *r, const struct script_line *l)
{
	struct slice got = SLICE("");
	uint64_t ms;

	switch (l->kind) {
	case 'S':
		if (l->mark == '*')
			return check_reply(r, l->text);
		if (!next_line(&r->out, &r->out_at, &got) ||
		    !(l->mark == '~' ? matches(l->text, got) : slice_eq(l->text, got)))
			return differ(r, "server", l->text, got);
		return NULL;
	case 'R':
		if (!next_line(&r->requests, &r->requests_at, &got) || !slice_eq(l->text, got))
			return differ(r, "request", l->text, got);
		return NULL;
	case 'A':
		if (!smtp_host_answer(r, l->text))
			return differ(r, "cannot answer", l->text, got);
		feed(r, got);
		return NULL;
	case 'T':
		if (slice_u64(l->text, UINT32_MAX, &ms) != OK)
			return "T: no number";
		r->now_ms += ms;
		engine_on_timer(&r->engine, r->now_ms);
		feed(r, got);
		return NULL;
	case 'B':
		return check_body(r, l->text);
	case 'N':
		return check_counts(r, l->text);
	case 'X':
		return r->engine.state == ENGINE_CLOSED ? NULL : "X: the session goes on";
	default:
		return "no such line";
	}
}

static void
open_run(struct run *r, const struct script_case *c)
{
	struct slice flags = script_flags(c);

	*r = (struct run){ .now_ms = 1000000 };
	buf_init(&r->out, 1 << 20);
	buf_init(&r->in, 1 << 20);
	buf_init(&r->requests, 1 << 20);
	buf_init(&r->body, 1 << 20);
	engine_open(&r->engine, conf_of(flags), smtp_host_ops(), r, &r->out,
	    slice_find(flags, SLICE(" tls")) >= 0, r->now_ms);
}

static const char *
finish_run(struct run *r, const char *why)
{
	struct slice got, nothing = SLICE("");

	if (why == NULL && next_line(&r->out, &r->out_at, &got))
		why = differ(r, "server said more", nothing, got);
	if (why == NULL && next_line(&r->requests, &r->requests_at, &got))
		why = differ(r, "asked more", nothing, got);
	engine_close(&r->engine);
	buf_fini(&r->out);
	buf_fini(&r->in);
	buf_fini(&r->requests);
	buf_fini(&r->body);
	return why;
}

/* Gather the block of C-lines that begins at line i. */
static size_t
gather(const struct script_case *c, size_t i, struct buf *block)
{
	for (; i < c->lines_n && c->lines[i].kind == 'C'; i++) {
		script_unescape(c->lines[i].mark == '+' ? c->lines[i].text :
		    (struct slice){ NULL, 0 }, block);
		if (c->lines[i].mark == ':') {
			buf_add(block, c->lines[i].text);
			buf_adds(block, "\r\n");
		}
	}
	return i;
}

static void
send_block(struct run *r, struct slice block, bool split, size_t at)
{
	if (!split) {
		feed(r, block);
	} else if (at == SIZE_MAX) {
		for (size_t i = 0; i < block.n; i++)
			feed(r, slice_sub(block, i, 1));
	} else {
		feed(r, slice_sub(block, 0, at));
		feed(r, slice_from(block, at));
	}
}

const char *
script_run(const struct script_case *c, size_t block, size_t at, size_t *octets_out)
{
	static struct run r;
	const char *why = NULL;
	size_t blocks = 0;
	struct buf b;

	*octets_out = 0;
	open_run(&r, c);
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < c->lines_n && why == NULL;) {
		if (c->lines[i].kind != 'C') {
			why = check(&r, &c->lines[i++]);
			continue;
		}
		buf_clear(&b);
		i = gather(c, i, &b);
		if (blocks == block)
			*octets_out = b.n;
		send_block(&r, buf_slice(&b),
		    blocks == block || (at == SIZE_MAX && block == SIZE_MAX - 1),
		    at);
		blocks++;
	}
	buf_fini(&b);
	return finish_run(&r, why);
}

const char *
script_run_all(const struct script_case *c)
{
	static char why[2400];
	const char *bad;
	size_t octets = 0, none;

	bad = script_run(c, SIZE_MAX, 0, &none);
	/* With a check off, where the octets are cut is not what is asked. */
	if (bad != NULL || slice_find(script_flags(c), SLICE(" nosplit")) >= 0 ||
	    getenv("CONGVU_CONTROL_OFF") != NULL)
		return bad;
	bad = script_run(c, SIZE_MAX - 1, SIZE_MAX, &none);
	if (bad != NULL) {
		snprintf(why, sizeof why, "octet by octet: %s", bad);
		return why;
	}
	for (size_t block = 0; block == 0 || octets > 0; block++) {
		bad = script_run(c, block, 0, &octets);
		for (size_t at = 1; at < octets && at < 4096 && bad == NULL; at++) {
			bad = script_run(c, block, at, &none);
			if (bad != NULL)
				snprintf(why, sizeof why, "block %zu split at %zu: %s", block, at,
				    bad);
		}
		if (bad != NULL)
			return why[0] != '\0' ? why : bad;
	}
	return NULL;
}
