/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/imap_reply.h: what an IMAP server answers, as a client reads it.
 *
 * Shape   pure. One whole response (its lines, with the octets of literals inside) is taken apart;
 *         slices point into it. A server is a stranger: whatever is not understood is passed over,
 *         what makes no sense is ERR_SYNTAX.
 * Bounds  linear; IMAP_DEPTH_MAX parentheses.
 * Source  RFC 3501 7, 9; RFC 6154 (special use); RFC 9051.
 *
 *   response = "+" text / "*" SP [number SP] word [SP rest] / tag SP ("OK" / "NO" / "BAD") SP text
 */
#ifndef CONTROL_IMAP_REPLY_H
#define CONTROL_IMAP_REPLY_H

#include "control/import.h"

enum { IMAP_DEPTH_MAX = 32 };

enum imap_kind { IMAP_CONTINUE, IMAP_UNTAGGED, IMAP_TAGGED };

struct imap_reply {
	enum imap_kind kind;
	struct slice tag;
	uint32_t     number;	/* "* 12 EXISTS" */
	struct slice word;	/* "EXISTS", "FETCH", "OK" */
	struct slice rest;
};

/* whole without its last line end. */
int imap_reply_read(struct slice whole, struct imap_reply *out) MUST_USE;

/* "{12}" or "{12+}" at the end of a line announces a literal: true and its octets. A number that no
 * literal can have is UINT64_MAX. */
bool imap_literal_announced(struct slice line, uint64_t *octets_out);

/* "[CODE 12]" at the beginning of rest: true and the number. */
bool imap_code_number(struct slice rest, const char *code, uint32_t *out);
/* Is name among the words of a capability line? */
bool imap_has_word(struct slice rest, const char *name);

struct imap_fetch {
	uint32_t     uid;		/* 0: not said */
	bool	     has_flags, has_date, has_body;
	unsigned     flags;
	struct import_keywords keywords;
	int64_t	     date_s;
	uint64_t     size_octets;
	struct slice body;		/* BODY[] */
};

/* The rest of a FETCH. */
int imap_fetch_read(struct slice rest, struct imap_fetch *out) MUST_USE;

struct imap_folder {
	bool	     selectable;
	uint8_t	     special_use;
	char	     delimiter;		/* 0: none */
	struct slice name;		/* as it is on the wire, unquoted; in out's room */
	char	     room[ST_NAME_MAX * 2];
};

/* The rest of a LIST. ERR_LIMIT: the name is too long. */
int imap_folder_read(struct slice rest, struct imap_folder *out) MUST_USE;

/* Append the name of a mailbox: levels by "/", UTF-8. ERR_SYNTAX: neither UTF-7 nor UTF-8. */
int imap_folder_name(const struct imap_folder *f, struct buf *out) MUST_USE;

/* Append s as a quoted string. ERR_SYNTAX: it holds what cannot be in one. */
int imap_add_quoted(struct slice s, struct buf *out) MUST_USE;

#endif
