/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/control.h: switch one security check off, in test builds only.
 *
 * A security test proves something only if it fails without the check. A build configured with
 * --enable-controls reads CONGVU_CONTROL_OFF (names separated by commas) and skips the named
 * checks; in every other build control_off() is the constant false and leaves no code behind.
 */
#ifndef COMMON_CONTROL_H
#define COMMON_CONTROL_H

#include "config.h"

#include <stdbool.h>

#ifdef WITH_CONTROLS
bool control_off(const char *check);
#else
#define control_off(check)	false
#endif

#endif
