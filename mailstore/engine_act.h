/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/engine_act.h: the acts of mailstore/ms.h as jobs of the engine.
 *
 * Shape   engine_act_init makes a call a job; the engine's commit takes it through its steps, sets
 *         call->status and the reply, and hands it back by done.
 */
#ifndef MAILSTORE_ENGINE_ACT_H
#define MAILSTORE_ENGINE_ACT_H

#include "mailstore/engine.h"
#include "mailstore/ms.h"

struct engine_act {
	struct engine_job ej;		/* first: the engine hands it back */
	struct ms_call	 *call;
	void		(*done)(struct engine *e, struct engine_act *act);
	struct box_scope  scope;
	struct box_quota  quota;	/* of scope */
	bool		  prepared;	/* its body was sealed ahead (sched.h) */
	bool		  control_ran;	/* an audit record was written */
	union {
		struct engine_delivery delivery;
		struct engine_append   append;
	} u;
};

/* act and call live until done, which may free them. */
void engine_act_init(struct engine_act *act, struct ms_call *call,
    void (*done)(struct engine *e, struct engine_act *act));

#endif
