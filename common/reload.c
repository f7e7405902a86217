/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/reload.h"

#include <string.h>

#include "common/conf_table.h"
#include "common/log.h"
#include "common/metric.h"
#include "common/systemd.h"

enum { ERRORS_OCTETS = 1 << 20 };

/* ---- what differs ---- */

static bool
same_list(const struct conf_list *a, const struct conf_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!slice_is(slice_of(a->v[i]), b->v[i]))
			return false;
	return true;
}

static bool
same_value(const struct conf_key *key, const char *a, const char *b)
{
	const void *va = a + key->offset, *vb = b + key->offset;

	switch (key->type) {
	case CONF_STR:
	case CONF_PATH:
		return slice_is(slice_of(*(const char *const *)va), *(const char *const *)vb);
	case CONF_U64:
		return *(const uint64_t *)va == *(const uint64_t *)vb;
	case CONF_BOOL:
		return *(const bool *)va == *(const bool *)vb;
	case CONF_CHOICE:
		return *(const unsigned *)va == *(const unsigned *)vb;
	case CONF_LIST:
		return same_list(va, vb);
	}
	return false;
}

/* Two sections; key NULL: all their keys. */
static bool
same_section(const struct conf_section *s, const char *key, const char *a, const char *b)
{
	for (size_t k = 0; k < s->keys_n; k++)
		if ((key == NULL || strcmp(s->keys[k].key, key) == 0) &&
		    !same_value(&s->keys[k], a, b))
			return false;
	return true;
}

/* All sections of one name: as many, in the same order, with the same titles. */
static bool
same_multi(const struct conf_section *s, const char *a, const char *b)
{
	const char *va, *vb;
	size_t na, nb;

	memcpy(&va, a + s->offset, sizeof va);
	memcpy(&vb, b + s->offset, sizeof vb);
	memcpy(&na, a + s->offset_count, sizeof na);
	memcpy(&nb, b + s->offset_count, sizeof nb);
	for (size_t i = 0; na == nb && i < na; i++) {
		const char *const *title_a = (const void *)(va + i * s->size);
		const char *const *title_b = (const void *)(vb + i * s->size);

		if (strcmp(*title_a, *title_b) != 0 ||
		    !same_section(s, NULL, va + i * s->size, vb + i * s->size))
			return false;
	}
	return na == nb;
}

static bool
is_same(const struct conf *a, const struct conf *b, const char *name)
{
	struct slice rest = slice_of(name), section;
	bool one_key = slice_cut(&rest, '.', &section);

	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_section *s = &conf_table[i];

		if (!slice_is(section, s->name))
			continue;
		if (s->multi)
			return same_multi(s, (const char *)a, (const char *)b);
		return same_section(s, one_key ? rest.p : NULL, (const char *)a + s->offset,
		    (const char *)b + s->offset);
	}
	return true;
}

const char *
reload_changed(const struct conf *a, const struct conf *b, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_same(a, b, names[i]))
			return names[i];
	return NULL;
}

/* ---- reading ---- */

void
reload_log_errors(const char *file, const struct buf *why, int err)
{
	struct slice rest = buf_slice(why), line;

	if (rest.n == 0)
		log_event(EV_CONFIG_ERROR, F_CSTR("file", file), F_ERR(err));
	while (rest.n > 0) {
		slice_cut(&rest, '\n', &line);
		if (line.n <= LOG_VALUE_OCTETS)
			log_event(EV_CONFIG_ERROR, F_CSTR("file", file), F_STR("why", line));
		else
			log_event(EV_CONFIG_ERROR, F_CSTR("file", file),
			    F_STR("why", ((struct slice){ line.p, LOG_VALUE_OCTETS })),
			    F_STR("more", slice_from(line, LOG_VALUE_OCTETS)));
	}
}

int
reload_read(const char *path, const struct conf *now, const char *const *fixed, size_t n,
    struct conf **out)
{
	struct conf *fresh = NULL;
	struct buf why;
	int err;

	systemd_reloading();
	buf_init(&why, ERRORS_OCTETS);
	err = conf_load(path, &fresh, &why);
	for (size_t i = 0; i < n && err == OK; i++)
		if (reload_changed(now, fresh, &fixed[i], 1) != NULL)
			buf_addf(&why, "%s: has changed, which needs a restart; the old "
			    "configuration stays in force\n", fixed[i]);
	if (why.n > 0)
		err = ERR_CONF;
	if (err != OK) {
		reload_log_errors(path, &why, err);
		conf_free(&fresh);
		metric_config_failed();
		systemd_ready();
	}
	buf_fini(&why);
	*out = fresh;
	return err;
}

void
reload_done(const char *path, const struct conf *now)
{
	log_set_severity((enum log_severity)now->general.log_level);
	log_event(EV_RELOAD, F_CSTR("file", path));
	metric_config_loaded(path);
	systemd_ready();
}
