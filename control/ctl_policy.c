/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_policy.c: "policy explain" and "policy scan": the gate's own code over files, without a
 * server. Configuration is used when it is there; options override its trust files.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "control/ctl_explain.h"
#include "policy/trust.h"

enum { FILE_MAX_OCTETS = 1 << 30 };

int
ctl_map_file(const char *path, struct slice *out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p = MAP_FAILED;

	*out = (struct slice){ NULL, 0 };
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX_OCTETS) {
		close(fd);
		return ERR_INVAL;
	}
	if (st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (st.st_size > 0 && p == MAP_FAILED)
		return ERR_NOMEM;
	if (st.st_size > 0)
		*out = (struct slice){ p, (size_t)st.st_size };
	return OK;
}

void
ctl_unmap_file(struct slice s)
{
	if (s.n > 0)
		munmap((void *)(uintptr_t)s.p, s.n);
}

/* Use the configuration if there is one; a broken one is told, a missing one is not a mistake. */
static int
load_conf(struct ctl *ctl)
{
	struct buf errors;
	int r = OK;

	if (access(ctl->conf_path, F_OK) != 0)
		return OK;
	buf_init(&errors, 65536);
	if (conf_load(ctl->conf_path, &ctl->conf, &errors) != OK) {
		fputs(buf_cstr(&errors), stderr);
		r = ERR_CONF;
	}
	buf_fini(&errors);
	return r;
}

static int
load_trust(const struct trust_paths *paths, struct judge_env *env)
{
	struct trust *trust = NULL;
	int r;

	if (paths->roots == NULL)
		return OK;
	r = trust_load(paths, &trust);
	if (r == OK)
		r = smime_trust_new(trust_blob(trust), &env->trust);
	trust_free(&trust);
	return r;
}

int
ctl_judge_env(struct ctl *ctl, const struct explain_line *line, struct judge_env *env)
{
	struct trust_paths paths = { line->roots, line->certs, line->crls };
	const struct conf *c;
	int r = load_conf(ctl);

	if (r != OK)
		return r;
	c = ctl->conf;
	*env = (struct judge_env){ .authserv_id = SLICE("localhost") };
	extract_start();
	classify_options_init(&env->classify);
	env->classify.open_signed = smime_open_signed;
	env->smime = (struct smime_options){ .now_s = clock_real_s(),
		.revocation_grace_s = 259200, .known_s = clock_real_s() };
	if (c != NULL) {
		env->conf = c;
		env->authserv_id = slice_of(c->general.authserv_id);
		env->classify.limits.ocr = c->limits.ocr;
		env->classify.limits.ocr_ms = (unsigned)c->limits.ocr_ms;
		env->smime.revocation_grace_s = c->signature.revocation_grace_s;
		env->smime.purpose = (enum smime_purpose)c->signature.purpose;
		paths.roots = line->roots != NULL ? line->roots : c->signature.roots;
		paths.intermediates = line->certs != NULL ? line->certs : c->signature.intermediates;
		paths.crls = line->crls != NULL ? line->crls : c->signature.crls;
	}
	r = smime_init();
	if (r == OK)
		r = c != NULL ? rules_init(&env->rules, c) :
		    rules_init_profile(&env->rules, PROFILE_DEDICATED);
	if (r == OK)
		r = load_trust(&paths, env);
	return r;
}

void
ctl_judge_env_fini(struct judge_env *env)
{
	smime_trust_free(&env->trust);
	rules_fini(&env->rules);
}

static int
parse_word(enum word_set set, const char *text, unsigned *out)
{
	return word_value(set, slice_of(text), out);
}

static int
parse_option(struct explain_line *line, const char *name, const char *value)
{
	struct explain_options *o = &line->options;

	if (strcmp(name, "--from") == 0)
		o->from = slice_of(value);
	else if (strcmp(name, "--to") == 0 && o->to_n < EXPLAIN_RECIPIENTS_MAX)
		line->to[o->to_n++] = slice_of(value);
	else if (strcmp(name, "--role") == 0)
		return parse_word(WORD_path, value, &o->path);
	else if (strcmp(name, "--from-zone") == 0)
		return parse_word(WORD_zone, value, &o->from_zone);
	else if (strcmp(name, "--to-zone") == 0)
		return parse_word(WORD_zone, value, &o->to_zone);
	else if (strcmp(name, "--clearance") == 0)
		return parse_word(WORD_level, value, &o->clearance);
	else if (strcmp(name, "--roots") == 0)
		line->roots = value;
	else if (strcmp(name, "--certs") == 0)
		line->certs = value;
	else if (strcmp(name, "--crls") == 0)
		line->crls = value;
	else if (strcmp(name, "--at") == 0)
		line->at = value;
	else
		return ERR_SYNTAX;
	return OK;
}

static int
parse_line(int argc, char **argv, struct explain_line *line)
{
	*line = (struct explain_line){ 0 };
	explain_options_init(&line->options);
	line->options.to = line->to;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0 && line->file == NULL) {
			line->file = argv[i];
		} else {
			if (i + 1 == argc || parse_option(line, argv[i], argv[i + 1]) != OK)
				return ERR_SYNTAX;
			i++;
		}
	}
	return line->file == NULL ? ERR_SYNTAX : OK;
}

/* Seconds since 1970, or 2026-11-22T01:02:03Z. */
static int
parse_at(const char *text, int64_t *out)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	uint64_t s;

	if (end != NULL && *end == '\0') {
		*out = (int64_t)timegm(&tm);
		return OK;
	}
	if (slice_u64(slice_of(text), INT64_MAX, &s) != OK)
		return ERR_SYNTAX;
	*out = (int64_t)s;
	return OK;
}

/* One member on its line; an item of a list by what it has to say: no empty words, no "false". */
static void
print_member(const char *key, const json_t *value)
{
	const char *name;
	json_t *v;

	printf("%-12s", key);
	json_object_foreach((json_t *)(uintptr_t)value, name, v) {
		char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY);

		if (text == NULL && *json_string_value(v) != '\0')
			printf(" %s=\"%s\"", name, json_string_value(v));
		else if (text != NULL && !json_is_false(v))
			printf(" %s=%s", name, text);
		free(text);
	}
	putchar('\n');
}

/* The JSON object for people: one line per member, and one for each item of a list. */
static void
print_text(const char *json)
{
	json_t *o = json_loads(json, 0, NULL), *value;
	const char *key;

	json_object_foreach(o, key, value) {
		char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

		for (size_t i = 0; i < json_array_size(value); i++)
			print_member(key, json_array_get(value, i));
		if (json_array_size(value) == 0)
			printf("%-12s %s\n", key, text == NULL ? json_string_value(value) : text);
		free(text);
	}
	json_decref(o);
}

static int
explain_file(const struct ctl *ctl, const struct explain_line *line, const struct judge_env *env)
{
	struct slice file = { NULL, 0 };
	struct buf json;
	int r;

	buf_init(&json, 1 << 20);
	r = ctl_map_file(line->file, &file);
	if (r == OK)
		r = explain_message(file, &line->options, env, &json);
	if (r != OK)
		ctl_fail("%s: %s", line->file, err_text(r));
	else if (ctl->json)
		puts(buf_cstr(&json));
	else
		print_text(buf_cstr(&json));
	ctl_unmap_file(file);
	buf_fini(&json);
	return r == OK ? CTL_OK : CTL_USAGE;
}

int
ctl_policy_explain(struct ctl *ctl, int argc, char **argv)
{
	struct explain_line line;
	struct judge_env env = { 0 };
	bool mailbox;
	int r;

	if (parse_line(argc, argv, &line) != OK)
		return ctl_fail("usage: policy explain FILE.eml|maildir:DIR|mbox:FILE [--json] [--from A] "
		    "[--to B] [--role R] [--from-zone Z] [--to-zone Z] [--clearance L] [--roots FILE] "
		    "[--certs FILE] [--crls DIR] [--at TIME|arrival]");
	mailbox = explain_is_mailbox(line.file);
	r = ctl_judge_env(ctl, &line, &env);
	line.at_arrival = mailbox && line.at != NULL && strcmp(line.at, "arrival") == 0;
	if (r == OK && line.at != NULL && !line.at_arrival)
		r = parse_at(line.at, &env.smime.now_s);
	if (r != OK)
		ctl_fail("%s: %s", line.file, err_text(r));
	r = r != OK ? CTL_USAGE : mailbox ? explain_mailbox(ctl, &line, &env) :
	    explain_file(ctl, &line, &env);
	ctl_judge_env_fini(&env);
	return r;
}

static int
scan_one(const char *path, const struct judge_env *env)
{
	struct slice file;
	struct buf json;
	int r = ctl_map_file(path, &file);

	if (r != OK) {
		ctl_fail("%s: %s", path, err_text(r));
		return r;
	}
	buf_init(&json, 1 << 20);
	r = explain_scan(path, file, env, &json);
	if (json.n > 0)
		puts(buf_cstr(&json));
	fflush(stdout);
	buf_fini(&json);
	ctl_unmap_file(file);
	return r;
}

int
ctl_policy_scan(struct ctl *ctl, int argc, char **argv)
{
	struct explain_line line = { 0 };
	struct judge_env env = { 0 };
	int r, status = CTL_OK;

	if (argc < 2)
		return ctl_fail("usage: policy scan FILE.eml...");
	r = ctl_judge_env(ctl, &line, &env);
	if (r != OK)
		return ctl_fail("%s", err_text(r));
	for (int i = 1; i < argc; i++)
		if (scan_one(argv[i], &env) != OK)
			status = CTL_NOT_IN_ORDER;
	ctl_judge_env_fini(&env);
	return status;
}
