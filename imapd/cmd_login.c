/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * LOGIN and AUTHENTICATE. Both end in one question to the directory, in the form of RFC 4616; the
 * mechanism LOGIN only asks for its two parts one by one. Nothing is taken without TLS.
 */
#include "imapd/session.h"

#include <string.h>

#include "common/base64.h"
#include "common/control.h"

enum { SASL_LINE_OCTETS = 12 * 1024, SASL_OCTETS = 4 * 1024 };

struct sign_in {
	enum backend_auth outcome;
	int		  status;
	bool		  login;	/* mechanism LOGIN */
	bool		  has_user;
	struct slice	  user;
};

static const struct {
	enum backend_auth outcome;
	const char *code, *text;
} refusals[] = {
	{ BACKEND_AUTH_BAD, "AUTHENTICATIONFAILED",
	    "Sai ten hoac mat khau / Wrong name or password" },
	{ BACKEND_AUTH_DISABLED, "CONTACTADMIN", "Tai khoan bi khoa / The account is disabled" },
	{ BACKEND_AUTH_ZONE, "AUTHORIZATIONFAILED",
	    "Khong duoc dang nhap tu mang nay / Not allowed from this network" },
	{ BACKEND_AUTH_THROTTLED, "LIMIT",
	    "Thu lai sau it phut / Too many attempts, try again later" },
};

static enum session_next
signed_in(struct session *s)
{
	struct buf code;

	s->state = SESSION_AUTH;
	s->errors = 0;
	buf_init(&code, 1024);
	/* The capabilities go straight into the tagged line; clients save a round trip. */
	struct buf out = s->out;
	s->out = code;
	session_add_capability(s);
	code = s->out;
	s->out = out;
	buf_clear(&s->line);
	buf_add(&s->line, s->tag);
	buf_adds(&s->line, " OK [");
	buf_add(&s->line, buf_slice(&code));
	buf_adds(&s->line, "] Signed in\r\n");
	buf_fini(&code);
	return DONE;
}

static enum session_next
delayed(struct session *s, const struct backend_reply *r)
{
	const struct sign_in *si = s->work;

	(void)r;
	s->sign_ins++;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].outcome == si->outcome)
			return session_no(s, refusals[i].code, refusals[i].text);
	return session_err(s, ERR_UNAVAIL);
}

static enum session_next
authenticated(struct session *s, const struct backend_reply *r)
{
	struct sign_in *si = s->work;
	struct backend_ask delay = { .kind = BACKEND_ASK_DELAY,
		.delay_ms = ENGINE_FAILED_DELAY_MS };

	if (r->status != OK)
		return session_err(s, ERR_UNAVAIL);
	if (r->auth == BACKEND_AUTH_OK)
		return signed_in(s);
	si->outcome = r->auth;
	return session_ask(s, &delay, delayed);
}

/* message: authzid NUL authcid NUL password. */
static enum session_next
ask(struct session *s, struct slice message)
{
	struct backend_ask auth = { .kind = BACKEND_ASK_AUTH, .data = message };

	return session_ask(s, &auth, authenticated);
}

static enum session_next
ask_parts(struct session *s, struct slice user, struct slice password)
{
	enum session_next next;
	struct buf plain;

	buf_init(&plain, SASL_OCTETS);
	buf_addc(&plain, '\0');
	buf_add(&plain, user);
	buf_addc(&plain, '\0');
	buf_add(&plain, password);
	next = plain.err != OK ? session_err(s, plain.err) : ask(s, buf_slice(&plain));
	if (plain.n > 0)
		explicit_bzero(plain.p, plain.n);
	buf_fini(&plain);
	return next;
}

static bool
is_protected(const struct session *s)
{
	return s->tls || control_off("login-before-tls");
}

static enum session_next
refuse_plain(struct session *s)
{
	s->errors++;
	return session_no(s, "PRIVACYREQUIRED",
	    "Begin TLS first; that password was sent in the clear");
}

enum session_next
cmd_login(struct session *s, struct args *a)
{
	struct slice user, password;
	int err = args_space(a);

	if (err == OK)
		err = args_astring(a, &user);
	if (err == OK)
		err = args_space(a);
	if (err == OK)
		err = args_astring(a, &password);
	if (err == OK)
		err = args_end(a);
	if (err != OK)
		return session_err(s, err);
	if (!is_protected(s))
		return refuse_plain(s);
	if (session_work(s, sizeof(struct sign_in)) == NULL)
		return session_err(s, s->arena.err);
	return ask_parts(s, user, password);
}

/* ---- AUTHENTICATE ---- */

static enum session_next
mechanism_login(struct session *s, struct slice data)
{
	struct sign_in *si = s->work;

	if (si->has_user)
		return ask_parts(s, si->user, data);
	si->user = arena_copy(&s->arena, data);
	si->has_user = true;
	buf_adds(&s->out, "+ UGFzc3dvcmQ6\r\n");	/* Password: */
	return INPUT;
}

static bool
is_plain_message(struct slice data)
{
	size_t nuls = 0;

	for (size_t i = 0; i < data.n; i++)
		nuls += data.p[i] == '\0';
	return nuls == 2;
}

/* One answer of the client, in base64. */
static enum session_next
respond(struct session *s, struct slice line)
{
	struct sign_in *si = s->work;
	enum session_next next;
	struct buf data;

	buf_init(&data, SASL_OCTETS);
	if (base64_decode_strict(line, &data) != OK)
		next = session_bad(s, "Not base64");
	else if (si->login && memchr(data.n > 0 ? data.p : "", '\0', data.n) == NULL)
		next = mechanism_login(s, buf_slice(&data));
	else if (!si->login && is_plain_message(buf_slice(&data)))
		next = ask(s, buf_slice(&data));
	else
		next = session_bad(s, "Not an answer of that mechanism");
	if (data.n > 0)
		explicit_bzero(data.p, data.n);
	buf_fini(&data);
	return next;
}

static size_t
sasl_input(struct session *s, struct slice in, enum session_next *next_out)
{
	int r;
	size_t n = session_take_line(s, in, SASL_LINE_OCTETS, &r);

	if (r < 0)
		*next_out = session_bye(s, "CLIENTBUG", "The answer is not a line of base64");
	else if (r == 1 && slice_is(session_line(s), "*"))
		*next_out = session_bad(s, "AUTHENTICATE was cancelled");
	else if (r == 1)
		*next_out = respond(s, session_line(s));
	if (r != 0)
		session_forget_line(s);
	return n;
}

/* [SP initial-response]: 1 it is there, 0 not, or an error. "=" is an empty one (RFC 4959). */
static int
parse_initial(struct args *a, struct slice *out)
{
	if (a->rest.n == 0)
		return 0;
	if (args_space(a) != OK || a->rest.n == 0)
		return ERR_SYNTAX;
	*out = slice_is(a->rest, "=") ? (struct slice){ NULL, 0 } : a->rest;
	return 1;
}

enum session_next
cmd_authenticate(struct session *s, struct args *a)
{
	struct slice mechanism, initial;
	struct sign_in *si;
	int r;

	if (args_space(a) != OK || args_atom(a, &mechanism) != OK ||
	    (r = parse_initial(a, &initial)) < 0)
		return session_err(s, ERR_SYNTAX);
	if (!is_protected(s))
		return refuse_plain(s);
	si = session_work(s, sizeof *si);
	if (si == NULL)
		return session_err(s, s->arena.err);
	si->login = slice_is_nocase(mechanism, "LOGIN");
	if (!si->login && !slice_is_nocase(mechanism, "PLAIN"))
		return session_no(s, "CANNOT", "No such mechanism");
	s->line_at = s->cmd.n;
	s->input = sasl_input;
	if (r == 1)
		return respond(s, initial);
	buf_adds(&s->out, si->login ? "+ VXNlcm5hbWU6\r\n" : "+ \r\n");	/* Username: */
	return INPUT;
}
