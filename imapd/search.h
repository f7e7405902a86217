/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/search.h: SEARCH keys as a tree, decided with as little reading as possible.
 *
 * Shape   search_parse makes the tree. search_decide says yes, no, or that it depends on texts that
 *         were not read: a struct search_text then reads the message once for all such keys, in
 *         steps, and search_decide is asked again.
 * Bounds  ARGS_DEPTH_MAX levels, SEARCH_KEYS_MAX keys, SEARCH_TEXTS_MAX of them texts.
 * Source  RFC 3501 6.4.4; RFC 5255-like folding: case and composition do not matter.
 */
#ifndef IMAPD_SEARCH_H
#define IMAPD_SEARCH_H

#include "imapd/session.h"
#include "mime/summary.h"

enum { SEARCH_KEYS_MAX = 1000, SEARCH_TEXTS_MAX = 30 };

enum search_kind {
	SEARCH_ALL, SEARCH_AND, SEARCH_OR, SEARCH_NOT,
	SEARCH_SET,			/* set: indices of the view */
	SEARCH_FLAG, SEARCH_NOFLAG,	/* flags */
	SEARCH_KEYWORD,			/* text; unknown ones match nothing */
	SEARCH_RECENT, SEARCH_OLD, SEARCH_NEW,
	SEARCH_BEFORE, SEARCH_ON, SEARCH_SINCE,
	SEARCH_SENTBEFORE, SEARCH_SENTON, SEARCH_SENTSINCE,
	SEARCH_LARGER, SEARCH_SMALLER,
	SEARCH_HEADER,			/* field, text */
	SEARCH_BODY, SEARCH_TEXT,	/* text, at: which of the texts */
};

struct search_key {
	enum search_kind   kind;
	unsigned	   flags;
	uint64_t	   number;	/* octets */
	int64_t		   day;
	struct slice	   field, text;	/* text is folded; KEYWORD: as written */
	unsigned	   at;
	struct seqset	   set;
	struct search_key *first, *next; /* members of AND, OR, NOT; the next member */
};

struct search {
	struct search_key *root;
	unsigned	   keys;
	struct search_key *texts[SEARCH_TEXTS_MAX];
	unsigned	   texts_n;
	bool		   no_charset;	/* the charset is not ours: BADCHARSET */
};

/* [SP "CHARSET" SP astring] SP key *(SP key). */
int search_parse(struct session *s, struct args *a, struct search *out) MUST_USE;

enum search_answer { SEARCH_NO, SEARCH_YES, SEARCH_DEPENDS };

/* What is known of one message. */
struct search_message {
	uint32_t	   index;
	struct backend_msg msg;
	bool		   has_summary;
	struct summary	   summary;
	enum search_answer texts[SEARCH_TEXTS_MAX];
};

/* OK and *out, or an error of the store. Reads the summary if it needs it. */
int search_decide(struct session *s, const struct search *q, struct search_message *m,
    enum search_answer *out) MUST_USE;

/* Read the summary of m unless it is there. */
int search_need_summary(struct session *s, struct search_message *m) MUST_USE;

/* The whole header of a message or part, at most max octets of it, appended. */
int search_read(struct session *s, const struct search_message *m, uint64_t begin, uint64_t end,
    uint64_t max_octets, struct buf *out) MUST_USE;

/* Does text (raw header fields or UTF-8), decoded of encoded words and folded, hold want? */
int search_header_holds(struct slice fields, struct slice name, struct slice want,
    bool *out) MUST_USE;

/* ---- texts of the body ---- */

struct search_text;

/* For texts_n keys; NULL when memory is out. Free it with search_text_free. */
struct search_text *search_text_new(void);
void search_text_free(struct search_text **t);

/* Begin with a message, then: 1 call again, 0 done (m->texts is decided), or an error. */
void search_text_begin(struct search_text *t);
int search_text_step(struct session *s, const struct search *q, struct search_message *m,
    struct search_text *t) MUST_USE;

#endif
