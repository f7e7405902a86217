/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Each role becomes its user and tries what belongs to the others: their sockets, their files. Once
 * with its user alone, once in its sandbox, which may open more here than any program gives it.
 * With one of the controls "identity", "socket-group", "peer-user" and "root-only" off, it must fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/chan.h"
#include "common/log.h"
#include "common/place.h"
#include "common/sandbox.h"
#include "tests/unit/common/users.h"
#include "tests/unit/common/scratch.h"

static char dir[] = "/tmp/congvu-identity.XXXXXX";
static char conf_path[128];

#define CONF "profile = open\nhostname = \"mail.vn\"\ndomains = {\"so.vn\"}\n" \
	"tls { certificate = \"/c\" key = \"/k\" }\n" \
	"ldap { uri = {\"ldap://127.0.0.1\"} base = \"dc=vn\" }\n" \
	"signature { roots = \"/r\" crls = \"/c\" }\n"

static struct conf *
load(const char *text, bool with_users)
{
	struct conf *conf = NULL;
	struct buf errors;
	FILE *f = fopen(conf_path, "w");

	assert_non_null(f);
	fprintf(f, CONF "%s", text);
	if (with_users)
		users_print(f);
	assert_int_equal(fclose(f), 0);
	buf_init(&errors, 65536);
	if (conf_load(conf_path, &conf, &errors) != OK)
		print_error("%s", buf_cstr(&errors));
	buf_fini(&errors);
	return conf;
}

/* ---- the things ---- */

static const struct {
	const char *service;
	unsigned    role;
	int	    user;	/* -1: nobody of ours */
} sockets[] = {
	{ "directory", ROLE_SMTPD, IDENTITY_SMTPD },
	{ "directory", ROLE_IMAPD_INTERNAL, IDENTITY_IMAPD_INTERNAL },
	{ "directory", ROLE_IMAPD_INTERNET, IDENTITY_IMAPD_INTERNET },
	{ "directory", ROLE_CONTROL, -1 },
	{ "policy", ROLE_RELAY, IDENTITY_RELAY }, { "policy", ROLE_SMTPD, IDENTITY_SMTPD },
	{ "policy", ROLE_TRUST, IDENTITY_TRUST },
	{ "key", ROLE_IMAPD_INTERNAL, IDENTITY_IMAPD_INTERNAL },
	{ "key", ROLE_IMAPD_INTERNET, IDENTITY_IMAPD_INTERNET },
	{ "key", ROLE_MAILSTORED, IDENTITY_MAILSTORED },
	{ "key", ROLE_DIRECTORYD, IDENTITY_DIRECTORYD }, { "key", ROLE_CONTROL, -1 },
	{ "store", ROLE_SMTPD, IDENTITY_SMTPD }, { "store", ROLE_RELAY, IDENTITY_RELAY },
	{ "store", ROLE_IMAPD_INTERNAL, IDENTITY_IMAPD_INTERNAL },
	{ "store", ROLE_IMAPD_INTERNET, IDENTITY_IMAPD_INTERNET },
	{ "store", ROLE_POLICYD, IDENTITY_POLICYD }, { "store", ROLE_CONTROL, -1 },
};

#define BOTH_IMAPD \
	(IDENTITY_BIT(IDENTITY_IMAPD_INTERNAL) | IDENTITY_BIT(IDENTITY_IMAPD_INTERNET))

/* As mailstored, keyd and the administrator make them. */
static const struct {
	const char *name;
	mode_t	    mode;
	int	    owner;		/* -1: root */
	bool	    to_readers;		/* its group is that of the store's readers */
	unsigned    readers, writers;	/* IDENTITY_BITs */
} files[] = {
	{ "keys", 0700 | S_IFDIR, IDENTITY_KEYD, false, 0, 0 },
	{ "keys/master.key", 0600, IDENTITY_KEYD, false, IDENTITY_BIT(IDENTITY_KEYD),
	    IDENTITY_BIT(IDENTITY_KEYD) },
	{ "store", 02750 | S_IFDIR, IDENTITY_MAILSTORED, true, 0, 0 },
	{ "store/data.mdb", 0640, IDENTITY_MAILSTORED, true,
	    BOTH_IMAPD | IDENTITY_BIT(IDENTITY_MAILSTORED), IDENTITY_BIT(IDENTITY_MAILSTORED) },
	{ "store/lock.mdb", 0660, IDENTITY_MAILSTORED, true,
	    BOTH_IMAPD | IDENTITY_BIT(IDENTITY_MAILSTORED),
	    BOTH_IMAPD | IDENTITY_BIT(IDENTITY_MAILSTORED) },
	{ "store/control", 0700 | S_IFDIR, IDENTITY_MAILSTORED, true, 0, 0 },
	{ "store/control/data.mdb", 0640, IDENTITY_MAILSTORED, true,
	    IDENTITY_BIT(IDENTITY_MAILSTORED), IDENTITY_BIT(IDENTITY_MAILSTORED) },
	{ "bind.password", 0600, IDENTITY_DIRECTORYD, false, IDENTITY_BIT(IDENTITY_DIRECTORYD),
	    IDENTITY_BIT(IDENTITY_DIRECTORYD) },
	{ "tls.key", 0600, -1, false, 0, 0 },
};

static const enum sandbox_role rows[IDENTITY_COUNT] = {
	[IDENTITY_SMTPD] = SANDBOX_SMTPD, [IDENTITY_RELAY] = SANDBOX_RELAY,
	[IDENTITY_IMAPD_INTERNAL] = SANDBOX_IMAPD, [IDENTITY_IMAPD_INTERNET] = SANDBOX_IMAPD,
	[IDENTITY_DIRECTORYD] = SANDBOX_DIRECTORYD, [IDENTITY_KEYD] = SANDBOX_KEYD,
	[IDENTITY_POLICYD] = SANDBOX_POLICYD, [IDENTITY_MAILSTORED] = SANDBOX_MAILSTORED,
	[IDENTITY_METRICSD] = SANDBOX_METRICSD, [IDENTITY_TRUST] = SANDBOX_TRUST,
};

/* ---- what a child tries ---- */

static bool
can_open(const char *name, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int
connect_to(const char *service, unsigned role)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (chan_path(dir, service, role, sa.sun_path, sizeof sa.sun_path) != OK)
		return -1;
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof sa) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool
can_exec(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	execv("/bin/true", argv);
	return false;
}

/* One thing that went otherwise than it must; with_user: what a sandbox may forbid besides. */
static int
try_all(unsigned user, bool in_sandbox)
{
	int wrong = 0;

	for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
		bool may = sockets[i].user == (int)user, could;
		int fd = connect_to(sockets[i].service, sockets[i].role);

		could = fd >= 0;
		if (could)
			close(fd);
		if (could && !may)
			print_error("user %u: connects to %s.%s\n", user, sockets[i].service,
			    chan_role_name(sockets[i].role));
		wrong += in_sandbox ? could && !may : could != may;
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		bool may_read = (files[i].readers & IDENTITY_BIT(user)) != 0;
		bool may_write = (files[i].writers & IDENTITY_BIT(user)) != 0;
		bool reads, writes;

		if (S_ISDIR(files[i].mode))
			continue;
		reads = can_open(files[i].name, O_RDONLY);
		writes = can_open(files[i].name, O_WRONLY);
		if ((reads && !may_read) || (writes && !may_write))
			print_error("user %u: opens %s\n", user, files[i].name);
		wrong += (reads && !may_read) + (writes && !may_write);
		wrong += !in_sandbox && (reads != may_read || writes != may_write);
	}
	return wrong;
}

static void
ignore_log(void *arg, enum log_event_id event, struct slice line)
{
	(void)arg, (void)event, (void)line;
}

static int
enter(unsigned user)
{
	struct sandbox_path v[] = { { dir, SANDBOX_RW } };
	struct sandbox_paths paths = { v, ARRAY_LEN(v) };

	return sandbox_enter(rows[user], &paths);
}

enum { RIGHT = 0, WRONG = 7, NOT_ENTERED = 9 };

static int
wait_for(pid_t pid)
{
	int status;

	assert_true(pid >= 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
a_role_has_its_own_and_no_more(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	for (unsigned user = 0; user < IDENTITY_COUNT; user++)
		for (int sandbox = 0; sandbox < 2; sandbox++) {
			pid_t pid = fork();

			if (pid == 0) {
				log_test_capture(ignore_log, NULL);
				if (identity_take((enum identity_role)user) != OK ||
				    (sandbox && enter(user) != OK))
					_exit(NOT_ENTERED);
				_exit(try_all(user, sandbox) == 0 ? RIGHT : WRONG);
			}
			assert_int_equal(wait_for(pid), RIGHT);
		}
}

static void
no_role_executes(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	for (unsigned user = 0; user < IDENTITY_COUNT; user++) {
		pid_t pid = fork();
		int got;

		if (pid == 0) {
			log_test_capture(ignore_log, NULL);
			if (identity_take((enum identity_role)user) != OK || enter(user) != OK)
				_exit(NOT_ENTERED);
			_exit(can_exec() ? RIGHT : WRONG);
		}
		got = wait_for(pid);
		if (got != WRONG && got != -SIGSYS)
			fail_msg("user %u: %d", user, got);
	}
}

/* ---- whom a socket believes ---- */

static void
serve_nothing(void *service, struct chan_req *req, const void *msg)
{
	(void)service, (void)req, (void)msg;
}

static void
on_end(struct loop_fd *lf, unsigned events)
{
	(void)events;
	loop_stop(lf->arg);
}

/* In the group of a role, but another: the mode lets it in, the second look does not. */
static void
a_stranger_in_the_group_is_sent_away(void **state)
{
	static const struct chan_row none[] = { { .code = 1, .serve = serve_nothing } };
	struct identity stranger = { 59899, identity_of(IDENTITY_SMTPD) == NULL ? 0 :
	    identity_of(IDENTITY_SMTPD)->gid, 0 };
	struct chan_server *server;
	struct loop_fd end_lf;
	struct loop *loop;
	char path[128];
	int end[2];
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(loop_new(&loop), OK);
	assert_int_equal(chan_server_new(loop, none, 1, NULL, &server), OK);
	assert_int_equal(chan_path(dir, "other", ROLE_SMTPD, path, sizeof path), OK);
	assert_int_equal(chan_server_listen(server, path, ROLE_SMTPD), OK);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		struct pollfd p = { .fd = identity_become(&stranger) == OK ?
		    connect_to("other", ROLE_SMTPD) : -1, .events = POLLIN };

		_exit(p.fd < 0 ? NOT_ENTERED : poll(&p, 1, 60000) == 1 ? RIGHT : WRONG);
	}
	close(end[1]);
	assert_int_equal(loop_fd_add(loop, &end_lf, end[0], LOOP_READ, on_end, loop), OK);
	log_test_capture(ignore_log, NULL);
	assert_int_equal(loop_run(loop), OK);
	log_test_capture(NULL, NULL);
	assert_int_equal(wait_for(pid), RIGHT);
	loop_fd_remove(&end_lf);
	close(end[0]);
	chan_server_free(&server);
	loop_free(&loop);
}

/* ---- what only root is answered ---- */

#define THING_FIELDS(F, L, T) \
	F(T, U8, n, 0)
WIRE_STRUCT(thing, THING_FIELDS)
WIRE_TYPE(thing, THING_FIELDS)
enum { ANYBODY = 1, ROOT_ONLY = 2 };
static const struct chan_row admin_rows[] = {
	{ ANYBODY, "anybody", ROLE_CONTROL, 0, &thing_wire, &thing_wire, NULL },
	{ ROOT_ONLY, "root", ROLE_CONTROL_ROOT, 0, &thing_wire, &thing_wire, NULL },
};

static void
serve_thing(void *service, struct chan_req *req, const void *msg)
{
	chan_reply(*(struct chan_server **)service, req, OK, msg, NULL, 0);
}

/* A child's own word: asks for both as who, and exits with the statuses that it got. */
static int
ask_as(const struct identity *who)
{
	int fd, status[2];

	if (who != NULL && identity_become(who) != OK)
		return NOT_ENTERED;
	fd = connect_to("admin", ROLE_CONTROL);
	for (size_t i = 0; i < 2; i++) {
		struct arena arena;
		const void *reply;

		arena_init(&arena, 1 << 20);
		status[i] = chan_sync_call(fd, &admin_rows[i], &(struct thing){ 1 }, NULL, 0, 60000,
		    &arena, &reply, NULL, NULL);
		arena_clear(&arena);
	}
	if (fd < 0 || status[0] != OK)
		return NOT_ENTERED;
	return status[1] == OK ? RIGHT : status[1] == ERR_FORBIDDEN ? WRONG : NOT_ENTERED;
}

/* The socket lets the group of administrators in; what needs root is for root alone. */
static void
the_group_of_administrators_is_not_root(void **state)
{
	gid_t admin;
	bool given = identity_admin_group(&admin);
	const struct identity member = { 59898, given ? admin : 0, 0 };
	struct chan_row served[ARRAY_LEN(admin_rows)];
	struct chan_server *server;
	struct loop_fd end_lf;
	struct loop *loop;
	char path[128];

	(void)state;
	if (geteuid() != 0)
		skip();
	memcpy(served, admin_rows, sizeof served);
	served[0].serve = served[1].serve = serve_thing;
	for (int as_root = 0; as_root < 2; as_root++) {
		int end[2];
		pid_t pid;

		assert_int_equal(loop_new(&loop), OK);
		assert_int_equal(chan_server_new(loop, served, 2, &server, &server), OK);
		assert_int_equal(chan_path(dir, "admin", ROLE_CONTROL, path, sizeof path), OK);
		assert_int_equal(chan_server_listen(server, path, ROLE_CONTROL), OK);
		assert_int_equal(pipe(end), 0);
		pid = fork();
		if (pid == 0)
			_exit(ask_as(as_root ? NULL : &member));
		close(end[1]);
		assert_int_equal(loop_fd_add(loop, &end_lf, end[0], LOOP_READ, on_end, loop), OK);
		log_test_capture(ignore_log, NULL);
		assert_int_equal(loop_run(loop), OK);
		log_test_capture(NULL, NULL);
		assert_int_equal(wait_for(pid), as_root ? RIGHT : WRONG);
		loop_fd_remove(&end_lf);
		close(end[0]);
		chan_server_free(&server);
		loop_free(&loop);
	}
}

/* ---- becoming ---- */

static int
child_becomes(void)
{
	int signal = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGUSR2) != 0 || identity_take(IDENTITY_KEYD) != OK)
		return NOT_ENTERED;
	if (prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) != 0 || signal != SIGUSR2)
		return WRONG;
	return geteuid() == identity_of(IDENTITY_KEYD)->uid && getgroups(0, NULL) == 0 &&
	    setuid(0) != 0 && setgid(0) != 0 ? RIGHT : WRONG;
}

static void
the_change_is_for_good(void **state)
{
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(child_becomes());
	assert_int_equal(wait_for(pid), RIGHT);
}

/* The parent of several roles: what it needs for them, and no file that is not its own. */
static int
child_is_parent(void)
{
	const struct identity *who = identity_of(IDENTITY_SMTPD);
	int status, taken[2];
	pid_t pid;
	char octet;

	if (pipe(taken) != 0 || identity_parent() != OK || can_open("keys/master.key", O_RDONLY) ||
	    can_open("store/data.mdb", O_RDONLY) || !can_open("tls.key", O_RDONLY))
		return WRONG;
	pid = fork();
	if (pid == 0) {
		(void)!identity_take(IDENTITY_SMTPD);
		(void)!write(taken[1], "", 1);
		pause();
		_exit(WRONG);
	}
	return pid > 0 && read(taken[0], &octet, 1) == 1 && who != NULL && kill(pid, SIGTERM) == 0 &&
	    waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? RIGHT : WRONG;
}

static void
a_parent_keeps_little(void **state)
{
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(child_is_parent());
	assert_int_equal(wait_for(pid), RIGHT);
}

/* ---- the section ---- */

#define OTHERS "relay = 59872 imapd-internal = 59873 imapd-internet = 59874 directoryd = 59875 " \
	"keyd = 59876 policyd = 59877 mailstored = 59878 metricsd = 59879 trust = 59880 store-group = 59881 "

static void
a_wrong_section_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
		bool	    as_root;
	} cases[] = {
		{ "", "user: smtpd: is missing", true },
		{ "user { smtpd = no-such-user " OTHERS "admin-group = 59882 }\n",
		    "user: smtpd: \"no-such-user\" is not a user", true },
		{ "user { smtpd = 59871 " OTHERS "admin-group = no-such-group }\n",
		    "is not a group", true },
		{ "user { smtpd = \"59872:59871\" " OTHERS "admin-group = 59882 }\n",
		    "user: relay: user and group must be", true },
		{ "user { smtpd = \"59871:59872\" " OTHERS "admin-group = 59882 }\n",
		    "user: relay: user and group must be", true },
		{ "user { smtpd = \"59871:59881\" " OTHERS "admin-group = 59882 }\n",
		    "user: smtpd: user and group must be", true },
		{ "user { smtpd = 59871 " OTHERS "admin-group = 59882 }\n", "start it as root",
		    false },
	};
	const struct identity nobody = { 65534, 65534, 0 };

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *conf = load(cases[i].text, false);
		pid_t pid;

		assert_non_null(conf);
		pid = fork();
		if (pid == 0) {
			struct buf why;
			int r;

			buf_init(&why, 4096);
			if (!cases[i].as_root && identity_become(&nobody) != OK)
				_exit(NOT_ENTERED);
			r = identity_load(conf, IDENTITY_BIT(IDENTITY_SMTPD), &why);
			if (r != ERR_CONF ||
			    slice_find(buf_slice(&why), slice_of(cases[i].why)) < 0) {
				print_error("case %zu: %d %s\n", i, r, buf_cstr(&why));
				_exit(WRONG);
			}
			/* The former ones stay. */
			_exit(identity_of(IDENTITY_SMTPD) != NULL ? RIGHT : WRONG);
		}
		conf_free(&conf);
		assert_int_equal(wait_for(pid), RIGHT);
	}
}

/* ---- folders ---- */

static void
a_folder_of_somebody_else_is_refused(void **state)
{
	const struct identity *keyd = identity_of(IDENTITY_KEYD);
	char path[128];
	struct buf why;

	(void)state;
	if (geteuid() != 0)
		skip();
	buf_init(&why, 4096);
	snprintf(path, sizeof path, "%s/place", dir);
	assert_int_equal(place_own(path, 0700, keyd, 0, &why), OK);
	assert_int_equal(place_own(path, 0700, keyd, 0, &why), OK);
	assert_int_equal(place_own(path, 0700, identity_of(IDENTITY_SMTPD), 0, &why), ERR_CONF);
	assert_true(slice_find(buf_slice(&why), SLICE("run: chown -R 59871:59871 ")) > 0);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(place_own(path, 0700, keyd, 0, &why), ERR_CONF);
	assert_int_equal(place_shared(path, &why), ERR_CONF);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/etc", path), 0);
	assert_int_equal(place_own(path, 0755, NULL, 0, &why), ERR_CONF);
	assert_int_equal(place_shared(path, &why), ERR_CONF);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(place_shared(path, &why), ERR_CONF);	/* nobody could pass */
	assert_int_equal(place_own(path, 0711, NULL, 0, &why), OK);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(place_shared(path, &why), ERR_CONF);
	assert_int_equal(place_own(path, 0711, NULL, 0, &why), OK);	/* ours: mended */
	assert_int_equal(place_shared(path, &why), OK);
	buf_fini(&why);
}

/* ---- */

static void
make_file(size_t i)
{
	const struct identity *who = files[i].owner < 0 ? NULL :
	    identity_of((enum identity_role)files[i].owner);
	char path[128];
	struct buf why;
	gid_t gid = 0;
	int r;

	snprintf(path, sizeof path, "%s/%s", dir, files[i].name);
	if (files[i].to_readers)
		assert_true(identity_store_group(&gid));
	buf_init(&why, 4096);
	r = S_ISDIR(files[i].mode) ?
	    place_own(path, files[i].mode & 07777, who, gid, &why) :
	    place_own_file(path, files[i].mode, who, gid, &why);
	if (r != OK)
		print_error("%s\n", buf_cstr(&why));
	buf_fini(&why);
	assert_int_equal(r, OK);
}

static int
set_up(void **state)
{
	struct conf *conf;
	char path[128];
	int fd;

	(void)state;
	if (mkdtemp(dir) == NULL || chmod(dir, 0711) != 0)
		return -1;
	snprintf(conf_path, sizeof conf_path, "%s/conf", dir);
	if (geteuid() != 0)
		return 0;
	conf = load("", true);
	assert_non_null(conf);
	conf_free(&conf);
	assert_int_equal(users_load(conf_path), OK);
	for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
		assert_int_equal(chan_path(dir, sockets[i].service, sockets[i].role, path,
		    sizeof path), OK);
		assert_int_equal(chan_listen(path, sockets[i].role, &fd), OK);
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		make_file(i);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(a_role_has_its_own_and_no_more),
		cmocka_unit_test(no_role_executes),
		cmocka_unit_test(a_stranger_in_the_group_is_sent_away),
		cmocka_unit_test(the_group_of_administrators_is_not_root),
		cmocka_unit_test(the_change_is_for_good),
		cmocka_unit_test(a_parent_keeps_little),
		cmocka_unit_test(a_wrong_section_is_refused),
		cmocka_unit_test(a_folder_of_somebody_else_is_refused),
	};

	return cmocka_run_group_tests(t, set_up, tear_down);
}
