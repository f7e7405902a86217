/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/extract.h"

#include <locale.h>

#include "policy/extract/heif.h"
#include "policy/extract/image.h"
#include "policy/extract/ocr.h"
#include "policy/extract/pack.h"
#include "policy/extract/pdf.h"
#include "policy/extract/zip.h"

void
extract_limits_init(struct extract_limits *l)
{
	*l = (struct extract_limits){
		.depth_max = 5,
		.entries_max = 10000,
		.out_octets_max = 100000000,
		.ratio_max = 200,
		.ratio_floor_octets = 1 << 20,
		.memory_octets = (size_t)768 << 20,
		.cpu_s = 10,
		.deadline_ms = 15000,
		.ocr = true,
		.ocr_ms = 60000,
		.ocr_pages = 8,
		.pixels_max = 120000000,
	};
}

/* libarchive gives names in the characters of the locale, and converts none that are UTF-8 then. */
void
extract_start(void)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	pdf_start();
	heif_start();
	ocr_start();
}

bool
extract_reads_pictures(void)
{
	return ocr_ready();
}

const char *
extract_why_detector(enum extract_why why)
{
	switch (why) {
	case EXTRACT_WHY_ENCRYPTED:
		return "opaque-encrypted";
	case EXTRACT_WHY_BROKEN:
		return "opaque-broken";
	case EXTRACT_WHY_LIMIT:
		return "opaque-limit";
	case EXTRACT_WHY_TIME:
		return "opaque-deadline";
	case EXTRACT_WHY_ENCODED:
		return "opaque-encoded";
	case EXTRACT_WHY_TYPE:
	case EXTRACT_WHY_NONE:
		break;
	}
	return "opaque-type";
}

int
extract_run(struct slice octets, enum extract_type type, const struct extract_limits *limits,
    extract_sink_fn *sink, void *arg)
{
	switch (type) {
	case EXTRACT_ZIP:
		return zip_run(octets, limits, sink, arg);
	case EXTRACT_PACK:
		return pack_run(octets, limits, sink, arg);
	case EXTRACT_PDF:
		return pdf_run(octets, limits, sink, arg);
	case EXTRACT_IMAGE:
		return image_run(octets, limits, sink, arg);
	}
	return ERR_INVAL;
}
