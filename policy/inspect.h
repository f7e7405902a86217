/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/inspect.h: the content of one part or file, whatever it is, to findings.
 *
 * Shape   octets and what is said of them (type, charset, name) in; the facts of the walk grow.
 *         What the octets are decides; what the label says is looked at besides.
 * Bounds  those of the walk: depth of containers, octets handed out, text of one part, time.
 */
#ifndef POLICY_INSPECT_H
#define POLICY_INSPECT_H

#include "policy/classify.h"
#include "policy/label/scan.h"

struct inspect;
struct inspect_label;

/* A MIME entity (header and body) found inside something; classify.c takes it apart. */
typedef void inspect_entity_fn(struct inspect *w, struct slice entity, struct slice path);

/* One walk over a message. */
struct inspect {
	const struct classify_options *o;
	struct arena	  *a;		/* paths and evidence */
	struct facts	  *f;
	inspect_entity_fn *entity;
	struct scan	   scan;
	struct fold	   fold;	/* scratch of names and labels */
	struct slice	   path;	/* where findings are, now */
	const struct inspect_label *label; /* of the text at hand; NULL: nothing is said of it */
	unsigned	   depth;	/* containers and messages around */
	uint64_t	   out_left;	/* octets that containers may still hand out */
	uint64_t	   work_left;	/* octets that may still be looked at, in all readings */
	uint64_t	   ocr_ms_left;	/* time for pictures */
	unsigned	   ocr_pages_left; /* pictures that may still be read whole */
	bool		   late;	/* the deadline is over */
	int		   err;		/* OK, or ERR_NOMEM, ERR_LIMIT of the arena */
};

/* What is said of some octets. */
struct inspect_label {
	struct slice type, subtype;	/* empty: nothing */
	struct slice charset;		/* empty: nothing */
	struct slice filename;		/* UTF-8, empty: none */
	bool	     flowed, delsp;	/* format=flowed, and its DelSp (RFC 3676) */
	bool	     signature;		/* the second part of multipart/signed */
	bool	     icon;	/* it stands in a document: a drawing may be one of shapes */
};

/* message_octets: size of all that there is to look at. */
void inspect_init(struct inspect *w, const struct classify_options *o, struct arena *a,
    struct facts *f, size_t message_octets, inspect_entity_fn *entity);
void inspect_fini(struct inspect *w);

/* A callback of label/: adds the finding at w->path. */
void inspect_found(void *w, const struct label_finding *found);

/* The path at hand is not inspectable, with the detector that says why (static). */
void inspect_opaque(struct inspect *w, const char *detector);

/* Is the time over? Notes it in the facts when so. */
bool inspect_late(struct inspect *w);

/* Look at the decoded octets of a part or file. */
void inspect_octets(struct inspect *w, struct slice octets, const struct inspect_label *label);

/* Take apart an entity found at the path at hand, one level deeper. */
void inspect_enter(struct inspect *w, struct slice entity);

/* Octets as text only, in every charset that could be meant. */
void inspect_text(struct inspect *w, struct slice octets, const struct inspect_label *label);

/* The octets as they are, undecoded, as a client might show them that understands nothing. */
void inspect_raw(struct inspect *w, struct slice octets);

/* prefix and suffix joined in the arena. */
struct slice inspect_path(struct inspect *w, struct slice prefix, struct slice suffix);

#endif
