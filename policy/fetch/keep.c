/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/control.h"
#include "policy/seen.h"
#include "policy/smime/revoked.h"
#include "policy/trust.h"

#define OCSP_FILE "ocsp"
#define REVOKED_FILE "revoked"

enum { NAME_OCTETS = 64, SCOPE_IN_NAME = 16, DAY_S = 86400, OCSP_DAYS = 7, SERIAL_TAIL = 10 };

/* ---- objects of a blob ---- */

struct object {
	enum smime_object kind;
	struct slice	  der;
};

static bool
next_object(struct rd *rd, struct object *out)
{
	if (rd->s.n == 0)
		return false;
	out->kind = (enum smime_object)rd_u8(rd);
	out->der = rd_bytes(rd, rd_u32(rd));
	return rd->err == OK;
}

/* The only object in what was fetched, which must be of that kind. */
static int
only_object(struct slice content, enum smime_object kind, struct buf *blob, struct slice *out)
{
	struct object o;
	struct rd rd;
	int r = trust_parse_file(content, SMIME_CRL, blob);

	if (r != OK)
		return r;
	rd_init(&rd, buf_slice(blob));
	if (!next_object(&rd, &o) || o.kind != kind || rd.s.n > 0)
		return ERR_SYNTAX;
	*out = o.der;
	return OK;
}

/* ---- what may replace what ---- */

static bool
is_past(const struct keep *k, const struct smime_status *s, int64_t days)
{
	int64_t end_s = s->next_s != 0 ? s->next_s : s->this_s + OCSP_DAYS * DAY_S;

	return end_s + days * DAY_S < k->options.now_s;
}

static int
look(const struct keep *k, const struct job *j, struct slice der, struct smime_status *out)
{
	enum smime_object kind = j->point.ocsp ? SMIME_OCSP : SMIME_CRL;
	int r = smime_status(k->trust, kind, der, &k->options, out);

	if (r != OK)
		return r;
	if (j->point.asked.n > 0 && !smime_point_answers(&j->point, der) &&
	    !control_off("trust-answers"))
		return ERR_INVAL;
	if (!out->genuine && !control_off("trust-genuine"))
		return ERR_CRYPTO;
	return out->this_s > k->options.now_s + SMIME_CLOCK_SLACK_S ? ERR_INVAL : OK;
}

static bool
is_older(const struct smime_status *s, const struct smime_status *than)
{
	return s->this_s < than->this_s && !control_off("trust-newer");
}

static void
name_of(const struct smime_status *s, char out[NAME_OCTETS])
{
	int n = snprintf(out, NAME_OCTETS, "crl-");

	for (size_t i = 0; i < SCOPE_IN_NAME; i++)
		n += snprintf(out + n, (size_t)(NAME_OCTETS - n), "%02x", s->scope[i]);
	snprintf(out + n, (size_t)(NAME_OCTETS - n), ".crl");
}

static int
take_crl(struct keep *k, struct slice der, const struct smime_status *s)
{
	struct smime_status there;
	char name[NAME_OCTETS];
	struct buf old;
	int r;

	name_of(s, name);
	buf_init(&old, TRUST_FILE_MAX);
	r = folder_read(&k->folder, name, &old);
	if (r == ERR_NOENT)
		r = k->crls_n < KEEP_CRLS_MAX ? 1 : ERR_LIMIT;
	else if (r == OK && slice_eq(buf_slice(&old), der))
		r = 0;
	/* A file that was damaged makes room for one that is not. */
	else if (r == OK && smime_status(k->trust, SMIME_CRL, buf_slice(&old), &k->options,
	    &there) == OK && is_older(s, &there))
		r = ERR_EXIST;
	else if (r == OK)
		r = 1;
	k->crls_n += r == 1 && old.n == 0;
	buf_fini(&old);
	if (r == 1) {
		int w = folder_write(&k->folder, name, der);

		r = w != OK ? w : 1;
	}
	return r;
}

static struct keep_response *
response_of(struct keep *k, const unsigned char scope[32])
{
	for (size_t i = 0; i < k->responses_n; i++)
		if (memcmp(k->responses[i].status.scope, scope, 32) == 0)
			return &k->responses[i];
	return NULL;
}

static int
take_response(struct keep *k, struct slice der, const struct smime_status *s)
{
	struct keep_response *there = response_of(k, s->scope);

	if (there != NULL && slice_eq(buf_slice(&there->der), der))
		return 0;
	if (there != NULL && is_older(s, &there->status))
		return ERR_EXIST;
	if (there == NULL) {
		if (k->responses_n == KEEP_OCSP_MAX)
			return ERR_LIMIT;
		there = &k->responses[k->responses_n++];
		buf_init(&there->der, TRUST_FILE_MAX);
	}
	there->status = *s;
	buf_clear(&there->der);
	buf_add(&there->der, der);
	k->responses_changed = true;
	return there->der.err != OK ? there->der.err : 1;
}

int
keep_take(struct keep *k, const struct job *j, struct slice content)
{
	struct smime_status s;
	struct slice der;
	struct buf blob;
	int r;

	buf_init(&blob, 2 * TRUST_FILE_MAX);
	r = only_object(content, j->point.ocsp ? SMIME_OCSP : SMIME_CRL, &blob, &der);
	if (r == OK)
		r = look(k, j, der, &s);
	if (r == OK)
		r = j->point.ocsp ? take_response(k, der, &s) : take_crl(k, der, &s);
	buf_fini(&blob);
	return r;
}

/* Everybody whom policyd can have met may have a response; else each run would count as failed. */
_Static_assert((int)KEEP_OCSP_MAX >= (int)SEEN_MAX, "a response for everybody");

/* Our requests end with the serial number asked about, which every answer holds: parsing each
 * response for each request would take minutes. */
static bool
may_answer(const struct job *j, const struct buf *response)
{
	struct slice asked = j->point.asked;
	size_t n = asked.n < SERIAL_TAIL ? asked.n : SERIAL_TAIL;

	return slice_find(buf_slice(response), slice_from(asked, asked.n - n)) >= 0;
}

bool
keep_is_fresh(const struct keep *k, const struct job *j)
{
	for (size_t i = 0; i < k->responses_n; i++) {
		const struct smime_status *s = &k->responses[i].status;

		if (s->next_s != 0 && k->options.now_s < s->this_s + (s->next_s - s->this_s) / 2 &&
		    s->genuine && may_answer(j, &k->responses[i].der) &&
		    smime_point_answers(&j->point, buf_slice(&k->responses[i].der)))
			return true;
	}
	return false;
}

/* ---- begin ---- */

static int
load_responses(struct keep *k)
{
	struct buf octets, blob;
	struct object o;
	struct rd rd;
	int r;

	buf_init(&octets, TRUST_FILE_MAX);
	buf_init(&blob, 2 * TRUST_FILE_MAX);
	r = folder_read(&k->folder, OCSP_FILE, &octets);
	/* A damaged file is written anew, with what is fetched now. */
	if (r == OK)
		(void)!trust_parse_file(buf_slice(&octets), SMIME_CRL, &blob);
	rd_init(&rd, buf_slice(&blob));
	while (k->responses_n < KEEP_OCSP_MAX && next_object(&rd, &o)) {
		struct keep_response *one = &k->responses[k->responses_n];

		if (o.kind != SMIME_OCSP || smime_status(k->trust, SMIME_OCSP, o.der, &k->options,
		    &one->status) != OK || is_past(k, &one->status, KEEP_DAYS))
			continue;
		buf_init(&one->der, TRUST_FILE_MAX);
		buf_add(&one->der, o.der);
		k->responses_n++;
	}
	buf_fini(&octets);
	buf_fini(&blob);
	return r == ERR_NOENT ? OK : r;
}

static int
count_crl(void *arg, const char *name)
{
	struct keep *k = arg;

	k->crls_n += strncmp(name, "crl-", 4) == 0;
	return OK;
}

int
keep_init(struct keep *k, const struct folder *folder, struct slice base,
    const struct smime_options *options)
{
	int r;

	*k = (struct keep){ .folder = *folder, .base = base, .options = *options };
	k->responses = calloc(KEEP_OCSP_MAX, sizeof *k->responses);
	if (k->responses == NULL)
		return ERR_NOMEM;
	r = smime_trust_new(base, &k->trust);
	if (r == OK)
		r = folder_each(&k->folder, count_crl, k);
	return r == OK ? load_responses(k) : r;
}

void
keep_fini(struct keep *k)
{
	for (size_t i = 0; i < k->responses_n; i++)
		buf_fini(&k->responses[i].der);
	free(k->responses);
	smime_trust_free(&k->trust);
	folder_close(&k->folder);
}

/* ---- end ---- */

static int
write_responses(struct keep *k)
{
	struct buf out;
	int r;

	if (!k->responses_changed)
		return OK;
	buf_init(&out, TRUST_FILE_MAX);
	for (size_t i = 0; i < k->responses_n; i++)
		buf_add(&out, buf_slice(&k->responses[i].der));
	r = out.err != OK ? out.err : folder_write(&k->folder, OCSP_FILE, buf_slice(&out));
	buf_fini(&out);
	return r;
}

struct all {
	struct keep *keep;
	struct buf   blob;
};

/* What policyd could not read either does not count; but what was once revoked must be read, or
 * it would be forgotten. */
static int
add_file(void *arg, const char *name)
{
	struct all *all = arg;
	struct buf octets, blob;
	int r;

	buf_init(&octets, TRUST_FILE_MAX);
	buf_init(&blob, 2 * TRUST_FILE_MAX);
	r = folder_read(&all->keep->folder, name, &octets);
	if (r == OK)
		r = trust_parse_file(buf_slice(&octets), SMIME_CRL, &blob);
	if (r == OK)
		buf_add(&all->blob, buf_slice(&blob));
	buf_fini(&octets);
	buf_fini(&blob);
	return strcmp(name, REVOKED_FILE) == 0 ? r : OK;
}

static int
write_revoked(struct keep *k, struct revoked_list *list, size_t *grown_out)
{
	struct buf text, old;
	size_t before = 0;
	int r;

	buf_init(&text, TRUST_FILE_MAX);
	buf_init(&old, TRUST_FILE_MAX);
	revoked_settle(list);
	r = folder_read(&k->folder, REVOKED_FILE, &old);
	if (r == ERR_NOENT)
		r = OK;
	if (r == OK)
		r = revoked_write(list, &text);
	if (r == OK && !slice_eq(buf_slice(&old), buf_slice(&text)))
		r = folder_write(&k->folder, REVOKED_FILE, buf_slice(&text));
	for (size_t i = 0; i < old.n; i++)
		before += old.p[i] == '\n';
	/* The first line is the head. */
	before -= before > 0;
	*grown_out = list->count > before ? list->count - before : 0;
	buf_fini(&text);
	buf_fini(&old);
	return r;
}

static int
note_revoked(struct keep *k, size_t *revoked_out, size_t *grown_out)
{
	struct all all = { .keep = k };
	struct smime_trust *trust = NULL;
	struct revoked_list list;
	int r;

	revoked_init(&list);
	buf_init(&all.blob, TRUST_BLOB_MAX);
	buf_add(&all.blob, k->base);
	r = folder_each(&k->folder, add_file, &all);
	if (r == OK)
		r = all.blob.err;
	if (r == OK)
		r = smime_trust_new(buf_slice(&all.blob), &trust);
	if (r == OK)
		r = smime_trust_revoked(trust, &k->options, &list);
	if (r == OK)
		r = write_revoked(k, &list, grown_out);
	*revoked_out = list.count;
	smime_trust_free(&trust);
	buf_fini(&all.blob);
	revoked_fini(&list);
	return r;
}

/* Whom it acquitted it acquits no more, and whom it convicted has been noted. */
static int
drop_if_past(void *arg, const char *name)
{
	struct keep *k = arg;
	struct smime_status s;
	struct buf octets;
	int r = OK;

	if (strncmp(name, "crl-", 4) != 0)
		return OK;
	buf_init(&octets, TRUST_FILE_MAX);
	if (folder_read(&k->folder, name, &octets) == OK && smime_status(k->trust, SMIME_CRL,
	    buf_slice(&octets), &k->options, &s) == OK && is_past(k, &s, KEEP_DAYS))
		r = folder_remove(&k->folder, name);
	buf_fini(&octets);
	return r;
}

int
keep_finish(struct keep *k, size_t *revoked_out, size_t *grown_out)
{
	int r = write_responses(k);

	*revoked_out = *grown_out = 0;
	if (r == OK)
		r = note_revoked(k, revoked_out, grown_out);
	return r == OK ? folder_each(&k->folder, drop_if_past, k) : r;
}
