/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/excel.h"

#include <stdlib.h>
#include <string.h>

#include "policy/extract/entity.h"
#include "policy/extract/sheet.h"

enum {
	BOF = 0x0809, FILEPASS = 0x002F, BOUNDSHEET = 0x0085, SST = 0x00FC, CONTINUE = 0x003C,
	LABELSST = 0x00FD, LABEL = 0x0204, RSTRING = 0x00D6, STRING = 0x0207, FORMULA = 0x0006,
	HEADER = 0x0014, FOOTER = 0x0015, TXO = 0x01B6, NOTE = 0x001C, IMDATA = 0x007F,
	BITMAP = 0x00E9, SERIESTEXT = 0x100D, FORMAT = 0x041E, VALIDATION = 0x01BE,
	HEADERS = 0x089C,	/* of first and even pages */
	DRAWING_GROUP = 0x00EB, DRAWING = 0x00EC,
	BIFF8 = 0x0600,
	WIDE = 1 << 0, EXTENDED = 1 << 2, RICH = 1 << 3,	/* flags of a string */
	LINE_OCTETS_MAX = 1 << 20,
};

/* The record at hand; its octets go on in records CONTINUE. */
struct reader {
	struct slice stream, record;
	unsigned     type;
};

struct excel {
	struct reader	     r;
	struct buf	    *text, *art;
	struct sheet_strings strings;
	struct buf	     row, one;
	uint32_t	     row_number;
	bool		     more;
	int		     err;
};

static bool
next_record(struct reader *r)
{
	size_t n;

	if (r->stream.n < 4)
		return false;
	r->type = cfb_u16(r->stream, 0);
	n = cfb_u16(r->stream, 2);
	r->record = slice_sub(r->stream, 4, n);
	r->stream = slice_from(r->stream, 4 + n);
	return true;
}

/* Go on in the record behind, if it continues this one. */
static bool
goes_on(struct reader *r)
{
	return r->record.n == 0 && cfb_u16(r->stream, 0) == CONTINUE && next_record(r);
}

static uint32_t
take(struct reader *r, size_t octets)
{
	uint32_t v = 0;

	for (size_t i = 0; i < octets; i++) {
		if (r->record.n == 0 && !goes_on(r))
			return 0;
		v |= (uint32_t)(unsigned char)r->record.p[0] << 8 * i;
		r->record = slice_from(r->record, 1);
	}
	return v;
}

static void
pass_over(struct reader *r, uint64_t octets)
{
	while (octets > 0) {
		uint64_t n = octets < r->record.n ? octets : r->record.n;

		r->record = slice_from(r->record, (size_t)n);
		octets -= n;
		if (octets > 0 && !goes_on(r))
			return;
	}
}

/* ---- strings ---- */

/* n characters, wide or not; where they go on in the next record its first octet says which again. */
static void
read_chars(struct excel *x, uint32_t n, unsigned flags)
{
	uint32_t c;

	for (; n > 0 && x->err == OK; n--) {
		if (x->r.record.n == 0) {
			if (!goes_on(&x->r))
				break;
			flags = (flags & ~(unsigned)WIDE) | (take(&x->r, 1) & WIDE);
		}
		c = take(&x->r, (flags & WIDE) != 0 ? 2 : 1);
		entity_put(&x->one, c < 0x20 && c != '\t' ? ' ' : c);
		x->err = x->one.err;
	}
}

/* A string whose length is in so many octets, into x->one. */
static void
read_string(struct excel *x, size_t length_octets)
{
	uint32_t n = take(&x->r, length_octets), runs = 0, ext = 0;
	unsigned flags = take(&x->r, 1);

	buf_clear(&x->one);
	if ((flags & RICH) != 0)
		runs = take(&x->r, 2);
	if ((flags & EXTENDED) != 0)
		ext = take(&x->r, 4);
	read_chars(x, n, flags);
	pass_over(&x->r, 4 * (uint64_t)runs + ext);
}

static void
put_line(struct excel *x, struct slice s)
{
	s = slice_trim(s);
	if (s.n > 0) {
		buf_add(x->text, s);
		buf_addc(x->text, '\n');
	}
	if (x->err == OK)
		x->err = x->text->err;
}

static void
end_row(struct excel *x)
{
	put_line(x, buf_slice(&x->row));
	buf_clear(&x->row);
}

static void
put_cell(struct excel *x, struct slice s)
{
	put_line(x, s);
	buf_add(&x->row, s);
	buf_addc(&x->row, '\t');
	if (x->err == OK)
		x->err = x->row.err;
}

static void
go_to_row(struct excel *x)
{
	uint32_t row = cfb_u16(x->r.record, 0);

	if (row != x->row_number)
		end_row(x);
	x->row_number = row;
}

/* ---- records ---- */

static void
shared_strings(struct excel *x)
{
	uint32_t n;

	pass_over(&x->r, 4);
	n = take(&x->r, 4);
	for (uint32_t i = 0; i < n && x->err == OK && (x->r.record.n > 0 || goes_on(&x->r)); i++) {
		read_string(x, 2);
		if (x->err == OK)
			x->err = sheet_strings_keep(&x->strings, buf_slice(&x->one));
		put_line(x, buf_slice(&x->one));
	}
}

static void
cell_by_number(struct excel *x)
{
	struct slice s;

	go_to_row(x);
	if (sheet_strings_at(&x->strings, cfb_u32(x->r.record, 6), &s) == OK)
		put_cell(x, s);
	else
		x->err = ERR_CORRUPT;
}

/* Its length stands in the record, its characters in the one behind. */
static void
text_object(struct excel *x)
{
	uint32_t n = cfb_u16(x->r.record, 10);

	buf_clear(&x->one);
	x->r.record.n = 0;
	if (n > 0 && goes_on(&x->r)) {
		unsigned flags = take(&x->r, 1);

		read_chars(x, n, flags);
	}
	put_line(x, buf_slice(&x->one));
}

/* Records of drawings, put together again. */
static void
drawing(struct excel *x)
{
	do {
		buf_add(x->art, x->r.record);
		x->r.record.n = 0;
	} while (goes_on(&x->r));
	if (x->err == OK)
		x->err = x->art->err;
}

static void
string_at(struct excel *x, size_t at, size_t length_octets)
{
	x->r.record = slice_from(x->r.record, at);
	read_string(x, length_octets);
}

/* What is shown at a cell that takes only some values: two titles, two texts. */
static void
validation(struct excel *x)
{
	pass_over(&x->r, 4);
	for (unsigned i = 0; i < 4; i++) {
		read_string(x, 2);
		put_line(x, buf_slice(&x->one));
	}
}

static void
more_headers(struct excel *x)
{
	uint32_t octets[4];

	pass_over(&x->r, 30);
	for (size_t i = 0; i < ARRAY_LEN(octets); i++)
		octets[i] = take(&x->r, 2);
	for (size_t i = 0; i < ARRAY_LEN(octets); i++)
		if (octets[i] > 0) {
			read_string(x, 2);
			sheet_header(buf_slice(&x->one), x->text);
		}
}

/* Records with words that stand beside the cells. */
static void
other_record(struct excel *x)
{
	switch (x->r.type) {
	case FORMAT:
		string_at(x, 2, 2);
		sheet_format(buf_slice(&x->one), x->text);
		break;
	case VALIDATION:
		validation(x);
		break;
	case HEADERS:
		more_headers(x);
		break;
	default:
		break;
	}
}

static void
one_record(struct excel *x)
{
	switch (x->r.type) {
	case FILEPASS:
		x->err = ERR_ACCESS;
		break;
	case SST:
		shared_strings(x);
		break;
	case LABELSST:
		cell_by_number(x);
		break;
	case LABEL: case RSTRING:
		go_to_row(x);
		string_at(x, 6, 2);
		put_cell(x, buf_slice(&x->one));
		break;
	case FORMULA:
		go_to_row(x);
		break;
	case STRING:
		string_at(x, 0, 2);
		put_cell(x, buf_slice(&x->one));
		break;
	case BOUNDSHEET:
		string_at(x, 6, 1);
		put_line(x, buf_slice(&x->one));
		break;
	case HEADER: case FOOTER:
		string_at(x, 0, 2);
		sheet_header(buf_slice(&x->one), x->text);
		break;
	case NOTE:
		string_at(x, 8, 2);
		put_line(x, buf_slice(&x->one));
		break;
	case SERIESTEXT:
		string_at(x, 2, 1);
		put_line(x, buf_slice(&x->one));
		break;
	case TXO:
		text_object(x);
		break;
	case DRAWING_GROUP: case DRAWING:
		drawing(x);
		break;
	case IMDATA: case BITMAP:
		x->more = true;
		break;
	default:
		other_record(x);
		break;
	}
}

static int
read_workbook(struct excel *x)
{
	bool first = true;

	while (x->err == OK && next_record(&x->r)) {
		if (first && (x->r.type != BOF || cfb_u16(x->r.record, 0) != BIFF8))
			return x->r.type == BOF ? ERR_UNSUPPORTED : ERR_CORRUPT;
		first = false;
		one_record(x);
	}
	end_row(x);
	return first ? ERR_CORRUPT : x->err;
}

int
excel_text(struct cfb *c, uint32_t folder, struct buf *text, struct buf *art, bool *more_out)
{
	struct excel x = { .text = text, .art = art };
	struct buf stream;
	int r;

	buf_init(&stream, c->octets.n + 1);
	buf_init(&x.row, 4 * LINE_OCTETS_MAX);
	buf_init(&x.one, LINE_OCTETS_MAX);
	sheet_strings_init(&x.strings, text->max);
	r = cfb_stream(c, cfb_find(c, folder, "Workbook"), &stream);
	x.r.stream = buf_slice(&stream);
	if (r == OK)
		r = read_workbook(&x);
	*more_out = x.more;
	buf_fini(&stream);
	buf_fini(&x.row);
	buf_fini(&x.one);
	sheet_strings_fini(&x.strings);
	return r;
}
