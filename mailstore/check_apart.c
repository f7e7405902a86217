/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mailstore/check_parts.h"

/* What the child tells. */
enum said { SAID_FOUND, SAID_STEP, SAID_END };

struct message {
	enum said said;
	int	  result;
	union {
		struct check_finding f;
		struct check_result  end;
		struct {
			char	 what[32];
			uint64_t done, total;
		} step;
	} u;
};

struct child {
	const struct check_conf *conf;
	int fd;
};

static bool
read_whole(int fd, void *dst, size_t n)
{
	char *p = dst;

	while (n > 0) {
		ssize_t r = read(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

/* Who listens is gone: then so are we, with nothing half done that a next run would not see. */
static void
say(int fd, const struct message *m)
{
	const char *p = (const char *)m;

	for (size_t n = sizeof *m; n > 0;) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			_exit(1);
		p += r;
		n -= (size_t)r;
	}
}

static void
say_found(void *arg, const struct check_finding *f)
{
	const struct child *c = arg;
	struct message m;

	memset(&m, 0, sizeof m);
	m.said = SAID_FOUND;
	m.u.f = *f;
	say(c->fd, &m);
}

static void
say_step(void *arg, const char *what, uint64_t done, uint64_t total)
{
	const struct child *c = arg;
	struct message m;

	memset(&m, 0, sizeof m);
	m.said = SAID_STEP;
	snprintf(m.u.step.what, sizeof m.u.step.what, "%s", what);
	m.u.step.done = done;
	m.u.step.total = total;
	say(c->fd, &m);
}

static int
ask_secret(void *arg, const struct check_keyset *ks, uint8_t *secret_out)
{
	const struct child *c = arg;

	return c->conf->secret(c->conf->arg, ks, secret_out);
}

static void
be_child(const struct check_conf *conf, int fd)
{
	struct child child = { conf, fd };
	struct check_conf mine = *conf;
	struct message m;

	memset(&m, 0, sizeof m);
	mine.arg = &child;
	mine.found = say_found;
	mine.step = conf->step != NULL ? say_step : NULL;
	mine.secret = conf->secret != NULL ? ask_secret : NULL;
	m.said = SAID_END;
	m.result = check_run(&mine, &m.u.end);
	say(fd, &m);
	_exit(0);
}

/* 1: it came to its end. */
static int
listen_to(const struct check_conf *conf, int fd, struct message *m, struct check_result *seen)
{
	while (read_whole(fd, m, sizeof *m)) {
		switch (m->said) {
		case SAID_FOUND:
			seen->errors++;
			conf->found(conf->arg, &m->u.f);
			break;
		case SAID_STEP:
			conf->step(conf->arg, m->u.step.what, m->u.step.done, m->u.step.total);
			break;
		default:
			return 1;
		}
	}
	return 0;
}

static void
tell_death(const struct check_conf *conf, int status, struct check_result *out)
{
	struct check_finding f = { .kind = CHECK_DIED,
		.state = conf->repair ? CHECK_LEFT : CHECK_FOUND };

	if (WIFSIGNALED(status))
		snprintf(f.what, sizeof f.what, "signal %d", WTERMSIG(status));
	else
		snprintf(f.what, sizeof f.what, "exit status %d", WEXITSTATUS(status));
	out->errors++;
	conf->found(conf->arg, &f);
}

int
check_run_apart(const struct check_conf *conf, struct check_result *out)
{
	struct message m;
	int fds[2], status = 0, ended;
	pid_t pid;

	*out = (struct check_result){ 0 };
	if (pipe(fds) != 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		be_child(conf, fds[1]);
	}
	close(fds[1]);
	ended = pid < 0 ? -errno : listen_to(conf, fds[0], &m, out);
	close(fds[0]);
	if (pid < 0)
		return ended;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (ended == 1) {
		*out = m.u.end;
		return m.result;
	}
	tell_death(conf, status, out);
	return OK;
}
