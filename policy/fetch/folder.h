/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/folder.h: the folder of CRLs, in which congvu-trust alone writes.
 *
 * Shape   a file appears under its name whole and on disk, or not at all. Names that begin with "."
 *         are not looked at by policyd.
 */
#ifndef POLICY_FETCH_FOLDER_H
#define POLICY_FETCH_FOLDER_H

#include "common/buf.h"

struct folder {
	int fd, lock;
};

/* Open and lock it. ERR_EXIST: another run is at work in it; -errno. */
int folder_open(const char *path, struct folder *out) MUST_USE;
void folder_close(struct folder *folder);

/* Append the content of a file to out. ERR_NOENT; ERR_INVAL: it is no plain file; ERR_LIMIT. */
int folder_read(const struct folder *folder, const char *name, struct buf *out) MUST_USE;
int folder_write(const struct folder *folder, const char *name, struct slice content) MUST_USE;
int folder_remove(const struct folder *folder, const char *name) MUST_USE;

/* Call fn with the name of each file that policyd reads; anything but OK from it ends that. */
typedef int (*folder_fn)(void *arg, const char *name);
int folder_each(const struct folder *folder, folder_fn fn, void *arg) MUST_USE;

#endif
