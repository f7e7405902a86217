/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/conf.h"

#include <confuse.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/conf_table.h"
#include "common/file.h"

enum {
	FILE_MAX_OCTETS = 1024 * 1024,
	MEMORY_MAX_OCTETS = 16 * 1024 * 1024,
	KEYS_MAX = 64,
	ERRORS_MAX = 100,
};

struct conf_memory {
	struct arena arena;
};

/* libconfuse's callbacks take no argument, so the reading in progress is kept here; conf_load is
 * called at start and at reload, by one thread. */
static struct reading {
	const char *file;
	struct buf *errors;
	struct buf  text;
	unsigned    errors_n;
	char	    unknown[64];	/* name of the first unknown key, "" if none */
	int	    unknown_line;
	cfg_opt_t  *last;		/* of on_value, to tell the end of a list */
	unsigned    last_n;
	size_t	    open_at_end;	/* braces and quotes */
	bool	    broken;		/* a syntax error: what follows cannot be read */
} *reading;

static void PRINTF_LIKE(2, 3)
wrong(unsigned line, const char *fmt, ...)
{
	va_list ap;

	if (++reading->errors_n > ERRORS_MAX)
		return;
	buf_addf(reading->errors, "%s:%u: ", reading->file, line);
	va_start(ap, fmt);
	buf_vaddf(reading->errors, fmt, ap);
	va_end(ap);
	buf_addc(reading->errors, '\n');
}

/* ---- tables of libconfuse, made from ours: every value is read as a string ---- */

static const struct conf_section *
section_of(cfg_t *cfg)
{
	for (size_t i = 1; i < conf_table_n; i++)
		if (strcmp(cfg_name(cfg), conf_table[i].name) == 0)
			return &conf_table[i];
	return &conf_table[0];
}

static const struct conf_key *
key_of(cfg_t *cfg, const char *name)
{
	const struct conf_section *s = section_of(cfg);

	for (size_t i = 0; i < s->keys_n; i++)
		if (strcmp(s->keys[i].key, name) == 0)
			return &s->keys[i];
	return NULL;
}

static int
on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct conf_key *key = key_of(cfg, cfg_opt_name(opt));
	unsigned n = cfg_opt_size(opt), line = (unsigned)cfg->line;
	const char *value = n == 0 ? NULL : cfg_opt_getnstr(opt, n - 1);
	const char *text;

	if (key == NULL || value == NULL)
		return 0;
	/* libconfuse calls for every item of a list, and once more at its end. */
	if (key->type == CONF_LIST && opt == reading->last && n == reading->last_n)
		return 0;
	if (key->type != CONF_LIST && opt->comment != NULL)
		wrong(line, "%s: is given twice", key->key);
	cfg_opt_setcomment(opt, (char *)(uintptr_t)"given");
	reading->last = opt;
	reading->last_n = n;
	text = conf_value_wrong(key, value);
	if (text == NULL)
		return 0;
	if (key->type == CONF_U64)
		wrong(line, "%s: \"%s\" %s (%llu to %llu %s)", key->key, value, text,
		    (unsigned long long)key->min, (unsigned long long)key->max, key->unit);
	else if (key->type == CONF_CHOICE)
		wrong(line, "%s: \"%s\" %s: %s", key->key, value, text,
		    key->unit + (*key->unit == '|'));	/* none of the words is the default */
	else
		wrong(line, "%s: \"%s\" %s", key->key, value, text);
	return 0;
}

static void
on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	static const char unknown[] = "no such option '%s'";
	struct buf b;

	if (strcmp(fmt, unknown) == 0) {
		const char *name = va_arg(ap, const char *);

		snprintf(reading->unknown, sizeof reading->unknown, "%s", name);
		reading->unknown_line = cfg->line;
		return;
	}
	buf_init(&b, 1024);
	buf_vaddf(&b, fmt, ap);
	wrong((unsigned)cfg->line, "%s", buf_cstr(&b) == NULL ? "syntax error" : buf_cstr(&b));
	buf_fini(&b);
	reading->broken = true;
}

static void
fill_options(const struct conf_section *s, cfg_opt_t *opts)
{
	size_t n = 0;

	for (; n < s->keys_n; n++) {
		cfg_opt_t scalar = CFG_STR(s->keys[n].key, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(s->keys[n].key, NULL, CFGF_NODEFAULT);

		opts[n] = s->keys[n].type == CONF_LIST ? list : scalar;
	}
	if (s == &conf_table[0])
		for (size_t i = 1; i < conf_table_n; i++, n++) {
			cfg_opt_t *sub = calloc(KEYS_MAX, sizeof *sub);
			cfg_opt_t sec = CFG_SEC(conf_table[i].name, sub, CFGF_MULTI | CFGF_TITLE |
			    CFGF_NO_TITLE_DUPES);

			if (sub == NULL)
				abort();	/* at start, before anything is served */
			if (!conf_table[i].multi)
				sec.flags = CFGF_NONE;
			fill_options(&conf_table[i], sub);
			opts[n] = sec;
		}
	opts[n] = (cfg_opt_t)CFG_END();
}

static cfg_t *
confuse_new(cfg_opt_t *opts)
{
	cfg_t *cfg;
	char path[128];

	fill_options(&conf_table[0], opts);
	cfg = cfg_init(opts, CFGF_NONE);
	if (cfg == NULL)
		return NULL;
	cfg_set_error_function(cfg, on_error);
	for (size_t i = 0; i < conf_table_n; i++)
		for (size_t j = 0; j < conf_table[i].keys_n; j++) {
			snprintf(path, sizeof path, "%s%s%s", i == 0 ? "" : conf_table[i].name,
			    i == 0 ? "" : "|", conf_table[i].keys[j].key);
			cfg_set_validate_func(cfg, path, on_value);
		}
	return cfg;
}

static void
options_free(cfg_opt_t *opts)
{
	for (cfg_opt_t *o = opts; o->name != NULL; o++)
		if (o->type == CFGT_SEC)
			free(o->subopts);
}

/* ---- unknown keys: blank them and read again, so that all errors come at once ---- */

/* Skip one token, string or balanced block from text[at]; never past the end. */
static size_t
skip_value(struct slice text, size_t at)
{
	size_t depth = 0;
	char quote = '\0';

	for (; at < text.n; at++) {
		char c = text.p[at];

		if (quote != '\0') {
			if (c == '\\')
				at++;
			else if (c == quote)
				quote = '\0';
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '{') {
			depth++;
		} else if (c == '}') {
			if (depth == 0)
				return at;
			if (--depth == 0)
				return at + 1;
		} else if (c == '\n' && depth == 0) {
			return at;
		}
	}
	return text.n;
}

/* Turn the unknown key and its value into blanks; line ends stay. False if it is not found. */
static bool
blank_unknown(void)
{
	struct slice text = buf_slice(&reading->text);
	size_t at = 0, end;
	ptrdiff_t in_line;

	for (int line = 1; line < reading->unknown_line; line++)
		at += (size_t)slice_chr(slice_from(text, at), '\n') + 1;
	in_line = slice_find(slice_from(text, at), slice_of(reading->unknown));
	if (in_line < 0 || reading->unknown[0] == '\0')
		return false;
	at += (size_t)in_line;
	end = skip_value(text, at);
	for (; at < end; at++)
		if (reading->text.p[at] != '\n')
			reading->text.p[at] = ' ';
	return true;
}

/* ---- from libconfuse's values to struct conf ---- */

static int
set_list(struct arena *a, cfg_opt_t *opt, struct conf_list *out)
{
	unsigned n = opt == NULL ? 0 : cfg_opt_size(opt);

	out->v = arena_array(a, n + 1U, sizeof *out->v);
	if (out->v == NULL)
		return a->err;
	for (out->n = 0; out->n < n; out->n++)
		out->v[out->n] = arena_cstr(a, slice_of(cfg_opt_getnstr(opt, (unsigned)out->n)));
	return a->err;
}

/* A default such as "{1, 60}" of a LIST key. */
static int
set_default_list(struct arena *a, struct slice text, struct conf_list *out)
{
	struct slice item;

	out->n = 0;
	out->v = arena_array(a, 33, sizeof *out->v);
	text = slice_trim(text);
	if (text.n < 2 || out->v == NULL)
		return a->err;
	text = slice_sub(text, 1, text.n - 2);
	while (text.n > 0 && out->n < 32) {
		slice_cut(&text, ',', &item);
		out->v[out->n++] = arena_cstr(a, slice_trim(item));
	}
	return a->err;
}

static void
set_scalar(struct arena *a, const struct conf_key *key, const char *value, void *field)
{
	uint64_t v = 0;
	int choice;

	switch (key->type) {
	case CONF_U64:
		if (slice_u64(slice_of(value), UINT64_MAX, &v) == OK)
			*(uint64_t *)field = v;
		break;
	case CONF_BOOL:
		*(bool *)field = conf_choice("false|true", value) == 1;
		break;
	case CONF_CHOICE:
		choice = conf_choice(key->unit, value);
		*(unsigned *)field = choice < 0 ? 0 : (unsigned)choice;
		break;
	default:
		*(const char **)field = arena_cstr(a, slice_of(value));
		break;
	}
}

static int
set_key(struct arena *a, cfg_t *cfg, const struct conf_section *s, const struct conf_key *key,
    char *base)
{
	cfg_opt_t *opt = cfg_getopt(cfg, key->key);
	bool given = opt != NULL && cfg_opt_size(opt) > 0;
	void *field = base + key->offset;

	if (!given && key->value == NULL)
		wrong((unsigned)cfg->line, "%s%s%s: is missing", s == conf_table ? "" : s->name,
		    s == conf_table ? "" : ": ", key->key);
	if (key->type == CONF_LIST) {
		struct conf_list *list = field;
		int r = given ? set_list(a, opt, list) :
		    set_default_list(a, slice_of(key->value), list);

		if (r == OK && given && (list->n < key->min || list->n > key->max))
			wrong((unsigned)cfg->line, "%s: has %zu items (%llu to %llu)", key->key,
			    list->n, (unsigned long long)key->min, (unsigned long long)key->max);
		return r;
	}
	set_scalar(a, key, given ? cfg_opt_getnstr(opt, 0) : key->value == NULL ? "" : key->value,
	    field);
	return a->err;
}

static int
set_section(struct arena *a, cfg_t *cfg, const struct conf_section *s, char *base)
{
	const char *title = s == conf_table ? NULL : cfg_title(cfg);

	/* Every section struct begins with title and line. */
	struct { const char *title; unsigned line; } *head = (void *)base;

	head->title = arena_cstr(a, slice_of(title));
	head->line = (unsigned)cfg->line;
	for (size_t i = 0; i < s->keys_n; i++) {
		int r = set_key(a, cfg, s, &s->keys[i], base);

		if (r != OK)
			return r;
	}
	return a->err;
}

static int
set_multi(struct arena *a, cfg_t *cfg, const struct conf_section *s, struct conf *conf)
{
	size_t n = cfg_size(cfg, s->name);
	char *items = arena_array(a, n + 1, s->size);

	if (items == NULL)
		return a->err;
	memcpy((char *)conf + s->offset, &items, sizeof items);
	memcpy((char *)conf + s->offset_count, &n, sizeof n);
	for (size_t i = 0; i < n; i++) {
		int r = set_section(a, cfg_getnsec(cfg, s->name, (unsigned)i), s,
		    items + i * s->size);

		if (r != OK)
			return r;
	}
	return OK;
}

static int
set_all(cfg_t *cfg, struct conf *conf)
{
	struct arena *a = &conf->memory->arena;
	int r = set_section(a, cfg, &conf_table[0], (char *)conf + conf_table[0].offset);

	for (size_t i = 1; i < conf_table_n && r == OK; i++)
		r = conf_table[i].multi ? set_multi(a, cfg, &conf_table[i], conf) :
		    set_section(a, cfg_getsec(cfg, conf_table[i].name), &conf_table[i],
			(char *)conf + conf_table[i].offset);
	return r;
}

/* ---- the file ---- */

static int
read_text(const char *path, struct buf *out)
{
	int r = file_read(path, out);

	if (r == OK && slice_chr(buf_slice(out), '\0') >= 0)
		r = out->err = ERR_SYNTAX;
	return r;
}

/* The end of the comment that begins at text[at], or at itself when none does. libconfuse knows
 * "#", "//" and slash-star, the latter two only where a word could begin. */
static size_t
skip_comment(struct slice text, size_t at)
{
	struct slice rest = slice_from(text, at);
	bool word_begins = at == 0 || slice_chr(SLICE(" \t\n{}=,"), text.p[at - 1]) >= 0;
	bool star = word_begins && slice_starts_nocase(rest, SLICE("/*"));
	ptrdiff_t end;

	if (!star && rest.p[0] != '#' && !(word_begins && slice_starts_nocase(rest, SLICE("//"))))
		return at;
	end = star ? slice_find(slice_from(rest, 2), SLICE("*/")) : slice_chr(rest, '\n');
	return end < 0 ? text.n : at + (size_t)end + (star ? 4 : 0);
}

/* Turn comments into blanks (libconfuse counts lines wrongly behind them) and tell how many braces
 * are open at the end (it takes a file cut off in a section for whole). */
static size_t
blank_comments(struct buf *text)
{
	size_t depth = 0;
	char quote = '\0';

	for (size_t at = 0; at < text->n; at++) {
		size_t end = quote != '\0' ? at : skip_comment(buf_slice(text), at);
		char c = text->p[at];

		if (end > at) {
			for (; at < end; at++)
				if (text->p[at] != '\n')
					text->p[at] = ' ';
			at--;
		} else if (quote != '\0') {
			at += c == '\\';
			quote = c == quote ? '\0' : quote;
		} else if (c == '"' || c == '\'') {
			quote = c;
		} else if (c == '{') {
			depth++;
		} else if (c == '}' && depth > 0) {
			depth--;
		}
	}
	return depth + (quote != '\0');
}

/* One pass of libconfuse over the text; what it finds goes to errors and, if clean, to conf. */
static int
parse_text(struct conf *conf)
{
	cfg_opt_t opts[KEYS_MAX + 16];
	cfg_t *cfg = confuse_new(opts);
	const char *text = buf_cstr(&reading->text);
	int r = OK;

	if (cfg == NULL || text == NULL) {
		options_free(opts);
		return ERR_NOMEM;
	}
	reading->unknown[0] = '\0';
	if (cfg_parse_buf(cfg, text) == CFG_SUCCESS && !reading->broken) {
		if (reading->open_at_end > 0)
			wrong((unsigned)cfg->line, "the file ends inside of a section or list");
		r = set_all(cfg, conf);
	} else if (reading->unknown[0] == '\0' && reading->errors_n == 0)
		wrong((unsigned)cfg->line, "syntax error");
	cfg_free(cfg);
	options_free(opts);
	return r;
}

/* Read again without each unknown key; the errors of the last, complete pass count. */
static int
parse_all(struct conf *conf)
{
	struct buf unknown;
	int r;

	buf_init(&unknown, 64 * 1024);
	for (unsigned i = 0; ; i++) {
		buf_clear(reading->errors);
		reading->errors_n = i;
		reading->broken = false;
		r = parse_text(conf);
		if (r != OK || reading->unknown[0] == '\0')
			break;
		buf_addf(&unknown, "%s:%d: %s: there is no such key\n", reading->file,
		    reading->unknown_line, reading->unknown);
		if (i == ERRORS_MAX || !blank_unknown())
			break;
		arena_clear(&conf->memory->arena);
	}
	buf_add(reading->errors, buf_slice(&unknown));
	buf_fini(&unknown);
	return r;
}

static int
conf_new(struct conf **out)
{
	struct conf *c = calloc(1, sizeof *c);

	if (c == NULL)
		return ERR_NOMEM;
	c->memory = calloc(1, sizeof *c->memory);
	if (c->memory == NULL) {
		free(c);
		return ERR_NOMEM;
	}
	arena_init(&c->memory->arena, MEMORY_MAX_OCTETS);
	*out = c;
	return OK;
}

int
conf_load(const char *path, struct conf **conf_out, struct buf *errors)
{
	struct reading now = { .file = path, .errors = errors };
	struct conf *c = NULL;
	int r;

	buf_init(&now.text, FILE_MAX_OCTETS);
	reading = &now;
	r = conf_new(&c);
	if (r == OK)
		r = read_text(path, &now.text);
	if (r != OK)
		buf_addf(errors, "%s:0: cannot be read: %s\n", path, err_text(r));
	else
		now.open_at_end = blank_comments(&now.text);
	if (r == OK)
		r = parse_all(c);
	if (r == OK && errors->n == 0)
		conf_check_whole(c, path, errors);
	if (r == OK && errors->n == 0 && *c->general.authserv_id == '\0')
		c->general.authserv_id = c->general.hostname;
	buf_fini(&now.text);
	reading = NULL;
	if (r != OK || errors->n > 0 || errors->err != OK) {
		conf_free(&c);
		return ERR_CONF;
	}
	*conf_out = c;
	return OK;
}

void
conf_free(struct conf **conf)
{
	if (*conf == NULL)
		return;
	arena_clear(&(*conf)->memory->arena);
	free((*conf)->memory);
	free(*conf);
	*conf = NULL;
}
