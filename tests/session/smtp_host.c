/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/session/smtp_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const may_names[MAYS] = { "mail", "rcpt", "try", "err" };

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
	return env->rcpts_n > 0 && slice_is(env->rcpts[0], "unaskable@tinh.example") ? ERR_NOMEM :
	    OK;
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

const struct engine_ops *
smtp_host_ops(void)
{
	return &ops;
}

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

bool
smtp_host_answer(struct run *r, struct slice rest)
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
