/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/facts.h: what policyd finds out about one message, before any decision.
 *
 * Shape   signature facts (policy/smime) and classification facts (policy/classify) fill it;
 *         decide() reads it. Everything lives in the message arena.
 * Bounds  FACTS_EVIDENCE_MAX pieces of evidence are kept; more are counted, and the highest
 *         level is never lost.
 */
#ifndef POLICY_FACTS_H
#define POLICY_FACTS_H

#include "common/arena.h"
#include "common/words.h"
#include "policy/leaf.h"
#include "policy/note.h"

enum {
	FACTS_EVIDENCE_MAX = 64, FACTS_SIGNERS_MAX = 8, FACTS_NOTES_MAX = 32,
	FACTS_CAUSES_MAX = 64
};

/* What a cause did to the facts, as bits. */
enum cause_weight {
	CAUSE_OPAQUE = 1 << 0, CAUSE_REVIEW = 1 << 1, CAUSE_ASSERTED = 1 << 2,
	CAUSE_INTERNAL = 1 << 3
};

/* A leaf part or header field in which something was found: what officers may release. */
struct cause {
	unsigned char sha256[32];	/* policy/leaf.h */
	unsigned      weights;		/* CAUSE_* */
	unsigned      level;		/* highest asserted in it */
	const char   *detector;		/* of the first finding, and where */
	struct slice  part;
};

/* One reason for a level or for opacity. Never the text itself. */
struct evidence {
	const char  *detector;	/* static: "header-label", "subject-mark", "line-mark", "field",
				 * "filename-mark", "opaque-encrypted", "opaque-type", ... */
	struct slice part;	/* part path as in IMAP sections: "1.2", "" = the message header;
				 * inside archives "2/word/document.xml" is written "2/1" (entry
				 * number), since names may not be logged */
	uint32_t     position;	/* line, or octet, within the part's text */
	unsigned     level;	/* LEVEL_*; LEVEL_THUONG for pure opacity */
	bool	     asserted;	/* states a level; false = a person should look (review) */
};

/*
 * One signature over the content of the message, whatever it is worth. layer 0 covers the whole
 * message; layer 1 is a signature that is all the content of layer 0 (an agency's seal around a
 * signed message), and so on.
 */
struct facts_signer {
	unsigned	layer;
	unsigned	reason;		/* SIG_OK, or why it counts for nothing */
	bool		bound;		/* speaks for From, Sender or Resent-From */
	bool		stale, clock;
	struct slice	address;	/* that it is bound to; else the certificate's first */
	struct slice	subject, issuer; /* RFC 4514, UTF-8 */
	struct slice	serial;		/* hexadecimal */
	int64_t		signed_s;	/* signing time as told; 0: not told */
	int64_t		begin_s, end_s;	/* validity of the certificate */
	unsigned char	cert_sha256[32]; /* zeros: the certificate is not there */
};

/* Something that an administrator should be told, and that decides nothing. */
struct facts_note {
	enum note    what;
	struct slice part;	/* path; of NOTE_HEADER_MISMATCH the field's name */
};

struct facts {
	/* classification */
	unsigned	 level;		/* highest asserted level */
	bool		 review;	/* some evidence asks for a person */
	bool		 opaque;	/* some part cannot be inspected */
	bool		 partly_inspected;
	bool		 internal_only;	/* LUU HANH NOI BO and the like */
	unsigned	 kind;		/* KIND_* */
	struct evidence	 evidence[FACTS_EVIDENCE_MAX];
	unsigned	 evidence_count;
	unsigned	 evidence_dropped;
	/* signature */
	unsigned	 sig;		/* SIG_* */
	unsigned	 sig_reason;	/* SIG_OK or why bad */
	bool		 sig_on_behalf, sig_stale_revocation, sig_clock;
	struct slice	 signer;	/* e-mail of the bound signer, "" if none */
	struct slice	 signer_subject; /* RFC 4514 DN of the first signer that is bound, else of
					 * the first */
	/* the message */
	uint64_t	 size_octets;
	unsigned char	 sha256[32];
	struct slice	 from;		/* addr-spec of the single From, "" if not exactly one */
	bool		 ambiguous;	/* MIME that clients read differently */
	bool		 resent;	/* sent again: Resent-From, not From, says who sends */
	struct facts_signer signers[FACTS_SIGNERS_MAX];
	unsigned	 signers_n;
	struct facts_note notes[FACTS_NOTES_MAX];
	unsigned	 notes_n;
	/* releases */
	struct leaf	 leaf;		/* what is being looked at; findings become its causes */
	struct cause	 causes[FACTS_CAUSES_MAX];
	unsigned	 causes_count;
	bool		 causes_incomplete;	/* some finding belongs to no leaf, or to one too many */
	bool		 declassified;	/* GIẢI MẬT with its date: review, in words of its own */
	struct slice	 signed_by;	/* title of the signer by which the server signs, or "" */
};

/* Add evidence and raise level/review/opaque accordingly. detector must be static. */
void facts_add(struct facts *f, const char *detector, struct slice part, uint32_t position,
    unsigned level, bool asserted);

/* Add a note, once for each part; past FACTS_NOTES_MAX it is left out. */
void facts_note(struct facts *f, enum note what, struct slice part);

/* Note that a part cannot be inspected, with the detector that says why. */
void facts_add_opaque(struct facts *f, const char *detector, struct slice part);

/* Note that the leaf at hand is for circulation inside only; the first place in each part is
 * evidence, asserted and of level thuong. */
void facts_add_internal(struct facts *f, const char *detector, struct slice part,
    uint32_t position);

/* Not all could be looked at in time: no leaf is to blame. */
void facts_add_late(struct facts *f, const char *detector, struct slice part);

#endif
