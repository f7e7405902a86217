/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sodium.h>

#define HEAD	"congvu-master-1 "

enum {
	HEX_OCTETS = 2 * KEYRING_MASTER_OCTETS,
	KEY_OCTETS = sizeof HEAD - 1 + HEX_OCTETS + 1,
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
	else if ((st.st_mode & 077) != 0 || st.st_uid != geteuid()) {
		buf_addf(why, "%s/keys: others may read it; run: chown -R %u %s/keys && "
		    "chmod 700 %s/keys", state_dir, geteuid(), state_dir, state_dir);
		close(*dir_out);
		r = ERR_CONF;
	}
	close(state);
	return r;
}

/* 1: read, exactly n octets. 0: no such file. ERR_CONF, or an error. */
static int
read_file(int dir, const char *name, char *to, size_t n, struct buf *why)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
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
	} else if (st.st_size != (off_t)n || (got = read(fd, to, n)) != (ssize_t)n) {
		buf_addf(why, "keys/%s: damaged; restore it from its backup", name);
		r = ERR_CONF;
	}
	if (fd >= 0)
		close(fd);
	return r;
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
	if (write(fd, from, n) != (ssize_t)n || fsync(fd) != 0)
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
parse_key(const char text[KEY_OCTETS], uint8_t master[KEYRING_MASTER_OCTETS], struct buf *why)
{
	size_t n = 0;

	if (memcmp(text, HEAD, sizeof HEAD - 1) == 0 && text[KEY_OCTETS - 1] == '\n' &&
	    sodium_hex2bin(master, KEYRING_MASTER_OCTETS, text + sizeof HEAD - 1, HEX_OCTETS, NULL,
	    &n, NULL) == 0 && n == KEYRING_MASTER_OCTETS)
		return OK;
	buf_adds(why, "keys/master.key: damaged; restore it from its backup");
	return ERR_CONF;
}

static int
make_key(int dir, uint8_t master[KEYRING_MASTER_OCTETS], char text[KEY_OCTETS + 1],
    struct buf *why)
{
	int r;

	randombytes_buf(master, KEYRING_MASTER_OCTETS);
	memcpy(text, HEAD, sizeof HEAD);
	sodium_bin2hex(text + sizeof HEAD - 1, HEX_OCTETS + 1, master, KEYRING_MASTER_OCTETS);
	text[KEY_OCTETS - 1] = '\n';
	r = write_file(dir, "master.key", text, KEY_OCTETS);
	if (r != OK)
		buf_addf(why, "keys/master.key: %s", err_text(r));
	return r;
}

static int
load(int dir, char text[KEY_OCTETS + 1], uint8_t master[KEYRING_MASTER_OCTETS], bool *made_out,
    struct buf *why)
{
	char known[ID_TEXT_OCTETS + 1] = "", id[ID_TEXT_OCTETS + 1];
	int has_key = read_file(dir, "master.key", text, KEY_OCTETS, why);
	int has_id = has_key < 0 ? 0 : read_file(dir, "master.id", known, ID_TEXT_OCTETS, why);
	int r;

	if (has_key < 0 || has_id < 0)
		return has_key < 0 ? has_key : has_id;
	if (!has_key && has_id) {
		buf_adds(why, "keys/master.key: missing, but there was one before; "
		    "restore it from its backup");
		return ERR_CONF;
	}
	r = has_key ? parse_key(text, master, why) : make_key(dir, master, text, why);
	if (r != OK)
		return r;
	*made_out = !has_key;
	id_of(master, id);
	if (!has_id)
		return write_file(dir, "master.id", id, ID_TEXT_OCTETS);
	if (sodium_memcmp(id, known, ID_TEXT_OCTETS) == 0)
		return OK;
	buf_adds(why, "keys/master.key: not the key that this store was made with; "
	    "restore it from its backup");
	return ERR_CONF;
}

int
keyfile_load(const char *state_dir, uint8_t master_out[KEYRING_MASTER_OCTETS], bool *made_out,
    struct buf *why)
{
	char *text;
	int dir, r = open_dir(state_dir, &dir, why);

	*made_out = false;
	if (r != OK)
		return r;
	text = sodium_malloc(KEY_OCTETS + 1);
	if (text == NULL) {
		close(dir);
		return ERR_NOMEM;
	}
	r = load(dir, text, master_out, made_out, why);
	sodium_free(text);
	close(dir);
	return r;
}
