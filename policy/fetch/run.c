/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/run.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memfd.h"
#include "policy/fetch/ask.h"
#include "policy/fetch/keep.h"
#include "policy/fetch/state.h"
#include "policy/trust.h"

enum { DAY_S = 86400, URL_DAYS = 90 };

struct run {
	const struct run_input *in;
	struct smime_options	options;
	struct buf		base;	/* blob: roots, intermediates, certificates met */
	struct buf		state_text;
	struct state		state;
	struct jobs		jobs;
	struct keep		keep;
	size_t			fetched;	/* that were new */
};

/* ---- what is there ---- */

/* Certificates met may be intermediates that no file holds; each is verified before it counts. */
static int
load_base(struct run *run)
{
	const struct conf_signature *c = &run->in->conf->signature;
	struct trust_paths paths = { c->roots, c->intermediates, NULL };
	struct trust *trust = NULL;
	int r = trust_load(&paths, &trust);

	if (r != OK)
		return r;
	buf_init(&run->base, TRUST_BLOB_MAX);
	buf_add(&run->base, trust_blob(trust));
	trust_free(&trust);
	for (size_t i = 0; i < run->in->seen_n; i++)
		/* What is no certificate adds nothing. */
		(void)!smime_trust_add(&run->base, SMIME_INTERMEDIATE, run->in->seen[i].der);
	return run->base.err;
}

static int
load_state(struct run *run)
{
	int r;

	buf_init(&run->state_text, STATE_OCTETS_MAX);
	r = folder_read(&run->in->folder, STATE_FILE, &run->state_text);
	/* One that is damaged is as good as none. */
	if (r == OK)
		(void)!state_parse(buf_slice(&run->state_text), &run->state);
	return r == ERR_NOENT || r == ERR_LIMIT ? OK : r;
}

/* ---- what is to be asked ---- */

static int
plan(struct run *run)
{
	const struct conf_trust *c = &run->in->conf->trust;
	int r = OK;

	for (size_t i = 0; r == OK && i < c->urls.n; i++)
		r = jobs_add_url(&run->jobs, slice_of(c->urls.v[i]), NULL);
	for (size_t i = 0; r == OK && i < run->state.urls_n; i++)
		r = jobs_add_url(&run->jobs, run->state.urls[i].url, run->state.urls[i].issuer);
	/* The pool of the set holds what was met, too. */
	return r == OK ? smime_points(run->keep.trust, NULL, 0, &run->options, jobs_add_point,
	    &run->jobs) : r;
}

/* ---- asking ---- */

static void
tell(const struct job *j, int r, unsigned status)
{
	enum log_event_id event = r >= 0 ? EV_TRUST_FETCHED :
	    r == ERR_SYNTAX || r == ERR_INVAL || r == ERR_CRYPTO || r == ERR_EXIST ?
	    EV_TRUST_REFUSED : EV_TRUST_FAILED;

	if (r == 0)
		return;
	log_event(event, F_CSTR("kind", j->point.ocsp ? "ocsp" : "crl"), F_STR("url", j->point.url),
	    status != 0 && status != 200 ? F_U64("status", status) : F_ERR(OK),
	    F_ERR(r < 0 ? r : OK), F_END);
}

static void
do_job(struct run *run, struct ask *ask, struct job *j)
{
	struct slice content;
	unsigned status = 0;
	int r;

	if (j->point.ocsp && keep_is_fresh(&run->keep, j)) {
		j->outcome = OK;
		return;
	}
	r = ask_for(ask, j, &content, &status);
	if (r == OK) {
		r = keep_take(&run->keep, j, content);
		memfd_unmap(&content);
	}
	tell(j, r, status);
	run->fetched += r == 1;
	j->outcome = r < 0 ? r : OK;
}

static void
do_jobs(struct run *run)
{
	struct ask ask;

	ask_init(&ask, run->in->fetcher, &run->in->conf->trust);
	for (int ocsp = 0; ocsp <= 1; ocsp++)
		for (size_t i = 0; i < run->jobs.n; i++)
			if (run->jobs.v[i].point.ocsp == (ocsp == 1))
				do_job(run, &ask, &run->jobs.v[i]);
}

/* ---- how it went ---- */

static const struct state_url *
known(const struct state *s, struct slice url)
{
	for (size_t i = 0; i < s->urls_n; i++)
		if (slice_eq(s->urls[i].url, url))
			return &s->urls[i];
	return NULL;
}

/* Addresses of lists stay known for a while after the last certificate that named them. */
static void
note_urls(const struct run *run, struct state *next)
{
	uint64_t now_s = (uint64_t)run->options.now_s;

	for (size_t i = 0; i < run->jobs.n && next->urls_n < STATE_URLS_MAX; i++) {
		const struct job *j = &run->jobs.v[i];
		const struct state_url *old = known(&run->state, j->point.url);

		if (j->point.ocsp || (!j->named && old == NULL) ||
		    (!j->named && old->named_s + URL_DAYS * DAY_S < now_s))
			continue;
		next->urls[next->urls_n] = (struct state_url){ .url = j->point.url,
			.named_s = j->named ? now_s : old->named_s };
		memcpy(next->urls[next->urls_n++].issuer, j->group, sizeof j->group);
	}
}

static int
write_state(struct run *run, size_t failed)
{
	struct state *next = calloc(1, sizeof *next);
	struct buf out;
	int r;

	if (next == NULL)
		return ERR_NOMEM;
	next->ran_s = (uint64_t)run->options.now_s;
	next->complete_s = failed == 0 ? next->ran_s : run->state.complete_s;
	next->fetched = run->fetched;
	next->failed = failed;
	note_urls(run, next);
	buf_init(&out, STATE_OCTETS_MAX);
	r = state_write(next, &out);
	if (r == OK)
		r = folder_write(&run->keep.folder, STATE_FILE, buf_slice(&out));
	buf_fini(&out);
	free(next);
	return r;
}

static int
finish(struct run *run, size_t *failed_out)
{
	size_t revoked, grown;
	int kept = keep_finish(&run->keep, &revoked, &grown);
	int r;

	*failed_out = jobs_failed(&run->jobs) + (kept != OK);
	r = write_state(run, *failed_out);
	log_event(EV_TRUST_DONE, F_U64("objects", run->jobs.n), F_U64("new", run->fetched),
	    F_U64("failed", *failed_out), F_U64("revoked", revoked), F_U64("newly-revoked", grown),
	    F_ERR(kept), F_END);
	return r;
}

int
run_once(const struct run_input *input, size_t *failed_out)
{
	struct run *run = calloc(1, sizeof *run);
	int r = ERR_NOMEM;

	if (run == NULL)
		return r;
	run->in = input;
	run->options = (struct smime_options){ .now_s = clock_real_s(),
		.revocation_grace_s = input->conf->signature.revocation_grace_s,
		.purpose = SMIME_ANY_PURPOSE };
	r = load_base(run);
	if (r == OK)
		r = load_state(run);
	if (r == OK)
		r = jobs_init(&run->jobs, &input->conf->trust);
	if (r == OK) {
		r = keep_init(&run->keep, &input->folder, buf_slice(&run->base), &run->options);
		if (r == OK)
			r = plan(run);
		if (r == OK) {
			do_jobs(run);
			r = finish(run, failed_out);
		}
		keep_fini(&run->keep);
	}
	jobs_fini(&run->jobs);
	buf_fini(&run->state_text);
	buf_fini(&run->base);
	free(run);
	return r;
}
