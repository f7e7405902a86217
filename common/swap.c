/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/swap.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { DEPTH_MAX = 8, LINE_MAX_OCTETS = 5000, UUID_OCTETS = 200 };

/* Is the block device at this folder of sysfs dm-crypt, or made of nothing else? */
static bool
is_crypt(const char *at, int depth)
{
	char path[PATH_MAX], uuid[UUID_OCTETS] = "";
	size_t slaves = 0;
	struct dirent *d;
	DIR *dir;
	FILE *f;
	bool all = true;

	if (depth == 0 || snprintf(path, sizeof path, "%s/dm/uuid", at) >= (int)sizeof path)
		return false;
	f = fopen(path, "re");
	if (f != NULL) {
		if (fgets(uuid, sizeof uuid, f) == NULL)
			uuid[0] = '\0';
		fclose(f);
	}
	if (strncmp(uuid, "CRYPT-", 6) == 0)
		return true;
	if (snprintf(path, sizeof path, "%s/slaves", at) >= (int)sizeof path)
		return false;
	dir = opendir(path);
	while (dir != NULL && all && (d = readdir(dir)) != NULL) {
		char below[PATH_MAX];

		if (d->d_name[0] == '.')
			continue;
		slaves++;
		all = snprintf(below, sizeof below, "%s/%s", path, d->d_name) <
		    (int)sizeof below && is_crypt(below, depth - 1);
	}
	if (dir != NULL)
		closedir(dir);
	return all && slaves > 0;
}

/* A partition by its device, a file by that of its file system. */
static bool
is_safe(const char *sys, const char *name)
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *base;
	struct stat st;

	if (realpath(name, real) == NULL &&
	    snprintf(real, sizeof real, "%s", name) >= (int)sizeof real)
		return false;
	base = strrchr(real, '/');
	base = base == NULL ? real : base + 1;
	if (strncmp(real, "/dev/zram", 9) == 0)
		return true;
	if (strncmp(real, "/dev/", 5) == 0)
		return snprintf(path, sizeof path, "%s/block/%s", sys, base) < (int)sizeof path &&
		    is_crypt(path, DEPTH_MAX);
	return stat(real, &st) == 0 && snprintf(path, sizeof path, "%s/dev/block/%u:%u", sys,
	    major(st.st_dev), minor(st.st_dev)) < (int)sizeof path && is_crypt(path, DEPTH_MAX);
}

/* The kernel writes blanks and the like in names as \ooo. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else
			*to++ = *s;
	}
	*to = '\0';
}

int
swap_plain(const char *proc, const char *sys, struct buf *out)
{
	char path[PATH_MAX], line[LINE_MAX_OCTETS];
	bool first = true;
	int r = 0;
	FILE *f;

	if (snprintf(path, sizeof path, "%s/swaps", proc) >= (int)sizeof path)
		return ERR_LIMIT;
	f = fopen(path, "re");
	if (f == NULL)
		return errno == ENOENT ? 0 : -errno;	/* a kernel without swap */
	while (r == 0 && fgets(line, sizeof line, f) != NULL) {
		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		if (!first && line[0] != '\0' && !is_safe(sys, line)) {
			buf_adds(out, line);
			r = 1;
		}
		first = false;
	}
	fclose(f);
	return r;
}
