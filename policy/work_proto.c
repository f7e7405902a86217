/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/worker.h"

WIRE_TYPE(work_trust_reply, WORK_TRUST_REPLY_FIELDS)
