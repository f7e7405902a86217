/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtp_fakes RUN-DIR OUT-DIR CONF: directory, policy and store in one process for the test of smtpd.
 * They speak the real protocols; what they answer is written in the address or in the message:
 *	nobody@ locked@ full@	unknown, disabled, over quota
 *	all@			a group: ann bob x@out.example
 *	*@tinh.example		a local account; other domains are not ours
 *	password "secret"	signs in as USER@tinh.example
 *	X-Verdict: reject|defer|hang|die|mat	what the policy does; mat: allowed, of level mat
 *	X-Relay: reject|defer	what the policy does at relay time
 *	X-Store: quota|die	what the store does; die: it stores, and ends without an answer
 * Every request is a line in OUT-DIR/log; a stored message is OUT-DIR/ID.eml.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/memfd.h"
#include "directory/proto.h"
#include "mailstore/proto.h"
#include "policy/proto.h"
#include "tests/unit/common/users.h"

struct queued {
	struct queued	     *next;
	struct arena	      mem;
	struct st_queue_entry entry;
	int		      fd;
	bool		      claimed;
};

struct fakes {
	struct loop	   *loop;
	struct chan_server *directory, *policy, *store;
	const char	   *out_dir;
	FILE		   *log;
	struct queued	   *queue;
	struct chan_req	    claim;
	bool		    claim_waits;
};

#define S(s)	(int)(s).n, (s).p

/* ---- directory ---- */

static struct slice
local_of(struct slice address)
{
	struct slice head;

	slice_cut(&address, '@', &head);
	return head;
}

static void
make_account(struct dir_account *a, char guid[16], struct slice uid, struct slice address)
{
	memset(guid, '-', 16);
	memcpy(guid, uid.p, uid.n < 16 ? uid.n : 16);
	*a = (struct dir_account){ .guid = { guid, 16 }, .uid = uid, .address = address,
	    .name = uid,
	    .clearance = LEVEL_MAT, .zones = 3 };
}

static void
serve_DIR_AUTH(void *service, struct chan_req *req, const void *msg)
{
	struct fakes *f = service;
	const struct dir_auth_request *r = msg;
	struct slice rest = r->data, user, password;
	struct dir_auth_reply reply = { .outcome = DIR_AUTH_BAD };
	struct dir_identity identity;
	struct dir_account account;
	char guid[16], address[200];

	slice_cut(&rest, '\0', &user);
	slice_cut(&rest, '\0', &user);
	password = rest;
	fprintf(f->log, "auth %.*s zone=%u binding=%.*s\n", S(user), r->zone, S(r->binding_type));
	if (slice_is(password, "secret") && slice_is(r->mechanism, "PLAIN")) {
		snprintf(address, sizeof address, "%.*s@tinh.example", S(user));
		make_account(&account, guid, user, slice_of(address));
		identity = (struct dir_identity){ .address = slice_of(address) };
		reply = (struct dir_auth_reply){ .outcome = DIR_AUTH_OK, .account = &account,
		    .account_n = 1, .identities = &identity, .identities_n = 1 };
	}
	chan_reply(f->directory, req, OK, &reply, NULL, 0);
}

static void
serve_DIR_RCPT(void *service, struct chan_req *req, const void *msg)
{
	struct fakes *f = service;
	const struct dir_rcpt_request *r = msg;
	struct slice local = local_of(r->address);
	struct dir_account accounts[2];
	struct dir_external external = { .address = SLICE("x@out.example") };
	struct dir_rcpt_reply reply = { .outcome = DIR_RCPT_LOCAL, .accounts = accounts,
	    .accounts_n = 1 };
	char guids[2][16];

	fprintf(f->log, "rcpt %.*s\n", S(r->address));
	make_account(&accounts[0], guids[0], local, r->address);
	if (!slice_ends_nocase(r->address, SLICE("@tinh.example")))
		reply = (struct dir_rcpt_reply){ .outcome = DIR_RCPT_NOT_OURS };
	else if (slice_is(local, "nobody"))
		reply = (struct dir_rcpt_reply){ .outcome = DIR_RCPT_UNKNOWN };
	else if (slice_is(local, "locked"))
		reply = (struct dir_rcpt_reply){ .outcome = DIR_RCPT_DISABLED };
	else if (slice_is(local, "all")) {
		make_account(&accounts[0], guids[0], SLICE("ann"), SLICE("ann@tinh.example"));
		make_account(&accounts[1], guids[1], SLICE("bob"), SLICE("bob@tinh.example"));
		reply = (struct dir_rcpt_reply){ .outcome = DIR_RCPT_GROUP, .group = r->address,
		    .accounts = accounts, .accounts_n = 2, .externals = &external,
		    .externals_n = 1 };
	}
	chan_reply(f->directory, req, OK, &reply, NULL, 0);
}

static void
refuse_request(struct chan_server *s, struct chan_req *req)
{
	chan_reply(s, req, ERR_UNSUPPORTED, NULL, NULL, 0);
}

#define REFUSED(code, server) \
	static void serve_##code(void *service, struct chan_req *req, const void *msg) \
	{ (void)msg; refuse_request(((struct fakes *)service)->server, req); }
REFUSED(DIR_ACCOUNT, directory)
REFUSED(DIR_TEST, directory)
REFUSED(DIR_STATUS, directory)
REFUSED(DIR_MECHANISMS, directory)
REFUSED(DIR_WATCH, directory)
REFUSED(POL_STATUS, policy)
REFUSED(POL_SEEN, policy)
REFUSED(ST_OPEN, store)
REFUSED(ST_CREATE, store)
REFUSED(ST_DELETE, store)
REFUSED(ST_RENAME, store)
REFUSED(ST_SUBSCRIBE, store)
REFUSED(ST_APPEND, store)
REFUSED(ST_IMPORT, store)
REFUSED(ST_RIGHTS, store)
REFUSED(ST_ENTRY, store)
REFUSED(ST_READER_SEEN, store)
REFUSED(ST_FLAGS, store)
REFUSED(ST_EXPUNGE, store)
REFUSED(ST_COPY, store)
REFUSED(ST_SEEN_RECENT, store)
REFUSED(ST_TOLD, store)
REFUSED(ST_INCIDENTS, store)
REFUSED(ST_RENEW, store)
REFUSED(ST_HOLD, store)
REFUSED(ST_UNEXPUNGE, store)
REFUSED(ST_RESTORE, store)
REFUSED(ST_KEYS, store)
REFUSED(ST_KEY_ROTATE, store)
REFUSED(ST_REWRAP, store)
REFUSED(ST_KEY_DROP, store)
REFUSED(ST_SPOOL_ROTATE, store)
REFUSED(ST_MASTER, store)
REFUSED(ST_QUEUE_SHOW, store)
REFUSED(ST_RELEASE_ADD, store)
REFUSED(ST_RELEASE_LIST, store)
REFUSED(ST_RELEASE_REVOKE, store)
REFUSED(ST_RELEASE_FIND, store)
REFUSED(ST_QUEUE_LIST, store)
REFUSED(ST_QUEUE_ACT, store)
REFUSED(ST_AUDIT_LIST, store)
REFUSED(ST_AUDIT_VERIFY, store)
REFUSED(ST_STATUS, store)

/* ---- policy ---- */

static bool
says(struct slice message, const char *key, const char *value)
{
	char line[100];

	snprintf(line, sizeof line, "%s: %s\r\n", key, value);
	return slice_find(message, slice_of(line)) >= 0;
}

static void
log_judge(struct fakes *f, const struct pol_judge_request *r)
{
	fprintf(f->log, "judge %s arrival=%s account=%.*s from=<%.*s> to=", path_name(r->path),
	    zone_name(r->arrival_zone), S(r->account), S(r->mail_from));
	for (size_t i = 0; i < r->recipients_n; i++)
		fprintf(f->log, "%s%.*s/%s", i > 0 ? "," : "", S(r->recipients[i].address),
		    zone_name(r->recipients[i].exit_zone));
	fprintf(f->log, "\n");
}

static unsigned
verdict_of(struct slice message, const char *key)
{
	return says(message, key, "reject") ? VERDICT_REJECT :
	    says(message, key, "defer") ? VERDICT_DEFER : VERDICT_ALLOW;
}

static void
serve_POL_JUDGE(void *service, struct chan_req *req, const void *msg)
{
	struct fakes *f = service;
	const struct pol_judge_request *r = msg;
	struct pol_judge_reply reply = { .enhanced = SLICE("5.7.1"), .rule = SLICE("test-rule"),
	    .reason_vi = SLICE("khong duoc phep"), .reason_en = SLICE("not permitted"),
	    .sha256 = SLICE("01234567890123456789012345678901") };
	struct pol_rcpt_verdict *v = arena_array(req->arena, r->recipients_n, sizeof *v);
	struct slice message;
	char trace[8000];
	int summary = -1;

	log_judge(f, r);
	if (v == NULL || memfd_map(req->fds[0], SIZE_MAX, &message) != OK)
		abort();
	reply.verdict = (uint8_t)verdict_of(message, r->path == PATH_RELAY ? "X-Relay" :
	    "X-Verdict");
	if (says(message, "X-Verdict", "mat"))
		reply.level = LEVEL_MAT;
	if (says(message, "X-Verdict", "die"))
		_exit(3);
	for (size_t i = 0; i < r->recipients_n; i++)
		v[i] = (struct pol_rcpt_verdict){ .verdict = reply.verdict, .rule = reply.rule };
	reply.recipients = v;
	reply.recipients_n = r->recipients_n;
	snprintf(trace, sizeof trace, "%.*sAuthentication-Results: mx; smime=none\r\n",
	    S(r->trace));
	reply.trace = slice_of(trace);
	if (memfd_of("summary", SLICE("summary"), &summary) != OK)
		abort();
	if (!says(message, "X-Verdict", "hang"))
		chan_reply(f->policy, req, OK, &reply, &summary,
		    r->want_summary && reply.verdict == VERDICT_ALLOW ? 1 : 0);
	close(summary);
	memfd_unmap(&message);
}

/* ---- store ---- */

static void
serve_ST_ROOM(void *service, struct chan_req *req, const void *msg)
{
	struct fakes *f = service;
	const struct st_room_request *r = msg;
	bool full = slice_starts_nocase(r->guid, SLICE("full-"));

	chan_reply(f->store, req, full ? ERR_QUOTA : OK, &(struct st_nothing){ 0 }, NULL, 0);
}

static void
log_audit(struct fakes *f, const struct st_audit *a)
{
	fprintf(f->log, "audit %.*s verdict=%s rule=%.*s level=%s ref=%.*s octets=%llu\n",
	    S(a->event),
	    verdict_name(a->verdict), S(a->rule), level_name(a->level), S(a->reference),
	    (unsigned long long)a->size_octets);
}

static void
serve_ST_AUDIT(void *service, struct chan_req *req, const void *msg)
{
	struct fakes *f = service;
	const struct st_audit_request *r = msg;

	log_audit(f, r->audit);
	chan_reply(f->store, req, OK, &(struct st_nothing){ 0 }, NULL, 0);
}

static void
answer_claim(struct fakes *f)
{
	struct queued *q = f->queue;
	struct st_claim_reply reply = { .entry_n = 1 };

	while (q != NULL && q->claimed)
		q = q->next;
	if (q == NULL || !f->claim_waits)
		return;
	q->claimed = true;
	f->claim_waits = false;
	reply.entry = &q->entry;
	chan_reply(f->store, &f->claim, OK, &reply, &q->fd, 1);
}

static void
enqueue(struct fakes *f, const struct st_deliver_request *r, struct slice message)
{
	struct queued *q = calloc(1, sizeof *q);
	struct st_queue_rcpt *rcpts;

	if (q == NULL)
		abort();
	arena_init(&q->mem, 1 << 20);
	rcpts = arena_array(&q->mem, r->remote_n, sizeof *rcpts);
	if (rcpts == NULL || memfd_of("queued", slice_from(message, r->relay_skip), &q->fd) != OK)
		abort();
	for (size_t i = 0; i < r->remote_n; i++)
		rcpts[i] = (struct st_queue_rcpt){ .index = (uint32_t)i,
		    .address = arena_copy(&q->mem, r->remote[i].address) };
	q->entry = (struct st_queue_entry){ .id = arena_copy(&q->mem, r->id),
	    .mail_from = arena_copy(&q->mem, r->mail_from),
	    .route = arena_copy(&q->mem, r->remote[0].route), .zone = r->remote[0].zone,
	    .arrival_zone = r->arrival_zone, .level = r->level, .utf8 = r->utf8, .body8 = r->body8,
	    .arrived_s = (uint64_t)time(NULL), .recipients = rcpts, .recipients_n = r->remote_n };
	q->next = f->queue;
	f->queue = q;
	answer_claim(f);
}

static void
save(struct fakes *f, struct slice id, struct slice message, bool *had_out)
{
	char path[1000];
	int n = snprintf(path, sizeof path, "%s/", f->out_dir), fd;

	for (size_t i = 0; i < id.n; i++)
		n += snprintf(path + n, sizeof path - (size_t)n, "%02x", (unsigned char)id.p[i]);
	snprintf(path + n, sizeof path - (size_t)n, ".eml");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	*had_out = fd < 0;
	if (fd >= 0 && write(fd, message.p, message.n) != (ssize_t)message.n)
		abort();
	if (fd >= 0)
		close(fd);
}

static void
log_deliver(struct fakes *f, const struct st_deliver_request *r, bool had)
{
	fprintf(f->log, "deliver%s from=<%.*s> arrival=%s level=%s skip=%u local=",
	    had ? " again" : "",
	    S(r->mail_from), zone_name(r->arrival_zone), level_name(r->level), r->relay_skip);
	for (size_t i = 0; i < r->local_n; i++)
		fprintf(f->log, "%s%.*s/%u", i > 0 ? "," : "", S(r->local[i].uid),
		    r->local[i].place);
	fprintf(f->log, " remote=");
	for (size_t i = 0; i < r->remote_n; i++)
		fprintf(f->log, "%s%.*s/%.*s", i > 0 ? "," : "", S(r->remote[i].address),
		    S(r->remote[i].route));
	fprintf(f->log, "\n");
	if (r->audit_n > 0)
		log_audit(f, &r->audit[0]);
}

static void
serve_ST_DELIVER(void *service, struct chan_req *req, const void *msg)
{
	struct fakes *f = service;
	const struct st_deliver_request *r = msg;
	struct slice message, summary;
	bool had;

	if (memfd_map(req->fds[0], SIZE_MAX, &message) != OK ||
	    memfd_map(req->fds[1], SIZE_MAX, &summary) != OK)
		abort();
	if (says(message, "X-Store", "quota")) {
		chan_reply(f->store, req, ERR_QUOTA, NULL, NULL, 0);
	} else {
		save(f, r->id, message, &had);
		log_deliver(f, r, had);
		if (says(message, "X-Store", "die") && !had)
			_exit(3);
		if (r->remote_n > 0 && !had)
			enqueue(f, r, message);
		chan_reply(f->store, req, OK, &(struct st_nothing){ 0 }, NULL, 0);
	}
	memfd_unmap(&message);
	memfd_unmap(&summary);
}

static void
serve_ST_CLAIM(void *service, struct chan_req *req, const void *msg)
{
	struct fakes *f = service;

	(void)msg;
	f->claim = *req;
	f->claim_waits = true;
	answer_claim(f);
}

static void
serve_ST_RESULT(void *service, struct chan_req *req, const void *msg)
{
	static const char *const outcomes[] = { "delivered", "deferred", "failed" };
	struct fakes *f = service;
	const struct st_result_request *r = msg;

	for (size_t i = 0; i < r->results_n; i++)
		fprintf(f->log, "result %.*s %s due=%s text=%.*s\n", S(r->results[i].address),
		    outcomes[r->results[i].outcome], r->due_s > 0 ? "later" : "never",
		    S(r->results[i].text));
	if (r->audit_n > 0)
		log_audit(f, &r->audit[0]);
	chan_reply(f->store, req, OK, &(struct st_nothing){ 0 }, NULL, 0);
}

/* ---- */

static void
listen_on(struct chan_server *s, const char *run_dir, const char *service, unsigned role)
{
	char path[200];

	if (chan_path(run_dir, service, role, path, sizeof path) != OK ||
	    chan_server_listen(s, path, role) != OK)
		exit(1);
}

int
main(int argc, char **argv)
{
	static const struct chan_row dir[] = { DIR_ROWS(CHAN_SERVER_ROW) };
	static const struct chan_row pol[] = { POL_ROWS(CHAN_SERVER_ROW) };
	static const struct chan_row st[] = { ST_ROWS(CHAN_SERVER_ROW) };
	static struct fakes f;
	char log[1000];

	if (argc != 4 || users_load(argv[3]) != OK)
		return 2;
	f.out_dir = argv[2];
	snprintf(log, sizeof log, "%s/log", argv[2]);
	f.log = fopen(log, "a");
	if (f.log == NULL || loop_new(&f.loop) != OK ||
	    chan_server_new(f.loop, dir, ARRAY_LEN(dir), &f, &f.directory) != OK ||
	    chan_server_new(f.loop, pol, ARRAY_LEN(pol), &f, &f.policy) != OK ||
	    chan_server_new(f.loop, st, ARRAY_LEN(st), &f, &f.store) != OK)
		return 1;
	setvbuf(f.log, NULL, _IOLBF, 0);
	listen_on(f.directory, argv[1], "directory", ROLE_SMTPD);
	listen_on(f.policy, argv[1], "policy", ROLE_SMTPD);
	listen_on(f.policy, argv[1], "policy", ROLE_RELAY);
	listen_on(f.store, argv[1], "store", ROLE_SMTPD);
	listen_on(f.store, argv[1], "store", ROLE_RELAY);
	fprintf(f.log, "up\n");
	return loop_run(f.loop) == OK ? 0 : 1;
}
