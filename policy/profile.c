/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/profile.h"

#define ON(path)	RULE_BIT(PATH_##path)
#define ALL_BUT_READ	(ON(SUBMIT) | ON(RECEIVE) | ON(RELAY) | ON(STORE))
#define OUT		RULE_BIT(ZONE_INTERNET)		/* to or from the internet */
#define SECRET		.level_min = LEVEL_MAT
#define REFUSE		.verdict = VERDICT_REJECT
#define WAIT		.verdict = VERDICT_DEFER
#define PASS \
	.verdict = VERDICT_ALLOW, .enhanced = "2.0.0", .reason_vi = "", .reason_en = ""
#define SAY(code, vi, en) .enhanced = code, .reason_vi = vi, .reason_en = en
#define LAW(text)	.legal_basis = text

#define SECRECY_LAW	"Luat Bao ve bi mat nha nuoc 117/2025/QH15, Dieu 5 khoan 2"
#define SECRECY_DECREE	"ND 63/2026/ND-CP"
#define SIGNATURE_LAW	"Luat Giao dich dien tu 20/2023/QH15; ND 68/2024/ND-CP"
#define MAIL_RULES	"Quy che quan ly, su dung he thong thu dien tu"
#define SIGNED_KINDS	(RULE_BIT(KIND_MAIL) | RULE_BIT(KIND_DSN) | RULE_BIT(KIND_AUTO_REPLY))
#define RECEIPT_KINDS	(RULE_BIT(KIND_MDN) | RULE_BIT(KIND_CALENDAR_REPLY))

/* ---- rows that stand alone ---- */

const struct rule *
profile_malformed(void)
{
	static const struct rule row = { .name = "out-of-range", REFUSE,
		SAY("5.3.0", "Loi noi bo: du kien kiem tra khong hop le, thu bi tu choi",
		    "Internal error: the facts are out of range, the message is refused"),
		LAW("") };

	return &row;
}

const struct rule *
profile_last(void)
{
	static const struct rule row = { .name = "no-rule", REFUSE,
		SAY("5.7.1", "Khong quy tac nao cho phep thu nay",
		    "No rule permits this message"),
		LAW(MAIL_RULES) };

	return &row;
}

const struct rule *
profile_secret_internet(void)
{
	static const struct rule row = { .name = "secret-internet", REFUSE, SECRET,
		SAY("5.7.1", "Nghi co dau chi do mat: van ban Mat tro len khong duoc di qua "
		    "Internet. Neu danh dau nham, hay sua lai roi gui",
		    "The message appears to bear a secrecy mark: documents of level Mat or higher "
		    "must not cross the internet"),
		LAW(SECRECY_LAW) };

	return &row;
}

/* ---- rows that no configuration can change ---- */

#define FIXED_ROWS \
	{ .name = "forged-trace", .flags_set = RULE_FORGED_TRACE, REFUSE, \
	    SAY("5.6.0", "Thu mang qua nhieu truong Authentication-Results gia danh may chu nay", \
		"Too many Authentication-Results fields in the name of this server"), \
	    LAW(MAIL_RULES) }, \
	{ .name = "from-not-one", .paths = ON(SUBMIT) | ON(RECEIVE), \
	    .flags_clear = RULE_FROM_ONE, REFUSE, \
	    SAY("5.6.0", "Thu phai co dung mot truong From voi dung mot dia chi", \
		"The message must have exactly one From field with exactly one address"), \
	    LAW(MAIL_RULES) }, \
	{ .name = "ambiguous", .paths = ON(SUBMIT), .flags_set = RULE_AMBIGUOUS, REFUSE, \
	    SAY("5.6.0", "Cau truc MIME co the bi hieu theo nhieu cach; hay soan lai bang chuong " \
		"trinh thu khac", \
		"The MIME structure can be read in several ways; compose the message anew"), \
	    LAW(MAIL_RULES) }, \
	{ .name = "from-not-yours", .paths = ON(SUBMIT), .flags_clear = RULE_FROM_OWN, REFUSE, \
	    SAY("5.7.1", "Tai khoan khong duoc dung dia chi From nay", \
		"The account may not use this From address"), \
	    LAW(MAIL_RULES) }, \
	{ .name = "sender-not-yours", .paths = ON(SUBMIT), .flags_clear = RULE_SENDER_OWN, REFUSE, \
	    SAY("5.7.1", "Tai khoan khong duoc dung dia chi trong MAIL FROM, Sender hoac " \
		"Resent-From", \
		"The account may not use this address in MAIL FROM, Sender or Resent-From"), \
	    LAW(MAIL_RULES) }

/* ---- submission: the signature ---- */

#define BAD_SIGNATURE(row, why, code, vi, en) \
	{ .name = row, .paths = ON(SUBMIT), .sigs = RULE_BIT(SIG_BAD), .reasons = RULE_BIT(why), \
	    .flags_clear = RULE_MARK_ONLY, REFUSE, SAY(code, vi, en), \
	    LAW(SIGNATURE_LAW) }

#define SIGNATURE_ROWS \
	{ .name = "signature-error", .paths = ON(SUBMIT), .sigs = RULE_BIT(SIG_ERROR), \
	    .flags_clear = RULE_MARK_ONLY, WAIT, \
	    SAY("4.7.0", "Chua kiem tra duoc chu ky so, hay gui lai sau", \
		"The signature cannot be checked now, try again later"), \
	    LAW(SIGNATURE_LAW) }, \
	{ .name = "revocation-unknown", .paths = ON(SUBMIT), .sigs = RULE_BIT(SIG_BAD), \
	    .reasons = RULE_BIT(SIG_UNKNOWN_REVOCATION), .flags_clear = RULE_MARK_ONLY, WAIT, \
	    SAY("4.7.5", "Chua co danh sach thu hoi chung thu moi, chua kiem tra duoc chu ky so", \
		"No current revocation list for the signer's certificate, try again later"), \
	    LAW(SIGNATURE_LAW) }, \
	{ .name = "encrypted-mail", .paths = ON(SUBMIT), .kinds = RULE_BIT(KIND_ENCRYPTED), \
	    REFUSE, \
	    SAY("5.7.1", "Thu da ma hoa nen khong kiem tra duoc noi dung; hay gui thu ky so, " \
		"khong ma hoa", \
		"The message is encrypted and cannot be inspected; sign it, do not encrypt it"), \
	    LAW(MAIL_RULES) }, \
	{ .name = "unsigned", .paths = ON(SUBMIT), .sigs = RULE_BIT(SIG_NONE), \
	    .kinds = SIGNED_KINDS, .flags_clear = RULE_MARK_ONLY | RULE_UNSIGNED_OK, REFUSE, \
	    SAY("5.7.1", "Thu chua ky so; hay ky ca thu bang chung thu S/MIME roi gui lai", \
		"The message as a whole is not signed with S/MIME"), \
	    LAW(SIGNATURE_LAW) }, \
	{ .name = "unsigned-receipt", .paths = ON(SUBMIT), .sigs = RULE_BIT(SIG_NONE), \
	    .kinds = RECEIPT_KINDS, .flags_clear = RULE_MARK_ONLY | RULE_UNSIGNED_OK | RULE_PLAIN, \
	    REFUSE, \
	    SAY("5.7.1", "Bao da doc hoac tra loi lich khong ky so chi duoc gui khi nho va khong " \
		"dinh kem", \
		"An unsigned receipt or calendar reply must be small and without attachments"), \
	    LAW(SIGNATURE_LAW) }, \
	BAD_SIGNATURE("signature-untrusted", SIG_UNTRUSTED, "5.7.5", \
	    "Chung thu cua nguoi ky khong thuoc he thong chung thuc duoc tin cay", \
	    "The signer's certificate does not lead to a trusted authority for mail"), \
	BAD_SIGNATURE("signature-expired", SIG_EXPIRED, "5.7.5", \
	    "Chung thu cua nguoi ky het han hoac chua co hieu luc, hoac gio ky o tuong lai", \
	    "The signer's certificate is expired or not yet valid, or the signing time is ahead"), \
	BAD_SIGNATURE("signature-revoked", SIG_REVOKED, "5.7.5", \
	    "Chung thu cua nguoi ky da bi thu hoi", \
	    "The signer's certificate is revoked"), \
	BAD_SIGNATURE("wrong-signer", SIG_WRONG_SIGNER, "5.7.1", \
	    "Nguoi ky khong phai la nguoi gui ghi trong From", \
	    "The signer is not bound to the From address"), \
	BAD_SIGNATURE("signature-altered", SIG_ALTERED, "5.7.7", \
	    "Noi dung da bi thay doi sau khi ky", \
	    "The content was altered after it was signed"), \
	BAD_SIGNATURE("signature-weak", SIG_WEAK, "5.7.6", \
	    "Thuat toan hoac khoa cua chu ky qua yeu (can SHA-256 va RSA 2048 tro len)", \
	    "The signature uses a weak algorithm or key (SHA-256 and RSA 2048 are the least)"), \
	BAD_SIGNATURE("signature-unsupported", SIG_UNSUPPORTED, "5.7.6", \
	    "Loai chu ky hoac thuat toan khong duoc ho tro", \
	    "The kind of signature or its algorithm is not supported"), \
	BAD_SIGNATURE("signature-malformed", SIG_MALFORMED, "5.6.0", \
	    "Chu ky so sai cau truc", \
	    "The signature is malformed"), \
	BAD_SIGNATURE("header-mismatch", SIG_HEADER_MISMATCH, "5.7.7", \
	    "From, To, Subject hoac truong khac cua thu khac voi ban da ky ben trong", \
	    "From, To, Subject or another field differs from the one inside the signature")

/* ---- receiving: nobody outside speaks for an official here ---- */

#define OURS_FROM_OUTSIDE .paths = ON(RECEIVE), .arrival = OUT, .flags_set = RULE_FROM_OURS, \
	    .flags_clear = RULE_MARK_ONLY, LAW(SIGNATURE_LAW)

#define FOREIGN_ROWS \
	{ .name = "own-domain-error", OURS_FROM_OUTSIDE, .sigs = RULE_BIT(SIG_ERROR), WAIT, \
	    SAY("4.7.0", "Chua kiem tra duoc chu ky cua thu mang dia chi cua co quan nay", \
		"The signature of a message that bears an address of ours cannot be checked " \
		"now") }, \
	{ .name = "own-domain-revocation", OURS_FROM_OUTSIDE, .sigs = RULE_BIT(SIG_BAD), \
	    .reasons = RULE_BIT(SIG_UNKNOWN_REVOCATION), WAIT, \
	    SAY("4.7.5", "Chua co danh sach thu hoi moi cho thu mang dia chi cua co quan nay", \
		"No current revocation list for a message that bears an address of ours") }, \
	{ .name = "own-domain-from-outside", OURS_FROM_OUTSIDE, \
	    .sigs = RULE_BIT(SIG_NONE) | RULE_BIT(SIG_BAD), REFUSE, \
	    SAY("5.7.1", "Thu tu Internet mang dia chi cua co quan nay ma khong co chu ky hop le", \
		"A message from the internet bears an address of ours without a valid signature") }

/* ---- what may leave ---- */

#define CONTENT_ROWS \
	{ .name = "read-what-came-in", .paths = ON(READ), .arrival = OUT, \
	    .level_under = LEVEL_MAT, PASS, LAW("") }, \
	{ .name = "ambiguous-out", .exit = OUT, .flags_set = RULE_AMBIGUOUS, REFUSE, \
	    SAY("5.6.0", "Cau truc MIME co the bi hieu theo nhieu cach, khong duoc ra Internet; " \
		"hay soan thu moi, dinh kem lai tep roi gui", \
		"The MIME structure can be read in several ways and may not leave; write a new " \
		"message and attach the files again"), \
	    LAW(MAIL_RULES) }, \
	{ .name = "opaque-out", .exit = OUT, .opaque = RULE_YES, REFUSE, .releasable = true, \
	    SAY("5.7.1", "Co phan khong kiem tra duoc noi dung (ma hoa, hong hoac loai tep la), " \
		"khong duoc ra Internet; hay gui dang PDF, docx, JPEG khong dat mat khau", \
		"Some part cannot be inspected (encrypted, damaged or of unknown type) and may " \
		"not leave; send it as PDF, docx or JPEG without a password"), \
	    LAW(SECRECY_LAW) }, \
	{ .name = "partly-inspected-out", .exit = OUT, .flags_set = RULE_PARTLY, REFUSE, \
	    .releasable = true, \
	    SAY("5.7.1", "Chua kiem tra het noi dung, khong duoc ra Internet; hay chia thanh " \
		"nhieu thu", \
		"Not all of the content could be inspected, it may not leave; divide it into " \
		"several messages"), \
	    LAW(SECRECY_LAW) }, \
	{ .name = "declassified-out", .exit = OUT, .review = RULE_YES, \
	    .flags_set = RULE_DECLASSIFIED, REFUSE, .releasable = true, \
	    SAY("5.7.1", "Van ban dong dau GIAI MAT: can bo bao mat doi chieu quyet dinh giai " \
		"mat roi cap phep gui (congvuctl policy release)", \
		"A declassified document: security officers compare the decision to declassify " \
		"and release it (congvuctl policy release)"), \
	    LAW(SECRECY_LAW) }, \
	{ .name = "review-out", .exit = OUT, .review = RULE_YES, REFUSE, .releasable = true, \
	    SAY("5.7.1", "Noi dung can nguoi co tham quyen xem truoc khi ra Internet; hay bao " \
		"can bo bao mat", \
		"A security officer must look at the content before it may leave; ask yours"), \
	    LAW(SECRECY_LAW) }, \
	{ .name = "review-from-internet", .paths = ON(SUBMIT), .arrival = OUT, .review = RULE_YES, \
	    REFUSE, .releasable = true, \
	    SAY("5.7.1", "Noi dung can nguoi co tham quyen xem, khong nhan qua Internet", \
		"The content needs a security officer's look and is not taken over the internet"), \
	    LAW(SECRECY_LAW) }, \
	{ .name = "internal-only-out", .paths = ALL_BUT_READ, .exit = OUT, \
	    .flags_set = RULE_INTERNAL_ONLY, REFUSE, .releasable = true, \
	    SAY("5.7.1", "Van ban luu hanh noi bo khong duoc gui ra Internet", \
		"A document for internal circulation may not leave for the internet"), \
	    LAW("ND 30/2020/ND-CP") }

#define CLEARANCE_ROW \
	{ .name = "not-cleared", .exit = RULE_BIT(ZONE_LOCAL), .cleared = RULE_NO, REFUSE, SECRET, \
	    SAY("5.7.1", "Nguoi nhan khong duoc phep tiep can van ban o do mat nay", \
		"The recipient is not cleared for a document of this level"), \
	    LAW(SECRECY_DECREE) }

#define LAST_ALLOW \
	{ .name = "allow", PASS, .level_under = LEVEL_MAT, LAW("") }

#define SECRET_ALLOW(where) \
	{ .name = "secret-inside", PASS, SECRET, .exit = (where), LAW(SECRECY_LAW) }

static const struct rule fixed_inside[] = { FIXED_ROWS };

static const struct rule fixed_open[] = {
	{ .name = "open-network-secret", REFUSE, SECRET,
	    SAY("5.7.1", "Nghi co dau chi do mat: he thong nay noi mang mo, khong nhan van ban Mat "
		"tro len. Neu danh dau nham, hay sua lai roi gui",
		"The message appears to bear a secrecy mark: this system is on an open network and "
		"takes no document of level Mat or higher"),
	    LAW(SECRECY_LAW) },
	FIXED_ROWS,
};

static const struct rule fixed_lan[] = {
	{ .name = "lan-no-internet", .exit = OUT, REFUSE,
	    SAY("5.7.1", "Mang LAN doc lap: khong co duong ra Internet",
		"An isolated network has no way to the internet"),
	    LAW(SECRECY_LAW) },
	{ .name = "lan-from-internet", .arrival = OUT, REFUSE,
	    SAY("5.7.1", "Mang LAN doc lap: khong nhan thu tu Internet",
		"An isolated network takes nothing from the internet"),
	    LAW(SECRECY_LAW) },
	FIXED_ROWS,
};

/* Mat may move inside this store and the internal zone, to those who are cleared. */
static const struct rule dedicated[] = {
	SIGNATURE_ROWS,
	FOREIGN_ROWS,
	CONTENT_ROWS,
	CLEARANCE_ROW,
	SECRET_ALLOW(RULE_BIT(ZONE_LOCAL) | RULE_BIT(ZONE_INTERNAL)),
	LAST_ALLOW,
};

static const struct rule open_network[] = {
	SIGNATURE_ROWS,
	FOREIGN_ROWS,
	CONTENT_ROWS,
	LAST_ALLOW,
};

/* As dedicated; the fixed rows have closed the internet altogether. */
static const struct rule lan[] = {
	SIGNATURE_ROWS,
	FOREIGN_ROWS,
	CONTENT_ROWS,
	CLEARANCE_ROW,
	SECRET_ALLOW(RULE_BIT(ZONE_LOCAL) | RULE_BIT(ZONE_INTERNAL)),
	LAST_ALLOW,
};

#define TABLE(rows)	((struct rule_table){ rows, ARRAY_LEN(rows) })

int
profile_tables(unsigned profile, struct rule_table *fixed_out, struct rule_table *shipped_out)
{
	switch (profile) {
	case PROFILE_DEDICATED:
		*fixed_out = TABLE(fixed_inside);
		*shipped_out = TABLE(dedicated);
		return OK;
	case PROFILE_OPEN:
		*fixed_out = TABLE(fixed_open);
		*shipped_out = TABLE(open_network);
		return OK;
	case PROFILE_LAN:
		*fixed_out = TABLE(fixed_lan);
		*shipped_out = TABLE(lan);
		return OK;
	default:
		return ERR_CONF;
	}
}

static bool
table_has(const struct rule_table *t, struct slice name)
{
	for (size_t i = 0; i < t->count; i++)
		if (slice_is_nocase(name, t->rows[i].name))
			return true;
	return false;
}

bool
profile_has(struct slice name)
{
	static const unsigned profiles[] = { PROFILE_DEDICATED, PROFILE_OPEN, PROFILE_LAN };
	const struct rule alone[] = { *profile_malformed(), *profile_last(),
		*profile_secret_internet() };
	struct rule_table fixed, shipped;
	bool has = table_has(&TABLE(alone), name);

	for (size_t i = 0; i < ARRAY_LEN(profiles) && !has; i++)
		has = profile_tables(profiles[i], &fixed, &shipped) == OK &&
		    (table_has(&fixed, name) || table_has(&shipped, name));
	return has;
}
