/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The situations of the Public Key Interoperability Test Suite (NIST, sections 4.1 to 4.16), each
 * built anew (situation.h says how a script is read), and what must come out of it here: valid, or
 * exactly this reason. Where the suite says only "reject", the state is the one that a sender has
 * to be told. Any policy is acceptable and none is required from outside, as in mail.
 */
#include "tests/unit/policy/situation.h"

#include <time.h>

#define UNKNOWN	SIG_UNKNOWN_REVOCATION
#define LONG	"80000000000000000000000000000000000000000000000"

static const struct row {
	const char *name, *script;
	unsigned    reason;
} rows[] = {
	/* ---- 4.1 signatures ---- */
	{ "4.1.1 all are right", "ca A R\nee e A", SIG_OK },
	{ "4.1.2 authority", "ca A R | badsig\nee e A", SIG_UNTRUSTED },
	{ "4.1.3 end entity", "ca A R\nee e A | badsig", SIG_UNTRUSTED },
	{ "4.1.4 another algorithm in the path", "ca A R | key=ed:A\nee e A", SIG_OK },
	{ "4.1 RSA in the path", "ca A R | key=rsa2048:A\nee e A", SIG_OK },
	{ "4.1 authority's key too small", "ca A R | key=rsa1024:A\nee e A", SIG_WEAK },
	{ "4.1 authority's key slow to use", "ca A R | key=slow:A\nee e A", SIG_UNTRUSTED },
	{ "4.1 end entity's key slow to use", "ca A R\nee e A | key=slow:A", SIG_UNSUPPORTED },
	{ "4.1 weak digest", "ca A R | sha=sha1\nee e A", SIG_WEAK },

	/* ---- 4.2 validity ---- */
	{ "4.2.1 authority not yet", "ca A R | from=3\nee e A", SIG_EXPIRED },
	{ "4.2.2 end entity not yet", "ca A R\nee e A | from=1", SIG_EXPIRED },
	{ "4.2.3 begins before 2000", "ca A R | from=500101120100Z\nee e A", SIG_OK },
	{ "4.2.4 begins in GeneralizedTime", "ca A R\nee e A | from=20020101120100Z", SIG_OK },
	{ "4.2.5 authority no longer", "ca A R | to=-1\nee e A", SIG_EXPIRED },
	{ "4.2.6 end entity no longer", "ca A R\nee e A | to=-1h", SIG_EXPIRED },
	{ "4.2.7 ended before 2000", "ca A R\nee e A | from=970101120100Z | to=990101120100Z",
	    SIG_EXPIRED },
	{ "4.2.8 ends in GeneralizedTime", "ca A R\nee e A | to=20500101120100Z", SIG_OK },
	{ "4.2 without end", "ca A R\nee e A | to=99991231235959Z", SIG_OK },

	/* ---- 4.3 names ---- */
	{ "4.3.1 issuer of another name", "ca A R\nee e A | issuer=/C=VN/O=Thu/CN=B | "
	    "-authorityKeyIdentifier", SIG_UNTRUSTED },
	{ "4.3.2 attributes in another order", "ca A R | name=/C=VN/O=Thu/OU=a/CN=b\n"
	    "ee e A | issuer=/C=VN/O=Thu/CN=b/OU=a | -authorityKeyIdentifier", SIG_UNTRUSTED },
	{ "4.3.3 spaces inside", "ca A R | name=/C=VN/CN=a b\n"
	    "ee e A | issuer=/C=VN/CN=a  b", SIG_OK },
	{ "4.3.4 spaces around", "ca A R | name=/C=VN/CN=a b\n"
	    "ee e A | issuer=/C=VN/CN=  a b ", SIG_OK },
	{ "4.3.5 letter case", "ca A R | name=/C=VN/CN=Thu Nghiem\n"
	    "ee e A | issuer=/C=VN/CN=THU NGHIEM", SIG_OK },
	{ "4.3.7 all kinds of attributes", "ca A R | name=/C=VN/ST=Bac/DC=vn/dnQualifier=1/"
	    "serialNumber=9/CN=A\nee e A", SIG_OK },
	{ "4.3.8 optional attributes", "ca A R | name=/L=Hue/title=Ong/SN=An/GN=B/initials=A/"
	    "pseudonym=x/generationQualifier=II/CN=A\nee e A", SIG_OK },
	{ "4.3.9 UTF8String", "ca A R | name=/C=VN/CN=U:Cơ yếu\nee e A", SIG_OK },
	{ "4.3.10 from PrintableString to UTF8String", "ca A R | name=/C=VN/CN=P:Co yeu\n"
	    "ee e A | issuer=/C=VN/CN=U:Co yeu", SIG_OK },
	{ "4.3.11 UTF8String, letter case", "ca A R | name=/C=VN/CN=U:Co yeu\n"
	    "ee e A | issuer=/C=VN/CN=U:CO  YEU", SIG_OK },

	/* ---- 4.4 revocation ---- */
	{ "4.4.1 no list", "ca A R\nee e A\nnocrl A", UNKNOWN },
	{ "4.4.2 authority revoked", "ca A R\nee e A\ncrl R | revoke=A", SIG_REVOKED },
	{ "4.4.3 end entity revoked", "ca A R\nee e A\ncrl A | revoke=e:keyCompromise",
	    SIG_REVOKED },
	{ "4.4.4 list's signature", "ca A R\nee e A\ncrl A | badsig", UNKNOWN },
	{ "4.4.5 list in another name", "ca A R\nee e A\ncrl A | name=/C=VN/CN=khac", UNKNOWN },
	{ "4.4.6 list of another authority", "ca A R\nca B R\nee e A\ncrl B\nnocrl A", UNKNOWN },
	{ "4.4.7 two lists, one is right", "ca A R\nee e A\ncrl A | badsig\ncrl A", SIG_OK },
	{ "4.4.8 unknown critical extension of an entry",
	    "ca A R\nee f A\nee e A\ncrl A | revoke=f | entry=unknown", UNKNOWN },
	{ "4.4.9 unknown critical extension of the list",
	    "ca A R\nee e A\ncrl A | 1.3.6.1.4.1.55555.7=critical,ASN1:NULL", UNKNOWN },
	{ "4.4.10 the same, and revoked by it",
	    "ca A R\nee e A\ncrl A | revoke=e | 1.3.6.1.4.1.55555.7=critical,ASN1:NULL",
	    SIG_REVOKED },
	{ "4.4 unknown extension, not critical",
	    "ca A R\nee e A\ncrl A | 1.3.6.1.4.1.55555.7=ASN1:NULL", SIG_OK },
	{ "4.4.11 old list", "ca A R\nee e A\ncrl A | this=-30 | next=-4", UNKNOWN },
	{ "4.4.12 list of before 2000",
	    "ca A R\nee e A\ncrl A | this=970101120100Z | next=990101120100Z", UNKNOWN },
	{ "4.4.13 next update in GeneralizedTime",
	    "ca A R\nee e A\ncrl A | next=20500101120100Z", SIG_OK },
	{ "4.4.14 negative serial number",
	    "ca A R\nee f A | serial=1\nee e A | serial=-1\ncrl A | revoke=f", SIG_OK },
	{ "4.4.15 negative serial number, revoked",
	    "ca A R\nee e A | serial=-1\ncrl A | revoke=e", SIG_REVOKED },
	{ "4.4.16 long serial number",
	    "ca A R\nee f A | serial=" LONG "1\nee e A | serial=" LONG "2\ncrl A | revoke=f",
	    SIG_OK },
	{ "4.4.18 long serial number, revoked",
	    "ca A R\nee e A | serial=" LONG "2\ncrl A | revoke=e", SIG_REVOKED },
	{ "4.4.19 another key for lists",
	    "ca A R | keyUsage=critical,keyCertSign\n"
	    "ca L R | name=/C=VN/O=Thu/CN=A | keyUsage=critical,cRLSign | "
	    "basicConstraints=critical,CA:false\nee e A\ncrl L\nnocrl A", SIG_OK },
	{ "4.4.20 another key for lists, revoked",
	    "ca A R | keyUsage=critical,keyCertSign\n"
	    "ca L R | name=/C=VN/O=Thu/CN=A | keyUsage=critical,cRLSign | "
	    "basicConstraints=critical,CA:false\nee e A\ncrl L | revoke=e\nnocrl A",
	    SIG_REVOKED },
	{ "4.4.21 that key is revoked itself",
	    "ca A R | keyUsage=critical,keyCertSign\n"
	    "ca L R | name=/C=VN/O=Thu/CN=A | keyUsage=critical,cRLSign | "
	    "basicConstraints=critical,CA:false\nee e A\ncrl L\nnocrl A\ncrl R | revoke=L",
	    UNKNOWN },
	{ "4.4 key for lists under another root",
	    "root S\nca A R | keyUsage=critical,keyCertSign\n"
	    "ca L S | name=/C=VN/O=Thu/CN=A\nee e A\ncrl L\nnocrl A", UNKNOWN },
	{ "4.4 key for lists without that right",
	    "ca A R | keyUsage=critical,keyCertSign\n"
	    "ee L R | name=/C=VN/O=Thu/CN=A | embed\nee e A\ncrl L\nnocrl A", UNKNOWN },

	/* ---- 4.5 an authority's own new keys ---- */
	{ "4.5.1 old with new",
	    "ca N R | name=/C=VN/CN=A\nca O N | name=/C=VN/CN=A\nee e O\ncrl N\nnocrl O", SIG_OK },
	{ "4.5.2 old with new, revoked",
	    "ca N R | name=/C=VN/CN=A\nca O N | name=/C=VN/CN=A\nee e O\ncrl N | revoke=e\nnocrl O",
	    SIG_REVOKED },
	{ "4.5.3 new with old, lists by the old",
	    "ca O R | name=/C=VN/CN=A\nca N O | name=/C=VN/CN=A\nee e N\ncrl O\nnocrl N", SIG_OK },
	{ "4.5.4 new with old, a list by each",
	    "ca O R | name=/C=VN/CN=A\nca N O | name=/C=VN/CN=A\nee e N\ncrl O\ncrl N", SIG_OK },
	{ "4.5.5 new with old, revoked",
	    "ca O R | name=/C=VN/CN=A\nca N O | name=/C=VN/CN=A\nee e N\ncrl O | revoke=e\nnocrl N",
	    SIG_REVOKED },
	{ "4.5.6 key for lists, made by the authority itself",
	    "ca A R\nca L A | name=/C=VN/O=Thu/CN=A | keyUsage=critical,cRLSign | "
	    "crlDistributionPoints=dpB\nee e A | crlDistributionPoints=dpA\n"
	    "crl L | issuingDistributionPoint=critical,@idpA\n"
	    "crl A | issuingDistributionPoint=critical,@idpB", SIG_OK },
	{ "4.5.7 the same, revoked",
	    "ca A R\nca L A | name=/C=VN/O=Thu/CN=A | keyUsage=critical,cRLSign\n"
	    "ee e A\ncrl L | revoke=e\ncrl A | issuingDistributionPoint=critical,onlyCA:TRUE",
	    SIG_REVOKED },
	{ "4.5.8 key for lists issues certificates",
	    "ca A R\nca L A | name=/C=VN/O=Thu/CN=A | keyUsage=critical,cRLSign\nee e L",
	    SIG_UNTRUSTED },

	/* ---- 4.6 basic constraints ---- */
	{ "4.6.1 missing", "ca A R | -basicConstraints\nee e A", SIG_UNTRUSTED },
	{ "4.6.2 no authority", "ca A R | basicConstraints=critical,CA:false\nee e A",
	    SIG_UNTRUSTED },
	{ "4.6.3 no authority, not critical", "ca A R | basicConstraints=CA:false\nee e A",
	    SIG_UNTRUSTED },
	{ "4.6.4 not critical", "ca A R | basicConstraints=CA:true\nee e A", SIG_OK },
	{ "4.6 version 1", "ca A R | v1\nee e A", SIG_UNTRUSTED },
	{ "4.6.5 path length", "ca A R | basicConstraints=critical,CA:true,pathlen:0\n"
	    "ca B A\nee e B", SIG_UNTRUSTED },
	{ "4.6.6 path length, the signer is an authority too",
	    "ca A R | basicConstraints=critical,CA:true,pathlen:0\nca B A\n"
	    "ee e B | basicConstraints=critical,CA:true | "
	    "keyUsage=critical,keyCertSign,digitalSignature", SIG_UNTRUSTED },
	{ "4.6.7 path length just so", "ca A R | basicConstraints=critical,CA:true,pathlen:0\n"
	    "ee e A", SIG_OK },
	{ "4.6.8 an authority may sign mail too",
	    "ca A R | basicConstraints=critical,CA:true,pathlen:0\n"
	    "ee e A | basicConstraints=critical,CA:true | "
	    "keyUsage=critical,keyCertSign,digitalSignature", SIG_OK },
	{ "4.6.9 three deep under six and zero", "ca A R | "
	    "basicConstraints=critical,CA:true,pathlen:6\n"
	    "ca B A | basicConstraints=critical,CA:true,pathlen:0\nca C B\nee e C", SIG_UNTRUSTED },
	{ "4.6.11 four deep under six, one and zero",
	    "ca A R | basicConstraints=critical,CA:true,pathlen:6\n"
	    "ca B A | basicConstraints=critical,CA:true,pathlen:1\n"
	    "ca C B | basicConstraints=critical,CA:true,pathlen:1\nca D C\nee e D",
	    SIG_UNTRUSTED },
	{ "4.6.13 four deep under six, four and one",
	    "ca A R | basicConstraints=critical,CA:true,pathlen:6\n"
	    "ca B A | basicConstraints=critical,CA:true,pathlen:4\n"
	    "ca C B | basicConstraints=critical,CA:true,pathlen:1\nca D C\nee e D", SIG_OK },
	{ "4.6.14 the same, the signer is an authority too",
	    "ca A R | basicConstraints=critical,CA:true,pathlen:6\n"
	    "ca B A | basicConstraints=critical,CA:true,pathlen:4\n"
	    "ca C B | basicConstraints=critical,CA:true,pathlen:1\nca D C\n"
	    "ee e D | basicConstraints=critical,CA:true | "
	    "keyUsage=critical,keyCertSign,digitalSignature", SIG_OK },
	{ "4.6.15 its own new key does not count",
	    "ca O R | name=/C=VN/CN=A | basicConstraints=critical,CA:true,pathlen:0\n"
	    "ca N O | name=/C=VN/CN=A | basicConstraints=critical,CA:true,pathlen:0\nee e N",
	    SIG_OK },
	{ "4.6.16 but what is below it",
	    "ca O R | name=/C=VN/CN=A | basicConstraints=critical,CA:true,pathlen:0\n"
	    "ca N O | name=/C=VN/CN=A\nca B N\nee e B", SIG_UNTRUSTED },
	{ "4.6.17 under one",
	    "ca O R | name=/C=VN/CN=A | basicConstraints=critical,CA:true,pathlen:1\n"
	    "ca N O | name=/C=VN/CN=A\nca B N\nee e B", SIG_OK },

	/* ---- 4.7 key usage ---- */
	{ "4.7.1 may not issue", "ca A R | keyUsage=critical,cRLSign,digitalSignature\nee e A",
	    SIG_UNTRUSTED },
	{ "4.7.2 may not issue, not critical", "ca A R | keyUsage=cRLSign\nee e A",
	    SIG_UNTRUSTED },
	{ "4.7.3 not critical", "ca A R | keyUsage=keyCertSign,cRLSign\nee e A", SIG_OK },
	{ "4.7.4 may not sign lists", "ca A R | keyUsage=critical,keyCertSign\nee e A", UNKNOWN },
	{ "4.7.5 may not sign lists, not critical", "ca A R | keyUsage=keyCertSign\nee e A",
	    UNKNOWN },
	{ "4.7 without key usage", "ca A R | -keyUsage\nee e A", SIG_OK },

	/* ---- 4.14 distribution points ---- */
	{ "4.14.1 same point", "ca A R\nee e A | crlDistributionPoints=dpA\n"
	    "crl A | issuingDistributionPoint=critical,@idpA", SIG_OK },
	{ "4.14.2 same point, revoked", "ca A R\nee e A | crlDistributionPoints=dpA\n"
	    "crl A | issuingDistributionPoint=critical,@idpA | revoke=e", SIG_REVOKED },
	{ "4.14.3 another point", "ca A R\nee e A | crlDistributionPoints=dpA\n"
	    "crl A | issuingDistributionPoint=critical,@idpB", UNKNOWN },
	{ "4.14.4 relative on both sides", "ca A R\nee e A | crlDistributionPoints=dpRel\n"
	    "crl A | issuingDistributionPoint=critical,@idpRel", SIG_OK },
	{ "4.14.5 relative here, full there", "ca A R\nee e A | crlDistributionPoints=dpRel\n"
	    "crl A | issuingDistributionPoint=critical,@idpFullRel", SIG_OK },
	{ "4.14.6 relative, revoked", "ca A R\nee e A | crlDistributionPoints=dpRel\n"
	    "crl A | issuingDistributionPoint=critical,@idpRel | revoke=e", SIG_REVOKED },
	{ "4.14.7 full here, relative there",
	    "ca A R\nee e A | crlDistributionPoints=dpFullRel\n"
	    "crl A | issuingDistributionPoint=critical,@idpRel", SIG_OK },
	{ "4.14.8 relative, another", "ca A R\nee e A | crlDistributionPoints=dpRel\n"
	    "crl A | issuingDistributionPoint=critical,@idpA", UNKNOWN },
	{ "4.14.9 list has a point, certificate has none", "ca A R\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,@idpA", UNKNOWN },
	{ "4.14 list's point is the issuer's name", "ca A R\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,@idpName", SIG_OK },
	{ "4.14.10 certificate has a point, list has none",
	    "ca A R\nee e A | crlDistributionPoints=dpA\ncrl A", SIG_OK },
	{ "4.14.11 users only, asked about an authority",
	    "ca A R\nee e A\ncrl R | issuingDistributionPoint=critical,onlyuser:TRUE", UNKNOWN },
	{ "4.14 users only", "ca A R\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,onlyuser:TRUE", SIG_OK },
	{ "4.14.12 authorities only, asked about a user",
	    "ca A R\nee e A\ncrl A | issuingDistributionPoint=critical,onlyCA:TRUE", UNKNOWN },
	{ "4.14.13 authorities only", "ca A R\nee e A\n"
	    "crl R | issuingDistributionPoint=critical,onlyCA:TRUE", SIG_OK },
	{ "4.14.14 attributes only", "ca A R\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,onlyAA:TRUE", UNKNOWN },
	{ "4.14.15 for some reasons, revoked", "ca A R\nee e A\ncrl A | "
	    "issuingDistributionPoint=critical,onlysomereasons:keyCompromise | "
	    "revoke=e:keyCompromise", SIG_REVOKED },
	{ "4.14.16 for some reasons, on hold", "ca A R\nee e A\ncrl A | "
	    "issuingDistributionPoint=critical,@idpRest | revoke=e:certificateHold", SIG_REVOKED },
	{ "4.14.17 for some reasons only", "ca A R\nee e A\ncrl A | "
	    "issuingDistributionPoint=critical,onlysomereasons:keyCompromise", UNKNOWN },
	{ "4.14.18 two lists for all reasons", "ca A R\nee e A\ncrl A | "
	    "issuingDistributionPoint=critical,@idpSome\ncrl A | "
	    "issuingDistributionPoint=critical,@idpRest", SIG_OK },
	{ "4.14.19 two points for all reasons",
	    "ca A R\nee e A | crlDistributionPoints=dpKey,dpRest\n"
	    "crl A | issuingDistributionPoint=critical,@idpA\n"
	    "crl A | issuingDistributionPoint=critical,@idpB", SIG_OK },
	{ "4.14 two points, a list for one", "ca A R\nee e A | crlDistributionPoints=dpKey,dpRest\n"
	    "crl A | issuingDistributionPoint=critical,@idpA", UNKNOWN },
	{ "4.14.20 the second revokes", "ca A R\nee e A\ncrl A | "
	    "issuingDistributionPoint=critical,@idpSome\ncrl A | "
	    "issuingDistributionPoint=critical,@idpRest | "
	    "revoke=e:affiliationChanged", SIG_REVOKED },
	{ "4.14.21 one of two is old", "ca A R\nee e A\ncrl A | "
	    "issuingDistributionPoint=critical,@idpSome\ncrl A | "
	    "issuingDistributionPoint=critical,@idpRest | this=-30 | "
	    "next=-9", UNKNOWN },
	{ "4.14 the point covers some reasons",
	    "ca A R\nee e A | crlDistributionPoints=dpKey\n"
	    "crl A | issuingDistributionPoint=critical,@idpA", UNKNOWN },
	{ "4.14.22 indirect, its own certificates", "ca A R\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,@idpIndirect", SIG_OK },
	{ "4.14.23 indirect, its own, revoked", "ca A R\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,@idpIndirect | revoke=e", SIG_REVOKED },
	{ "4.14.24 indirect, its own and others', others revoked",
	    "ca A R\nca B R\nee f B\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,@idpIndirect | revoke=f", SIG_OK },
	{ "4.14.25 indirect, another authority's of that number",
	    "ca A R\nca B R\nee f B | serial=77\nee e A | serial=77\n"
	    "crl A | issuingDistributionPoint=critical,@idpIndirect | revoke=f", SIG_OK },
	{ "4.14.26 indirect, the certificate does not name it",
	    "ca A R\nca X R\nee e A\ncrl X | issuingDistributionPoint=critical,@idpIndirect\n"
	    "nocrl A",
	    UNKNOWN },
	{ "4.14 indirect, not named, revokes nobody",
	    "ca A R\nca X R\nee e A\n"
	    "crl X | issuingDistributionPoint=critical,@idpIndirect | revoke=e", SIG_OK },
	{ "4.14.27 named, but the list is of somebody else",
	    "ca A R\nca Y R\nee e A | crlDistributionPoints=dpX\n"
	    "crl Y | issuingDistributionPoint=critical,@idpX\nnocrl A", UNKNOWN },
	{ "4.14.28 named list issuer", "ca A R\nca X R\nee e A | crlDistributionPoints=dpX\n"
	    "crl X | issuingDistributionPoint=critical,@idpX\nnocrl A", SIG_OK },
	{ "4.14.29 named by issuer only", "ca A R\nca X R\nee e A | crlDistributionPoints=dpXonly\n"
	    "crl X | issuingDistributionPoint=critical,@idpIndirect\nnocrl A", SIG_OK },
	{ "4.14 relative to the list issuer",
	    "ca A R\nca X R\nee e A | crlDistributionPoints=dpRelX\n"
	    "crl X | issuingDistributionPoint=critical,relativename:rel,indirectCRL:TRUE\nnocrl A",
	    SIG_OK },
	{ "4.14.30 its state is told by its own list only",
	    "ca A R\nca X A | crlDistributionPoints=dpX\nee e A | crlDistributionPoints=dpX\n"
	    "crl X | issuingDistributionPoint=critical,@idpX\nnocrl A", UNKNOWN },
	{ "4.14.31 named list issuer, revoked",
	    "ca A R\nca X R\nee f X\nee e A | crlDistributionPoints=dpX\n"
	    "crl X | issuingDistributionPoint=critical,@idpX | revoke=f | revoke=e\nnocrl A",
	    SIG_REVOKED },
	{ "4.14.32 the entry takes over the issuer of the one before",
	    "ca A R\nca X R\nee g A\nee e A | crlDistributionPoints=dpX\n"
	    "crl X | issuingDistributionPoint=critical,@idpX | revoke=g | revoke=e | silent\n"
	    "nocrl A",
	    SIG_REVOKED },
	{ "4.14.33 named list issuer, others revoked",
	    "ca A R\nca X R\nee f X\nee g A\nee e A | crlDistributionPoints=dpX\n"
	    "crl X | issuingDistributionPoint=critical,@idpX | revoke=f | revoke=g\nnocrl A",
	    SIG_OK },
	{ "4.14.34 the list does not say that it is indirect",
	    "ca A R\nca X R\nee e A | crlDistributionPoints=dpX\n"
	    "crl X | issuingDistributionPoint=critical,@idpXdirect\nnocrl A", UNKNOWN },
	{ "4.14.35 the list issuer is revoked",
	    "ca A R\nca X R\nee e A | crlDistributionPoints=dpX\n"
	    "crl X | issuingDistributionPoint=critical,@idpX\nnocrl A\ncrl R | revoke=X", UNKNOWN },

	/* ---- 4.15 delta lists ---- */
	{ "4.15.1 delta without base", "ca A R\nee e A\ncrl A | deltaCRL=critical,ASN1:INTEGER:4",
	    UNKNOWN },
	{ "4.15.2 base and delta", "ca A R\nee e A\ncrl A | number=4 | this=-20 | next=-9\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4", SIG_OK },
	{ "4.15.3 revoked on the base", "ca A R\nee e A\ncrl A | number=4 | "
	    "revoke=e:keyCompromise\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4", SIG_REVOKED },
	{ "4.15.4 revoked on the delta", "ca A R\nee e A\ncrl A | number=4\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4 | revoke=e:keyCompromise",
	    SIG_REVOKED },
	{ "4.15.5 held on the base, released by the delta",
	    "ca A R\nee e A\ncrl A | number=4 | this=-20 | revoke=e:certificateHold\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4 | revoke=e:removeFromCRL",
	    SIG_OK },
	{ "4.15 held on the base, the delta is silent",
	    "ca A R\nee e A\ncrl A | number=4 | this=-20 | revoke=e:certificateHold\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4", SIG_REVOKED },
	{ "4.15.6 held on the base, revoked on the delta",
	    "ca A R\nee e A\ncrl A | number=4 | revoke=e:certificateHold\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4 | revoke=e:keyCompromise",
	    SIG_REVOKED },
	{ "4.15.7 the delta releases what the base does not hold", "ca A R\nee e A\n"
	    "crl A | number=4 | this=-20\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4 | revoke=e:removeFromCRL",
	    SIG_OK },
	{ "4.15.8 the delta is for an older base, but not newer than this one",
	    "ca A R\nee e A\ncrl A | number=6\n"
	    "crl A | number=7 | deltaCRL=critical,ASN1:INTEGER:4", SIG_OK },
	{ "4.15.9 the same, revoked on the delta", "ca A R\nee e A\ncrl A | number=6\n"
	    "crl A | number=7 | deltaCRL=critical,ASN1:INTEGER:4 | revoke=e:superseded",
	    SIG_REVOKED },
	{ "4.15.10 the delta is for a newer base",
	    "ca A R\nee e A\ncrl A | number=4 | this=-20 | next=-9\n"
	    "crl A | number=9 | deltaCRL=critical,ASN1:INTEGER:6", UNKNOWN },
	{ "4.15 delta of another scope",
	    "ca A R\nee e A | crlDistributionPoints=dpA\n"
	    "crl A | number=4 | this=-20 | next=-9 | issuingDistributionPoint=critical,@idpA\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4", UNKNOWN },
	{ "4.15 delta signed by somebody else",
	    "ca A R\nca B R | name=/C=VN/CN=B\nee e A\ncrl A | number=4 | this=-20 | next=-9\n"
	    "crl A | number=6 | deltaCRL=critical,ASN1:INTEGER:4 | sign=B", UNKNOWN },

	/* ---- 4.16 private extensions ---- */
	{ "4.16.1 unknown", "ca A R\nee e A | 1.3.6.1.4.1.55555.1=ASN1:NULL", SIG_OK },
	{ "4.16.2 unknown and critical", "ca A R\nee e A | 1.3.6.1.4.1.55555.1=critical,ASN1:NULL",
	    SIG_UNTRUSTED },
	{ "4.16 critical in the authority",
	    "ca A R | 1.3.6.1.4.1.55555.1=critical,ASN1:NULL\nee e A", SIG_UNTRUSTED },
};

#include "tests/unit/policy/pkits_names.h"

/* ---- ways to the root that the suite does not have ---- */

static const struct row ways[] = {
	{ "no authority in between", "ee e R", SIG_OK },
	{ "authority comes with the message", "ca A R | embed\nee e A", SIG_OK },
	{ "authority is nowhere", "ca A R | embed\nca B A\nee e B\ncrl A", SIG_OK },
	{ "ten deep", "ca A R\nca B A\nca C B\nca D C\nca E D\nca F E\nca G F\nca H G\nee e H",
	    SIG_OK },
	{ "eleven deep", "ca A R\nca B A\nca C B\nca D C\nca E D\nca F E\nca G F\nca H G\nca I H\n"
	    "ee e I", SIG_UNTRUSTED },
	{ "foreign root in the message", "ca S R | embed | key=S | issuer=/C=VN/O=Thu/CN=S | "
	    "-authorityKeyIdentifier\nca A S\nee e A", SIG_UNTRUSTED },
	{ "issuer by key identifier", "ca B R | name=/C=VN/CN=A | key=B\n"
	    "ca A R | name=/C=VN/CN=A\nee e A\nnocrl B", SIG_OK },
	{ "issuer by key identifier, no identifiers", "ca B R | name=/C=VN/CN=A | key=B\n"
	    "ca A R | name=/C=VN/CN=A\nee e A | -authorityKeyIdentifier\nnocrl B", SIG_OK },
	{ "renewed authority, the old certificate is over",
	    "ca B R | name=/C=VN/CN=A | key=A | from=-900 | to=-1\n"
	    "ca A R | name=/C=VN/CN=A\nee e A\nnocrl B", SIG_OK },
	{ "the same, the other way round",
	    "ca A R | name=/C=VN/CN=A\n"
	    "ca B R | name=/C=VN/CN=A | key=A | from=-900 | to=-1\nee e A\nnocrl B", SIG_OK },
	{ "one of two certificates of the authority is revoked",
	    "ca B R | name=/C=VN/CN=A | key=A\nca A R | name=/C=VN/CN=A\nee e A\n"
	    "nocrl B\ncrl R | revoke=B", SIG_OK },
	{ "both are", "ca B R | name=/C=VN/CN=A | key=A\nca A R | name=/C=VN/CN=A\nee e A\n"
	    "nocrl B\ncrl R | revoke=B | revoke=A", SIG_REVOKED },
	{ "one of two may not issue for mail",
	    "ca B R | name=/C=VN/CN=A | key=A | extendedKeyUsage=serverAuth\n"
	    "ca A R | name=/C=VN/CN=A\nee e A\nnocrl B", SIG_OK },
	{ "the first way ends nowhere",
	    "ca X R | embed | issuer=/C=VN/CN=nowhere | -authorityKeyIdentifier\n"
	    "ca B X | name=/C=VN/CN=A | key=A\nca A R | name=/C=VN/CN=A\nee e A\nnocrl B\nnocrl X",
	    SIG_OK },
	{ "cross-certificate of the root of another hierarchy",
	    "root S\nca T R | name=/C=VN/O=Thu/CN=S | key=S\nca A S\nee e A\nnocrl T", SIG_OK },
	{ "the other hierarchy is known by it alone",
	    "ca S R\nca A S\nee e A", SIG_OK },
	{ "two authorities that certify each other",
	    "ca A R\nca B R\nca C A | name=/C=VN/O=Thu/CN=B | key=B\n"
	    "ca D B | name=/C=VN/O=Thu/CN=A | key=A\nee e A\nnocrl C\nnocrl D", SIG_OK },
	{ "a ring without a root",
	    "ca X R | embed | issuer=/C=VN/CN=nowhere | -authorityKeyIdentifier\n"
	    "ca A X\nca B A\nca C B | name=/C=VN/O=Thu/CN=A | key=A\nee e B", SIG_UNTRUSTED },
	{ "an anchor that did not sign itself", "ca X R | embed | issuer=/C=VN/CN=nowhere | "
	    "-authorityKeyIdentifier\nca A X | anchor\nee e A", SIG_OK },
	{ "a file of roots with an authority in it: revoked",
	    "ca A R | anchor\nee e A\ncrl R | revoke=A", SIG_REVOKED },
	{ "a file of roots with an authority in it", "ca A R | anchor\nee e A", SIG_OK },
	{ "a root of version 1", "root S | v1\nca A S | -authorityKeyIdentifier\nee e A", SIG_OK },
	{ "root too old", "root S | to=-1\nca A S\nee e A", SIG_EXPIRED },
	{ "purpose absent", "ca A R\nee e A", SIG_OK },
	{ "purpose is mail", "ca A R\nee e A | extendedKeyUsage=emailProtection", SIG_OK },
	{ "purpose is mail among others",
	    "ca A R\nee e A | extendedKeyUsage=clientAuth,emailProtection", SIG_OK },
	{ "purpose is something else", "ca A R\nee e A | extendedKeyUsage=clientAuth",
	    SIG_UNTRUSTED },
	{ "purpose of the authority is something else",
	    "ca A R | extendedKeyUsage=serverAuth\nee e A", SIG_UNTRUSTED },
	{ "purpose of the authority is mail",
	    "ca A R | extendedKeyUsage=emailProtection\nee e A", SIG_OK },
	{ "key for encryption only", "ca A R\nee e A | keyUsage=critical,keyEncipherment",
	    SIG_UNTRUSTED },
	{ "key for non-repudiation only", "ca A R\nee e A | keyUsage=critical,nonRepudiation",
	    SIG_OK },
	{ "without key usage", "ca A R\nee e A | -keyUsage", SIG_OK },
};

static bool
is_right(const struct row *row)
{
	struct smime_options o = { .now_s = (int64_t)time(NULL), .revocation_grace_s = 72 * 3600 };
	struct situation s;
	bool right = true;

	situation_init(&s, row->script);
	for (int again = 0; again < 2; again++) {	/* the second time from the cache */
		struct smime_result r = situation_verify(&s, &o);

		if (r.reason != row->reason || (r.sig == SIG_VALID) != (row->reason == SIG_OK)) {
			print_error("%s: %s, not %s\n", row->name, sig_reason_name(r.reason),
			    sig_reason_name(row->reason));
			right = false;
		}
		o.now_s++;
	}
	situation_fini(&s);
	return right;
}

static void
check(const struct row *table, size_t n)
{
	size_t wrong = 0;

	for (size_t i = 0; i < n; i++)
		wrong += !is_right(&table[i]);
	assert_int_equal(wrong, 0);
}

static void
situations_of_the_suite(void **state)
{
	(void)state;
	check(rows, ARRAY_LEN(rows));
	check(names, ARRAY_LEN(names));
}

static void
other_ways_to_the_root(void **state)
{
	(void)state;
	check(ways, ARRAY_LEN(ways));
}

/* Everyone bears one name and certifies the next: each step has many candidates, and no end. */
static void
a_web_of_certificates_costs_little(void **state)
{
	struct smime_options o = { .now_s = (int64_t)time(NULL), .revocation_grace_s = 72 * 3600 };
	static const char alike[] = " | embed | name=/C=VN/CN=W | issuer=/C=VN/CN=W | "
	    "-authorityKeyIdentifier | -subjectKeyIdentifier\n";
	struct situation s;
	struct buf script;
	clock_t before;

	(void)state;
	buf_init(&script, 1 << 16);
	buf_addf(&script, "ca W0 R%s", alike);
	for (int i = 1; i < 28; i++)
		buf_addf(&script, "ca W%d W%d%snocrl W%d\n", i, i - 1, alike, i - 1);
	buf_adds(&script, "ee e W27 | -authorityKeyIdentifier\nnocrl W27\n");
	situation_init(&s, buf_cstr(&script));
	before = clock();
	assert_int_equal(situation_verify(&s, &o).reason, SIG_UNTRUSTED);
	assert_true(clock() - before < CLOCKS_PER_SEC / 2);
	situation_fini(&s);
	buf_fini(&script);
}

/* Signers under an authority of whose name there are many: each for himself is soon found. */
static unsigned
by_signers(int signers_n)
{
	struct smime_options o = { .now_s = (int64_t)time(NULL), .revocation_grace_s = 72 * 3600 };
	struct situation s;
	struct buf script;
	unsigned reason;

	buf_init(&script, 1 << 16);
	for (int i = 0; i < 36; i++)
		buf_addf(&script, "ca D%d R | name=/C=VN/CN=q | key=D\n", i);
	buf_adds(&script, "ca Q R | name=/C=VN/CN=q\n");
	for (int i = 0; i < signers_n; i++)
		buf_addf(&script, "ee e%d Q | signs | key=e | -authorityKeyIdentifier\n", i);
	situation_init(&s, buf_cstr(&script));
	reason = situation_verify(&s, &o).reason;
	situation_fini(&s);
	buf_fini(&script);
	return reason;
}

static void
paths_of_all_signers_have_one_bound(void **state)
{
	(void)state;
	assert_int_equal(by_signers(1), SIG_OK);
	assert_int_equal(by_signers(6), SIG_OK);
	assert_int_equal(by_signers(8), SIG_UNTRUSTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(situations_of_the_suite),
		cmocka_unit_test(other_ways_to_the_root),
		cmocka_unit_test(a_web_of_certificates_costs_little),
		cmocka_unit_test(paths_of_all_signers_have_one_bound),
	};

	return cmocka_run_group_tests(tests, situation_setup, situation_teardown);
}
