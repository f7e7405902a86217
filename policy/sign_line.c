/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/sign_line.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/control.h"
#include "common/log.h"
#include "common/metric.h"

enum { TITLE_OCTETS = 64 };

struct sign_line {
	struct chan_server *server;
	struct chan_client *keyd;
	struct chan_req	    req;	/* while asked */
	uint32_t	    call;
	bool		    asked;
	bool		    allowed;	/* one more signature */
	bool		    given;
	char		    title[TITLE_OCTETS];
	size_t		    title_n;
};

static void
on_signed(void *arg, struct chan_answer *a)
{
	struct sign_line *line = arg;

	line->asked = false;
	line->given = a->status == OK;
	metric_add(METRIC_SIGNATURES, a->status == OK ? METRIC_SIGNED : METRIC_NOT_SIGNED, 1);
	/* The worker may answer for its message; the connection to keyd is not its business. */
	chan_reply(line->server, &line->req, a->status == OK || a->status == ERR_NOENT ? a->status :
	    ERR_UNAVAIL, a->msg, NULL, 0);
}

static void
serve_SIGN_CMS(void *service, struct chan_req *req, const void *msg)
{
	const struct sign_cms_request *q = msg;
	struct sign_line *line = service;
	int err = line->allowed || control_off("sign-line") ? OK : ERR_FORBIDDEN;

	if (err == OK && (line->asked || q->signer.n > TITLE_OCTETS))
		err = ERR_FORBIDDEN;
	if (err == OK && line->keyd == NULL)
		err = ERR_NOENT;
	if (err == ERR_FORBIDDEN)
		log_event(EV_FRAME_REFUSED, F_CSTR("what", "signature"), F_ERR(err), F_END);
	if (err != OK) {
		chan_reply(line->server, req, err, NULL, NULL, 0);
		return;
	}
	line->allowed = false;
	line->asked = true;
	line->req = *req;
	line->title_n = q->signer.n;
	memcpy(line->title, q->signer.p, q->signer.n);
	chan_call(line->keyd, SIGN_CMS, q, NULL, 0, SIGN_LINE_MS, on_signed, line, &line->call);
}

int
sign_line_new(struct loop *loop, struct chan_client *keyd, int fd, struct sign_line **out)
{
	static const struct chan_row rows[] = { { SIGN_CMS, "sign-cms", ROLE_POLICYD, 0,
		&sign_cms_request_wire, &sign_cms_reply_wire, serve_SIGN_CMS } };
	struct sign_line *line = calloc(1, sizeof *line);
	int err = line == NULL ? ERR_NOMEM :
	    chan_server_new(loop, rows, ARRAY_LEN(rows), line, &line->server);

	*out = line;
	if (err != OK) {
		close(fd);
		sign_line_free(out);
		return err;
	}
	line->keyd = keyd;
	err = chan_server_adopt(line->server, fd, ROLE_POLICYD);
	if (err != OK) {
		close(fd);
		sign_line_free(out);
	}
	return err;
}

void
sign_line_free(struct sign_line **line)
{
	struct sign_line *l = *line;

	if (l == NULL)
		return;
	if (l->asked)
		chan_cancel(l->keyd, l->call);
	chan_server_free(&l->server);
	free(l);
	*line = NULL;
}

void
sign_line_begin(struct sign_line *line, bool may_sign)
{
	line->allowed = may_sign;
	line->given = false;
	line->title_n = 0;
}

bool
sign_line_end(struct sign_line *line, struct slice title)
{
	line->allowed = false;
	return title.n == 0 || (line->given &&
	    slice_eq(title, (struct slice){ line->title, line->title_n }));
}

const struct chan_row *
sign_line_row(void)
{
	size_t n;

	return sign_rows(&n);	/* SIGN_CMS is the first */
}
