/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* A date that is understood is written and read back as the same moment. */
#include <stdlib.h>

#include "mime/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	char text[DATE_RFC5322_OCTETS + 1];
	struct date d, back;
	int64_t day;

	if (date_parse(in, &d) == OK) {
		if (d.seconds < -2208988800 + 2 * 86400 || d.seconds > 253402300799 - 3 * 86400)
			return 0;	/* written dates are clamped near the ends */
		date_format_rfc5322(d.seconds, d.zone_min, text);
		if (date_parse(slice_of(text), &back) != OK || back.seconds != d.seconds ||
		    back.zone_min != d.zone_min || (back.flags & DATE_WRONG_WEEKDAY) != 0)
			abort();
		date_format_internal(d.seconds, d.zone_min, text);
		if (date_parse_internal(slice_of(text), &back) != OK || back.seconds != d.seconds)
			abort();
	}
	if (date_parse_internal(in, &d) == OK && date_day(&d) > 3000000)
		abort();
	if (date_parse_day(in, &day) == OK && day > 3000000)
		abort();
	return 0;
}
