/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sodium.h>

#define HEAD	"congvu-master-1 "
#define HEAD_2	"congvu-master-2 "

enum {
	HEX_OCTETS = 2 * KEYRING_MASTER_OCTETS,
	HEAD_OCTETS = sizeof HEAD - 1,
	KEY_OCTETS = HEAD_OCTETS + HEX_OCTETS + 1,
	KEY_2_OCTETS = KEY_OCTETS + HEX_OCTETS + 1,	/* with the seed */
	ID_OCTETS = 16,
	ID_TEXT_OCTETS = 2 * ID_OCTETS + 1,
};

/* Make sure of the folder; *dir_out is open. */
static int
open_dir(const char *state_dir, int *dir_out, struct buf *why)
{
	struct stat st;
	int state = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = OK;

	if (state < 0) {
		buf_addf(why, "%s: %s", state_dir, err_text(-errno));
		return ERR_CONF;
	}
	if (mkdirat(state, "keys", 0700) != 0 && errno != EEXIST)
		r = -errno;
	*dir_out = r != OK ? -1 :
	    openat(state, "keys", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (r == OK && (*dir_out < 0 || fstat(*dir_out, &st) != 0))
		r = -errno;
	if (r != OK)
		buf_addf(why, "%s/keys: %s", state_dir, err_text(r));
	else if ((st.st_mode & 077) != 0 || (st.st_uid != geteuid() && geteuid() != 0)) {
		buf_addf(why, "%s/keys: others may read it; run: chown -R %u %s/keys && "
		    "chmod 700 %s/keys", state_dir, geteuid(), state_dir, state_dir);
		close(*dir_out);
		r = ERR_CONF;
	}
	close(state);
	return r;
}

/* 1: read, exactly n octets, or n_or. 0: no such file. ERR_CONF, or an error. */
static int
read_file(int dir, const char *name, char *to, size_t n, size_t n_or, struct buf *why)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t got;
	int r = 1;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) != 0) {
		r = -errno;
		buf_addf(why, "keys/%s: %s", name, err_text(r));
	} else if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
		buf_addf(why, "keys/%s: must be a file that only its owner may read (chmod 600)",
		    name);
		r = ERR_CONF;
	} else if ((st.st_size != (off_t)n && st.st_size != (off_t)n_or) ||
	    (got = read(fd, to, (size_t)st.st_size)) != (ssize_t)st.st_size) {
		buf_addf(why, "keys/%s: damaged; restore it from its backup", name);
		r = ERR_CONF;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

/* What root makes belongs to who the folder belongs to. */
static int
give(int dir, int fd)
{
	struct stat st;

	if (fstat(dir, &st) != 0)
		return -errno;
	if (st.st_uid != geteuid() && fchown(fd, st.st_uid, st.st_gid) != 0)
		return -errno;
	return OK;
}

/* Durable before it is visible. */
static int
write_file(int dir, const char *name, const char *from, size_t n)
{
	int fd = openat(dir, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = OK;

	if (fd < 0)
		return -errno;
	errno = EIO;
	if (write(fd, from, n) != (ssize_t)n || give(dir, fd) != OK || fsync(fd) != 0)
		r = -errno;
	if (close(fd) != 0 && r == OK)
		r = -errno;
	if (r == OK && (renameat(dir, "new", dir, name) != 0 || fsync(dir) != 0))
		r = -errno;
	return r;
}

static void
id_of(const uint8_t master[KEYRING_MASTER_OCTETS], char text[ID_TEXT_OCTETS + 1])
{
	static const uint8_t purpose[] = "congvu master id";
	uint8_t id[ID_OCTETS];

	crypto_generichash(id, sizeof id, purpose, sizeof purpose - 1, master,
	    KEYRING_MASTER_OCTETS);
	sodium_bin2hex(text, ID_TEXT_OCTETS + 1, id, sizeof id);
	text[ID_TEXT_OCTETS - 1] = '\n';
	text[ID_TEXT_OCTETS] = '\0';
}

static int
rename_file(int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to) != 0 || fsync(dir) != 0 ? -errno : OK;
}

static bool
parse_hex(const char *text, uint8_t out[32])
{
	size_t n = 0;

	return sodium_hex2bin(out, 32, text, HEX_OCTETS, NULL, &n, NULL) == 0 && n == 32;
}

/* Either form; the seed of the first follows from the key. */
static int
parse_key(const char text[KEY_2_OCTETS + 1], uint8_t key[32], uint8_t seed[32])
{
	bool second = memcmp(text, HEAD_2, HEAD_OCTETS) == 0;
	size_t end = second ? KEY_2_OCTETS - 1 : KEY_OCTETS - 1;

	if ((!second && memcmp(text, HEAD, HEAD_OCTETS) != 0) || text[end] != '\n' ||
	    strlen(text) != end + 1 || !parse_hex(text + HEAD_OCTETS, key))
		return ERR_CORRUPT;
	if (!second)
		keyring_audit_seed(key, seed);
	else if (text[KEY_OCTETS - 1] != ' ' || !parse_hex(text + KEY_OCTETS, seed))
		return ERR_CORRUPT;
	return OK;
}

/* 1: there, and understood; 0: not there. */
static int
read_key(int dir, const char *name, uint8_t key[32], uint8_t seed[32], struct buf *why)
{
	char *text = sodium_malloc(KEY_2_OCTETS + 1);
	int r;

	if (text == NULL)
		return ERR_NOMEM;
	memset(text, 0, KEY_2_OCTETS + 1);
	r = read_file(dir, name, text, KEY_OCTETS, KEY_2_OCTETS, why);
	if (r == 1 && parse_key(text, key, seed) != OK) {
		buf_addf(why, "keys/%s: damaged; restore it from its backup", name);
		r = ERR_CONF;
	}
	sodium_free(text);
	return r;
}

static int
make_key(int dir, const char *name, uint8_t key[32], const uint8_t *seed, struct buf *why)
{
	char *text = sodium_malloc(KEY_2_OCTETS + 1);
	int r;

	if (text == NULL)
		return ERR_NOMEM;
	randombytes_buf(key, 32);
	memcpy(text, seed == NULL ? HEAD : HEAD_2, HEAD_OCTETS);
	sodium_bin2hex(text + HEAD_OCTETS, HEX_OCTETS + 1, key, 32);
	text[KEY_OCTETS - 1] = seed == NULL ? '\n' : ' ';
	if (seed != NULL) {
		sodium_bin2hex(text + KEY_OCTETS, HEX_OCTETS + 1, seed, 32);
		text[KEY_2_OCTETS - 1] = '\n';
	}
	r = write_file(dir, name, text, seed == NULL ? KEY_OCTETS : KEY_2_OCTETS);
	if (r != OK)
		buf_addf(why, "keys/%s: %s", name, err_text(r));
	sodium_free(text);
	return r;
}

/* 1: the file holds this fingerprint; 0: it is not there; ERR_CONF: it is another's. */
static int
check_id(int dir, const char *name, const char id[ID_TEXT_OCTETS + 1], struct buf *why)
{
	char known[ID_TEXT_OCTETS + 1] = "";
	int r = read_file(dir, name, known, ID_TEXT_OCTETS, ID_TEXT_OCTETS, why);

	if (r == 1 && sodium_memcmp(id, known, ID_TEXT_OCTETS) != 0)
		r = ERR_CONF;
	return r;
}

/* The key is what its fingerprint says; one that took over, and whose fingerprint did not come to
 * its place any more, gets it now. */
static int
settle_id(int dir, const uint8_t master[32], struct buf *why)
{
	char id[ID_TEXT_OCTETS + 1];
	int r;

	id_of(master, id);
	r = check_id(dir, "master.id", id, why);
	if (r == 0)
		return write_file(dir, "master.id", id, ID_TEXT_OCTETS);
	if (r == ERR_CONF && check_id(dir, "next.id", id, why) == 1)
		return rename_file(dir, "next.id", "master.id");
	if (r == ERR_CONF)
		buf_adds(why, "keys/master.key: not the key that this store was made with; "
		    "restore it from its backup");
	return r == 1 ? OK : r;
}

static int
load(int dir, struct keyfile *out, bool *made_out, struct buf *why)
{
	uint8_t seed[32];
	int r = read_key(dir, "master.key", out->master, out->seed, why);

	if (r == 0 && faccessat(dir, "master.id", F_OK, 0) == 0) {
		buf_adds(why, "keys/master.key: missing, but there was one before; "
		    "restore it from its backup");
		return ERR_CONF;
	}
	if (r == 0) {
		*made_out = true;
		r = make_key(dir, "master.key", out->master, NULL, why);
		keyring_audit_seed(out->master, out->seed);
	}
	if (r >= 0)
		r = settle_id(dir, out->master, why);
	if (r != OK)
		return r;
	r = read_key(dir, "master.next", out->next, seed, why);
	sodium_memzero(seed, sizeof seed);
	out->has_next = r == 1;
	return r < 0 ? r : OK;
}

int
keyfile_load(const char *state_dir, struct keyfile *out, bool *made_out, struct buf *why)
{
	int dir, r = open_dir(state_dir, &dir, why);

	*made_out = false;
	if (r != OK)
		return r;
	r = load(dir, out, made_out, why);
	close(dir);
	return r;
}

int
keyfile_make_next(const char *state_dir, struct keyfile *out, struct buf *why)
{
	char id[ID_TEXT_OCTETS + 1];
	bool made;
	int dir, r = open_dir(state_dir, &dir, why);

	if (r != OK)
		return r;
	r = load(dir, out, &made, why);
	if (r == OK && !out->has_next) {
		r = make_key(dir, "master.next", out->next, out->seed, why);
		out->has_next = r == OK;
	}
	if (r == OK) {
		id_of(out->next, id);
		r = write_file(dir, "next.id", id, ID_TEXT_OCTETS);
	}
	close(dir);
	return r;
}

int
keyfile_turn(const char *state_dir, struct buf *why)
{
	int dir, r = open_dir(state_dir, &dir, why);

	if (r != OK)
		return r;
	r = rename_file(dir, "master.next", "master.key");
	if (r == OK)
		r = rename_file(dir, "next.id", "master.id");
	if (r != OK)
		buf_addf(why, "keys/master.next: %s", err_text(r));
	close(dir);
	return r;
}

int
keyfile_fingerprint(const char *keys_dir, char id_out[KEYFILE_ID_OCTETS], struct buf *why)
{
	struct keyfile *k = sodium_malloc(sizeof *k);
	int dir = open(keys_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = k == NULL ? ERR_NOMEM : dir < 0 ? -errno : OK;
	char id[ID_TEXT_OCTETS + 1];

	if (r == OK) {
		r = read_key(dir, "master.key", k->master, k->seed, why);
		r = r == 1 ? OK : r == 0 ? ERR_NOENT : r;
	}
	if (r == OK) {
		id_of(k->master, id);
		memcpy(id_out, id, KEYFILE_ID_OCTETS - 1);
		id_out[KEYFILE_ID_OCTETS - 1] = '\0';
	}
	if (k != NULL)
		sodium_free(k);
	if (dir >= 0)
		close(dir);
	return r;
}
