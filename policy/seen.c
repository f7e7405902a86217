/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/seen.h"

#include <stdlib.h>
#include <string.h>

#include "policy/smime/smime.h"

struct entry {
	unsigned char sha256[32];
	uint64_t      met;	/* counts up; 0: free */
	char	     *der;
	size_t	      octets;
};

struct seen {
	struct entry entries[SEEN_MAX];
	size_t	     octets;
	uint64_t     meetings;
};

struct seen *
seen_new(void)
{
	return calloc(1, sizeof(struct seen));
}

static void
forget(struct seen *s, struct entry *e)
{
	s->octets -= e->octets;
	free(e->der);
	*e = (struct entry){ 0 };
}

void
seen_free(struct seen **seen)
{
	struct seen *s = *seen;

	for (size_t i = 0; s != NULL && i < SEEN_MAX; i++)
		free(s->entries[i].der);
	free(s);
	*seen = NULL;
}

static struct entry *
find(struct seen *s, const unsigned char sha256[32])
{
	for (size_t i = 0; i < SEEN_MAX; i++)
		if (s->entries[i].met != 0 && memcmp(s->entries[i].sha256, sha256, 32) == 0)
			return &s->entries[i];
	return NULL;
}

/* A free place with so many octets left, after as many have gone as need be. */
static struct entry *
make_room(struct seen *s, size_t octets)
{
	for (;;) {
		struct entry *oldest = NULL, *free_one = NULL;

		for (size_t i = 0; i < SEEN_MAX; i++) {
			struct entry *e = &s->entries[i];

			if (e->met == 0)
				free_one = e;
			else if (oldest == NULL || e->met < oldest->met)
				oldest = e;
		}
		if (free_one != NULL && s->octets + octets <= SEEN_OCTETS_MAX)
			return free_one;
		forget(s, oldest);
	}
}

static void
add(struct seen *s, struct slice der)
{
	unsigned char sha256[32];
	struct entry *e;

	if (der.n == 0 || smime_sha256(der, sha256) != OK)
		return;
	e = find(s, sha256);
	if (e == NULL) {
		e = make_room(s, der.n);
		e->der = malloc(der.n);
		if (e->der == NULL)
			return;
		memcpy(e->der, der.p, der.n);
		memcpy(e->sha256, sha256, sizeof e->sha256);
		e->octets = der.n;
		s->octets += der.n;
	}
	e->met = ++s->meetings;
}

void
seen_add(struct seen *seen, const struct pol_cert *certs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add(seen, certs[i].der);
}

struct row {
	uint64_t     met;
	struct slice der;
};

static int
newest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->met < y->met ? 1 : x->met > y->met ? -1 : 0;
}

int
seen_list(const struct seen *seen, struct arena *a, struct pol_seen_reply *out)
{
	struct row *rows = arena_array(a, SEEN_MAX, sizeof *rows);
	size_t n = 0;

	*out = (struct pol_seen_reply){ .certs = arena_array(a, SEEN_MAX, sizeof *out->certs) };
	if (rows == NULL || out->certs == NULL)
		return a->err;
	for (size_t i = 0; i < SEEN_MAX; i++)
		if (seen->entries[i].met != 0)
			rows[n++] = (struct row){ seen->entries[i].met,
				{ seen->entries[i].der, seen->entries[i].octets } };
	qsort(rows, n, sizeof *rows, newest_first);
	for (size_t i = 0; i < n; i++)
		out->certs[i].der = rows[i].der;
	out->certs_n = n;
	return OK;
}
