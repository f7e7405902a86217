/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/composed.h"

#include "common/control.h"
#include "common/memfd.h"
#include "mime/header.h"

/* ---- removals ---- */

/* They ascend and lie inside the first octets. */
static bool
are_ranges(const struct pol_judge_reply *r, size_t octets)
{
	uint64_t at = 0;

	for (size_t i = 0; i < r->removals_n; i++) {
		const struct pol_range *range = &r->removals[i];

		if (range->offset < at || range->offset > octets ||
		    range->octets > octets - range->offset)
			return false;
		at = range->offset + range->octets;
	}
	return true;
}

static bool
is_content(struct slice name)
{
	return slice_starts_nocase(name, SLICE("Content-"));
}

/* Only trace fields go, and only whole ones (policy/trace.h). */
static bool
is_trace(struct slice name)
{
	return slice_is_nocase(name, "Authentication-Results") ||
	    slice_is_nocase(name, "X-Congvu-Signed-By");
}

static bool
are_trace_fields(struct slice octets)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, octets);
	while (header_next(&it, &field) == 1)
		if (!is_trace(field.name))
			return false;
	return it.fields_end == octets.n;
}

/* Where the header ends (*body_out: and the body begins). */
static size_t
header_end(struct slice message, size_t *body_out)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, message);
	while (header_next(&it, &field) == 1)
		;
	*body_out = it.body;
	return it.fields_end;
}

static bool
removals_are_sound(struct slice message, const struct pol_judge_reply *r)
{
	size_t body;

	if (!are_ranges(r, header_end(message, &body)))
		return false;
	for (size_t i = 0; i < r->removals_n; i++) {
		size_t at = (size_t)r->removals[i].offset, n = (size_t)r->removals[i].octets;
		struct slice next = slice_sub(message, at + n, 1);

		if (n < 2 || message.p[at + n - 1] != '\n' ||
		    (at > 0 && message.p[at - 1] != '\n') ||
		    (next.n > 0 && ascii_is_space(next.p[0])) ||
		    !are_trace_fields(slice_sub(message, at, n)))
			return false;
	}
	return true;
}

/* ---- trace ---- */

/* What stands on top: whole fields that tell of the way, and none that people are shown. */
static bool
trace_is_sound(struct slice trace)
{
	struct header_field field;
	struct header_iter it;

	if (trace.n > 0 && !slice_ends_nocase(trace, SLICE("\r\n")))
		return false;
	header_init(&it, trace);
	while (header_next(&it, &field) == 1)
		if (!is_trace(field.name) && !slice_is_nocase(field.name, "Received") &&
		    !slice_is_nocase(field.name, "Return-Path"))
			return false;
	return it.fields_end == trace.n &&
	    (it.flags & (HEADER_MALFORMED | HEADER_BARE_LF)) == 0;
}

/* ---- the server's signature ---- */

/* A piece of the answer that is being read from its begin. */
static bool
take(struct slice *s, struct slice text)
{
	if (s->n < text.n || !slice_eq(slice_sub(*s, 0, text.n), text))
		return false;
	*s = slice_from(*s, text.n);
	return true;
}

/* The fields that are ours, behind the sender's, and the boundary. */
static bool
take_our_fields(struct slice *s, struct slice *boundary_out)
{
	struct slice version = SLICE("MIME-Version: 1.0\r\n"), eight_bit = SLICE(POL_SIGNED_8BIT);

	(void)take(s, version);
	if (!take(s, SLICE(POL_SIGNED_TYPE)) || !slice_cut(s, '"', boundary_out) ||
	    boundary_out->n == 0 || slice_chr(*boundary_out, '\n') >= 0 || !take(s, SLICE("\r\n")))
		return false;
	(void)take(s, eight_bit);
	return take(s, SLICE("\r\n"));
}

/* The sender's fields once more, in their order; only Content-* and trace fields may be missing. */
static bool
take_sender_fields(struct slice *s, struct slice message)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, message);
	while (header_next(&it, &field) == 1)
		if (!is_content(field.name) && !take(s, field.whole) && !is_trace(field.name))
			return false;
	return (it.flags & HEADER_MALFORMED) == 0;
}

/* Text for people whose program knows no signatures. */
static bool
take_preamble(struct slice *s, struct slice title, struct slice boundary)
{
	return take(s, SLICE(POL_SIGNED_TEXT_1)) && take(s, title) &&
	    take(s, SLICE(POL_SIGNED_TEXT_2)) && take(s, title) &&
	    take(s, SLICE(POL_SIGNED_TEXT_3)) && take(s, SLICE("\r\n--")) && take(s, boundary) &&
	    take(s, SLICE("\r\n"));
}

static struct slice
without_end(struct slice field)
{
	while (field.n > 0 && (ascii_is_space(field.p[field.n - 1]) ||
	    field.p[field.n - 1] == '\r' || field.p[field.n - 1] == '\n'))
		field.n--;
	return field;
}

/* Content-Type as it came, with a parameter. */
static bool
is_type(struct slice whole, struct slice message)
{
	struct header_field field;

	if (header_find(message, SLICE("Content-Type"), &field) != 1)
		return slice_is(whole, "Content-Type: text/plain; hp=\"clear\"\r\n");
	if (!take(&whole, without_end(field.whole)))
		return false;
	(void)take(&whole, SLICE(";"));
	return slice_is(whole, "\r\n hp=\"clear\"\r\n");
}

static bool
is_of_sender(struct slice whole, struct slice message)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, message);
	while (header_next(&it, &field) == 1)
		if (slice_eq(whole, field.whole))
			return true;
	return false;
}

/* The header of the signed part, which ends before the empty line that the message has. */
static bool
is_entity(struct slice s, struct slice message)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, s);
	while (header_next(&it, &field) == 1)
		if (!slice_is_nocase(field.name, "X-Congvu-Signed-By") &&
		    !(slice_is_nocase(field.name, "Content-Type") ?
		    is_type(field.whole, message) : is_of_sender(field.whole, message)))
			return false;
	return (it.flags & HEADER_MALFORMED) == 0 && it.body == s.n;
}

static bool
head_is_sound(struct slice message, const struct pol_judge_reply *r, struct slice *boundary_out)
{
	struct slice s = r->head;
	size_t body;

	(void)header_end(message, &body);
	return r->head_at == body && take_sender_fields(&s, message) &&
	    take_our_fields(&s, boundary_out) && take_preamble(&s, r->signed_by, *boundary_out) &&
	    is_entity(s, message);
}

static bool
is_base64(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(ascii_is_alpha(s.p[i]) || ascii_is_digit(s.p[i]) || s.p[i] == '+' ||
		    s.p[i] == '/' || s.p[i] == '=' || s.p[i] == '\r' || s.p[i] == '\n'))
			return false;
	return true;
}

/* One part that is a signature, and the end. */
static bool
tail_is_sound(struct slice s, struct slice boundary)
{
	size_t end_n = boundary.n + 6;		/* --boundary--CRLF */
	struct slice end = s.n > end_n ? slice_from(s, s.n - end_n) : SLICE("");

	s.n -= end.n;
	return take(&end, SLICE("--")) && take(&end, boundary) && slice_is(end, "--\r\n") &&
	    take(&s, SLICE("\r\n--")) && take(&s, boundary) &&
	    take(&s, SLICE("\r\n" POL_SIGNED_PART)) && is_base64(s);
}

/* ---- all of it ---- */

int
composed_check(struct slice message, const struct pol_judge_reply *r)
{
	struct slice boundary;

	if (control_off("composed"))
		return r->head_at <= message.n && are_ranges(r, message.n) ? OK : ERR_FRAME;
	if (!trace_is_sound(r->trace))
		return ERR_FRAME;
	if (r->signed_by.n == 0)
		return removals_are_sound(message, r) ? OK : ERR_FRAME;
	return head_is_sound(message, r, &boundary) && tail_is_sound(r->tail, boundary) ? OK :
	    ERR_FRAME;
}

static int
write_rest(int fd, struct slice message, const struct pol_judge_reply *r)
{
	uint64_t at = 0;
	int err = OK;

	for (size_t i = 0; i < r->removals_n && err == OK; i++) {
		err = memfd_write(fd, slice_sub(message, at, r->removals[i].offset - at));
		at = r->removals[i].offset + r->removals[i].octets;
	}
	return err != OK ? err : memfd_write(fd, slice_from(message, at));
}

int
composed_write(int fd, struct slice message, const struct pol_judge_reply *r)
{
	int err = composed_check(message, r);

	if (err == OK)
		err = memfd_write(fd, r->trace);
	if (err == OK && r->signed_by.n == 0)
		return write_rest(fd, message, r);
	if (err == OK)
		err = memfd_write(fd, r->head);
	if (err == OK)
		err = memfd_write(fd, slice_from(message, (size_t)r->head_at));
	return err == OK ? memfd_write(fd, r->tail) : err;
}
