/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/conf_table.h"

/* A sentence a line, as mdoc wants it; a line that would be a macro is shielded. */
static void
add_text(struct buf *out, const char *text)
{
	bool begins = true;

	for (const char *c = text; *c != '\0'; c++) {
		if (begins && (*c == '.' || *c == '\''))
			buf_adds(out, "\\&");
		begins = c[0] == '.' && c[1] == ' ';
		buf_addc(out, *c);
		if (begins) {
			buf_addc(out, '\n');
			c++;
		}
	}
	buf_addc(out, '\n');
}

static void
add_value(struct buf *out, const struct conf_key *k)
{
	static const char *const types[] = {
		[CONF_STR] = "text", [CONF_PATH] = "absolute path", [CONF_U64] = "number",
		[CONF_BOOL] = "true | false", [CONF_LIST] = "list of texts",
	};

	if (k->type == CONF_CHOICE)
		buf_addf(out, "One of: %s.\n", k->unit[0] == '|' ? k->unit + 1 : k->unit);
	else if (k->type == CONF_U64)
		buf_addf(out, "A number, %llu to %llu%s%s.\n", (unsigned long long)k->min,
		    (unsigned long long)k->max, *k->unit == '\0' ? "" : " ", k->unit);
	else
		buf_addf(out, "Type: %s.\n", types[k->type]);
	if (k->value == NULL)
		buf_adds(out, "Must be given.\n");
	else if (*k->value != '\0')
		buf_addf(out, "Default: %s.\n", k->value);
}

void
conf_manual(struct buf *out)
{
	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_section *s = &conf_table[i];

		buf_addf(out, ".Ss %s%s\n", s->name,
		    s->multi ? " \\(dqtitle\\(dq { ... }" : i == 0 ? "" : " { ... }");
		add_text(out, s->text);
		buf_adds(out, ".Bl -tag -width Ds\n");
		for (size_t j = 0; j < s->keys_n; j++) {
			buf_addf(out, ".It Cm %s\n", s->keys[j].key);
			add_text(out, s->keys[j].text);
			buf_adds(out, ".br\n");
			add_value(out, &s->keys[j]);
		}
		buf_adds(out, ".El\n");
	}
}
