/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/charset.h: charsets of mail to UTF-8, by own tables.
 *
 * Shape   octets in, in pieces of any size; UTF-8 in NFC for the Vietnamese encodings out.
 * Bounds  a constant carry; at most 3 octets out for each octet in, and 3 at the end of each
 *         ill-formed sequence; the ceiling of the buf.
 * Source  charset.def names the source of each table. (No iconv: it needs files, and a sandboxed
 *         process has none.)
 */
#ifndef MIME_CHARSET_H
#define MIME_CHARSET_H

#include "common/buf.h"

enum charset {
	CHARSET_UNKNOWN,	/* the label is none that we know: the caller decides */
	CHARSET_US_ASCII,
	CHARSET_UTF_8,
	CHARSET_UTF_16,		/* by its byte order mark, else big-endian */
	CHARSET_UTF_16LE,
	CHARSET_UTF_16BE,
	CHARSET_UTF_7,
	CHARSET_ISO_8859_1,
	CHARSET_WINDOWS_1252,
	CHARSET_WINDOWS_1258,
	CHARSET_VISCII,
	CHARSET_TCVN3,		/* ABC fonts, .VnTime */
	CHARSET_TCVN5712,	/* VN1: as TCVN3, and capitals in the control range */
	CHARSET_VNI,		/* VNI-Windows fonts */
	CHARSET_VPS,
	CHARSET_COUNT
};

enum charset_flag {
	CHARSET_BAD = 1 << 0,	/* an octet or sequence without meaning: U+FFFD stands for it */
};

struct charset_decoder {
	enum charset cs;
	unsigned     flags;
	unsigned     held;	/* octets in hold */
	unsigned char hold[8];	/* an unfinished sequence */
	uint32_t     base;	/* a letter that a following mark may join; 0 none */
	uint32_t     bits;	/* UTF-7: base64 bits not yet used */
	unsigned     bit_count;
	uint16_t     high;	/* a high surrogate waiting for its low one; 0 none */
	bool	     shifted, fresh, swapped, started;
};

/* By label: IANA names, usual aliases, any case; "unknown-8bit", "x-user-defined" and unknown
 * labels give CHARSET_UNKNOWN; the empty label is us-ascii. */
enum charset charset_by_label(struct slice label);

/* The IANA (or usual) name, static. */
const char *charset_name(enum charset cs);

void charset_init(struct charset_decoder *d, enum charset cs);
void charset_feed(struct charset_decoder *d, struct slice in, struct buf *out);
void charset_end(struct charset_decoder *d, struct buf *out);

/* All of in, appended to out; *flags_out (may be NULL) gets CHARSET_BAD or 0. CHARSET_UNKNOWN:
 * ERR_UNSUPPORTED and nothing appended. Else OK or out->err. */
int charset_to_utf8(enum charset cs, struct slice in, struct buf *out,
    unsigned *flags_out) MUST_USE;

#endif
