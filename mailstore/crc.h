/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/crc.h: CRC-32C (Castagnoli), the checksum of records and frames.
 *
 * Against accidents only: what an attacker could alter is sealed or in the audit chain.
 * Source  RFC 3720 B.4.
 */
#ifndef MAILSTORE_CRC_H
#define MAILSTORE_CRC_H

#include "common/slice.h"

/* Go on from an earlier result (0 to begin). */
uint32_t crc32c(uint32_t crc, struct slice s);

#endif
