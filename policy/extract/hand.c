/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/hand.h"

void
hand_init(struct hand *h, const struct extract_limits *limits, extract_sink_fn *sink, void *arg)
{
	*h = (struct hand){ .limits = limits, .sink = sink, .arg = arg };
}

uint32_t
hand_number(struct hand *h)
{
	if (h->files >= h->limits->entries_max) {
		if (h->err == OK)
			h->err = ERR_LIMIT;
		return 0;
	}
	return ++h->files;
}

static void
give(struct hand *h, const struct extract_piece *p)
{
	if (h->err != OK)
		return;
	if (p->octets.n > h->limits->out_octets_max - h->out) {
		h->err = ERR_LIMIT;
		return;
	}
	h->out += p->octets.n;
	h->err = h->sink(h->arg, p);
}

static void
give_octets(struct hand *h, enum extract_piece_type type, uint32_t number, struct slice s)
{
	if (s.n > 0)
		give(h, &(struct extract_piece){ .type = type, .index = number, .octets = s });
}

void
hand_text(struct hand *h, uint32_t number, struct slice utf8)
{
	give_octets(h, EXTRACT_TEXT, number, slice_trim(utf8));
}

void
hand_title(struct hand *h, uint32_t number, struct slice utf8)
{
	give_octets(h, EXTRACT_PROPERTY, number, slice_trim(utf8));
}

void
hand_name(struct hand *h, uint32_t number, struct slice name)
{
	if (number > 0)
		give_octets(h, EXTRACT_NAME, number, slice_trim(name));
}

void
hand_file(struct hand *h, uint32_t number, struct slice octets)
{
	if (number > 0)
		give_octets(h, EXTRACT_FILE, number, octets);
}

void
hand_opaque(struct hand *h, uint32_t number, enum extract_why why)
{
	give(h, &(struct extract_piece){ .type = EXTRACT_OPAQUE, .why = why, .index = number });
}

int
hand_end(struct hand *h, int err)
{
	if (h->err != OK)
		err = h->err;
	h->err = OK;
	switch (err) {
	case ERR_CORRUPT:
		hand_opaque(h, 0, EXTRACT_WHY_BROKEN);
		break;
	case ERR_LIMIT:
		hand_opaque(h, 0, EXTRACT_WHY_LIMIT);
		break;
	case ERR_ACCESS:
		hand_opaque(h, 0, EXTRACT_WHY_ENCRYPTED);
		break;
	case ERR_UNSUPPORTED:
		hand_opaque(h, 0, EXTRACT_WHY_TYPE);
		break;
	default:
		return err;
	}
	return h->err;
}
