/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/log.h: structured log, one line per event on standard error (logfmt).
 *
 *	ts=2026-01-31T02:03:04.005Z prog=smtpd pid=7 sev=notice ev=auth-failed who="a@x.vn"
 *
 * Shape   event.def has a row per event; a call names the event and lists typed fields:
 *	       log_event(EV_AUTH_FAILED, F_STR("who", who), F_ERR(err), F_END);
 * Bounds  a value has at most LOG_VALUE_OCTETS octets, a line LOG_LINE_OCTETS, written by one
 *         write(2). It never blocks the caller's logic: a line that cannot be written is counted
 *         and the count shown by the next one (lost=N).
 * Safety  a value can hold no control character, line end, bidirectional or invisible mark, and no
 *         octet that is not UTF-8: such octets are shown as \xNN. There is no field type for a
 *         subject, a body, a file name, a password or marked text, and a field with such a key
 *         has its value withheld.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/slice.h"

enum { LOG_VALUE_OCTETS = 256, LOG_LINE_OCTETS = 4000 };

enum log_severity { LOG_SEV_DEBUG, LOG_SEV_INFO, LOG_SEV_NOTICE, LOG_SEV_WARNING, LOG_SEV_ERROR,
    LOG_SEV_ALERT };

enum log_event_id {
#define EVENT_ROW(id, severity, name, text) id,
#include "common/event.def"
#undef EVENT_ROW
	LOG_EVENT_COUNT
};

enum log_field_type { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_U64, LOG_FIELD_I64, LOG_FIELD_ERR };

struct log_field {
	const char	   *key;	/* [a-z0-9_-]+, a literal */
	enum log_field_type type;
	struct slice	    str;
	uint64_t	    u64;
	int64_t		    i64;
};

/* Text: addresses, accounts, names of listeners, rules, roles and peers; hex digests. */
#define F_STR(k, slice_)  ((struct log_field){ .key = (k), .type = LOG_FIELD_STR, .str = (slice_) })
#define F_CSTR(k, cstr) \
	((struct log_field){ .key = (k), .type = LOG_FIELD_STR, .str = slice_of(cstr) })
#define F_U64(k, v) \
	((struct log_field){ .key = (k), .type = LOG_FIELD_U64, .u64 = (uint64_t)(v) })
#define F_I64(k, v) \
	((struct log_field){ .key = (k), .type = LOG_FIELD_I64, .i64 = (int64_t)(v) })
/* err="text of err.def" for a negative error; nothing for OK. */
#define F_ERR(e)	((struct log_field){ .key = "err", .type = LOG_FIELD_ERR, .i64 = (e) })
/* Ends the list; a call without it is ended too. */
#define F_END		((struct log_field){ .type = LOG_FIELD_END })

#define log_event(event, ...) \
	log_event_fields((event), (const struct log_field[]){ __VA_ARGS__, F_END })

/* Write one event with the fields up to the first F_END. errno is kept. */
void log_event_fields(enum log_event_id event, const struct log_field *fields);

/* The program (and role) named in every line, at most 31 octets; call once at start. */
void log_init(const char *prog);

/* Events below min are not written. The start value is LOG_SEV_INFO. */
void log_set_severity(enum log_severity min);

/* "debug".."alert" to a severity: OK or ERR_NOENT. */
int log_severity_value(struct slice name, enum log_severity *out) MUST_USE;

/* The columns of event.def, for the manual and for tests; static. */
const char *log_event_name(enum log_event_id event);
const char *log_event_text(enum log_event_id event);
enum log_severity log_event_severity(enum log_event_id event);

/*
 * For tests: every event, whatever its severity, goes to fn (with its whole line, line end not
 * included) instead of standard error, so that an unexpected event can fail a test. NULL ends it.
 */
typedef void (*log_capture_fn)(void *arg, enum log_event_id event, struct slice line);
void log_test_capture(log_capture_fn fn, void *arg);

#endif
