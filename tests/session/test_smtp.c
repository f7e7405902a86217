/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Run the transcripts of the server (tests/session/smtpd, see smtp_script.h) and of the relay
 * (tests/session/smtpclient, see client_script.h), or those named in the arguments. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/session/client_script.h"
#include "tests/session/coverage.h"

static unsigned passed, failed;

static void
run_text(const char *file, struct slice text)
{
	static struct script_case c;

	while (script_next(&text, &c)) {
		bool client = slice_find(slice_of(file), SLICE("smtpclient/")) >= 0;
		const char *why = client ? client_script_run_all(&c) : script_run_all(&c);

		if (!client)
			coverage_note(&c);
		if (why == NULL) {
			passed++;
			continue;
		}
		failed++;
		printf("FAIL %s: %s\n     %s\n", file, c.name, why);
	}
}

static void
run_file(const char *path)
{
	static char mem[1 << 18];
	FILE *f = fopen(path, "r");
	size_t n;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	n = fread(mem, 1, sizeof mem, f);
	fclose(f);
	run_text(path, (struct slice){ mem, n });
}

static int
is_transcript(const struct dirent *d)
{
	return slice_ends_nocase(slice_of(d->d_name), SLICE(".txt"));
}

static void
run_folder(const char *folder)
{
	const char *src = getenv("srcdir");
	struct dirent **names;
	char dir[800], path[1200];
	int n;

	snprintf(dir, sizeof dir, "%s/tests/session/%s", src != NULL ? src : "..", folder);
	n = scandir(dir, &names, is_transcript, alphasort);

	for (int i = 0; i < n; i++) {
		if (snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name) < (int)sizeof path)
			run_file(path);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	if (argc == 1) {
		run_folder("smtpd");
		run_folder("smtpclient");
		failed += client_coverage_missing();
		failed += coverage_missing(getenv("VERBOSE") != NULL);
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 && passed > 0 ? 0 : 1;
}
