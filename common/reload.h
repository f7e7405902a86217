/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/reload.h: a new configuration for a program that runs (SIGHUP).
 */
#ifndef COMMON_RELOAD_H
#define COMMON_RELOAD_H

#include "common/conf.h"

/* The first of n names, "section" or "section.key" ("general.run-dir"), whose values differ; NULL:
 * none does. A MULTI section is named as a whole. */
const char *reload_changed(const struct conf *a, const struct conf *b, const char *const *names,
    size_t n);

/* Log what is wrong with a file, one EV_CONFIG_ERROR for each line. */
void reload_log_errors(const char *file, const struct buf *why, int err);

/*
 * Read path anew. OK and *out; or ERR_CONF, and each mistake has been logged: then the old one
 * stays in force, whole. A key among the n fixed ones that differs from now is a mistake, too, as it
 * needs a restart. The service manager and the metrics are told of failures; after OK and when the
 * new one is in force, call reload_done().
 */
int reload_read(const char *path, const struct conf *now, const char *const *fixed, size_t n,
    struct conf **out) MUST_USE;
void reload_done(const char *path, const struct conf *now);

#endif
