/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_policy.c: "policy explain" and "policy scan": the gate's own code over files, without
 * a server. Configuration is used when it is there; options override its trust files.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf_check.h"
#include "control/ctl_backup.h"
#include "control/ctl_explain.h"
#include "policy/trust.h"

enum { FILE_MAX_OCTETS = 1 << 30 };

int
ctl_map_file(const char *path, struct slice *out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *p;
	int r = OK;

	*out = (struct slice){ NULL, 0 };
	if (fd < 0 || fstat(fd, &st) != 0) {
		r = -errno;
		ctl_fail("%s: %s", path, err_text(r));
	} else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_OCTETS) {
		r = ERR_INVAL;
		ctl_fail("%s: is %s", path, S_ISREG(st.st_mode) ? "too large" : "no plain file");
	} else if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED) {
			*out = (struct slice){ p, (size_t)st.st_size };
		} else {
			r = ERR_NOMEM;
			ctl_fail("%s: %s", path, err_text(r));
		}
	}
	if (fd >= 0)
		close(fd);
	return r;
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

	if (access(ctl->conf_path, F_OK) != 0) {
		ctl_fail("%s: %s; judged by the profile dedicated as it is shipped", ctl->conf_path,
		    strerror(errno));
		return OK;
	}
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
		paths.intermediates = line->certs != NULL ? line->certs :
		    c->signature.intermediates;
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
address_option(const char *value, struct slice *out)
{
	*out = slice_of(value);
	return slice_chr(*out, '@') > 0 ? OK : ERR_SYNTAX;
}

int
explain_option(struct explain_line *line, const char *name, const char *value)
{
	struct explain_options *o = &line->options;

	if (strcmp(name, "--from") == 0)
		return address_option(value, &o->from);
	if (strcmp(name, "--to") == 0)
		return o->to_n == EXPLAIN_RECIPIENTS_MAX ? ERR_LIMIT :
		    address_option(value, &line->to[o->to_n++]);
	if (strcmp(name, "--agency-subject") == 0) {
		o->agency_subject = slice_of(value);
		return conf_check_dn(value) == NULL ? OK : ERR_SYNTAX;
	}
	if (strcmp(name, "--from-zone") == 0)
		return word_value(WORD_zone, slice_of(value), &o->from_zone);
	if (strcmp(name, "--to-zone") == 0)
		return word_value(WORD_zone, slice_of(value), &o->to_zone);
	return ERR_UNSUPPORTED;
}

/* Seconds since 1970, or a time as people write it. */
static int
at_option(struct explain_line *line, const char *value)
{
	uint64_t s;

	line->at_arrival = strcmp(value, "arrival") == 0;
	if (line->at_arrival)
		return OK;
	if (slice_u64(slice_of(value), INT64_MAX, &s) != OK && ctl_backup_time(value, &s) != OK)
		return ERR_SYNTAX;
	line->at = true;
	line->at_s = (int64_t)s;
	return OK;
}

static int
take_option(void *arg, const char *name, const char *value)
{
	struct explain_line *line = arg;

	if (strcmp(name, "--role") == 0)
		return word_value(WORD_path, slice_of(value), &line->options.path);
	if (strcmp(name, "--clearance") == 0)
		return word_value(WORD_level, slice_of(value), &line->options.clearance);
	if (strcmp(name, "--at") == 0)
		return at_option(line, value);
	if (strcmp(name, "--roots") == 0)
		line->roots = value;
	else if (strcmp(name, "--certs") == 0)
		line->certs = value;
	else if (strcmp(name, "--crls") == 0)
		line->crls = value;
	else
		return explain_option(line, name, value);
	return OK;
}

/* value: NULL if the line ends with the name. What is wrong is told. */
static int
one_option(const char *name, const char *value, explain_option_fn take, void *arg)
{
	bool file = strncmp(name, "--", 2) != 0;
	int r = file ? ERR_EXIST : take(arg, name, value == NULL ? "" : value);

	if (file)
		ctl_fail("%s: one file at a time", name);
	else if (r == ERR_UNSUPPORTED)
		ctl_fail("%s: there is no such option", name);
	else if (value == NULL)
		r = ctl_fail("%s: a value is missing", name);
	else if (r == ERR_LIMIT)
		ctl_fail("%s: given too often", name);
	else if (r != OK)
		ctl_fail("%s: \"%s\" will not do", name, value);
	return r;
}

int
explain_parse(const struct ctl *ctl, int argc, char **argv, struct explain_line *line,
    explain_option_fn take, void *arg)
{
	int r = OK;

	*line = (struct explain_line){ .file = NULL };
	explain_options_init(&line->options);
	line->options.to = line->to;
	for (int i = 1; i < argc && r == OK; i++)
		if (strncmp(argv[i], "--", 2) != 0 && line->file == NULL)
			line->file = argv[i];
		else
			r = one_option(argv[i], i + 1 < argc ? argv[i + 1] : NULL, take, arg), i++;
	if (r == OK && line->file != NULL)
		return OK;
	ctl_usage(ctl);
	return ERR_SYNTAX;
}

/* One member on its line; an item of a list by what it has to say: no empty words, no "false". */
static void
print_member(const char *key, const json_t *value)
{
	const char *name;
	struct buf line;
	json_t *v;

	buf_init(&line, 1 << 20);
	json_object_foreach((json_t *)(uintptr_t)value, name, v) {
		char *text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY);

		if (text == NULL && *json_string_value(v) != '\0')
			buf_addf(&line, " %s=\"%s\"", name, json_string_value(v));
		else if (text != NULL && !json_is_false(v))
			buf_addf(&line, " %s=%s", name, text);
		free(text);
	}
	ctl_say("%-16s%s", key, buf_cstr(&line));
	buf_fini(&line);
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
			ctl_say("%-16s %s", key, text == NULL ? json_string_value(value) : text);
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

	if (ctl_map_file(line->file, &file) != OK)
		return CTL_USAGE;
	if (slice_starts_nocase(file, SLICE("From ")))
		ctl_fail("%s: looks like an mbox, and is judged as one message; say mbox:%s for "
		    "those in it", line->file, line->file);
	buf_init(&json, 1 << 20);
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

	if (explain_parse(ctl, argc, argv, &line, take_option, &line) != OK)
		return CTL_USAGE;
	mailbox = explain_is_mailbox(line.file);
	if (line.at_arrival && !mailbox)
		return ctl_fail("--at arrival is for mailboxes: maildir:DIR, mbox:FILE");
	r = ctl_judge_env(ctl, &line, &env);
	if (r == OK && line.at)
		env.smime.now_s = line.at_s;
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

	if (r != OK)
		return r;
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
		return ctl_usage(ctl);
	r = ctl_judge_env(ctl, &line, &env);
	if (r != OK)
		return ctl_fail("%s", err_text(r));
	for (int i = 1; i < argc; i++)
		if (scan_one(argv[i], &env) != OK)
			status = CTL_NOT_IN_ORDER;
	ctl_judge_env_fini(&env);
	return status;
}
