/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The file of an environment, made by LMDB itself and then changed: the input is a list of places
 * (3 octets, little-endian) with what they become (1 octet), and where the file is cut (the first 3,
 * 0: it is not). Whatever is in it, the walk ends, stays within the file, and gives every row at
 * most once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/env.h"
#include "mailstore/pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BASE_MAX = 1 << 20, ROWS = 600 };

static unsigned char base[BASE_MAX];
static size_t base_octets;

static void
must(int ok)
{
	if (!ok)
		abort();
}

/* Rows small and large, in two trees, with free pages between. */
static void
fill(struct env *env)
{
	static char big[9000];
	struct env_txn *t;
	char key[32];

	for (unsigned round = 0; round < 4; round++) {
		must(env_begin_write(env, &t) == OK);
		for (unsigned i = round; i < ROWS; i += 4) {
			size_t n = i % 50 == 0 ? sizeof big : 20 + i % 90;
			int len = snprintf(key, sizeof key, "key %07u", i * 7919 % 100003);

			must(env_put(t, i % 2, (struct slice){ key, (size_t)len },
			    (struct slice){ big, n }) == OK);
			if (i % 3 == 0 && round > 0)
				must(env_del(t, i % 2, (struct slice){ key, (size_t)len }) == OK);
		}
		must(env_commit(&t) == OK);
	}
}

static void
make_base(void)
{
	static const char *const trees[] = { "one", "two" };
	char dir[] = "/tmp/congvu-fuzz-XXXXXX", path[64];
	struct env *env;
	FILE *f;

	must(mkdtemp(dir) != NULL);
	must(env_open(dir, BASE_MAX, false, trees, 2, &env) == OK);
	fill(env);
	env_close(&env);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	f = fopen(path, "r");
	must(f != NULL);
	base_octets = fread(base, 1, sizeof base, f);
	fclose(f);
	must(unlink(path) == 0);
	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	(void)unlink(path);
	must(rmdir(dir) == 0);
}

static int
count(void *arg, const char *tree, struct slice key, struct slice val)
{
	uint64_t *rows = arg;
	unsigned char sum = 0;

	must(tree[0] != '\0' && key.n > 0);
	for (size_t i = 0; i < val.n; i++)
		sum ^= (unsigned char)val.p[i];
	*rows += 1 + (sum & 0);
	return OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char file[BASE_MAX];
	uint64_t rows = 0;
	struct pages_conf conf = { .txn = PAGES_NEWEST, .row = count, .arg = &rows };
	struct pages_result res;
	size_t cut = base_octets;
	char path[32];
	int fd, r;

	if (base_octets == 0)
		make_base();
	memcpy(file, base, base_octets);
	cut = size < 3 ? 0 : data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16;
	for (size_t i = 3; i + 4 <= size; i += 4) {
		size_t at = data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16;

		file[at % base_octets] = data[i + 3];
	}
	cut = cut == 0 || cut > base_octets ? base_octets : cut;
	fd = memfd_create("pages", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, file, cut) == (ssize_t)cut);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	r = pages_walk(path, &conf, &res);
	must(r == OK || (r == ERR_CORRUPT && res.bad > 0));
	must(rows == res.rows && rows <= base_octets / 10);
	must(size >= 7 || cut < base_octets || res.bad == 0);
	close(fd);
	return 0;
}
