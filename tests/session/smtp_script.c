/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/session/smtp_script.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/engine.h"

enum { MAYS = ENGINE_MAY_ERR + 1 };

static const char *const may_names[MAYS] = { "mail", "rcpt", "try", "err" };

struct run {
	struct engine engine;
	struct buf    out, in, requests, body;
	size_t	      out_at, requests_at;
	bool	      body_open, over[MAYS];
	unsigned      counts[MAYS];
	uint64_t      now_ms;
	char	      why[2048];
	struct slice  identities[8];
	char	      account[2048];
};

static const struct engine_conf confs[] = {
	{ ENGINE_MX, "mx.tinh.example", "tinh.example", "", "", true, 1000000, 5, 5, 300000, 60000,
	    1800000, 5000, 60000, 500, false, 50, 4 },
	{ ENGINE_SUBMISSION, "mx.tinh.example", "tinh.example", "Goi 1234", "call 1234", true,
	    1000000, 5,
	    5, 300000, 60000, 1800000, 5000, 60000, 500, false, 50, 4 },
	{ ENGINE_MX, "mx.tinh.example", "tinh.example", "", "", true, 100, 5, 5, 300000, 60000,
	    1800000, 5000, 60000, 500, false, 50, 4 },
	{ ENGINE_LMTP, "mx.tinh.example", "tinh.example", "", "", true, 1000000, 5, 5, 300000,
	    60000, 1800000, 5000, 60000, 500, false, 50, 4 },
	{ ENGINE_LMTP, "mx.tinh.example", "tinh.example", "", "", false, 100, 5, 5, 300000, 60000,
	    1800000, 5000, 60000, 500, false, 50, 4 },
	{ ENGINE_MX, "mx.tinh.example", "tinh.example", "", "", true, 1000000, 5, 5, 300000, 60000,
	    1800000, 5000, 60000, 500, true, 30, 4 },
	{ ENGINE_SUBMISSION, "mx.tinh.example", "tinh.example", "Goi 1234", "call 1234", true,
	    1000000, 5,
	    5, 300000, 60000, 1800000, 5000, 60000, 500, true, 30, 4 },
};

/* ---- the host ---- */

static void PRINTF_LIKE(2, 3)
request(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&r->requests, fmt, ap);
	va_end(ap);
	buf_addc(&r->requests, '\n');
}

static void
show(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0')
			buf_adds(b, "\\0");
		else
			buf_addc(b, s.p[i]);
}

static void
host_start_tls(void *host)
{
	request(host, "start-tls");
}

static void
host_auth(void *host, const struct engine_auth *a)
{
	struct run *r = host;

	buf_addf(&r->requests, "auth %.*s #%llu ", (int)a->mechanism.n, a->mechanism.p,
	    (unsigned long long)a->conversation);
	if (a->has_data)
		show(&r->requests, a->data);
	request(r, "%s", a->has_data ? "." : "-");
}

static void
host_rcpt(void *host, struct slice a)
{
	request(host, "rcpt %.*s", (int)a.n, a.p);
}

static void
host_room(void *host, const struct envelope_local *to, uint64_t octets)
{
	request(host, "room %.*s %llu", (int)to->uid.n, to->uid.p, (unsigned long long)octets);
}

static int
host_body_open(void *host)
{
	struct run *r = host;

	buf_clear(&r->body);
	r->body_open = true;
	return OK;
}

static int
host_body_write(void *host, struct slice s)
{
	struct run *r = host;

	buf_add(&r->body, s);
	return r->body.err;
}

static void
host_body_drop(void *host)
{
	struct run *r = host;

	if (r->body_open)
		request(r, "drop");
	r->body_open = false;
}

static int
host_judge(void *host)
{
	struct run *r = host;
	const struct envelope *env = r->engine.env;

	buf_addf(&r->requests, "judge from=<%.*s>%s%s rcpts=", (int)env->mail_from.n,
	    env->mail_from.p,
	    env->utf8 ? " utf8" : "", env->body8 ? " body8" : "");
	for (size_t i = 0; i < env->rcpts_n; i++)
		buf_addf(&r->requests, "%s%.*s", i > 0 ? "," : "", (int)env->rcpts[i].n,
		    env->rcpts[i].p);
	buf_adds(&r->requests, " views=");
	for (size_t i = 0; i < env->views_n; i++)
		buf_addf(&r->requests, "%s%zu/%s/%s", i > 0 ? "," : "", env->views[i].rcpt,
		    zone_name(env->views[i].exit_zone), level_name(env->views[i].clearance));
	if (env->ret != 0 || env->envid.n > 0)
		buf_addf(&r->requests, " ret=%u envid=%.*s", env->ret, (int)env->envid.n,
		    env->envid.p);
	for (size_t i = 0; i < env->rcpts_n; i++)
		if (env->wishes[i].notify != 0 || env->wishes[i].orcpt.n > 0)
			buf_addf(&r->requests, " wish%zu=%u%s/%.*s", i, env->wishes[i].notify,
			    env->wishes[i].group ? "/group" : env->wishes[i].outside ?
			    "/outside" : "", (int)env->wishes[i].orcpt.n, env->wishes[i].orcpt.p);
	for (size_t i = 0; i < env->remotes_n; i++)
		if (env->remotes[i].notify != 0 || env->remotes[i].orcpt.n > 0)
			buf_addf(&r->requests, " remote%zu=%u/%.*s", i, env->remotes[i].notify,
			    (int)env->remotes[i].orcpt.n, env->remotes[i].orcpt.p);
	request(r, " locals=%zu remotes=%zu", env->locals_n, env->remotes_n);
	return env->rcpts_n > 0 && slice_is(env->rcpts[0], "unaskable@tinh.example") ? ERR_NOMEM : OK;
}

static void
host_deliver(void *host)
{
	struct run *r = host;
	char ref[ENGINE_REF_OCTETS + 1];

	engine_ref(&r->engine, ref);
	request(r, "deliver %s", ref);
}

static void
host_audit(void *host)
{
	request(host, "audit");
}

static void
host_cancel(void *host)
{
	request(host, "cancel");
}

static bool
host_route(void *host, struct slice domain, struct slice *title_out, unsigned *zone_out)
{
	(void)host;
	*title_out = SLICE("route");
	*zone_out = slice_ends_nocase(domain, SLICE(".gov")) ? ZONE_INTERNAL : ZONE_INTERNET;
	return !slice_is(domain, "nowhere.example");
}

static void
host_random(void *host, void *to, size_t n)
{
	(void)host;
	for (size_t i = 0; i < n; i++)
		((unsigned char *)to)[i] = (unsigned char)i;
}

static bool
host_may(void *host, enum engine_may what)
{
	struct run *r = host;

	r->counts[what]++;
	return !r->over[what];
}

static const struct engine_ops ops = { host_start_tls, host_auth, host_rcpt, host_room,
    host_body_open,
    host_body_write, host_body_drop, host_judge, host_deliver, host_audit, host_cancel, host_route,
    host_random, host_may };

/* ---- answers ---- */

static int
status_of(struct slice word)
{
	static const struct { const char *name; int err; } names[] = {
		{ "ok", OK }, { "unavail", ERR_UNAVAIL }, { "unknown", ERR_UNKNOWN },
		{ "timeout", ERR_TIMEOUT }, { "quota", ERR_QUOTA }, { "nospc", ERR_NOSPC },
		{ "noent", ERR_NOENT }, { "io", ERR_IO },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_is(word, names[i].name))
			return names[i].err;
	return 1;
}

static struct slice
word(struct slice *rest)
{
	struct slice w;

	slice_cut(rest, ' ', &w);
	return w;
}

static bool
answer_auth(struct run *r, struct slice rest)
{
	static const char *const names[] = { "ok", "continue", "bad", "disabled", "zone",
	    "mechanism",
	    "throttled" };
	struct engine_auth_answer a = { .status = OK, .conversation = 7 };
	struct slice what = word(&rest);
	size_t n = 0;

	a.challenge = rest;
	snprintf(r->account, sizeof r->account, "%.*s", (int)rest.n, rest.p);
	rest = slice_of(r->account);
	while (rest.n > 0 && n < ARRAY_LEN(r->identities))
		r->identities[n++] = word(&rest);
	a.account = (struct engine_account){ r->identities[0], r->identities, n };
	if (slice_is(what, "unavail"))
		a.status = ERR_UNAVAIL;
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (slice_is(what, names[i])) {
			a.outcome = i;
			engine_on_auth(&r->engine, r->now_ms, &a);
			return true;
		}
	engine_on_auth(&r->engine, r->now_ms, &a);
	return a.status != OK;
}

/* A member is uid[/clearance]; one with an "@" is outside. */
static void
add_member(struct slice w, struct envelope_local *locals, size_t *locals_n, struct slice *externals,
    size_t *externals_n)
{
	struct envelope_local *l = &locals[*locals_n];
	struct slice uid;

	if (slice_chr(w, '@') >= 0) {
		externals[(*externals_n)++] = w;
		return;
	}
	slice_cut(&w, '/', &uid);
	*l = (struct envelope_local){ .uid = uid, .address = uid };
	memcpy(l->guid, uid.p, uid.n < ENVELOPE_GUID ? uid.n : ENVELOPE_GUID);
	if (w.n == 1)
		l->clearance = (unsigned)(w.p[0] - '0');
	(*locals_n)++;
}

static bool
answer_rcpt(struct run *r, struct slice rest)
{
	static const char *const names[] = { "local", "group", "not-ours", "unknown", "disabled",
	    "too-large" };
	struct envelope_local locals[32];
	struct slice externals[32], what = word(&rest);
	struct engine_rcpt_answer a = { .status = ERR_UNAVAIL, .locals = locals,
	    .externals = externals };

	while (rest.n > 0 && a.locals_n < 32 && a.externals_n < 32)
		add_member(word(&rest), locals, &a.locals_n, externals, &a.externals_n);
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (slice_is(what, names[i])) {
			a.outcome = i;
			a.status = OK;
		}
	engine_on_rcpt(&r->engine, r->now_ms, &a);
	return a.status == OK || slice_is(what, "unavail");
}

/* verdict WORD RULE digits: one digit per view; "x" is a refusal for another reason. */
static bool
answer_verdict(struct run *r, struct slice rest)
{
	struct engine_verdict v = { .status = OK, .reason_vi = SLICE("ly do"),
	    .reason_en = SLICE("why") };
	struct slice what = word(&rest);
	uint8_t views[64];
	bool first[64];

	v.rule = word(&rest);
	v.views = views;
	v.first = first;
	for (; v.views_n < rest.n && v.views_n < sizeof views; v.views_n++) {
		first[v.views_n] = rest.p[v.views_n] != 'x';
		views[v.views_n] = first[v.views_n] ? (uint8_t)(rest.p[v.views_n] - '0') :
		    VERDICT_REJECT;
	}
	if (word_value(WORD_verdict, what, &v.verdict) != OK)
		v.status = status_of(what);
	engine_on_verdict(&r->engine, r->now_ms, &v);
	return v.status <= 0;
}

/* From now on the account or address is over that limit. */
static bool
answer_over(struct run *r, struct slice what)
{
	for (unsigned i = 0; i < MAYS; i++)
		if (slice_is(what, may_names[i]))
			return r->over[i] = true;
	return false;
}

static bool
answer(struct run *r, struct slice rest)
{
	struct slice what = word(&rest);
	int status = status_of(rest);

	if (slice_is(what, "over"))
		return answer_over(r, rest);
	if (slice_is(what, "auth"))
		return answer_auth(r, rest);
	if (slice_is(what, "rcpt"))
		return answer_rcpt(r, rest);
	if (slice_is(what, "verdict"))
		return answer_verdict(r, rest);
	if (slice_is(what, "tls"))
		engine_on_tls(&r->engine, r->now_ms);
	else if (slice_is(what, "shutdown"))
		engine_on_shutdown(&r->engine, r->now_ms);
	else if (slice_is(what, "withdrawn"))
		engine_on_withdrawn(&r->engine, r->now_ms, SAY_ACCOUNT_DISABLED);
	else if (slice_is(what, "room") && status <= 0)
		engine_on_room(&r->engine, r->now_ms, status);
	else if (slice_is(what, "stored") && status <= 0)
		engine_on_stored(&r->engine, r->now_ms, status);
	else if (slice_is(what, "audited") && status <= 0)
		engine_on_audited(&r->engine, r->now_ms, status);
	else
		return false;
	return true;
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
		if (!answer(r, l->text))
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
	struct slice name = script_flags(c);
	bool small = slice_find(name, SLICE(" smallsize")) >= 0;
	bool dsn = slice_find(name, SLICE(" dsn")) >= 0;
	const struct engine_conf *conf = &confs[slice_find(name, SLICE(" submission")) >= 0 ?
	    (dsn ? 6 : 1) : dsn ? 5 : slice_find(name, SLICE(" lmtp")) >= 0 ? (small ? 4 : 3) : small ? 2 : 0];

	*r = (struct run){ .now_ms = 1000000 };
	buf_init(&r->out, 1 << 20);
	buf_init(&r->in, 1 << 20);
	buf_init(&r->requests, 1 << 20);
	buf_init(&r->body, 1 << 20);
	engine_open(&r->engine, conf, &ops, r, &r->out, slice_find(name, SLICE(" tls")) >= 0,
	    r->now_ms);
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
	if (bad != NULL || slice_find(script_flags(c), SLICE(" nosplit")) >= 0)
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
