/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/right.h"

#include "common/control.h"

struct dir_right
dir_right_of(const struct dir_account *a)
{
	return (struct dir_right){ .guid = a->guid, .there = 1, .status = a->status,
		.zones = a->zones, .clearance = a->clearance, .credentials = a->credentials,
		.quota = a->quota };
}

enum dir_end
dir_right_end(const struct dir_right *was, const struct dir_right *now, unsigned zone)
{
	unsigned bit = zone == ZONE_INTERNAL ? DIR_ZONE_INTERNAL : DIR_ZONE_INTERNET;

	if (control_off("account-watch"))
		return DIR_STAYS;
	if (!now->there)
		return DIR_END_GONE;
	if (now->status != DIR_ACTIVE)
		return DIR_END_DISABLED;
	if ((now->zones & bit) == 0)
		return DIR_END_ZONE;
	if (now->credentials != was->credentials)
		return DIR_END_CREDENTIALS;
	if (now->clearance < was->clearance || now->zones != was->zones)
		return DIR_END_RIGHTS;
	return DIR_STAYS;
}

const char *
dir_end_name(enum dir_end end)
{
	static const char *const names[] = {
		[DIR_STAYS] = "stays", [DIR_END_GONE] = "removed", [DIR_END_DISABLED] = "disabled",
		[DIR_END_ZONE] = "zone", [DIR_END_CREDENTIALS] = "credentials",
		[DIR_END_RIGHTS] = "rights",
	};

	return names[end];
}
