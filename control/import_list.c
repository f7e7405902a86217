/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/import_list.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "common/words.h"

/* A line of at most IMPORT_LIST_LINE octets; 0 at the end, which a longer one is, too: what goes on
 * after it would be looked for in a file of any size. */
static size_t
next_line(struct import_list *l)
{
	size_t n = 0;
	int c;

	do {
		c = getc_unlocked(l->file);
		if (c == EOF || n == IMPORT_LIST_LINE)
			return c == EOF ? n : 0;
		l->line[n++] = (char)c;
	} while (c != '\n');
	return n;
}

/* The next line as an object, NULL for what is none; *end_out at the end. */
static json_t *
next_object(struct import_list *l, bool *end_out)
{
	size_t n = next_line(l);
	json_t *o;

	*end_out = n == 0;
	if (n == 0)
		return NULL;
	o = json_loadb(l->line, n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

static struct slice
text(const json_t *o, const char *key, struct arena *a)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? arena_copy(a, (struct slice){ json_string_value(v),
	    json_string_length(v) }) : (struct slice){ NULL, 0 };
}

static int64_t
number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));	/* 0 for what is none */
}

int
import_list_open(struct import_list *l, int fd, struct arena *a)
{
	json_t *o;
	bool end;

	*l = (struct import_list){ .file = NULL };
	if (fd < 0)
		return OK;
	l->line = malloc(IMPORT_LIST_LINE);
	l->file = l->line == NULL ? NULL : fdopen(fd, "r");
	if (l->file == NULL) {
		free(l->line);
		l->line = NULL;
		close(fd);
		return ERR_NOMEM;
	}
	arena_init(&l->a, 4 * IMPORT_LIST_LINE);
	o = next_object(l, &end);
	if (o != NULL && number(o, "congvu-export") == 1) {
		l->mailbox = text(o, "mailbox", a);
		l->special_use = import_special_use(text(o, "special-use", &l->a));
	}
	json_decref(o);
	if (l->mailbox.n == 0)
		import_list_close(l);
	return a->err;
}

void
import_list_close(struct import_list *l)
{
	if (l->file == NULL)
		return;
	fclose(l->file);
	free(l->line);
	arena_clear(&l->a);
	*l = (struct import_list){ .mailbox = l->mailbox, .special_use = l->special_use };
}

static void
take_words(const json_t *o, struct arena *a, struct import_entry *out)
{
	const json_t *list = json_object_get(o, "flags"), *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (json_is_string(v))
			out->flags |= import_flag((struct slice){ json_string_value(v),
			    json_string_length(v) });
	list = json_object_get(o, "keywords");
	json_array_foreach(list, i, v)
		if (json_is_string(v))
			import_keyword(&out->keywords, arena_copy(a,
			    (struct slice){ json_string_value(v), json_string_length(v) }));
}

int
import_list_next(struct import_list *l, struct import_entry *out)
{
	json_t *o = NULL;
	bool end = l->file == NULL;

	while (o == NULL && !end)
		o = next_object(l, &end);
	if (o == NULL)
		return 0;
	arena_clear(&l->a);
	*out = (struct import_entry){ .file = text(o, "file", &l->a),
		.offset = (uint64_t)number(o, "offset"),
		.added_lines = (unsigned)number(o, "added-lines"),
		.verbatim = json_is_true(json_object_get(o, "verbatim")),
		.octets = (uint64_t)number(o, "octets"),
		.date_s = number(o, "internal-date-s") };
	if (word_value(WORD_level, text(o, "level", &l->a), &out->level) != OK)
		out->level = LEVEL_THUONG;
	take_words(o, &l->a, out);
	json_decref(o);
	return 1;
}
