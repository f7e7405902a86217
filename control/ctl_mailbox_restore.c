/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/memfd.h"
#include "control/ctl_backup.h"
#include "control/ctl_key.h"
#include "control/ctl_mailbox.h"
#include "mailstore/backup_box.h"

enum {
	ITEMS_MAX = 200, BATCH_OCTETS = 16 << 20, FRAMES_MAX = 1 << 30, ASK_TIMEOUT_MS = 120000,
	PAGE = 1000, UNEXPUNGE_MAX = 1000
};

struct restore_mail {
	struct ctl	   *ctl;
	const char	   *user, *mailbox, *from, *into;
	uint64_t	    at, since, until;	/* 0: not given */
	bool		    expunged;
	struct reader_account acct;
	struct st_quota	    quota;
	struct slice	    target;		/* name of the mailbox that it is for */
	uint32_t	    target_id;
	/* results */
	uint64_t	    restored, present, passed_over, damaged;
	int		    fd;			/* to mailstored */
};

/* ---- the line ---- */

static int
parse_line(int argc, char **argv, struct restore_mail *rm)
{
	for (int i = 1; i < argc; i++) {
		const char **text = strcmp(argv[i], "--from") == 0 ? &rm->from :
		    strcmp(argv[i], "--into") == 0 ? &rm->into : NULL;
		uint64_t *time = strcmp(argv[i], "--at") == 0 ? &rm->at :
		    strcmp(argv[i], "--since") == 0 ? &rm->since :
		    strcmp(argv[i], "--until") == 0 ? &rm->until : NULL;

		if (strcmp(argv[i], "--expunged") == 0)
			rm->expunged = true;
		else if (text != NULL && i + 1 < argc)
			*text = argv[++i];
		else if (time != NULL && i + 1 < argc) {
			if (ctl_backup_time(argv[++i], time) != OK || *time == 0)
				return ERR_SYNTAX;
		} else if (strncmp(argv[i], "--", 2) == 0)
			return ERR_SYNTAX;
		else if (rm->user == NULL)
			rm->user = argv[i];
		else if (rm->mailbox == NULL)
			rm->mailbox = argv[i];
		else
			return ERR_SYNTAX;
	}
	return rm->mailbox != NULL && rm->expunged == (rm->from == NULL) &&
	    (rm->expunged ? rm->at == 0 : rm->since == 0 && rm->until == 0) ? OK : ERR_SYNTAX;
}

/* Who it is, what he may keep. A person whom the directory knows no more has no limit. */
static int
find_user(struct restore_mail *rm)
{
	const struct dir_account *said;
	int r = ctl_user_find(rm->ctl, rm->user, &rm->acct);

	if (r == ERR_NOENT)
		ctl_fail("%s: there is no such account in the store", rm->user);
	if (r != OK)
		return r;
	r = ctl_user_ask(rm->ctl, rm->acct.guid, SLICE(""), &said);
	if (r == OK)
		rm->quota = said->quota;
	rm->target = slice_of(rm->into != NULL ? rm->into : rm->mailbox);
	return r == ERR_NOENT ? OK : r;
}

/* ---- asking ---- */

static int
ask(struct restore_mail *rm, uint16_t code, const void *msg, const void **reply_out)
{
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	return ctl_ask(rm->ctl, "store", rows, n, code, msg, reply_out);
}

/* A mailbox that is not there any more is made again. */
static int
make_target(struct restore_mail *rm)
{
	struct st_name_request req = { .account = rm->acct.number, .name = rm->target, .on = 1 };
	const void *reply;
	int r = ask(rm, ST_CREATE, &req, &reply);

	if (r != OK)
		return r;
	rm->target_id = ((const struct st_name_reply *)reply)->mailbox;
	return ask(rm, ST_SUBSCRIBE, &req, &reply);
}

/* ---- what is there already ---- */

struct ids {
	uint8_t (*v)[16];
	size_t	  n;
};

static int
by_id(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static int
read_ids(struct store *s, const struct restore_mail *rm, struct ids *ids)
{
	struct store_record *page = calloc(PAGE, sizeof *page);
	uint32_t from = 1;
	size_t n = PAGE;
	int r = page == NULL ? ERR_NOMEM : OK;

	while (r == OK && n == PAGE) {
		void *v;

		r = store_page(s, rm->acct.number, rm->target_id, from, page, PAGE, &n);
		v = r == OK ? realloc(ids->v, (ids->n + n + 1) * sizeof *ids->v) : NULL;
		if (v == NULL) {
			r = r == OK ? ERR_NOMEM : r;
			break;
		}
		ids->v = v;
		for (size_t i = 0; i < n; i++)
			memcpy(ids->v[ids->n++], page[i].email_id, 16);
		from = n > 0 ? page[n - 1].uid + 1 : from;
	}
	free(page);
	if (r == OK && ids->n > 0)
		qsort(ids->v, ids->n, sizeof *ids->v, by_id);
	return r;
}

static int
look_at_target(struct restore_mail *rm, struct ids *ids)
{
	struct store_mailbox box;
	struct store *s;
	int r = ctl_store_open(rm->ctl, &s);

	if (r != OK)
		return r;
	r = store_mailbox_find(s, rm->acct.number, rm->target, &rm->ctl->arena, &box);
	if (r == OK) {
		rm->target_id = box.id;
		r = read_ids(s, rm, ids);
	}
	store_close(&s);
	if (r != OK && r != ERR_NOENT)
		ctl_fail("%.*s: %s", (int)rm->target.n, rm->target.p, err_text(r));
	return r == ERR_NOENT ? make_target(rm) : r;
}

/* ---- from a backup ---- */

struct batch {
	struct st_restore_item items[ITEMS_MAX];
	struct st_keyword (*keywords)[ST_KEYWORDS_MAX];
	size_t		   n;
	struct buf	   frames;
};

static int
call(struct restore_mail *rm, const struct st_restore_request *req, int fd,
    const struct st_restore_reply **out)
{
	const struct chan_row *row = NULL;
	const void *reply;
	char path[128];
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	int r = chan_path(rm->ctl->conf->general.run_dir, "store", ROLE_CONTROL, path,
	    sizeof path);

	for (size_t i = 0; i < n; i++)
		if (rows[i].code == ST_RESTORE)
			row = &rows[i];
	if (r == OK && rm->fd < 0)
		r = chan_sync_connect(path, ASK_TIMEOUT_MS, &rm->fd);
	if (r == OK)
		r = chan_sync_call(rm->fd, row, req, &fd, 1, ASK_TIMEOUT_MS, &rm->ctl->arena,
		    &reply, NULL, NULL);
	if (r == OK)
		*out = reply;
	else
		ctl_fail("store restore: %s", err_text(r));
	return r;
}

static int
send_batch(struct restore_mail *rm, struct batch *b)
{
	struct st_restore_request req = { .account = rm->acct.number, .mailbox = rm->target_id,
		.quota = rm->quota, .items = b->items, .items_n = b->n };
	const struct st_restore_reply *reply;
	uint8_t token[ST_ID_OCTETS];
	int fd, r;

	if (b->n == 0)
		return OK;
	randombytes_buf(token, sizeof token);
	req.token = (struct slice){ (const char *)token, sizeof token };
	r = memfd_of("congvu-restore", buf_slice(&b->frames), &fd);
	if (r != OK)
		return ctl_fail("%s", err_text(r)), r;
	r = call(rm, &req, fd, &reply);
	close(fd);
	if (r == OK) {
		rm->restored += reply->restored;
		rm->passed_over += reply->passed_over;
	}
	b->n = 0;
	buf_clear(&b->frames);
	return r;
}

static void
fill_item(struct batch *b, const struct backup_box *box, const struct backup_mail *m,
    size_t frame_octets)
{
	const struct store_record *rec = &m->rec;
	struct st_keyword *kw = b->keywords[b->n];
	struct st_restore_item *it = &b->items[b->n++];

	*it = (struct st_restore_item){ .blob = rec->blob, .size_octets = rec->size_octets,
		.frame_octets = (uint32_t)frame_octets, .keyset = rec->keyset,
		.epoch_public = { (const char *)m->epoch_public, 32 },
		.keyset_public = { (const char *)m->keyset_public, 32 },
		.wrapped_key = { (const char *)rec->wrapped_key, sizeof rec->wrapped_key },
		.email_id = { (const char *)rec->email_id, sizeof rec->email_id },
		.thread_id = { (const char *)rec->thread_id, sizeof rec->thread_id },
		.internal_date_s = (uint64_t)rec->internal_date_s,
		.save_date_s = (uint64_t)rec->save_date_s, .flags = rec->flags,
		.level = rec->level, .sig = rec->sig, .keywords = kw };
	for (size_t i = 0; i < box->box.keywords_n; i++)
		if ((rec->keywords >> i & 1) != 0)
			kw[it->keywords_n++].name = record_box_keyword(&box->box, i);
}

static int
restore_one(struct restore_mail *rm, struct backup *b, const struct backup_manifest *m,
    const struct backup_box *box, const struct backup_mail *mail, struct batch *batch)
{
	size_t before = batch->frames.n;
	int r = backup_box_frame(b, m, mail, &batch->frames);

	if (r == ERR_CORRUPT || r == ERR_NOENT) {
		rm->damaged++;
		return ctl_fail("uid %u: damaged in the backup", mail->rec.uid), OK;
	}
	if (r != OK)
		return ctl_fail("uid %u: %s", mail->rec.uid, err_text(r)), r;
	fill_item(batch, box, mail, batch->frames.n - before);
	return batch->n == ITEMS_MAX || batch->frames.n >= BATCH_OCTETS ?
	    send_batch(rm, batch) : OK;
}

static int
restore_all(struct restore_mail *rm, struct backup *b, const struct backup_manifest *m,
    const struct backup_box *box, const struct ids *ids)
{
	struct batch *batch = calloc(1, sizeof *batch);
	int r = OK;

	if (batch == NULL || (batch->keywords = calloc(ITEMS_MAX, sizeof *batch->keywords)) == NULL)
		r = ERR_NOMEM;
	else
		buf_init(&batch->frames, FRAMES_MAX);
	for (size_t i = 0; i < box->n && r == OK; i++) {
		const struct backup_mail *mail = &box->mail[i];

		if (ids->n > 0 &&
		    bsearch(mail->rec.email_id, ids->v, ids->n, sizeof *ids->v, by_id) != NULL)
			rm->present++;
		else
			r = restore_one(rm, b, m, box, mail, batch);
	}
	if (r == OK)
		r = send_batch(rm, batch);
	if (batch != NULL) {
		buf_fini(&batch->frames);
		free(batch->keywords);
	}
	free(batch);
	return r;
}

static int
note(struct restore_mail *rm, const char *what)
{
	char detail[400];

	snprintf(detail, sizeof detail, "act=mailbox-restore %s mailbox=%u", what, rm->target_id);
	return ctl_audit(rm->ctl, "restore", rm->acct.address, detail);
}

static int
from_snapshot(struct restore_mail *rm, struct backup *b, const struct backup_manifest *m)
{
	struct ids ids = { NULL, 0 };
	struct backup_box box;
	char what[64];
	int r = backup_box(b, m, rm->acct.guid, slice_of(rm->mailbox), &box);

	if (r == ERR_NOENT)
		buf_addf(b->why, "%s: there is no such mailbox in the snapshot %s\n", rm->mailbox,
		    ctl_backup_name(rm->ctl, m->time_s));
	else if (r == ERR_SYNTAX || r == ERR_INVAL || r == ERR_LIMIT)
		ctl_fail("%s: is no name of a mailbox", rm->mailbox);
	else if (r != OK && b->why->n == 0)
		ctl_fail("%s: %s", rm->from, err_text(r));
	if (r != OK)
		return r;
	r = look_at_target(rm, &ids);
	snprintf(what, sizeof what, "snapshot=%s", ctl_backup_name(rm->ctl, m->time_s));
	if (r == OK)
		r = note(rm, what);
	if (r == OK)
		r = restore_all(rm, b, m, &box, &ids);
	free(ids.v);
	backup_box_free(&box);
	return r;
}

static int
from_backup(struct restore_mail *rm)
{
	struct backup_manifest m;
	struct backup b;
	struct buf why;
	int r;

	buf_init(&why, CTL_WHY_MAX);
	r = backup_open(rm->from, false, &why, &b);
	if (r == OK) {
		r = backup_find(&b, rm->at == 0 ? UINT64_MAX : rm->at, &m);
		if (r == OK) {
			r = from_snapshot(rm, &b, &m);
			backup_manifest_free(&m);
		}
		backup_close(&b);
	}
	if (why.n > 0)
		ctl_backup_why(&why);
	buf_fini(&why);
	return r;
}

/* ---- what was expunged ---- */

static int
find_mailbox(struct restore_mail *rm, uint32_t *mailbox_out)
{
	const struct conf *c = rm->ctl->conf;
	int r = reader_mailbox(c->general.state_dir, c->store.map_octets, rm->acct.number,
	    slice_of(rm->mailbox), mailbox_out);

	if (r != OK)
		ctl_fail("%s: %s", rm->mailbox, r == ERR_NOENT ? "there is no such mailbox, nor "
		    "was one deleted of late" : err_text(r));
	return r;
}

static int
from_expunged(struct restore_mail *rm)
{
	struct st_audit audit = { .event = SLICE("restore"), .account = rm->acct.address };
	struct st_unexpunge_request req = { .account = rm->acct.number, .from_s = rm->since,
		.to_s = rm->until, .max = UNEXPUNGE_MAX, .audit = &audit, .audit_n = 1 };
	const struct st_unexpunge_reply *reply = NULL;
	const void *answer;
	char detail[100];
	int r = find_mailbox(rm, &req.mailbox);

	snprintf(detail, sizeof detail, "act=unexpunge by-uid=%u mailbox=%u", (unsigned)getuid(),
	    req.mailbox);
	audit.detail = slice_of(detail);
	if (rm->into != NULL)
		req.name = rm->target;
	while (r == OK && (reply == NULL || reply->more)) {
		r = ask(rm, ST_UNEXPUNGE, &req, &answer);
		if (r != OK)
			break;
		reply = answer;
		rm->restored += reply->restored;
		req.from_s = reply->next_s;
		req.audit_n = 0;	/* once is enough */
	}
	return r;
}

static void
tell(const struct restore_mail *rm)
{
	if (rm->ctl->json)
		ctl_print_json(json_pack("{s:b,s:I,s:I,s:I,s:I}", "ok",
		    rm->damaged + rm->passed_over == 0, "restored", (json_int_t)rm->restored,
		    "present", (json_int_t)rm->present, "passed-over",
		    (json_int_t)rm->passed_over, "damaged", (json_int_t)rm->damaged));
	else
		printf("%llu messages restored, %llu were there, %llu cannot be read in this "
		    "store, %llu are damaged in the backup\n", (unsigned long long)rm->restored,
		    (unsigned long long)rm->present, (unsigned long long)rm->passed_over,
		    (unsigned long long)rm->damaged);
}

int
ctl_mailbox_restore(struct ctl *ctl, int argc, char **argv)
{
	struct restore_mail rm = { .ctl = ctl, .fd = -1 };
	int r;

	if (parse_line(argc, argv, &rm) != OK)
		return ctl_usage(ctl);
	r = find_user(&rm);
	if (r == OK)
		r = rm.expunged ? from_expunged(&rm) : from_backup(&rm);
	if (rm.fd >= 0)
		close(rm.fd);
	if (r == OK || rm.restored > 0)
		tell(&rm);
	return r != OK ? CTL_USAGE : rm.damaged + rm.passed_over > 0 ? CTL_NOT_IN_ORDER : CTL_OK;
}
