/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * STARTTLS (RFC 3207). What stands behind the command in the same group was not protected: the
 * session ends. What was said before TLS is forgotten, whoever said it.
 */
#include <string.h>

#include "common/control.h"
#include "smtpd/command.h"

void
cmd_starttls(struct engine *e, struct slice args)
{
	(void)args;
	if (e->tls) {
		engine_error(e, SAY_SEQUENCE);
		return;
	}
	if (!e->conf->starttls) {
		engine_error(e, SAY_NOT_IMPLEMENTED);
		return;
	}
	if (e->more && !control_off("starttls-injection")) {
		engine_bye(e, SAY_PIPELINED_TLS);
		return;
	}
	engine_reply(e, SAY_TLS_GO);
	engine_enter(e, ENGINE_WAIT_TLS);
	e->ops->start_tls(e->host);
}

void
cmd_starttls_done(struct engine *e, const void *none)
{
	(void)none;
	engine_reset(e);
	e->tls = true;
	e->esmtp = false;
	e->helo[0] = '\0';
	e->account = (struct engine_account){ .identities_n = 0 };
	e->scanned = 0;
	engine_ready(e);
}
