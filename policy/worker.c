/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/memfd.h"
#include "common/metric.h"
#include "common/sandbox.h"
#include "policy/fault.h"
#include "policy/judge.h"
#include "policy/smime/points.h"
#include "policy/sign_line.h"
#include "policy/trust.h"

enum { SOCKET_FD = 3, SIGN_FD = 4, ROOM_FOR_TRACE = 1 << 20, SEEN_CERT_MAX = 16384 };

struct worker {
	struct chan_server *server;
	const struct conf  *conf;
	struct judge_env    env;
};

static uint64_t
now_ms(void *arg)
{
	(void)arg;
	return clock_ms();
}

/* ---- trust ---- */

static int
take_trust(struct worker *w, int fd)
{
	struct smime_trust *trust = NULL;
	struct slice blob;
	int r = memfd_map(fd, TRUST_BLOB_MAX, &blob);

	if (r != OK)
		return r;
	r = smime_trust_new(blob, &trust);
	memfd_unmap(&blob);
	if (r != OK)
		return r;
	smime_trust_free(&w->env.trust);
	w->env.trust = trust;
	return OK;
}

static uint64_t
moment(int64_t s)
{
	return s > 0 ? (uint64_t)s : 0;
}

static void
serve_WORK_TRUST(void *service, struct chan_req *req, const void *msg)
{
	struct worker *w = service;
	struct work_trust_reply reply = { .sandboxed = sandbox_landlock_abi() > 0 &&
	    !control_off("sandbox") };
	struct smime_trust_info info;
	int r = take_trust(w, req->fds[0]);

	(void)msg;
	if (r == OK) {
		smime_trust_info(w->env.trust, &info);
		reply.roots = info.roots;
		reply.crls = info.crls;
		reply.crl_next_update_s = moment(info.crl_next_update_s);
		reply.crl_this_update_s = moment(info.crl_this_update_s);
		reply.root_end_s = moment(info.root_end_s);
	}
	chan_reply(w->server, req, r, &reply, NULL, 0);
}

/* ---- messages ---- */

static void
answer(struct worker *w, struct chan_req *req, struct judge_result *res)
{
	int fd = -1;
	int r = OK;

	if (res->summary.n > 0)
		r = memfd_of("congvu-summary", buf_slice(&res->summary), &fd);
	chan_reply(w->server, req, r, &res->reply, &fd, fd >= 0 ? 1 : 0);
	if (fd >= 0)
		close(fd);
}

/* Name the certificates that this message made us look at, for congvu-trust. */
static void
tell_seen(struct worker *w, struct arena *a, struct pol_judge_reply *reply)
{
	struct slice *ders = arena_array(a, POINTS_SEEN_MAX, sizeof *ders);

	reply->seen = arena_array(a, POINTS_SEEN_MAX, sizeof *reply->seen);
	if (ders == NULL || reply->seen == NULL || w->env.trust == NULL ||
	    smime_seen_take(w->env.trust, a, POINTS_SEEN_MAX, ders, &reply->seen_n) != OK)
		reply->seen_n = 0;
	for (size_t i = 0; i < reply->seen_n; i++)
		/* One that is too large for the frame is nobody's of ours. */
		reply->seen[i].der = ders[i].n <= SEEN_CERT_MAX ? ders[i] : (struct slice){ "", 0 };
}

/* Ask the parent, and wait: the message goes nowhere without. */
static int
ask_signature(void *arg, struct slice title, const unsigned char sha256[32], struct arena *a,
    struct slice *cms_out, struct slice *subject_out)
{
	const struct sign_cms_request q = { title, { (const char *)sha256, 32 } };
	const void *reply = NULL;
	int r = chan_sync_call(SIGN_FD, sign_line_row(), &q, NULL, 0, SIGN_LINE_MS + 1000, a, &reply,
	    NULL, NULL);

	(void)arg;
	if (r != OK)
		return r;
	*cms_out = ((const struct sign_cms_reply *)reply)->cms;
	*subject_out = ((const struct sign_cms_reply *)reply)->subject;
	return OK;
}

static int
judge_mapped(struct worker *w, struct chan_req *req, const struct pol_judge_request *msg,
    struct slice message)
{
	struct judge_result res;
	struct arena a;
	int r;

	w->env.smime.now_s = clock_real_s();
	w->env.classify.deadline_ms = clock_ms() + w->conf->limits.policy_ms / 4 * 3;
	arena_init(&a, judge_arena_octets(message.n));
	r = judge(message, msg, &w->env, &a, &res);
	if (r == OK) {
		if (res.sign_error != NULL)
			log_event(EV_SIGNER_FAILED, F_CSTR("signer", res.sign_as),
			    F_CSTR("reason", res.sign_error), F_CSTR("detail", res.sign_detail),
			    F_END);
		tell_seen(w, &a, &res.reply);
		answer(w, req, &res);
		judge_fini(&res);
	}
	arena_clear(&a);
	return r;
}

static void
serve_WORK_JUDGE(void *service, struct chan_req *req, const void *msg)
{
	struct worker *w = service;
	struct slice message;
	int r = memfd_map(req->fds[0], w->conf->limits.message_octets + ROOM_FOR_TRACE, &message);

	if (r == OK) {
		fault_act(message, SOCKET_FD, w->server, req);
		r = judge_mapped(w, req, msg, message);
		memfd_unmap(&message);
	}
	/* ERR_FRAME is kept for a worker that cannot be believed. */
	if (r != OK)
		chan_reply(w->server, req, r == ERR_FRAME ? ERR_INVAL : r, NULL, NULL, 0);
}

const struct chan_row *
work_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { WORK_ROWS(CHAN_SERVER_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}

/* ---- the process ---- */

static int
set_up(struct worker *w, struct loop **loop_out)
{
	const struct conf *c = w->conf;
	size_t n;
	const struct chan_row *rows = work_rows(&n);
	int r = rules_init(&w->env.rules, c);

	w->env.conf = c;
	w->env.authserv_id = slice_of(c->general.authserv_id);
	w->env.smime.revocation_grace_s = c->signature.revocation_grace_s;
	w->env.smime.purpose = (enum smime_purpose)c->signature.purpose;
	classify_options_init(&w->env.classify);
	w->env.classify.open_signed = smime_open_signed;
	w->env.classify.now_ms = now_ms;
	w->env.sign = ask_signature;
	w->env.classify.limits.ocr = c->limits.ocr;
	w->env.classify.limits.ocr_ms = (unsigned)c->limits.ocr_ms;
	if (r == OK)
		r = loop_new(loop_out);
	if (r == OK)
		r = chan_server_new(*loop_out, rows, n, w, &w->server);
	if (r != OK)
		return r;
	chan_server_on_gone(w->server, chan_exit_on_gone);
	return chan_server_adopt(w->server, SOCKET_FD, ROLE_POLICYD);
}

/* Keep the socket and the standard descriptors, and forget how the parent handles signals. */
static void
become_worker(int fd, int sign_fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_IGN);	/* a Ctrl-C is for the parent */
	signal(SIGPIPE, SIG_IGN);
	/* Neither number may be in the way of the other. */
	if ((sign_fd = fcntl(sign_fd, F_DUPFD, SIGN_FD + 1)) < 0 || dup2(fd, SOCKET_FD) < 0 ||
	    dup2(sign_fd, SIGN_FD) < 0)
		_exit(1);
	close_range(SIGN_FD + 1, ~0U, 0);
	log_init("policyd-worker");
	metric_leave();
}

_Noreturn void
worker_main(int fd, int sign_fd, const struct conf *conf)
{
	struct worker w = { .conf = conf };
	struct sandbox_paths nothing = { 0 };
	struct loop *loop = NULL;

	become_worker(fd, sign_fd);
	if (set_up(&w, &loop) != OK)
		_exit(1);
	if (sandbox_enter(SANDBOX_POLICY_WORKER, &nothing) != OK)
		_exit(WORKER_EXIT_SANDBOX);
	_exit(loop_run(loop) == OK ? 0 : 1);
}
