/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/extract.h: from the octets of one container to the text and the files inside it.
 *
 * Shape   one call opens one container (a zip, an office document) and hands every piece found to
 *         a sink: text in UTF-8, files as octets, or the reason why something cannot be inspected.
 *         It opens one level only; files inside are the caller's to look at in their turn.
 * Pure    no files, no network, no clock but that of the time for pictures: the same octets give
 *         the same pieces. It calls foreign parsers (libarchive, expat, poppler, leptonica,
 *         tesseract, libheif), so a daemon calls it only through policy/extract/box.h.
 * Bounds  struct extract_limits; past one of them the piece EXTRACT_OPAQUE_LIMIT is handed out
 *         and the container counts as not inspected.
 */
#ifndef POLICY_EXTRACT_EXTRACT_H
#define POLICY_EXTRACT_EXTRACT_H

#include "common/slice.h"

enum extract_type {
	EXTRACT_ZIP,		/* any zip; an office document in it is noticed by its entries */
	EXTRACT_PDF,
	EXTRACT_PACK,		/* another archive, or a compressed stream */
	EXTRACT_IMAGE,		/* a picture of a kind that sniff() calls SNIFF_IMAGE */
};

enum extract_piece_type {
	EXTRACT_TEXT,		/* UTF-8 text of document part `index`, lines end in LF */
	EXTRACT_PROPERTY,	/* the same of titles and properties of a document */
	EXTRACT_FILE,		/* the octets of file `index`, decompressed */
	EXTRACT_NAME,		/* the name of file `index` as written in the container */
	EXTRACT_STAMP,		/* readings of one thing on page `index` that looks like a stamp, a
				   line each (label/stamp.h) */
	EXTRACT_OPAQUE		/* file `index` (0 = the container) cannot be inspected: `why` */
};

enum extract_why {
	EXTRACT_WHY_NONE,
	EXTRACT_WHY_ENCRYPTED,
	EXTRACT_WHY_BROKEN,	/* damaged, or two readers would see different files */
	EXTRACT_WHY_LIMIT,	/* bomb or limit */
	EXTRACT_WHY_TYPE,	/* a kind of content that nothing here can read */
	EXTRACT_WHY_TIME,	/* reading pictures took all the time there was: partly inspected */
	EXTRACT_WHY_ENCODED	/* encoded in text, and not to be decoded */
};

struct extract_piece {
	enum extract_piece_type type;
	enum extract_why	why;	/* EXTRACT_OPAQUE only */
	uint32_t		index;	/* number of the file in the container, from 1 */
	struct slice		octets;	/* valid during the call of the sink */
};

struct extract_limits {
	unsigned depth_max;		/* containers in containers (kept by the caller) */
	uint32_t entries_max;		/* files of one container */
	uint64_t out_octets_max;	/* sum of everything handed out */
	uint32_t ratio_max;		/* out / in, looked at above ratio_floor_octets */
	uint64_t ratio_floor_octets;
	size_t	 memory_octets;		/* address space of the extracting process */
	unsigned cpu_s;			/* its processor time */
	unsigned deadline_ms;		/* its wall-clock time */
	bool	 ocr;			/* read pictures; false: each is opaque */
	unsigned ocr_ms;		/* wall-clock time for pictures, of one message together */
	unsigned ocr_pages;		/* pages read whole; on others only stamps are looked for */
	uint64_t pixels_max;		/* of one picture */
};

/* Once in a process that will call extract_run(), or fork one that does, while it may open files. */
void extract_start(void);

/* Did extract_start() find what the text of pictures is read with? */
bool extract_reads_pictures(void);

/* depth 5, 10,000 files, 100 MB, ratio 200 above 1 MB, 768 MiB, 10 s, 15 s; pictures: 60 s, the
 * first 8 pages whole, 120 million pixels. */
void extract_limits_init(struct extract_limits *l);

/* 0: go on; negative: stop, extract_run returns it. */
typedef int extract_sink_fn(void *arg, const struct extract_piece *piece);

/*
 * Open the container. OK even when it is broken or encrypted: that is told as EXTRACT_OPAQUE.
 * Negative: what the sink said, or ERR_NOMEM.
 */
int extract_run(struct slice octets, enum extract_type type, const struct extract_limits *limits,
    extract_sink_fn *sink, void *arg) MUST_USE;

/* The detector name of evidence for a reason, static: "opaque-encrypted", ... */
const char *extract_why_detector(enum extract_why why);

#endif
