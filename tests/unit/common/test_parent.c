/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A parent with children that do as a file tells them: what becomes of them is read in its log, which
 * is a file, too. The certificates are made by the openssl command at start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/parent.h"

enum { WAIT_MS = 120000, PORTS = 2 };

static char dir[] = "/tmp/congvu-parent.XXXXXX";
static unsigned port[PORTS];
static pid_t parent;

static const char *
at(const char *name)
{
	static char path[4][100];
	static unsigned next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static void
nap(void)
{
	nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
}

/* ---- the children: the file "do" says what they are like ---- */

static bool
told_to(const char *what)
{
	char text[64] = "";
	FILE *f = fopen(at("do"), "r");

	if (f != NULL) {
		text[fread(text, 1, sizeof text - 1, f)] = '\0';
		fclose(f);
	}
	return strstr(text, what) != NULL;
}

static int
child_run(const struct parent_child *child)
{
	static const uint8_t key[SHARE_KEY_OCTETS] = { 1 };
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, PARENT_RETIRE);
	if (told_to("crash"))
		return 1;
	if (child->sockets->n == 0 || child->tls == NULL)
		return 2;
	for (int i = 0; told_to("count") && i < 3; i++)	/* of 3 in all: nothing was left behind */
		if (share_add(child->seat, key, 3, 3) != OK)
			return 3;
	while (told_to("not-ready"))
		nap();
	parent_child_ready(child);
	do {
		if (sigwait(&set, &sig) != 0)
			return 4;
		log_event(EV_SESSION_CLOSE, F_I64("got", sig));
	} while (told_to("stubborn") || (told_to("stays") && sig == PARENT_RETIRE));
	return 0;
}

static uint64_t
workers(const struct conf *conf)
{
	return conf->limits.smtp_workers;
}

static bool
all(const struct conf_listener *l)
{
	(void)l;
	return true;
}

static int
run_parent(void)
{
	static const char *const alpn[] = { "smtp", NULL };
	static const struct parent_role roles[] = {
		{ .name = "worker", .log_name = "child", .count = workers, .serves = all,
		    .who = IDENTITY_SMTPD, .run = child_run },
	};
	static const struct parent_program program = { .name = "smtpd", .alpn = alpn,
		.listener_roles = LISTEN_ROLE(CONF_LISTEN_MX), .roles = roles, .roles_n = 1,
		.pending_ms = 5000 };
	int fd = open(at("log"), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);

	for (int sig = 1; sig < 32; sig++)	/* cmocka's are not for these */
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return 9;
	return parent_run(&program, at("conf"));
}

/* ---- files ---- */

/* Replaced by rename, as certbot and careful administrators do. */
static void
put(const char *name, const char *text, size_t n)
{
	FILE *f = fopen(at("new"), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(at("new"), 0644), 0);
	assert_int_equal(rename(at("new"), at(name)), 0);
}

static void
tell(const char *what)
{
	put("do", what, strlen(what));
}

static char *
read_all(const char *name)
{
	static char text[2][1 << 20];
	static unsigned next;
	char *to = text[next++ % 2];
	FILE *f = fopen(at(name), "r");

	to[f == NULL ? 0 : fread(to, 1, sizeof text[0] - 1, f)] = '\0';
	if (f != NULL) {
		to[ftell(f)] = '\0';
		fclose(f);
	}
	return to;
}

static void
configure(const char *more, unsigned listeners)
{
	char text[4000];
	int n = snprintf(text, sizeof text, "profile = open\nhostname = \"mail.so.vn\"\n"
	    "domains = { \"so.vn\" }\nsandbox = best-effort\nstate-dir = \"%s\"\nrun-dir = \"%s\"\n"
	    "tls { certificate = \"%s/crt\"\n key = \"%s/key\" }\n"
	    "ldap { uri = { \"ldaps://localhost\" }\n base = \"dc=vn\" }\n"
	    "signature { roots = \"/r\"\n crls = \"/c\" }\n%s\n", dir, dir, dir, dir, more);

	for (unsigned i = 0; i < listeners; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "listener \"l%u\" "
		    "{ address = \"127.0.0.1\"\n port = %u\n role = mx\n zone = internet }\n", i,
		    port[i]);
	put("conf", text, (size_t)n);
}

/* ---- what is to be seen ---- */

static unsigned
count(const char *word)
{
	unsigned n = 0;

	for (const char *s = read_all("log"); (s = strstr(s, word)) != NULL; s++)
		n++;
	return n;
}

static void
wait_for(const char *word, unsigned times)
{
	uint64_t end = clock_ms() + WAIT_MS;

	while (count(word) < times) {
		if (clock_ms() > end)
			fail_msg("no %s:\n%s", word, read_all("log"));
		nap();
	}
}

/* The process of the last line with that word. */
static pid_t
last_child(void)
{
	const char *log = read_all("log"), *s, *found = NULL;

	for (s = log; (s = strstr(s, "ev=worker-started")) != NULL; s++)
		found = strstr(s, "child=");
	assert_non_null(found);
	return (pid_t)strtol(found + 6, NULL, 10);
}

static bool
accepts(unsigned i)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port[i]),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = connect(fd, (struct sockaddr *)&in, sizeof in) == 0;

	close(fd);
	return good;
}

/* ---- begin and end ---- */

static void
begin(const char *what, const char *more, bool ready)
{
	unlink(at("log"));
	tell(what);
	configure(more, 1);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0)
		_exit(run_parent());
	if (ready)
		wait_for("ev=start ", 1);
}

static int
finish(int signal)
{
	int status;

	assert_int_equal(kill(parent, signal), 0);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	parent = 0;
	return status;
}

static int
tear_down(void **state)
{
	(void)state;
	if (parent > 0) {
		kill(parent, SIGKILL);
		waitpid(parent, NULL, 0);
	}
	parent = 0;
	return 0;
}

static void
certificate(const char *name)
{
	char command[600];

	snprintf(command, sizeof command, "openssl req -x509 -newkey ec -pkeyopt "
	    "ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=%s -keyout %s/%s.key -out %s/%s.crt "
	    "2>/dev/null && chmod 644 %s/%s.*", name, dir, name, dir, name, dir, name);
	assert_int_equal(system(command), 0);
}

static void
install(const char *name, size_t cert_octets)
{
	char from[40], *text;

	snprintf(from, sizeof from, "%s.key", name);
	text = read_all(from);
	put("key", text, strlen(text));
	snprintf(from, sizeof from, "%s.crt", name);
	text = read_all(from);
	put("crt", text, cert_octets == 0 ? strlen(text) : cert_octets);
}

static int
group_set_up(void **state)
{
	int fd[PORTS];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	for (int i = 0; i < PORTS; i++) {
		struct sockaddr_in in = { .sin_family = AF_INET,
		    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t n = sizeof in;

		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(fd[i], (struct sockaddr *)&in, sizeof in), 0);
		assert_int_equal(getsockname(fd[i], (struct sockaddr *)&in, &n), 0);
		port[i] = ntohs(in.sin_port);
	}
	for (int i = 0; i < PORTS; i++)
		close(fd[i]);
	certificate("one");
	certificate("two");
	install("one", 0);
	return 0;
}

static int
group_tear_down(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

/* ---- deaths ---- */

static void
a_child_that_dies_is_replaced(void **state)
{
	pid_t first, second;

	(void)state;
	begin("count", "", true);
	first = last_child();
	assert_int_equal(kill(first, SIGKILL), 0);
	wait_for("ev=worker-died", 1);
	wait_for("ev=worker-started", 2);
	second = last_child();
	assert_int_not_equal(first, second);
	assert_int_equal(kill(second, SIGSEGV), 0);
	wait_for("ev=worker-started", 3);
	/* Each had counted three of three: nothing of it was left behind. */
	assert_int_equal(count("status=3"), 0);
	assert_int_equal(count("signal=9"), 1);
	assert_int_equal(count("signal=11"), 1);
	assert_true(accepts(0));
	assert_int_equal(finish(SIGTERM), 0);
	assert_false(accepts(0));
}

static void
one_that_always_dies_is_tried_less_and_less(void **state)
{
	uint64_t began = clock_ms();

	(void)state;
	begin("crash", "", false);
	wait_for("ev=worker-died", 5);	/* after 0, 100, 300, 700, 1500 ms */
	assert_true(clock_ms() - began >= 1400);
	assert_int_equal(count("ev=start "), 0);
	tell("");
	wait_for("ev=start ", 1);
	assert_int_equal(finish(SIGTERM), 0);
}

/* As somebody who may have no more processes than there are now. */
static void
a_fork_that_fails_is_tried_again(void **state)
{
	struct rlimit none;
	int status;

	(void)state;
	unlink(at("log"));
	tell("");
	configure("", 1);
	assert_int_equal(getrlimit(RLIMIT_NPROC, &none), 0);
	none.rlim_cur = 0;
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		if ((getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) ||
		    setrlimit(RLIMIT_NPROC, &none) != 0)
			_exit(8);
		_exit(run_parent());
	}
	wait_for("ev=worker-failed", 3);
	assert_int_equal(count("ev=worker-started"), 0);
	assert_in_range(count("ev=worker-failed"), 3, 6);
	assert_int_equal(kill(parent, SIGTERM), 0);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	parent = 0;
	assert_int_equal(status, 0);
}

static void
children_end_with_a_killed_parent(void **state)
{
	(void)state;
	begin("", "", true);
	finish(SIGKILL);
	wait_for("got=15", 1);
	for (int i = 0; i < 500 && accepts(0); i++)
		nap();
	assert_false(accepts(0));
}

/* ---- reload ---- */

static void
the_old_retire_when_the_new_serve(void **state)
{
	pid_t old;

	(void)state;
	begin("stays", "", true);
	old = last_child();
	tell("stays not-ready");
	configure("limits { smtp-workers = 2 }", 2);
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("ev=worker-started", 3);
	assert_int_equal(count("ev=reload"), 0);	/* not in force yet */
	assert_int_equal(count("got=10"), 0);
	tell("stays");
	wait_for("ev=reload", 1);
	wait_for("got=10", 1);
	assert_int_equal(kill(old, 0), 0);	/* its sessions live on */
	assert_true(accepts(0) && accepts(1));
	assert_int_equal(count("ev=listener-up"), 2);
	configure("", 1);
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("ev=reload", 2);
	assert_int_equal(kill(old, SIGTERM), 0);
	wait_for("ev=worker-retired", 1);
	assert_int_equal(count("ev=worker-died"), 0);
	assert_int_equal(finish(SIGTERM), 0);
}

/* A file without mistakes, with which nothing can start, takes nothing away. */
static void
what_cannot_start_comes_not_into_force(void **state)
{
	pid_t old;

	(void)state;
	begin("", "", true);
	old = last_child();
	tell("crash");
	configure("", 2);
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("generation=2", 2);
	wait_for("ev=worker-died", 2);
	assert_int_equal(kill(old, 0), 0);
	assert_true(accepts(0));
	tell("");
	assert_int_equal(kill(parent, SIGSTOP), 0);	/* nothing of 2 may start meanwhile */
	tell("not-ready");
	assert_int_equal(kill(old, SIGKILL), 0);
	assert_int_equal(kill(parent, SIGCONT), 0);
	wait_for("generation=1", 4);	/* started, in force, died, started again */
	tell("crash");
	configure("nonsense = 1", 1);	/* dropped, and the next is wrong */
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("nonsense", 1);
	configure("", 2);
	tell("");
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("ev=reload", 1);
	assert_int_equal(count("generation=3"), 2);
	assert_true(accepts(0) && accepts(1));
	assert_int_equal(finish(SIGTERM), 0);
}

/* What cannot start is given up in the end, and new certificates come again. */
static void
what_cannot_start_is_given_up(void **state)
{
	(void)state;
	begin("", "", true);
	tell("crash");
	configure("", 2);
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("ev=worker-died", 1);
	wait_for("ev=worker-failed", 1);
	assert_true(accepts(0));
	tell("");
	install("two", 0);
	wait_for("ev=reload", 1);
	assert_true(accepts(0));
	assert_int_equal(finish(SIGTERM), 0);
}

static void
a_bad_file_is_told_of_whole(void **state)
{
	(void)state;
	begin("", "", true);
	configure("nonsense = 1\nlimits { connections = many }", 0);
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("ev=config-error", 2);
	assert_int_equal(count("nonsense"), 1);
	assert_int_equal(count("many"), 1);
	configure("", 0);
	assert_int_equal(rename(at("crt"), at("away")), 0);
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("no listener has a role", 1);
	assert_int_equal(count("No such file or directory"), 1);
	assert_int_equal(rename(at("away"), at("crt")), 0);
	assert_int_equal(count("ev=worker-started"), 1);
	assert_int_equal(count("ev=reload"), 0);
	assert_true(accepts(0));
	assert_int_equal(finish(SIGTERM), 0);
}

static void
retired_ones_do_not_live_for_ever(void **state)
{
	(void)state;
	begin("stays", "limits { reload-grace = 1 }", true);
	assert_int_equal(kill(parent, SIGHUP), 0);
	wait_for("got=10", 1);
	wait_for("got=15", 1);
	wait_for("why=\"time\"", 1);
	assert_int_equal(finish(SIGTERM), 0);
}

static void
nor_become_many(void **state)
{
	(void)state;
	begin("stays", "", true);
	for (unsigned i = 1; i <= PARENT_RETIRED_MAX + 1; i++) {
		assert_int_equal(count("got=15"), 0);
		assert_int_equal(kill(parent, SIGHUP), 0);
		wait_for("ev=reload", i);
	}
	wait_for("got=15", 1);
	wait_for("why=\"time\"", 1);
	assert_int_equal(finish(SIGTERM), 0);
}

/* ---- certificates ---- */

static void
a_new_certificate_comes_by_itself(void **state)
{
	(void)state;
	begin("", "", true);
	configure("nonsense = 1", 1);	/* being edited: not to be read now */
	install("two", 100);		/* half written */
	wait_for("ev=config-error", 1);
	assert_int_equal(count("ev=reload"), 0);
	install("two", 0);
	wait_for("ev=reload", 1);
	assert_int_equal(count("ev=config-error"), 1);
	assert_int_equal(count("nonsense"), 0);
	wait_for("ev=worker-retired", 1);
	install("one", 0);
	wait_for("ev=reload", 2);
	assert_int_equal(finish(SIGTERM), 0);
}

/* ---- stop ---- */

static void
who_does_not_stop_is_killed(void **state)
{
	pid_t child;
	int status;

	(void)state;
	begin("stubborn", "", true);
	child = last_child();
	assert_int_equal(kill(parent, SIGTERM), 0);
	wait_for("got=15", 1);
	assert_int_equal(waitpid(parent, &status, WNOHANG), 0);	/* it is given its time */
	assert_int_equal(finish(SIGINT), 0);
	assert_int_equal(kill(child, 0), -1);
}

int
main(void)
{
#define TEST(name)	cmocka_unit_test_teardown(name, tear_down)
	const struct CMUnitTest t[] = {
		TEST(a_child_that_dies_is_replaced),
		TEST(one_that_always_dies_is_tried_less_and_less),
		TEST(a_fork_that_fails_is_tried_again),
		TEST(children_end_with_a_killed_parent),
		TEST(the_old_retire_when_the_new_serve),
		TEST(what_cannot_start_comes_not_into_force),
		TEST(what_cannot_start_is_given_up),
		TEST(a_bad_file_is_told_of_whole),
		TEST(retired_ones_do_not_live_for_ever),
		TEST(nor_become_many),
		TEST(a_new_certificate_comes_by_itself),
		TEST(who_does_not_stop_is_killed),
	};

	setvbuf(stdout, NULL, _IONBF, 0);	/* children must not say again what we said */
	return cmocka_run_group_tests(t, group_set_up, group_tear_down);
}
