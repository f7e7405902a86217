/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/entry.h"

#include <stdio.h>
#include <string.h>
#include <sodium.h>

#include "common/civil.h"
#include "common/utf8.h"
#include "directory/address.h"

enum { CERT_OCTETS_MAX = 16384, NAME_OCTETS_MAX = 256, UID_OCTETS_MAX = 128, UNIT_OCTETS_MAX = 1024 };

const char *
entry_attr_name(const struct conf *conf, enum entry_attr attr)
{
	const struct conf_ldap *l = &conf->ldap;
	const char *const names[ENTRY_ATTR_COUNT] = {
		[ENTRY_CLASS] = "objectClass", [ENTRY_UUID] = "entryUUID",
		[ENTRY_UID] = l->attr_uid, [ENTRY_MAIL] = l->attr_mail,
		[ENTRY_ALIAS] = l->attr_alias, [ENTRY_QUOTA] = l->attr_quota,
		[ENTRY_QUOTA_MESSAGES] = l->attr_quota_messages,
		[ENTRY_STATUS] = l->attr_status, [ENTRY_CLEARANCE] = l->attr_clearance,
		[ENTRY_ZONES] = l->attr_zones, [ENTRY_SEND_AS] = l->attr_send_as,
		[ENTRY_CERT] = l->attr_certificate, [ENTRY_ROLE] = l->attr_role,
		[ENTRY_NAME] = "displayName", [ENTRY_CN] = "cn",
		[ENTRY_UNSIGNED_UNTIL] = "congvuUnsignedUntil",
		[ENTRY_SUBJECT] = "congvuAgencySubject", [ENTRY_CLERK] = "congvuClerk",
		[ENTRY_MEMBER] = "member", [ENTRY_UNIQUE_MEMBER] = "uniqueMember",
		[ENTRY_MEMBER_UID] = "memberUid", [ENTRY_MEMBER_ADDRESS] = "congvuMemberAddress",
		[ENTRY_PASSWORD_CHANGED] = "pwdChangedTime",
		[ENTRY_PASSWORD_LOCKED] = "pwdAccountLockedTime",
		[ENTRY_MODIFIED] = "modifyTimestamp",
	};

	return names[attr];
}

struct slice
entry_first(const struct entry *e, enum entry_attr attr)
{
	return e->a[attr].n > 0 ? e->a[attr].v[0] : (struct slice){ NULL, 0 };
}

uint64_t
entry_limit(const struct entry *e, enum entry_attr attr)
{
	uint64_t v;

	return slice_u64(entry_first(e, attr), UINT64_MAX / 2, &v) == OK ? v : 0;
}

static bool
has_class(const struct entry *e, const char *name)
{
	for (size_t i = 0; i < e->a[ENTRY_CLASS].n; i++)
		if (slice_is_nocase(e->a[ENTRY_CLASS].v[i], name))
			return true;
	return false;
}

bool
entry_is_account(const struct conf *conf, const struct entry *e)
{
	return has_class(e, conf->ldap.account_class);
}

bool
entry_is_group(const struct entry *e)
{
	return has_class(e, "groupOfNames") || has_class(e, "groupOfUniqueNames") ||
	    has_class(e, "posixGroup") || has_class(e, "congvuGroup");
}

bool
entry_has_address(const struct entry *e, struct slice address, struct arena *arena)
{
	static const enum entry_attr attrs[] = { ENTRY_MAIL, ENTRY_ALIAS };

	for (size_t k = 0; k < ARRAY_LEN(attrs); k++)
		for (size_t i = 0; i < e->a[attrs[k]].n; i++) {
			struct slice mine;

			if (address_canon(e->a[attrs[k]].v[i], arena, &mine) == OK &&
			    slice_eq(mine, address))
				return true;
		}
	return false;
}

size_t
entry_addresses(const struct entry *e, struct arena *arena, struct slice *out, size_t max)
{
	static const enum entry_attr attrs[] = { ENTRY_MAIL, ENTRY_ALIAS };
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_LEN(attrs); k++)
		for (size_t i = 0; i < e->a[attrs[k]].n && n < max; i++) {
			size_t same = 0;

			if (address_canon(e->a[attrs[k]].v[i], arena, &out[n]) != OK)
				continue;
			while (!slice_eq(out[same], out[n]))
				same++;
			if (same == n)
				n++;
		}
	return n;
}

int
entry_guid_parse(struct slice text, uint8_t out[DIR_GUID_OCTETS])
{
	size_t n = 0;

	if (text.n != 36)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.n;) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text.p[i++] != '-')
				return ERR_SYNTAX;
			continue;
		}
		if (ascii_hex(text.p[i]) < 0 || ascii_hex(text.p[i + 1]) < 0)
			return ERR_SYNTAX;
		out[n++] = (uint8_t)(ascii_hex(text.p[i]) * 16 + ascii_hex(text.p[i + 1]));
		i += 2;
	}
	return OK;
}

void
entry_guid_text(const uint8_t guid[DIR_GUID_OCTETS], char out[37])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (size_t i = 0; i < DIR_GUID_OCTETS; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[n++] = '-';
		out[n++] = hex[guid[i] >> 4];
		out[n++] = hex[guid[i] & 15];
	}
	out[n] = '\0';
}

static uint8_t
status_of(const struct entry *e)
{
	struct slice s = slice_trim(entry_first(e, ENTRY_STATUS));

	if (slice_is(entry_first(e, ENTRY_PASSWORD_LOCKED), "000001010000Z"))
		return DIR_LOCKED;
	if (s.n == 0 || slice_is_nocase(s, "active"))
		return DIR_ACTIVE;
	return slice_is_nocase(s, "withdrawn") ? DIR_WITHDRAWN : DIR_LOCKED;
}

static uint8_t
zones_of(const struct entry *e)
{
	uint8_t zones = 0;

	if (e->a[ENTRY_ZONES].n == 0)
		return DIR_ZONE_INTERNAL | DIR_ZONE_INTERNET;
	for (size_t i = 0; i < e->a[ENTRY_ZONES].n; i++) {
		struct slice s = slice_trim(e->a[ENTRY_ZONES].v[i]);

		if (slice_is_nocase(s, "internal"))
			zones |= DIR_ZONE_INTERNAL;
		if (slice_is_nocase(s, "internet"))
			zones |= DIR_ZONE_INTERNET;
	}
	return zones;
}

static uint8_t
clearance_of(const struct entry *e)
{
	unsigned level = LEVEL_THUONG;

	/* Two clearances contradict each other: the entry has none. */
	if (e->a[ENTRY_CLEARANCE].n != 1 ||
	    word_value(WORD_level, slice_trim(entry_first(e, ENTRY_CLEARANCE)), &level) != OK)
		return LEVEL_THUONG;
	return (uint8_t)level;
}

static uint8_t
roles_of(const struct entry *e)
{
	for (size_t i = 0; i < e->a[ENTRY_ROLE].n; i++)
		if (slice_is_nocase(e->a[ENTRY_ROLE].v[i], "securityOfficer"))
			return DIR_ROLE_SECURITY_OFFICER;
	return 0;
}

uint64_t
entry_time(struct slice s)
{
	static const size_t widths[] = { 4, 2, 2, 2, 2, 2 };
	uint64_t v[ARRAY_LEN(widths)];
	size_t at = 0;

	if (s.n != 15 || s.p[14] != 'Z')
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(widths); i++) {
		if (slice_u64(slice_sub(s, at, widths[i]), 9999, &v[i]) != OK)
			return 0;
		at += widths[i];
	}
	if (v[0] < 1970 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 ||
	    v[4] > 59 || v[5] > 60)
		return 0;
	return (uint64_t)civil_seconds(&(struct tm){ .tm_year = (int)v[0] - 1900,
	    .tm_mon = (int)v[1] - 1, .tm_mday = (int)v[2], .tm_hour = (int)v[3],
	    .tm_min = (int)v[4], .tm_sec = (int)v[5] });
}

static struct slice
name_of(const struct entry *e)
{
	struct slice s = entry_first(e, e->a[ENTRY_NAME].n > 0 ? ENTRY_NAME : ENTRY_CN);

	return utf8_is_safe(s) ? utf8_prefix(s, NAME_OCTETS_MAX) : (struct slice){ NULL, 0 };
}

static uint64_t
credentials_of(const struct entry *e)
{
	struct slice uid = entry_first(e, ENTRY_UID), at = entry_first(e, ENTRY_PASSWORD_CHANGED);
	uint8_t digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state h;
	uint64_t out;

	crypto_hash_sha256_init(&h);
	crypto_hash_sha256_update(&h, (const uint8_t *)uid.p, uid.n);
	crypto_hash_sha256_update(&h, (const uint8_t *)"", 1);
	crypto_hash_sha256_update(&h, (const uint8_t *)at.p, at.n);
	crypto_hash_sha256_final(&h, digest);
	memcpy(&out, digest, sizeof out);
	return out;
}

int
entry_account(const struct entry *e, struct arena *arena, struct dir_account *out,
    const char **why_out)
{
	struct slice uid = entry_first(e, ENTRY_UID);
	uint8_t guid[DIR_GUID_OCTETS];

	*why_out = NULL;
	*out = (struct dir_account){ .clearance = clearance_of(e), .zones = zones_of(e),
		.status = status_of(e), .roles = roles_of(e), .name = name_of(e) };
	if (e->a[ENTRY_UUID].n != 1 || entry_guid_parse(entry_first(e, ENTRY_UUID), guid) != OK)
		*why_out = "entryUUID is missing or malformed";
	else if (uid.n == 0 || uid.n > UID_OCTETS_MAX || !utf8_is_safe(uid))
		*why_out = "the sign-in name is missing, too long or not plain text";
	else if (entry_addresses(e, arena, &out->address, 1) == 0)
		*why_out = "no usable mail address";
	if (*why_out != NULL)
		return arena->err != OK ? arena->err : ERR_CORRUPT;
	out->guid = arena_copy(arena, (struct slice){ (const char *)guid, sizeof guid });
	out->uid = uid;
	out->quota.octets = entry_limit(e, ENTRY_QUOTA);
	out->quota.messages = entry_limit(e, ENTRY_QUOTA_MESSAGES);
	out->unsigned_until_s = entry_time(entry_first(e, ENTRY_UNSIGNED_UNTIL));
	out->credentials = credentials_of(e);
	out->unit = e->dn.n <= UNIT_OCTETS_MAX ? e->dn : (struct slice){ NULL, 0 };
	return arena->err;
}

/* SEQUENCE with a long-form length that fills the value exactly: the outside of a certificate. */
static bool
is_der(struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	return s.n > 4 && s.n <= CERT_OCTETS_MAX && p[0] == 0x30 && p[1] == 0x82 &&
	    (size_t)(p[2] << 8 | p[3]) + 4 == s.n;
}

int
entry_certs(const struct entry *e, struct arena *arena, struct dir_cert **out, size_t *n_out)
{
	const struct entry_values *v = &e->a[ENTRY_CERT];

	*n_out = 0;
	*out = arena_array(arena, ENTRY_CERTS_MAX, sizeof **out);
	if (*out == NULL)
		return arena->err;
	for (size_t i = 0; i < v->n && *n_out < ENTRY_CERTS_MAX; i++) {
		uint8_t *sha256;

		if (!is_der(v->v[i]))
			continue;
		sha256 = arena_alloc(arena, crypto_hash_sha256_BYTES);
		if (sha256 == NULL)
			return arena->err;
		crypto_hash_sha256(sha256, (const uint8_t *)v->v[i].p, v->v[i].n);
		(*out)[(*n_out)++].sha256 =
		    (struct slice){ (const char *)sha256, crypto_hash_sha256_BYTES };
	}
	return OK;
}
