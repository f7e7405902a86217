/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/keyd_sign.h: the process that holds the keys of section `signer`.
 *
 * Shape   a sibling of keyd: keyd's keeper forks it, waits for it and starts it again. It signs for
 *         policyd alone, and nothing but what SIGN_CMS says (directory/proto.h).
 * Safety  it never has the master key, nor the key of sign-in tokens; keyd never has its keys. The
 *         library of a token is loaded when the sandbox is closed already, so that it reaches the
 *         folders that are named for it, and neither mail nor the master key.
 * PINs    one that a token refused is not tried again, whoever dies and starts anew: tokens lock.
 */
#ifndef DIRECTORY_KEYD_SIGN_H
#define DIRECTORY_KEYD_SIGN_H

#include "common/conf.h"

enum {
	KEYD_SIGN_SIGNERS_MAX = 64,
	/* Exit statuses: a key or token is not there yet, or no longer: start again, and soon. */
	KEYD_SIGN_EXIT_AGAIN = 80,
};

/* What outlives the process: shared with the keeper that forked it. */
struct keyd_sign_memory {
	bool pin_refused[KEYD_SIGN_SIGNERS_MAX];	/* of the signer of this number */
};

struct keyd_sign_sockets {
	int policyd, control;	/* listening */
};

/* Does the configuration ask for the process? */
bool keyd_sign_wanted(const struct conf *conf);

/* In the process, which must hold no secret of another's. */
_Noreturn void keyd_sign_main(const struct conf *conf, const struct keyd_sign_sockets *sockets,
    struct keyd_sign_memory *memory);

#endif
