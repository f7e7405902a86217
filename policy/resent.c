/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/resent.h"

#include "mime/addr.h"
#include "mime/header.h"

enum { FROM, SENDER, DATE, TO, CC, BCC, MESSAGE_ID, REPLY_TO, NAMES };

static const char *const names[NAMES] = {
	[FROM] = "Resent-From", [SENDER] = "Resent-Sender", [DATE] = "Resent-Date",
	[TO] = "Resent-To", [CC] = "Resent-Cc", [BCC] = "Resent-Bcc",
	[MESSAGE_ID] = "Resent-Message-ID", [REPLY_TO] = "Resent-Reply-To",
};

/* Which field of a block it is; NAMES: none. */
static unsigned
name_of(struct slice name)
{
	unsigned i = 0;

	while (i < NAMES && !slice_is_nocase(name, names[i]))
		i++;
	return i;
}

/* The fields of the first block; false: there is none, or the header is malformed. */
static bool
first_block(struct slice header, struct slice values[NAMES], bool has[NAMES])
{
	struct header_field field;
	struct header_iter it;
	bool begun = false, ended = false;

	header_init(&it, header);
	while (header_next(&it, &field) == 1) {
		unsigned i = name_of(field.name);

		ended |= begun && (i == NAMES || has[i]);
		if (i == NAMES || ended)
			continue;
		begun = has[i] = true;
		values[i] = field.value;
	}
	return begun && (it.flags & HEADER_MALFORMED) == 0;
}

int
resent_find(struct slice header, struct arena *a, struct resent *out)
{
	struct slice values[NAMES] = { { NULL, 0 } };
	bool has[NAMES] = { false };
	int r;

	*out = (struct resent){ 0 };
	if (!first_block(header, values, has) || !has[FROM] || !has[DATE])
		return OK;
	r = addr_single(values[FROM], a, &out->from);
	if (r == OK && has[SENDER])
		r = addr_single(values[SENDER], a, &out->sender);
	out->is = r == OK;
	if (r != OK)
		out->from = out->sender = (struct slice){ NULL, 0 };
	return r == ERR_SYNTAX ? OK : r;
}
