/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/path.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/vfs.h>

int
path_store(const char *state_dir, const char *below, char out[PATH_OCTETS])
{
	int n = snprintf(out, PATH_OCTETS, "%s/store%s%s", state_dir,
	    below[0] != '\0' ? "/" : "", below);

	return n > 0 && n < PATH_OCTETS ? OK : ERR_LIMIT;
}

int
path_refuse_network(const char *path)
{
	static const uint32_t network[] = { 0x6969 /* NFS */, 0x517b /* SMB */,
		0xff534d42u /* CIFS */, 0xfe534d42u /* SMB2 */, 0x01021997 /* 9P */,
		0x5346414f /* AFS */, 0x00c36400 /* Ceph */, 0x0bd00bd0 /* Lustre */,
		0x47504653 /* GPFS */, 0x73757245 /* Coda */, 0x564c /* NCP */,
		0x19830326 /* BeeGFS */ };
	struct statfs fs;

	if (statfs(path, &fs) != 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(network); i++)
		if ((uint32_t)fs.f_type == network[i])
			return ERR_UNSUPPORTED;
	return OK;
}
