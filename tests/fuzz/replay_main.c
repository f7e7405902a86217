/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/fuzz/replay_main.c: run a fuzz target over its corpus, without libFuzzer.
 *
 * Every input is given to the target whole, and small ones also at every shorter length, in memory
 * of exactly that size. Arguments are files or directories; without any, the corpus of the
 * program: fuzz_NAME replays $srcdir/tests/fuzz/corpus/NAME. No input at all is a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PREFIXES_OCTETS = 2048, PATH_OCTETS = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static void
give(const uint8_t *data, size_t n)
{
	uint8_t *exact = malloc(n == 0 ? 1 : n);

	if (exact == NULL)
		abort();
	if (n > 0)
		memcpy(exact, data, n);
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

static int
replay_file(const char *path, size_t octets)
{
	uint8_t *data = malloc(octets == 0 ? 1 : octets);
	FILE *f = fopen(path, "rb");
	int r = -1;

	if (data == NULL || f == NULL || fread(data, 1, octets, f) != octets)
		goto out;
	give(data, octets);
	for (size_t n = 0; n < octets && octets <= PREFIXES_OCTETS; n++)
		give(data, n);
	replayed++;
	r = 0;
out:
	if (r != 0)
		perror(path);
	if (f != NULL)
		fclose(f);
	free(data);
	return r;
}

static int
replay_path(const char *path)
{
	char below[PATH_OCTETS];
	struct dirent *e;
	struct stat st;
	int r = 0;
	DIR *d;

	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path, (size_t)st.st_size);
	d = opendir(path);
	if (d == NULL) {
		perror(path);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(below, sizeof below, "%s/%s", path, e->d_name);
		if (stat(below, &st) != 0 || !S_ISREG(st.st_mode) ||
		    replay_file(below, (size_t)st.st_size) != 0)
			r = -1;
	}
	closedir(d);
	return r;
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *name = strstr(argv[0], "fuzz_");
	char corpus[PATH_OCTETS];
	int r = 0;

	for (int i = 1; i < argc; i++)
		r |= replay_path(argv[i]);
	if (argc == 1 && name != NULL) {
		snprintf(corpus, sizeof corpus, "%s/tests/fuzz/corpus/%s",
		    srcdir == NULL ? "." : srcdir,
		    name + strlen("fuzz_"));
		r = replay_path(corpus);
	}
	printf("%u inputs replayed\n", replayed);
	return r == 0 && replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
