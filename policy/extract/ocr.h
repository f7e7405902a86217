/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/ocr.h: the letters of a picture.
 *
 * Shape   a picture of 8 or 1 bits in which letters stand upright, 25 to 40 points high in
 *         capitals; words out, in the order of reading, with their places.
 * Foreign tesseract with its Vietnamese data, loaded once before files are out of reach; a child
 *         that is forked later has it. Only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_OCR_H
#define POLICY_EXTRACT_OCR_H

#include "common/slice.h"

#include <allheaders.h>

enum ocr_layout { OCR_BLOCK, OCR_LINE };

struct ocr_word {
	struct slice text;	/* UTF-8 */
	int	     left, top, right, bottom;	/* points of the picture */
	unsigned     confidence;		/* 0 to 100 */
	bool	     ends_line, ends_paragraph;
};

/* 0: go on; negative: ocr_read returns it. */
typedef int ocr_word_fn(void *arg, const struct ocr_word *word);

/* Load the data. Again: nothing. */
void ocr_start(void);

/* Is it there? */
bool ocr_ready(void);

/* Read until the moment `until_ms` of clock_ms(): ERR_TIMEOUT, with no word handed out. ERR_NOMEM
 * when the engine fails. */
int ocr_read(PIX *picture, enum ocr_layout layout, uint64_t until_ms, ocr_word_fn *fn,
    void *arg) MUST_USE;

#endif
