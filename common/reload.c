/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/reload.h"

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

static bool
is_same(const struct conf *a, const struct conf *b, struct slice name)
{
	struct slice section;
	bool one_key = slice_cut(&name, '.', &section);

	for (size_t i = 0; i < conf_table_n; i++) {
		const struct conf_section *s = &conf_table[i];

		for (size_t k = 0; k < s->keys_n && slice_is(section, s->name); k++)
			if ((!one_key || slice_is(name, s->keys[k].key)) &&
			    !same_value(&s->keys[k], (const char *)a + s->offset,
			    (const char *)b + s->offset))
				return false;
	}
	return true;
}

const char *
reload_changed(const struct conf *a, const struct conf *b, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_same(a, b, slice_of(names[i])))
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
