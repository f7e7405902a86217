/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/client_engine.h"

#include "common/control.h"
#include "common/utf8.h"
#include "smtpd/mailpath.h"
#include "smtpd/xtext.h"

enum { RCPT_WINDOW = 50, BODY_CHUNK = 65536 };

typedef void (*reply_fn)(struct client_engine *ce);

static void on_greeting(struct client_engine *ce);
static void on_ehlo(struct client_engine *ce);
static void on_helo(struct client_engine *ce);
static void on_starttls(struct client_engine *ce);
static void on_mail(struct client_engine *ce);
static void on_rcpt(struct client_engine *ce);
static void on_data(struct client_engine *ce);
static void on_early(struct client_engine *ce);
static void on_accepted(struct client_engine *ce);

/* What the reply means in each state; NULL: none is expected. */
static const reply_fn on_replies[CLIENT_STATES] = {
	[CLIENT_GREETING] = on_greeting, [CLIENT_EHLO] = on_ehlo, [CLIENT_HELO] = on_helo,
	[CLIENT_STARTTLS] = on_starttls, [CLIENT_MAIL] = on_mail, [CLIENT_RCPT] = on_rcpt,
	[CLIENT_DATA] = on_data, [CLIENT_BODY] = on_early, [CLIENT_ACCEPTED] = on_accepted,
};

/* ---- outcomes ---- */

static bool
has(const struct client_engine *ce, enum client_feature f)
{
	return (ce->features & (unsigned)f) != 0;
}

static void
settle_one(struct client_engine *ce, struct client_rcpt *r, enum client_outcome outcome,
    struct slice text, bool remote)
{
	r->outcome = outcome;
	r->text = text;
	r->remote = remote;
	r->passed = outcome == CLIENT_DELIVERED && has(ce, CLIENT_HAS_DSN);
}

static void
settle(struct client_engine *ce, enum client_outcome outcome, struct slice text, bool remote)
{
	for (size_t i = 0; i < ce->job->rcpts_n; i++)
		if (ce->job->rcpts[i].outcome == CLIENT_PENDING)
			settle_one(ce, &ce->job->rcpts[i], outcome, text, remote);
	ce->state = CLIENT_DONE;
}

void
client_engine_fail(struct client_engine *ce, const char *text)
{
	settle(ce, CLIENT_DEFERRED, slice_of(text), false);
}

/* Leave politely: there is a channel that still works. */
static void
quit(struct client_engine *ce, enum client_outcome outcome, struct slice text)
{
	settle(ce, outcome, text, false);
	buf_adds(ce->out, "QUIT\r\n");
}

static struct slice
reply_text(struct client_engine *ce)
{
	struct slice s = arena_copy(ce->job->mem, client_reply_text(&ce->reply));

	return s.n > 0 ? s : SLICE("refused");
}

/* Leave since the peer said so. */
static void
quit_as_told(struct client_engine *ce, enum client_outcome outcome)
{
	settle(ce, outcome, reply_text(ce), true);
	buf_adds(ce->out, "QUIT\r\n");
}

static enum client_outcome
outcome_of(unsigned code)
{
	return code < 300 ? CLIENT_DELIVERED : code < 500 ? CLIENT_DEFERRED : CLIENT_FAILED;
}

bool
client_engine_done(const struct client_engine *ce)
{
	return ce->state == CLIENT_DONE;
}

/* ---- before the transaction ---- */

static void
say_ehlo(struct client_engine *ce)
{
	ce->features = 0;
	ce->size_max = 0;
	buf_addf(ce->out, "EHLO %s\r\n", ce->job->hostname);
	ce->state = CLIENT_EHLO;
}

static void
on_greeting(struct client_engine *ce)
{
	if (ce->reply.code == 220)
		say_ehlo(ce);
	else
		quit_as_told(ce, CLIENT_DEFERRED);
}

/* A line of the answer to EHLO: "SIZE 1000000". */
static void
on_reply_line(void *arg, unsigned index, struct slice text)
{
	static const struct { const char *name; enum client_feature f; } known[] = {
		{ "PIPELINING", CLIENT_HAS_PIPELINING }, { "8BITMIME", CLIENT_HAS_8BITMIME },
		{ "SMTPUTF8", CLIENT_HAS_SMTPUTF8 }, { "STARTTLS", CLIENT_HAS_STARTTLS },
		{ "SIZE", CLIENT_HAS_SIZE }, { "DSN", CLIENT_HAS_DSN },
	};
	struct client_engine *ce = arg;
	struct slice word;

	if (ce->state != CLIENT_EHLO)
		return;
	slice_cut(&text, ' ', &word);
	if (index == 0) {
		ce->itself = slice_is_nocase(word, ce->job->hostname) && !control_off("own-name");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (slice_is_nocase(word, known[i].name))
			ce->features |= (unsigned)known[i].f;
	if (slice_is_nocase(word, "SIZE") &&
	    slice_u64(slice_trim(text), UINT64_MAX / 2, &ce->size_max) != OK)
		ce->size_max = 0;
}

/* Why the message cannot be sent there, ever; NULL if it can. */
static const char *
obstacle(const struct client_engine *ce)
{
	if (ce->body_8bit && !has(ce, CLIENT_HAS_8BITMIME))
		return "554 5.6.3 next hop does not take 8BITMIME";
	if (ce->needs_utf8 && !has(ce, CLIENT_HAS_SMTPUTF8))
		return "554 5.6.7 next hop does not take SMTPUTF8";
	if (has(ce, CLIENT_HAS_SIZE) && ce->size_max > 0 && ce->job->message.n > ce->size_max)
		return "554 5.3.4 message is too large for the next hop";
	return NULL;
}

/* Pass over recipients that are settled without being asked. */
static void
skip_settled(struct client_engine *ce)
{
	while (ce->answered < ce->job->rcpts_n &&
	    ce->job->rcpts[ce->answered].outcome != CLIENT_PENDING)
		ce->answered++;
}

static void
ask_notice(struct client_engine *ce, const struct client_rcpt *r)
{
	if (r->notify != 0) {
		buf_adds(ce->out, " NOTIFY=");
		xtext_add_notify(r->notify, ce->out);
	}
	if (r->orcpt.n > 0 && xtext_orcpt(r->orcpt) == OK)
		buf_addf(ce->out, " ORCPT=%.*s", (int)r->orcpt.n, r->orcpt.p);
}

static void
ask_rcpts(struct client_engine *ce)
{
	size_t ahead = has(ce, CLIENT_HAS_PIPELINING) ? RCPT_WINDOW : 1;

	for (; ce->asked < ce->job->rcpts_n && ce->asked < ce->answered + ahead; ce->asked++) {
		struct slice a = ce->job->rcpts[ce->asked].address;

		if (ce->job->rcpts[ce->asked].outcome != CLIENT_PENDING)
			continue;
		buf_addf(ce->out, "RCPT TO:<%.*s>", (int)a.n, a.p);
		if (has(ce, CLIENT_HAS_DSN))
			ask_notice(ce, &ce->job->rcpts[ce->asked]);
		buf_adds(ce->out, "\r\n");
	}
}

static void
say_mail(struct client_engine *ce)
{
	const struct client_job *job = ce->job;
	const char *why = obstacle(ce);

	if (why != NULL) {
		quit(ce, CLIENT_FAILED, slice_of(why));
		return;
	}
	buf_addf(ce->out, "MAIL FROM:<%.*s>", (int)job->mail_from.n, job->mail_from.p);
	if (has(ce, CLIENT_HAS_SIZE))
		buf_addf(ce->out, " SIZE=%zu", job->message.n);
	if (ce->body_8bit)
		buf_adds(ce->out, " BODY=8BITMIME");
	if (ce->needs_utf8)
		buf_adds(ce->out, " SMTPUTF8");
	if (has(ce, CLIENT_HAS_DSN) && job->ret != XTEXT_RET_NONE)
		buf_addf(ce->out, " RET=%s", job->ret == XTEXT_RET_FULL ? "FULL" : "HDRS");
	if (has(ce, CLIENT_HAS_DSN) && job->envid.n > 0 && xtext_envid(job->envid) == OK)
		buf_addf(ce->out, " ENVID=%.*s", (int)job->envid.n, job->envid.p);
	buf_adds(ce->out, "\r\n");
	ce->state = CLIENT_MAIL;
	if (has(ce, CLIENT_HAS_PIPELINING))
		ask_rcpts(ce);
}

static void
on_ehlo(struct client_engine *ce)
{
	bool may = ce->job->tls != CLIENT_TLS_NONE && !ce->tls;

	if (ce->reply.code != 250 && (ce->job->tls == CLIENT_TLS_REQUIRED || ce->tls ||
	    ce->reply.code < 500)) {
		quit_as_told(ce, CLIENT_DEFERRED);
	} else if (ce->reply.code == 250 && ce->itself) {
		quit(ce, CLIENT_FAILED, SLICE("554 5.4.6 the route leads back to this server"));
	} else if (ce->reply.code != 250) {
		buf_addf(ce->out, "HELO %s\r\n", ce->job->hostname);
		ce->state = CLIENT_HELO;
	} else if (may && has(ce, CLIENT_HAS_STARTTLS)) {
		buf_adds(ce->out, "STARTTLS\r\n");
		ce->state = CLIENT_STARTTLS;
	} else if (may && ce->job->tls == CLIENT_TLS_REQUIRED && !control_off("tls-required")) {
		quit(ce, CLIENT_DEFERRED,
		    SLICE("next hop offers no TLS, which its route requires"));
	} else {
		say_mail(ce);
	}
}

static void
on_helo(struct client_engine *ce)
{
	if (ce->reply.code == 250)
		say_mail(ce);
	else
		quit_as_told(ce, CLIENT_DEFERRED);
}

static void
on_starttls(struct client_engine *ce)
{
	if (ce->reply.code == 220)
		ce->state = CLIENT_HANDSHAKE;
	else if (ce->job->tls == CLIENT_TLS_REQUIRED)
		quit_as_told(ce, CLIENT_DEFERRED);
	else
		say_mail(ce);
}

bool
client_engine_wants_tls(const struct client_engine *ce)
{
	return ce->state == CLIENT_HANDSHAKE;
}

void
client_engine_on_tls(struct client_engine *ce)
{
	ce->tls = true;
	client_reply_init(&ce->reply);
	say_ehlo(ce);
}

/* ---- the transaction ---- */

static void
on_mail(struct client_engine *ce)
{
	ce->state = CLIENT_RCPT;
	if (ce->reply.code == 250) {
		skip_settled(ce);
		ask_rcpts(ce);
		return;
	}
	/* Those asked for already will answer, too; that changes nothing. */
	ce->mail_refused = true;
	quit_as_told(ce, outcome_of(ce->reply.code < 400 ? 400 : ce->reply.code));
}

/* Behind accepted ones, 552 may mean "too many recipients", which are to be tried again (RFC 5321
 * 4.5.3.1.10); unless an enhanced code says that it means a full mailbox or a large message. */
static bool
is_too_many(const struct client_engine *ce)
{
	struct slice said = slice_from(client_reply_text(&ce->reply), 4);

	return ce->reply.code == 552 && ce->accepted > 0 &&
	    (slice_starts_nocase(said, SLICE("5.5.3")) || !slice_starts_nocase(said, SLICE("5.")));
}

static void
on_rcpt(struct client_engine *ce)
{
	struct client_rcpt *r = &ce->job->rcpts[ce->answered++];

	if (ce->reply.code == 250 || ce->reply.code == 251) {
		ce->accepted++;
	} else if (is_too_many(ce)) {
		r->outcome = CLIENT_DEFERRED;
		r->text = reply_text(ce);
	} else {
		settle_one(ce, r, outcome_of(ce->reply.code < 400 ? 400 : ce->reply.code),
		    reply_text(ce), true);
	}
	skip_settled(ce);
	ask_rcpts(ce);
	if (ce->answered < ce->job->rcpts_n)
		return;
	if (ce->accepted == 0) {
		quit(ce, CLIENT_DEFERRED, SLICE("no recipient was accepted"));
		return;
	}
	buf_adds(ce->out, "DATA\r\n");
	ce->state = CLIENT_DATA;
}

static void
on_data(struct client_engine *ce)
{
	if (ce->reply.code == 354)
		ce->state = CLIENT_BODY;
	else
		quit_as_told(ce, outcome_of(ce->reply.code < 400 ? 400 : ce->reply.code));
}

/* A reply before the end of the message can only be a refusal; the channel is of no more use. */
static void
on_early(struct client_engine *ce)
{
	settle(ce, ce->reply.code >= 500 ? CLIENT_FAILED : CLIENT_DEFERRED, reply_text(ce), true);
}

static void
on_accepted(struct client_engine *ce)
{
	quit_as_told(ce, outcome_of(ce->reply.code));
}

/* One line's end belongs to its line; the dot that begins one is doubled. */
static void
add_stuffed(struct client_engine *ce, struct slice s)
{
	size_t from = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (ce->line_start && s.p[i] == '.') {
			buf_add(ce->out, slice_sub(s, from, i - from));
			buf_addc(ce->out, '.');
			from = i;
		}
		ce->line_start = s.p[i] == '\n';
	}
	buf_add(ce->out, slice_from(s, from));
}

void
client_engine_produce(struct client_engine *ce)
{
	struct slice message = ce->job->message;
	struct slice piece = slice_sub(message, ce->body_at, BODY_CHUNK);

	if (ce->state != CLIENT_BODY)
		return;
	add_stuffed(ce, piece);
	ce->body_at += piece.n;
	if (ce->body_at < message.n)
		return;
	buf_adds(ce->out, ce->line_start ? ".\r\n" : "\r\n.\r\n");
	ce->state = CLIENT_ACCEPTED;
}

/* ---- input ---- */

/* One reply at most; octets taken. */
static size_t
read_reply(struct client_engine *ce, struct slice in)
{
	size_t taken;
	int r = client_reply_read(&ce->reply, in, on_reply_line, ce, &taken);

	if (r < 0) {
		client_engine_fail(ce, "next hop does not speak SMTP");
	} else if (r == 1 && ce->reply.code == 421) {
		settle(ce, CLIENT_DEFERRED, reply_text(ce), true);
	} else if (r == 1) {
		on_replies[ce->state](ce);
		if (ce->state == CLIENT_HANDSHAKE && taken < in.n &&
		    !control_off("starttls-injection"))
			client_engine_fail(ce, "next hop sent more behind its reply to STARTTLS");
	}
	return taken;
}

size_t
client_engine_input(struct client_engine *ce, struct slice in)
{
	size_t taken = 0, n;

	while (taken < in.n && on_replies[ce->state] != NULL) {
		n = read_reply(ce, slice_from(in, taken));
		taken += n;
		if (n == 0)
			break;
	}
	return ce->state == CLIENT_DONE ? in.n : taken;
}

/* ---- the message ---- */

/* Lines end in CRLF and nowhere else is either octet; no NUL. */
static bool
is_clean(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\0' || (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r')))
			return false;
		if (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n'))
			return false;
	}
	return true;
}

/* May it stand between < and >? It may come from the directory, where many may write. */
static bool
is_address(struct slice address)
{
	struct mailpath path;
	struct buf b;
	struct slice s;
	bool ok;

	buf_init(&b, 2 * MAILPATH_MAX);
	buf_addf(&b, "<%.*s>", (int)slice_sub(address, 0, MAILPATH_MAX).n, address.p);
	s = buf_slice(&b);
	ok = mailpath_parse(&s, &path) == OK && s.n == 0 && slice_eq(path.spec, address);
	buf_fini(&b);
	return ok;
}

/* Settle whom no server could understand; is anybody left? */
static bool
check_addresses(struct client_job *job)
{
	size_t left = 0;

	for (size_t i = 0; i < job->rcpts_n; i++)
		if (!is_address(job->rcpts[i].address)) {
			job->rcpts[i].outcome = CLIENT_FAILED;
			job->rcpts[i].text = SLICE("553 5.1.3 bad address syntax");
		} else {
			left++;
		}
	return left > 0 && (job->mail_from.n == 0 || is_address(job->mail_from));
}

static bool
needs_utf8(const struct client_job *job)
{
	ptrdiff_t end = slice_find(job->message, SLICE("\r\n\r\n"));
	bool plain = utf8_is_ascii(job->mail_from);

	for (size_t i = 0; i < job->rcpts_n; i++)
		plain = plain && utf8_is_ascii(job->rcpts[i].address);
	return !plain || (job->utf8 &&
	    !utf8_is_ascii(slice_sub(job->message, 0, end < 0 ? job->message.n : (size_t)end)));
}

void
client_engine_open(struct client_engine *ce, struct client_job *job, struct buf *out)
{
	*ce = (struct client_engine){ .job = job, .out = out, .line_start = true };
	client_reply_init(&ce->reply);
	ce->body_8bit = !utf8_is_ascii(job->message);
	ce->needs_utf8 = needs_utf8(job);
	if (!check_addresses(job))
		settle(ce, CLIENT_FAILED, SLICE("553 5.1.7 bad address syntax"), false);
	else if (!is_clean(job->message) && !control_off("line-ends-out"))
		settle(ce, CLIENT_FAILED, SLICE("554 5.6.0 the message has bare line ends"),
		    false);
}
