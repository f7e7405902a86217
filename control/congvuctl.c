/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/congvuctl.c: the administrator's command.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/utf8.h"
#include "control/control.h"

enum { ASK_TIMEOUT_MS = 30000, ARENA_MAX = 256 * 1024 * 1024, LINE_MAX_OCTETS = 1 << 20 };

static const struct ctl_verb verbs[] = {
	{ "status", "status [--json]", true, ctl_status },
	{ "reload", "reload [--json]", false, ctl_reload },
	{ "config check", "config check [--json]", false, ctl_config_check },
	{ "config manual", "config manual", false, ctl_config_manual },
	{ "policy explain", "policy explain FILE.eml|maildir:DIR|mbox:FILE [--json] [--from A] "
	    "[--agency-subject DN] [--to B] [--role R] [--from-zone Z] [--to-zone Z] "
	    "[--clearance L] [--roots FILE] [--certs FILE] [--crls DIR] [--at TIME|arrival]",
	    false, ctl_policy_explain },
	{ "policy rules", "policy rules [--json] [--profile dedicated|open|lan]", false,
	    ctl_policy_rules },
	{ "policy release prepare", "policy release prepare FILE.eml --to B... --reason TEXT [--from A] "
	    "[--agency-subject DN] [--lift review|false-positive] [--expires HOURS] [--reference REF] "
	    "[--from-zone Z] [--to-zone Z] [--out FILE]", false, ctl_release_prepare },
	{ "policy release submit", "policy release submit A.p7m B.p7m [--officer ADDRESS --officer "
	    "ADDRESS] [--json]", false, ctl_release_submit },
	{ "policy release list", "policy release list [--json]", true, ctl_release_list },
	{ "policy release revoke", "policy release revoke ID [--json]", true, ctl_release_revoke },
	{ "policy scan", "policy scan FILE.eml...", false, ctl_policy_scan },
	{ "queue list", "queue list [--json]", true, ctl_queue_list },
	{ "queue show", "queue show ID [--json]", true, ctl_queue_show },
	{ "queue retry", "queue retry ID [--json]", true, ctl_queue_act },
	{ "queue hold", "queue hold ID [--json]", true, ctl_queue_act },
	{ "queue delete", "queue delete ID [--notify] [--json]", true, ctl_queue_act },
	{ "audit list", "audit list [--json] [--from SERIAL] [--max N]", true, ctl_audit_list },
	{ "audit verify", "audit verify [--file FILE [--key HEX]] [--json]", true,
	    ctl_audit_verify },
	{ "audit export", "audit export [--from SERIAL] [--since DAY]", true, ctl_audit_export },
	{ "mailbox list", "mailbox list [USER] [--json]", true, ctl_mailbox_list },
	{ "mailbox export", "mailbox export USER [MAILBOX...] --to DIR [--format maildir|mbox] [--mat] "
	    "[--since DAY] [--until DAY] [--json]",
	    true, ctl_mailbox_export },
	{ "mailbox import", "mailbox import USER --from SOURCE [--mailbox NAME] [--prefix NAME] "
	    "[--password-file FILE] [--ca FILE] [--insecure-plain] [--dry-run] [--json]",
	    true, ctl_mailbox_import },
	{ "mailbox restore", "mailbox restore USER MAILBOX [--from DIR [--at TIME]] "
	    "[--expunged [--since TIME] [--until TIME]] [--into NAME] [--json]", true, ctl_mailbox_restore },
	{ "store stat", "store stat [--segments] [--json]", true, ctl_store_stat },
	{ "store check", "store check [--repair] [--report FILE] [--keys [--mat]] [--account USER] "
	    "[--json]", true, ctl_store_check },
	{ "store backup", "store backup DIR [--keys] [--keep N] [--keep-days N] [--json]", true,
	    ctl_store_backup },
	{ "store verify-backup", "store verify-backup DIR [--at TIME] [--json]", false,
	    ctl_store_verify_backup },
	{ "store restore", "store restore DIR --to STATE_DIR [--at TIME] [--keys-from DIR] "
	    "[--nothing-since] [--json]", true, ctl_store_restore },
	{ "key list", "key list USER [--json]", true, ctl_key_list },
	{ "key share", "key share USER MAILBOX [--json]", true, ctl_key_share },
	{ "key rotate", "key rotate USER|--all|--spool|--master [--mat] [--json]", true,
	    ctl_key_rotate },
	{ "directory test", "directory test USER [--json]", true, ctl_directory_test },
};

/* How many words at the start of the command line are those of the verb's name. */
static int
words_in_common(const struct ctl_verb *verb, int argc, char **argv)
{
	struct slice name = slice_of(verb->name), word;
	int n = 0;

	while (n < argc && (slice_cut(&name, ' ', &word) || word.n > 0) && slice_is(word, argv[n]))
		n++;
	return n;
}

/* The verbs that the words at the start of the line leave possible: all if there is none. */
static int
usage(int argc, char **argv)
{
	int most = 0;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		int n = words_in_common(&verbs[i], argc, argv);

		most = n > most ? n : most;
	}
	if (argc > most && argv[most][0] != '-')
		ctl_fail("there is no verb \"%s\"%s%s", argv[most], most > 0 ? " of " : "",
		    most > 0 ? argv[0] : "");
	fprintf(stderr, "usage: congvuctl [-c FILE] VERB ...\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (words_in_common(&verbs[i], argc, argv) == most)
			fprintf(stderr, "       congvuctl %s\n", verbs[i].usage);
	return CTL_USAGE;
}

/* One line, and nothing in it that a terminal takes for more than text. */
static void
put_line(FILE *to, const char *fmt, va_list ap)
{
	struct buf b;
	struct slice rest, one;
	uint32_t cp;

	buf_init(&b, LINE_MAX_OCTETS);
	buf_vaddf(&b, fmt, ap);
	while (b.n > 0 && b.p[b.n - 1] == '\n')	/* of a list of reasons */
		b.n--;
	for (rest = one = buf_slice(&b); rest.n > 0; one = rest) {
		int r = utf8_next(&rest, &cp);

		one.n -= rest.n;
		if (r == 1 && utf8_is_safe_char(cp))
			fwrite(one.p, 1, one.n, to);
		else
			for (size_t i = 0; i < one.n; i++)
				fprintf(to, "\\x%02x", (unsigned char)one.p[i]);
	}
	fputs(b.err == OK ? "\n" : "...\n", to);
	buf_fini(&b);
}

int
ctl_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("congvuctl: ", stderr);
	va_start(ap, fmt);
	put_line(stderr, fmt, ap);
	va_end(ap);
	return CTL_USAGE;
}

int
ctl_usage(const struct ctl *ctl)
{
	return ctl_fail("usage: congvuctl %s", ctl->usage);
}

void
ctl_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_line(stdout, fmt, ap);
	va_end(ap);
}

int
ctl_ask(struct ctl *ctl, const char *service, const struct chan_row *rows, size_t n,
    uint16_t code, const void *msg, const void **reply_out)
{
	const struct chan_row *row = NULL;
	char path[128];
	int fd = -1;
	int r;

	for (size_t i = 0; i < n; i++)
		if (rows[i].code == code)
			row = &rows[i];
	if (row == NULL)
		return ctl_fail("there is no request %u", code), ERR_INVAL;
	r = chan_path(ctl->conf->general.run_dir, service, ROLE_CONTROL, path, sizeof path);
	if (r == OK)
		r = chan_sync_connect(path, ASK_TIMEOUT_MS, &fd);
	if (r != OK) {
		ctl_fail("%s: %s (is the program running, and may you use it?)", path, err_text(r));
		return r;
	}
	r = chan_sync_call(fd, row, msg, NULL, 0, ASK_TIMEOUT_MS, &ctl->arena, reply_out, NULL,
	    NULL);
	close(fd);
	if (r != OK)
		ctl_fail("%s %s: %s", service, row->name, err_text(r));
	return r;
}

void
ctl_print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(value);
}

json_t *
ctl_json(struct slice s)
{
	json_t *v = json_stringn(s.n == 0 ? "" : s.p, s.n);
	struct buf b;

	if (v != NULL)
		return v;
	buf_init(&b, 65536);
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x80 && s.p[i] >= ' ')
			buf_addc(&b, s.p[i]);
		else
			buf_addf(&b, "\\x%02x", (unsigned char)s.p[i]);
	v = json_stringn(b.n == 0 ? "" : b.p, b.n);
	buf_fini(&b);
	return v;
}

const char *
ctl_hex(struct ctl *ctl, struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	char *out = arena_alloc(&ctl->arena, 2 * s.n + 1);

	if (out == NULL)
		return "";
	for (size_t i = 0; i < s.n; i++) {
		out[2 * i] = digits[(unsigned char)s.p[i] >> 4];
		out[2 * i + 1] = digits[(unsigned char)s.p[i] & 15];
	}
	return out;
}

const char *
ctl_time(struct ctl *ctl, uint64_t time_s)
{
	time_t t = (time_t)time_s;
	struct tm tm;
	char *out = arena_alloc(&ctl->arena, 32);

	if (out == NULL || gmtime_r(&t, &tm) == NULL)
		return "";
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

/* How many words of the command line the verb takes, 0 if it is another. */
static int
matches(const struct ctl_verb *verb, int argc, char **argv)
{
	struct slice name = slice_of(verb->name), word;
	int n = 0;
	bool more;

	do {
		more = slice_cut(&name, ' ', &word);
		if (n >= argc || !slice_is(word, argv[n]))
			return 0;
		n++;
	} while (more);
	return n;
}

/* --json may stand anywhere; it is taken out of the line. */
static int
take_json(int argc, char **argv, bool *json_out)
{
	int n = 0;

	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			*json_out = true;
		else
			argv[n++] = argv[i];
	argv[n] = NULL;
	return n;
}

static int
load_conf(struct ctl *ctl)
{
	struct buf errors;
	int r;

	buf_init(&errors, 65536);
	r = conf_load(ctl->conf_path, &ctl->conf, &errors);
	if (r != OK)
		fputs(buf_cstr(&errors), stderr);
	buf_fini(&errors);
	return r;
}

static int
run(struct ctl *ctl, int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		int words = matches(&verbs[i], argc, argv);

		if (words == 0)
			continue;
		if (verbs[i].needs_conf && load_conf(ctl) != OK)
			return CTL_USAGE;
		ctl->usage = verbs[i].usage;
		/* The last word of the verb is argv[0], as for a program of its own. */
		return verbs[i].fn(ctl, argc - words + 1, argv + words - 1);
	}
	return usage(argc, argv);
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .conf_path = getenv("CONGVU_CONF") };
	int r;

	if (ctl.conf_path == NULL)
		ctl.conf_path = "/etc/congvu/congvu.conf";
	argc = take_json(argc, argv, &ctl.json);
	argc--, argv++;
	if (argc >= 2 && strcmp(argv[0], "-c") == 0) {
		ctl.conf_path = argv[1];
		argc -= 2, argv += 2;
	}
	arena_init(&ctl.arena, ARENA_MAX);
	r = run(&ctl, argc, argv);
	arena_clear(&ctl.arena);
	conf_free(&ctl.conf);
	/* Half of an answer must not look like the whole of it. */
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		r = ctl_fail("standard output: %s", err_text(-errno));
	return r;
}
