/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/sign_line.h: how a worker of policyd asks for a signature: through its parent.
 *
 * Shape   a second socket for each worker, on which it asks (SIGN_CMS of directory/proto.h) and
 *         waits; the parent asks the process that holds the keys (directory/keyd_sign.h) and passes
 *         the answer on.
 * Safety  a worker looks at mail of anybody, so it is not believed: it gets one signature for a
 *         message that it was given to judge, if that message's asker can use one, and none else.
 */
#ifndef POLICY_SIGN_LINE_H
#define POLICY_SIGN_LINE_H

#include "directory/proto.h"

enum { SIGN_LINE_MS = 10000 };	/* the longest wait for a token */

struct sign_line;

/* Serve a worker's end of a socketpair (taken over, also on error). keyd may be NULL: there is no
 * signer; it must outlive the line. */
int sign_line_new(struct loop *loop, struct chan_client *keyd, int fd, struct sign_line **out)
    MUST_USE;
void sign_line_free(struct sign_line **line);

/* A message is handed to the worker; one signature may be asked for while it is judged. */
void sign_line_begin(struct sign_line *line, bool may_sign);

/* It has been judged. Was a signature of that title given out for it ("": none)? */
bool sign_line_end(struct sign_line *line, struct slice title);

/* Rows for the worker's side. */
const struct chan_row *sign_line_row(void);

#endif
