/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/filter.h"

#include "common/control.h"

void
filter_open(struct buf *b, char op)
{
	buf_addc(b, '(');
	buf_addc(b, op);
}

void
filter_close(struct buf *b)
{
	buf_addc(b, ')');
}

static void
add_name(struct buf *b, const char *name)
{
	for (; *name != '\0' && *name != ';'; name++) {
		if (!ascii_is_alnum(*name) && *name != '-' && *name != '.') {
			if (b->err == OK)
				b->err = ERR_INVAL;
			return;
		}
		buf_addc(b, *name);
	}
}

static void
add_value(struct buf *b, struct slice value)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c == '\0' || c == '(' || c == ')' || c == '*' || c == '\\' || c >= 0x80) {
			buf_addc(b, '\\');
			buf_addc(b, hex[c >> 4]);
			buf_addc(b, hex[c & 15]);
		} else {
			buf_addc(b, (char)c);
		}
	}
}

static void
add_assertion(struct buf *b, const char *attribute, const char *op, struct slice value)
{
	buf_addc(b, '(');
	add_name(b, attribute);
	buf_adds(b, op);
	if (control_off("filter-escape"))
		buf_add(b, value);
	else
		add_value(b, value);
	buf_addc(b, ')');
}

void
filter_equals(struct buf *b, const char *attribute, struct slice value)
{
	add_assertion(b, attribute, "=", value);
}

void
filter_at_least(struct buf *b, const char *attribute, struct slice value)
{
	add_assertion(b, attribute, ">=", value);
}
