/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/page.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "policy/extract/lines.h"
#include "policy/extract/ocr.h"
#include "policy/extract/paper.h"
#include "policy/extract/stamp.h"

enum {
	EDGE_MIN = 8,			/* less high or wide: no letter has room */
	SHORT_SIDE_MAX = 1700,		/* A4 at 200 points an inch */
	POINTS_USUAL = 4500000,
	DARK = 185,
	LETTER_USUAL = 15,		/* height of small letters that is read best */
	LETTERS_MIN = 6,		/* fewer are no text */
	SAMPLE_LINES = 9,		/* of a page, to see which way up it is */
	SURE = 72, LIKELY = 60,		/* mean confidence of words that are really there */
	SAMPLE_LETTERS_MIN = 20,
	REST_LETTERS_MIN = 2,		/* beside the paper: a level, its letters of ASCII */
	NIGHT = 96, NIGHT_PERCENT = 60	/* a picture with so many points darker than that */
};

#define SKEW_RANGE 12.0f
#define SKEW_MIN 0.15		/* degrees */
#define ENLARGE_MAX 2.0
#define REDUCE_MIN 0.4

/* ---- size ---- */

/* As large as is needed to read it. */
static PIX *
reduced(PIX *p)
{
	double w = pixGetWidth(p), h = pixGetHeight(p), f = 1, side = w < h ? w : h;
	PIX *out;

	if (w * h > POINTS_USUAL && side > SHORT_SIDE_MAX)
		f = SHORT_SIDE_MAX / side;
	if (f * w * f * h > PAGE_POINTS_MAX)
		f = sqrt(PAGE_POINTS_MAX / (w * h));
	if (f >= 1)
		return p;
	out = pixScale(p, (l_float32)f, (l_float32)f);
	pixDestroy(&p);
	return out;
}

struct letters {
	int count;
	int height;	/* middle */
};

/* Components of about the size of letters. */
static struct letters
letters_of(PIX *dark)
{
	BOXA *all = pixConnComp(dark, NULL, 8), *some = NULL;
	struct letters l = { 0, 0 };
	NUMA *heights = NULL;
	l_float32 middle = 0;

	if (all != NULL)
		some = boxaSelectBySize(all, 4, 5, L_SELECT_IF_BOTH, L_SELECT_IF_GTE, NULL);
	boxaDestroy(&all);
	if (some != NULL && boxaGetCount(some) > 0 && boxaGetSizes(some, NULL, &heights) == 0 &&
	    numaGetMedian(heights, &middle) == 0)
		l = (struct letters){ boxaGetCount(some), (int)middle };
	numaDestroy(&heights);
	boxaDestroy(&some);
	return l;
}

static int
letters_on(PIX *grey, struct letters *out)
{
	PIX *dark = pixThresholdToBinary(grey, DARK);

	if (dark == NULL)
		return ERR_NOMEM;
	*out = letters_of(dark);
	pixDestroy(&dark);
	return OK;
}

/* ---- which way up ---- */

/* How much the ink lies in lines across, and how askew these are (degrees). */
static double
lines_across(PIX *dark, double *skew_out)
{
	l_float32 angle = 0, conf = 0, score = 0;

	*skew_out = 0;
	if (pixGetWidth(dark) < 64 || pixGetHeight(dark) < 64 ||
	    pixFindSkewSweepAndSearchScore(dark, &angle, &conf, &score, 4, 2, 0, SKEW_RANGE, 1.0f,
	    0.05f) != 0)
		return 0;
	if (conf >= 2.5f)
		*skew_out = (double)angle;
	return (double)score;
}

static int
turn_picture(PIX **p, double degrees, bool quarter, int quarters, int paper)
{
	PIX *t;

	if (*p == NULL)
		return OK;
	t = quarter ? pixRotateOrth(*p, quarters) :
	    pixRotate(*p, (l_float32)(degrees * M_PI / 180), L_ROTATE_AREA_MAP,
	    paper == 0 ? L_BRING_IN_BLACK : L_BRING_IN_WHITE, 0, 0);
	if (t == NULL)
		return ERR_NOMEM;
	pixDestroy(p);
	*p = t;
	return OK;
}

static int
turn_quarters(struct ink *ink, int quarters)
{
	int err;

	if (quarters == 0)
		return OK;
	err = turn_picture(&ink->grey, 0, true, quarters, 255);
	if (err == OK)
		err = turn_picture(&ink->sheet, 0, true, quarters, 255);
	if (err == OK)
		err = turn_picture(&ink->rest, 0, true, quarters, 255);
	if (err == OK)
		err = turn_picture(&ink->red, 0, true, quarters, 0);
	return err == OK ? turn_picture(&ink->faint, 0, true, quarters, 255) : err;
}

/* Make its lines level; *across_out: how much there are lines. */
static int
straighten(struct ink *ink, double *across_out)
{
	PIX *dark = pixThresholdToBinary(ink->sheet, DARK);
	double skew;
	int err;

	if (dark == NULL)
		return ERR_NOMEM;
	*across_out = lines_across(dark, &skew);
	pixDestroy(&dark);
	if (fabs(skew) < SKEW_MIN)
		return OK;
	err = turn_picture(&ink->grey, skew, false, 0, 255);
	if (err == OK)
		err = turn_picture(&ink->sheet, skew, false, 0, 255);
	if (err == OK)
		err = turn_picture(&ink->rest, skew, false, 0, 255);
	return err == OK ? turn_picture(&ink->red, skew, false, 0, 0) : err;
}

struct tally {
	unsigned letters, weight;	/* weight: confidence times letters */
};

static int
count_word(void *arg, const struct ocr_word *w)
{
	struct tally *t = arg;
	unsigned n = 0;

	for (size_t i = 0; i < w->text.n; i++)
		n += ascii_is_alnum(w->text.p[i]);
	t->letters += n;
	t->weight += n * w->confidence;
	return OK;
}

/* The strip of the page that has most ink, some lines high. */
static PIX *
sample(PIX *grey, int letter)
{
	PIX *dark = pixThresholdToBinary(grey, DARK), *strip;
	NUMA *rows = dark == NULL ? NULL : pixCountPixelsByRow(dark, NULL);
	int h = pixGetHeight(grey), n = letter * 2 * SAMPLE_LINES, best = 0;
	double sum = 0, most = 0;
	BOX *box;

	n = n < 40 ? 40 : n > h ? h : n;
	for (int y = 0; y < h && rows != NULL; y++) {
		l_float32 v = 0, old = 0;

		(void)numaGetFValue(rows, y, &v);
		if (y >= n)
			(void)numaGetFValue(rows, y - n, &old);
		sum += (double)v - (double)old;
		if (y >= n - 1 && sum > most) {
			most = sum;
			best = y - n + 1;
		}
	}
	numaDestroy(&rows);
	pixDestroy(&dark);
	box = boxCreate(0, best, pixGetWidth(grey), n < h ? n : h);
	strip = pixClipRectangle(grey, box, NULL);
	boxDestroy(&box);
	return strip;
}

static int
sample_sureness(PIX *grey, int letter, uint64_t until_ms, unsigned *sure_out)
{
	PIX *strip = sample(grey, letter);
	struct tally t = { 0, 0 };
	int err = strip == NULL ? ERR_NOMEM : ocr_read(strip, OCR_BLOCK, until_ms, count_word, &t);

	pixDestroy(&strip);
	*sure_out = t.letters < SAMPLE_LETTERS_MIN ? 0 : t.weight / t.letters;
	return err;
}

/* Try the page turned by `quarters`; when that is surer than any before, *best_out is. */
static int
try_turned(const struct ink *ink, int quarters, int letter, uint64_t until_ms, unsigned *best,
    int *best_quarters)
{
	PIX *t = quarters == 0 ? pixClone(ink->sheet) : pixRotateOrth(ink->sheet, quarters);
	unsigned sure = 0;
	int err = t == NULL ? ERR_NOMEM : sample_sureness(t, letter, until_ms, &sure);

	pixDestroy(&t);
	if (sure > *best) {
		*best = sure;
		*best_quarters = quarters;
	}
	return err;
}

/* Turn the page upright. *known_out: there is text, and it stands upright now. */
static int
set_upright(struct ink *ink, int letter, uint64_t until_ms, bool *known_out)
{
	PIX *side = pixRotateOrth(ink->sheet, 1), *dark;
	double across = 0, down = 0, skew;
	int err, first, quarters = 0;
	unsigned best = 0;

	dark = side == NULL ? NULL : pixThresholdToBinary(side, DARK);
	pixDestroy(&side);
	if (dark == NULL)
		return ERR_NOMEM;
	down = lines_across(dark, &skew);
	pixDestroy(&dark);
	err = straighten(ink, &across);
	first = down > 1.5 * across ? 1 : 0;
	for (int i = 0; i < 4 && err == OK && best < SURE; i++) {
		static const int order[2][4] = { { 0, 2, 1, 3 }, { 1, 3, 0, 2 } };

		err = try_turned(ink, order[first][i], letter, until_ms, &best, &quarters);
	}
	*known_out = best >= LIKELY;
	if (err == OK && *known_out && quarters != 0) {
		err = turn_quarters(ink, quarters);
		if (err == OK)
			err = straighten(ink, &across);
	}
	return err;
}

/* ---- what is on it ---- */

static int
give_stamp(void *arg, struct slice readings)
{
	const struct page_work *w = arg;
	struct extract_piece piece = { .type = EXTRACT_STAMP, .index = w->index,
	    .octets = readings };

	return w->sink(w->arg, &piece);
}

/* Stamps of a page of which nobody knows which way up it is, then. */
static int
stamps(struct ink *ink, int letter, const struct page_work *work, bool upright)
{
	struct page_work w = *work;
	int err = ink_part(ink);

	for (int quarters = 0; quarters < (upright ? 1 : 4) && err == OK; quarters++) {
		if (quarters > 0)
			err = turn_quarters(ink, 1);
		if (err == OK)
			err = stamps_read(ink, upright ? letter : 0, work->until_ms, give_stamp,
			    &w);
	}
	return err == OK && !upright ? turn_quarters(ink, 1) : err;
}

static int
whole_text(PIX *grey, int letter, const struct page_work *work)
{
	double f = letter > 0 ? (double)LETTER_USUAL / letter : 1;
	struct extract_piece piece = { .type = EXTRACT_TEXT, .index = work->index };
	struct lines l;
	PIX *sized;
	int err;

	f = f > ENLARGE_MAX ? ENLARGE_MAX : f < REDUCE_MIN ? REDUCE_MIN : f;
	if (f * f * pixGetWidth(grey) * pixGetHeight(grey) > PAGE_POINTS_MAX)
		f = 1;
	sized = f > 0.8 && f < 1.25 ? pixClone(grey) : pixScale(grey, (l_float32)f, (l_float32)f);
	lines_init(&l);
	err = sized == NULL ? ERR_NOMEM :
	    ocr_read(sized, OCR_BLOCK, work->until_ms, lines_word, &l);
	pixDestroy(&sized);
	if (err == OK)
		err = lines_text(&l, &piece.octets);
	if (err == OK && piece.octets.n > 0)
		err = work->sink(work->arg, &piece);
	lines_fini(&l);
	return err;
}

/* The text of the paper, and of what lies around it if that has any; then all in one, too: what parts
 * them may be a shadow, with lines across its edge. */
static int
all_text(const struct ink *ink, int letter, const struct page_work *work)
{
	PIX *strip = ink->rest == NULL ? NULL : sample(ink->rest, letter);
	struct tally t = { 0, 0 };
	int err = whole_text(ink->sheet, letter, work);

	if (err == OK && strip != NULL)
		err = ocr_read(strip, OCR_BLOCK, work->until_ms, count_word, &t);
	pixDestroy(&strip);
	if (err == OK && t.letters >= REST_LETTERS_MIN && t.weight / t.letters >= LIKELY)
		err = whole_text(ink->rest, letter, work);
	else
		return err;
	return err == OK ? whole_text(ink->grey, letter, work) : err;
}

static int
read_ink(struct ink *ink, const struct page_work *work)
{
	struct letters l = { 0, 0 };
	bool upright = false;
	int err = letters_on(ink->sheet, &l);

	if (err == OK && l.count >= LETTERS_MIN)
		err = set_upright(ink, l.height, work->until_ms, &upright);
	if (err == OK)
		err = stamps(ink, l.height, work, upright);
	if (err == OK && work->whole && l.count >= LETTERS_MIN)
		err = all_text(ink, l.height, work);
	return err;
}

/* Light letters on dark ground, as screens show them at night? */
static bool
is_dark(PIX *p)
{
	PIX *grey = pixConvertTo8(p, 0);
	NUMA *counts = grey == NULL ? NULL : pixGetGrayHistogram(grey, 4);
	l_float32 dark = 0, all = 0;

	pixDestroy(&grey);
	if (counts != NULL && (numaGetSum(counts, &all) != 0 ||
	    numaGetSumOnInterval(counts, 0, NIGHT, &dark) != 0))
		dark = 0;
	numaDestroy(&counts);
	return dark * 100 > all * NIGHT_PERCENT;
}

/* What lies around the paper is judged by its own shade. */
static int
take_rest(PIX *picture, BOX *box, struct ink *ink)
{
	PIX *around = paper_taken_off(picture, box);
	struct ink own = { .grey = NULL };
	int err = around == NULL ? ERR_NOMEM : ink_take(around, &own);

	pixDestroy(&around);
	if (err == OK)
		ink->rest = pixClone(own.grey);
	ink_free(&own);
	return err;
}

/* Letters are looked at where the paper is: the grain of a table is none. What is bright and has none
 * is no paper: they stand around it. */
static int
cut_sheet(PIX *picture, struct ink *ink)
{
	BOX *box = paper_find(picture);
	PIX *sheet = box == NULL ? NULL : pixClipRectangle(ink->grey, box, NULL);
	struct letters l = { 0, 0 };
	int err = box == NULL ? OK : sheet == NULL ? ERR_NOMEM : letters_on(sheet, &l);

	if (err == OK && l.count >= LETTERS_MIN) {
		pixDestroy(&ink->sheet);
		ink->sheet = pixClone(sheet);
		err = take_rest(picture, box, ink);
	}
	pixDestroy(&sheet);
	boxDestroy(&box);
	return err;
}

static int
read_plain(PIX *picture, const struct page_work *work)
{
	struct ink ink;
	int err = ink_take(picture, &ink);

	if (err == OK)
		err = cut_sheet(picture, &ink);
	if (err == OK)
		err = read_ink(&ink, work);
	ink_free(&ink);
	return err;
}

int
page_read(PIX *picture, const struct page_work *work)
{
	int err = OK;

	picture = ink_plain(picture);
	if (picture != NULL &&
	    (pixGetWidth(picture) < EDGE_MIN || pixGetHeight(picture) < EDGE_MIN)) {
		pixDestroy(&picture);
		return OK;
	}
	if (picture != NULL)
		picture = reduced(picture);
	if (picture == NULL)
		return ERR_NOMEM;
	err = read_plain(picture, work);
	if (err == OK && is_dark(picture) && clock_ms() < work->until_ms) {
		(void)pixInvert(picture, picture);
		err = read_plain(picture, work);
	}
	pixDestroy(&picture);
	return err == OK && clock_ms() >= work->until_ms ? ERR_TIMEOUT : err;
}
