/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/identity.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/control.h"
#include "common/log.h"
#include "config.h"

#ifdef WITH_SANITIZER
enum { IN_SANITIZER = true };
#else
enum { IN_SANITIZER = false };
#endif

enum { PARENT_CAPS = 1 << CAP_CHOWN | 1 << CAP_KILL | 1 << CAP_SETGID | 1 << CAP_SETUID |
	1 << CAP_NET_BIND_SERVICE };

struct users {
	bool		given;
	struct identity	of[IDENTITY_COUNT];
	gid_t		admin, store;
};

static struct users users;

static const char *
key_name(enum identity_role role)
{
	static const char *const fields[] = {
#define IDENTITY_ROW(id, field, extra) #field,
#include "common/identity.def"
#undef IDENTITY_ROW
	};
	static const struct {
		const char *key, *field;
	} keys[] = {
#define NAME(section, type, field, key, def, min, max, unit, check, text) { key, #field },
		CONF_user(NAME)
#undef NAME
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (slice_is(slice_of(keys[i].field), fields[role]))
			return keys[i].key;
	return fields[role];
}

/* ---- names and numbers ---- */

static bool
find_user(const char *value, struct identity *out)
{
	struct slice gid = slice_of(value), uid;
	bool has_gid = slice_cut(&gid, ':', &uid);
	const struct passwd *pw;
	uint64_t u, g;

	if (slice_u64(uid, UINT32_MAX - 1, &u) == OK) {
		g = u;
		if (has_gid && slice_u64(gid, UINT32_MAX - 1, &g) != OK)
			return false;
		out->uid = (uid_t)u;
		out->gid = (gid_t)g;
	} else {
		pw = getpwnam(value);
		if (pw == NULL)
			return false;
		out->uid = pw->pw_uid;
		out->gid = pw->pw_gid;
	}
	return out->uid != 0 && out->gid != 0;
}

bool
identity_find_group(const char *value, gid_t *out)
{
	const struct group *gr;
	uint64_t g;

	if (slice_u64(slice_of(value), UINT32_MAX - 1, &g) == OK) {
		*out = (gid_t)g;
	} else {
		gr = getgrnam(value);
		if (gr == NULL)
			return false;
		*out = gr->gr_gid;
	}
	return *out != 0;
}

static int
resolve(const struct conf_user *names, struct users *u, struct buf *why)
{
	const struct {
		const char *user, *extra;
	} rows[] = {
#define no_group smtpd	/* a field that is never empty nor read then */
#define IDENTITY_ROW(id, field, extra) { names->field, names->extra },
#include "common/identity.def"
#undef IDENTITY_ROW
#undef no_group
	};

	u->given = *names->smtpd != '\0';
	if (!u->given)
		return OK;
	if (!identity_find_group(names->admin_group, &u->admin) ||
	    !identity_find_group(names->store_group, &u->store)) {
		buf_addf(why, "user: admin-group, store-group: \"%s\" or \"%s\" is not a group "
		    "of this machine", names->admin_group, names->store_group);
		return ERR_CONF;
	}
	for (size_t i = 0; i < IDENTITY_COUNT; i++) {
		if (!find_user(rows[i].user, &u->of[i])) {
			buf_addf(why, "user: %s: \"%s\" is not a user of this machine",
			    key_name((enum identity_role)i), rows[i].user);
			return ERR_CONF;
		}
		if (rows[i].extra == names->store_group)
			u->of[i].extra = u->store;
	}
	return OK;
}

/* A group of two roles would open the sockets of one to the other. */
static int
check_distinct(const struct users *u, struct buf *why)
{
	for (size_t i = 0; i < IDENTITY_COUNT && u->given; i++) {
		bool same = u->of[i].gid == u->store || u->of[i].gid == u->admin ||
		    u->store == u->admin;

		for (size_t j = 0; j < i; j++)
			same = same || u->of[i].uid == u->of[j].uid || u->of[i].gid == u->of[j].gid;
		if (same) {
			buf_addf(why, "user: %s: user and group must be those of no other key",
			    key_name((enum identity_role)i));
			return ERR_CONF;
		}
	}
	return OK;
}

static int
check_ours(const struct conf *conf, const struct users *u, unsigned own, struct buf *why)
{
	bool root = geteuid() == 0;

	for (size_t i = 0; i < IDENTITY_COUNT; i++) {
		const char *key = key_name((enum identity_role)i);

		if ((own & IDENTITY_BIT(i)) == 0)
			continue;
		if (root && !u->given && conf->general.sandbox == CONF_SANDBOX_REQUIRED) {
			buf_addf(why, "user: %s: is missing: a program that is started as root must "
			    "be told whom to become", key);
			return ERR_CONF;
		}
		if (!root && u->given && (u->of[i].uid != geteuid() || u->of[i].gid != getegid())) {
			buf_addf(why, "user: %s: is %u:%u, but the program was started as %u:%u: "
			    "start it as root", key, u->of[i].uid, u->of[i].gid, geteuid(), getegid());
			return ERR_CONF;
		}
	}
	return OK;
}

int
identity_load(const struct conf *conf, unsigned own, struct buf *why)
{
	struct users fresh = { .given = false };
	int err = resolve(&conf->user, &fresh, why);

	if (err == OK)
		err = check_distinct(&fresh, why);
	if (err == OK)
		err = check_ours(conf, &fresh, own, why);
	if (err == OK)
		users = fresh;
	return err;
}

int
identity_load_or_say(const struct conf *conf, unsigned own)
{
	struct buf why;
	int err;

	buf_init(&why, 4096);
	err = identity_load(conf, own, &why);
	if (err != OK) {
		log_event(EV_CONFIG_ERROR, F_STR("reason", buf_slice(&why)), F_ERR(err), F_END);
		fprintf(stderr, "%.*s\n", (int)why.n, why.n > 0 ? why.p : "");
	}
	buf_fini(&why);
	return err;
}

const struct identity *
identity_of(enum identity_role role)
{
	return users.given ? &users.of[role] : NULL;
}

bool
identity_admin_group(gid_t *out)
{
	*out = users.admin;
	return users.given;
}

bool
identity_store_group(gid_t *out)
{
	*out = users.store;
	return users.given;
}

/* ---- becoming ---- */

static bool
is_already(const struct identity *who)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	return getresuid(&r, &e, &s) == 0 && getresgid(&rg, &eg, &sg) == 0 &&
	    r == who->uid && e == r && s == r && rg == who->gid && eg == rg && sg == rg &&
	    r != 0;
}

static int
keep_caps(uint32_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = caps, .permitted = caps } };

	return syscall(SYS_capset, &head, data) == 0 ? OK : ERR_SANDBOX;
}

static int
become(const struct identity *who)
{
	if (setgroups(who->extra != 0, &who->extra) != 0 ||
	    setresgid(who->gid, who->gid, who->gid) != 0 ||
	    setresuid(who->uid, who->uid, who->uid) != 0)
		return ERR_SANDBOX;
	if (who->uid == 0 || who->gid == 0 || setresuid(0, 0, 0) == 0)
		return ERR_SANDBOX;
	/* A sanitizer looks at its own process in /proc. */
	if (IN_SANITIZER && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
		return ERR_SANDBOX;
	return keep_caps(0);
}

int
identity_become(const struct identity *who)
{
	pid_t parent = getppid();
	int signal = 0, err;

	if (control_off("identity") || is_already(who))
		return OK;
	/* The kernel forgets it when the user changes. */
	if (prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) != 0)
		return ERR_SANDBOX;
	err = become(who);
	if (err == OK && signal != 0 &&
	    (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0 || getppid() != parent))
		err = ERR_SANDBOX;
	return err;
}

static int
told(const char *role, const char *at, int err)
{
	if (err != OK)
		log_event(EV_SANDBOX_FAILED, F_CSTR("role", role), F_CSTR("at", at), F_ERR(err),
		    F_END);
	return err;
}

int
identity_take(enum identity_role role)
{
	const struct identity *who = identity_of(role);

	return who == NULL ? OK : told(key_name(role), "uid", identity_become(who));
}

int
identity_parent(void)
{
	if (!users.given || geteuid() != 0 || control_off("identity"))
		return OK;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		/* Not allowed to: then it is systemd that has bounded us. */
		if ((PARENT_CAPS & 1ull << cap) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			break;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return told("parent", "privileges", ERR_SANDBOX);
	return told("parent", "capabilities", keep_caps(PARENT_CAPS));
}
