/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/card.h"
#include "policy/extract/datauri.h"
#include "policy/inspect_internal.h"

/* Documents that parsers of our own read. */

/* A calendar or address card: what its fields say once they are unfolded and unescaped. */
void
inspect_card(struct inspect *w, struct slice octets, const struct inspect_label *label)
{
	struct inspect_label plain = { .charset = label->charset };
	struct buf text, titles, data;
	unsigned flags = 0;

	buf_init(&text, 2 * octets.n + 16);
	buf_init(&titles, 2 * octets.n + 16);
	buf_init(&data, 2 * octets.n + 16);
	if (card_text(octets, &text, &titles, &data, &flags) != OK)
		inspect_opaque(w, "opaque-limit");
	if ((flags & CARD_HAS_EMBEDDED) != 0)
		inspect_opaque(w, "opaque-embedded");
	inspect_text(w, buf_slice(&text), &plain);
	if ((flags & CARD_HAS_HTML) != 0) {
		plain.type = SLICE("text");
		plain.subtype = SLICE("html");
		inspect_text(w, buf_slice(&text), &plain);
	}
	inspect_titles(w, buf_slice(&titles));
	if (data.n > 0)
		inspect_own(w, buf_slice(&data), datauri_run);
	buf_fini(&data);
	buf_fini(&text);
	buf_fini(&titles);
}
