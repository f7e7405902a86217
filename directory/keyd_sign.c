/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyd_sign.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "directory/keyd_signer.h"
#include "directory/proto.h"

enum {
	AGAIN_MS = 30000,	/* a key or token that is missing is looked for so often */
	END_MS = 100,		/* for the last answer to go out */
	WARN_S = 30 * 86400, DAY_MS = 86400000,
	PATHS_MAX = 4 + KEYD_SIGN_SIGNERS_MAX * 9,
};

struct sign {
	const struct conf	*conf;
	struct keyd_sign_memory	*memory;
	struct loop		*loop;
	struct chan_server	*chan;
	struct loop_timer	 again, day;
	struct signer		*signers[KEYD_SIGN_SIGNERS_MAX];
	uint64_t		 made[KEYD_SIGN_SIGNERS_MAX];
	size_t			 signers_n;
};

bool
keyd_sign_wanted(const struct conf *conf)
{
	return conf->signer_n > 0;
}

/* ---- life ---- */

static void
on_again(struct loop_timer *t)
{
	struct sign *s = t->arg;

	loop_stop(s->loop);
}

/* What is missing can be looked for only by a process that has not closed its sandbox yet. */
static void
end_after(struct sign *s, uint64_t ms)
{
	if (loop_timer_set(s->loop, &s->again, ms, on_again, s) != OK)
		loop_stop(s->loop);
}

static void
tell(const struct signer *s, struct slice why)
{
	log_event(EV_SIGNER_FAILED, F_CSTR("signer", signer_title(s)), F_STR("reason", why), F_END);
}

/* Once a day: a certificate that ends soon. */
static void
look_at_dates(struct sign *s)
{
	uint64_t now_s = (uint64_t)clock_real_s();

	for (size_t i = 0; i < s->signers_n; i++) {
		uint64_t end_s = signer_end_s(s->signers[i]);

		if (end_s > 0 && end_s < now_s + WARN_S)
			tell(s->signers[i], end_s <= now_s ? SLICE("its certificate has expired") :
			    SLICE("its certificate expires within 30 days"));
	}
}

static void
on_day(struct loop_timer *t)
{
	struct sign *s = t->arg;

	look_at_dates(s);
	if (loop_timer_set(s->loop, &s->day, DAY_MS, on_day, s) != OK)
		loop_stop(s->loop);
}

/* ---- requests ---- */

static ssize_t
find(const struct sign *s, struct slice title)
{
	for (size_t i = 0; i < s->signers_n; i++)
		if (slice_is(title, signer_title(s->signers[i])))
			return (ssize_t)i;
	return -1;
}

static int
make(struct sign *s, size_t i, const struct sign_cms_request *q, struct buf *cms)
{
	struct signer *signer = s->signers[i];
	int err = signer_sign(signer, (const unsigned char *)q->sha256.p, cms);

	if (err == OK) {
		s->made[i]++;
		log_event(EV_SIGNED, F_CSTR("signer", signer_title(signer)), F_END);
	} else if (err != ERR_UNAVAIL) {
		tell(signer, SLICE("the key made no signature"));
		end_after(s, END_MS);	/* perhaps a token that was taken out */
	}
	return err == OK ? OK : ERR_UNAVAIL;
}

static void
serve_SIGN_CMS(void *service, struct chan_req *req, const void *msg)
{
	const struct sign_cms_request *q = msg;
	struct sign *s = service;
	struct sign_cms_reply reply = { 0 };
	ssize_t i = find(s, q->signer);
	struct buf cms;
	int err = i < 0 ? ERR_NOENT : q->sha256.n != SIGNER_DIGEST_OCTETS ? ERR_INVAL : OK;

	buf_init(&cms, SIGNER_CMS_MAX);
	if (err == OK)
		err = make(s, (size_t)i, q, &cms);
	if (err == OK) {
		reply.cms = buf_slice(&cms);
		reply.subject = slice_of(signer_subject(s->signers[i]));
	}
	chan_reply(s->chan, req, err, err == OK ? &reply : NULL, NULL, 0);
	buf_fini(&cms);
}

static void
serve_SIGN_STATUS(void *service, struct chan_req *req, const void *msg)
{
	struct sign_signer signers[KEYD_SIGN_SIGNERS_MAX];
	struct sign *s = service;
	struct sign_status_reply reply = { signers, s->signers_n };

	(void)msg;
	for (size_t i = 0; i < s->signers_n; i++)
		signers[i] = (struct sign_signer){
			.title = slice_of(signer_title(s->signers[i])),
			.state = (uint8_t)signer_state(s->signers[i]),
			.end_s = signer_end_s(s->signers[i]), .signatures = s->made[i] };
	chan_reply(s->chan, req, OK, &reply, NULL, 0);
}

/* ---- start ---- */

static int
read_files(struct sign *s)
{
	int err = s->conf->signer_n <= KEYD_SIGN_SIGNERS_MAX ? OK : ERR_LIMIT;

	for (size_t i = 0; i < s->conf->signer_n && err == OK; i++) {
		struct buf why;

		buf_init(&why, 1024);
		err = signer_read(&s->conf->signer[i], &why, &s->signers[i]);
		if (err == OK)
			s->signers_n++;
		if (err == OK && signer_state(s->signers[i]) != SIGN_READY)
			tell(s->signers[i], buf_slice(&why));
		buf_fini(&why);
	}
	return err;
}

static void
open_all(struct sign *s)
{
	bool missing = false;

	for (size_t i = 0; i < s->signers_n; i++) {
		unsigned was = signer_state(s->signers[i]), state;
		struct buf why;

		buf_init(&why, 1024);
		signer_open(s->signers[i], &s->memory->pin_refused[i], &why);
		state = signer_state(s->signers[i]);
		if (state == SIGN_READY)
			log_event(EV_SIGNER_READY, F_CSTR("signer", signer_title(s->signers[i])),
			    F_CSTR("certificate", signer_subject(s->signers[i])), F_END);
		else if (was == SIGN_READY)
			tell(s->signers[i], buf_slice(&why));
		missing = missing || (state != SIGN_READY && state != SIGN_BAD_PIN);
		buf_fini(&why);
	}
	if (missing)
		end_after(s, AGAIN_MS);
}

/* The folders of the libraries of tokens and what they work with; nothing if there are none. */
static enum sandbox_role
collect(const struct sign *s, struct sandbox_path *v, char folders[][PATH_MAX], size_t *n_out)
{
	static const char *const always[] = { "/etc", "/lib", "/lib64", "/usr/lib" };
	size_t n = 0;

	for (size_t i = 0; i < s->conf->signer_n; i++) {
		const struct conf_signer *c = &s->conf->signer[i];

		if (*c->pkcs11_module == '\0')
			continue;
		snprintf(folders[i], PATH_MAX, "%s", c->pkcs11_module);
		v[n++] = (struct sandbox_path){ dirname(folders[i]), SANDBOX_RO_IF_THERE };
		for (size_t j = 0; j < c->pkcs11_paths.n; j++)
			v[n++] = (struct sandbox_path){ c->pkcs11_paths.v[j], SANDBOX_RW };
	}
	*n_out = n;
	if (n == 0)
		return SANDBOX_SIGNER;
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		v[n++] = (struct sandbox_path){ always[i], SANDBOX_RO_IF_THERE };
	*n_out = n;
	return SANDBOX_SIGNER_TOKEN;
}

static int
close_sandbox(const struct sign *s)
{
	static struct sandbox_path v[PATHS_MAX];
	static char folders[KEYD_SIGN_SIGNERS_MAX][PATH_MAX];
	struct sandbox_paths all = { .v = v };
	enum sandbox_role role = collect(s, v, folders, &all.count);

	return sandbox_enter(role, &all);
}

static int
start(struct sign *s, const struct keyd_sign_sockets *sockets)
{
	static const struct chan_row rows[] = { SIGN_ROWS(CHAN_SERVER_ROW) };
	int err;

	if (prctl(PR_SET_DUMPABLE, 0) != 0)
		return -errno;
	err = read_files(s);
	if (err == OK)
		err = loop_new(&s->loop);
	if (err == OK)
		err = chan_server_new(s->loop, rows, ARRAY_LEN(rows), s, &s->chan);
	if (err == OK)
		err = chan_server_serve(s->chan, sockets->policyd, ROLE_POLICYD);
	if (err == OK)
		err = chan_server_serve(s->chan, sockets->control, ROLE_CONTROL);
	if (err == OK)
		err = close_sandbox(s);
	if (err == OK)
		err = loop_timer_set(s->loop, &s->day, DAY_MS, on_day, s);
	if (err != OK)
		return err;
	open_all(s);
	look_at_dates(s);
	return OK;
}

_Noreturn void
keyd_sign_main(const struct conf *conf, const struct keyd_sign_sockets *sockets,
    struct keyd_sign_memory *memory)
{
	struct sign s = { .conf = conf, .memory = memory };
	int err;

	log_init("keyd-sign");
	err = start(&s, sockets);
	if (err != OK) {
		log_event(EV_SIGNER_FAILED, F_CSTR("reason", "the process cannot start"),
		    F_ERR(err), F_END);
		_exit(1);
	}
	log_event(EV_START, F_END);
	err = loop_run(s.loop);
	for (size_t i = 0; i < s.signers_n; i++)
		signer_free(&s.signers[i]);
	_exit(err == OK ? KEYD_SIGN_EXIT_AGAIN : 1);
}
