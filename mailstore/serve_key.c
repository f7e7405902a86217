/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mailstore/serve_internal.h"

enum {
	KEY_TIMEOUT_MS = 5000,
	CHECKPOINT_RECORDS = 1000,
	CHECKPOINT_MS = 10 * 60 * 1000,
};

int
keyd_start(struct server *sv)
{
	const struct chan_row *rows;
	char path[200];
	size_t n;
	int r = chan_path(sv->conf->general.run_dir, "key", ROLE_MAILSTORED, path, sizeof path);

	rows = key_rows(&n);
	if (r == OK)
		r = chan_client_new(sv->loop, path, rows, n, &sv->keyd);
	if (r != OK)
		return r;
	return spool_start(sv);
}

/* ---- checkpoints of the audit ---- */

struct signing {
	struct server	 *sv;
	struct audit_head head;
	void		(*fn)(void *arg);
	void		 *arg;
};

static int
keep_signature(struct server *sv, const struct signing *s,
    const struct key_audit_sign_reply *reply)
{
	int r;

	if (reply->signature.n != 64 || reply->public_key.n != 32)
		return ERR_FRAME;
	memcpy(sv->audit_key, reply->public_key.p, sizeof sv->audit_key);
	sv->has_audit_key = true;
	if (s->head.serial == 0)
		return OK;
	r = control_begin_write(sv->e->ctl);
	if (r != OK)
		return r;
	r = audit_add_checkpoint(sv->e->ctl, &s->head, reply->signature, reply->public_key);
	if (r == OK)
		r = engine_committed(sv->e, control_commit(sv->e->ctl));
	control_abort(sv->e->ctl);
	if (r == OK)
		sv->signed_serial = s->head.serial;
	return r;
}

static void
on_signed(void *arg, struct chan_answer *answer)
{
	struct signing *s = arg;
	struct server *sv = s->sv;
	int r = answer->status;

	sv->signing = false;
	sv->signed_ms = clock_ms();
	if (r == OK)
		r = keep_signature(sv, s, answer->msg);
	if (r != OK && !sv->closing)
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "keyd"), F_ERR(r));
	if (s->fn != NULL)
		s->fn(s->arg);
	free(s);
}

void
keyd_checkpoint(struct server *sv, void (*fn)(void *arg), void *arg)
{
	struct signing *s = calloc(1, sizeof *s);
	struct key_audit_sign_request req;
	uint8_t digest[32];

	if (s == NULL || sv->keyd == NULL) {
		free(s);
		if (fn != NULL)
			fn(arg);
		return;
	}
	*s = (struct signing){ sv, sv->e->audit, fn, arg };
	sv->signing = true;
	audit_digest(&s->head, digest);
	req.digest = (struct slice){ (const char *)digest, sizeof digest };
	chan_call(sv->keyd, KEY_AUDIT_SIGN, &req, NULL, 0, KEY_TIMEOUT_MS, on_signed, s, NULL);
}

void
keyd_checkpoint_maybe(struct server *sv)
{
	uint64_t fresh = sv->e->audit.serial - sv->signed_serial;

	if (sv->signing || sv->closing || fresh == 0)
		return;
	if ((fresh >= CHECKPOINT_RECORDS && clock_ms() - sv->signed_ms >= 1000) ||
	    clock_ms() - sv->signed_ms >= CHECKPOINT_MS)
		keyd_checkpoint(sv, NULL, NULL);
}
