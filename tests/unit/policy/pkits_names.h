/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/pkits_names.h: rows of test_pkits.c about policies and names, sections 4.8 to
 * 4.13 of the suite.
 */
#ifndef TESTS_PKITS_NAMES_H
#define TESTS_PKITS_NAMES_H

#define NEEDED	"policyConstraints=critical,requireExplicitPolicy:0"

static const struct row names[] = {
	/* ---- 4.8 policies ---- */
	{ "4.8.1 all the same", "ca A R | certificatePolicies=1.3.9.1\n"
	    "ee e A | certificatePolicies=1.3.9.1", SIG_OK },
	{ "4.8.2 none at all", "ca A R\nee e A", SIG_OK },
	{ "4.8.3 different ones", "ca A R | certificatePolicies=1.3.9.1\n"
	    "ca B A | certificatePolicies=1.3.9.2\nee e B | certificatePolicies=1.3.9.1", SIG_OK },
	{ "4.8.10 several", "ca A R | certificatePolicies=1.3.9.1,1.3.9.2\n"
	    "ee e A | certificatePolicies=1.3.9.1,1.3.9.2,1.3.9.3", SIG_OK },
	{ "4.8.11 any policy", "ca A R | certificatePolicies=2.5.29.32.0\n"
	    "ee e A | certificatePolicies=2.5.29.32.0", SIG_OK },
	{ "4.8.15 user notice", "ca A R\nee e A | certificatePolicies=@cps", SIG_OK },
	{ "4.8.20 critical", "ca A R | certificatePolicies=critical,1.3.9.1\n"
	    "ee e A | certificatePolicies=critical,@cps", SIG_OK },
	{ "4.8 the same policy twice", "ca A R | certificatePolicies=1.3.9.1\n"
	    "ee e A | certificatePolicies=1.3.9.1,1.3.9.1", SIG_UNTRUSTED },

	{ "4.8.4 different ones, one required",
	    "ca A R | certificatePolicies=1.3.9.1 | " NEEDED "\n"
	    "ca B A | certificatePolicies=1.3.9.2\nee e B | certificatePolicies=1.3.9.1",
	    SIG_UNTRUSTED },
	{ "4.8.5 the end entity has another", "ca A R | certificatePolicies=1.3.9.1 | " NEEDED "\n"
	    "ee e A | certificatePolicies=1.3.9.2", SIG_UNTRUSTED },
	{ "4.8.6 overlapping",
	    "ca A R | certificatePolicies=1.3.9.1,1.3.9.2 | " NEEDED "\n"
	    "ca B A | certificatePolicies=1.3.9.1,1.3.9.3\nee e B | certificatePolicies=1.3.9.1",
	    SIG_OK },
	{ "4.8.7 overlapping, but not to the end",
	    "ca A R | certificatePolicies=1.3.9.1,1.3.9.2 | " NEEDED "\n"
	    "ca B A | certificatePolicies=1.3.9.1,1.3.9.3\nee e B | certificatePolicies=1.3.9.3",
	    SIG_UNTRUSTED },
	{ "4.8.12 any policy of the end entity does",
	    "ca A R | certificatePolicies=1.3.9.1 | " NEEDED "\n"
	    "ee e A | certificatePolicies=2.5.29.32.0", SIG_OK },
	{ "4.8.13 any policy in between",
	    "ca A R | certificatePolicies=2.5.29.32.0 | " NEEDED "\n"
	    "ca B A | certificatePolicies=2.5.29.32.0\nee e B | certificatePolicies=1.3.9.1",
	    SIG_OK },
	{ "4.8.16 user notice, one required",
	    "ca A R | certificatePolicies=1.3.9.1 | " NEEDED "\n"
	    "ee e A | certificatePolicies=@cps", SIG_OK },

	/* ---- 4.9 explicit policy required ---- */
	{ "4.9.1 far below", "ca A R | policyConstraints=critical,requireExplicitPolicy:10\n"
	    "ca B A\nca C B\nca D C\nee e D", SIG_OK },
	{ "4.9.2 just not reached", "ca A R | policyConstraints=critical,requireExplicitPolicy:5\n"
	    "ca B A\nca C B\nca D C\nee e D", SIG_OK },
	{ "4.9.3 just reached", "ca A R | policyConstraints=critical,requireExplicitPolicy:4\n"
	    "ca B A\nca C B\nca D C\nee e D", SIG_UNTRUSTED },
	{ "4.9.4 required and there",
	    "ca A R | policyConstraints=critical,requireExplicitPolicy:0 | "
	    "certificatePolicies=1.3.9.1\nca B A | certificatePolicies=1.3.9.1\n"
	    "ee e B | certificatePolicies=1.3.9.1", SIG_OK },
	{ "4.9 required and another",
	    "ca A R | policyConstraints=critical,requireExplicitPolicy:0 | "
	    "certificatePolicies=1.3.9.1\nca B A | certificatePolicies=1.3.9.2\n"
	    "ee e B | certificatePolicies=1.3.9.2", SIG_UNTRUSTED },
	{ "4.9.5 lowered on the way", "ca A R | "
	    "policyConstraints=critical,requireExplicitPolicy:7\n"
	    "ca B A | policyConstraints=critical,requireExplicitPolicy:2\nca C B\nee e C",
	    SIG_UNTRUSTED },
	{ "4.9.6 its own new key does not count",
	    "ca O R | name=/C=VN/CN=A | policyConstraints=critical,requireExplicitPolicy:2\n"
	    "ca N O | name=/C=VN/CN=A\nee e N", SIG_OK },
	{ "4.9.7 reached below it",
	    "ca O R | name=/C=VN/CN=A | policyConstraints=critical,requireExplicitPolicy:2\n"
	    "ca N O | name=/C=VN/CN=A\nca B N\nee e B", SIG_UNTRUSTED },

	{ "4.9.8 reached below it, and the end entity has one",
	    "ca O R | name=/C=VN/CN=A | policyConstraints=critical,requireExplicitPolicy:1\n"
	    "ca N O | name=/C=VN/CN=A\nca B N\nee e B | certificatePolicies=1.3.9.1",
	    SIG_UNTRUSTED },

	/* ---- 4.10 policy mappings ---- */
	{ "4.10.1 mapped",
	    "ca A R | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ee e A | certificatePolicies=1.3.9.2", SIG_OK },
	{ "4.10.2 the mapped one is no longer there",
	    "ca A R | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ee e A | certificatePolicies=1.3.9.1", SIG_UNTRUSTED },
	{ "4.10.3 mapped twice",
	    "ca A R | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ca B A | certificatePolicies=1.3.9.2 | policyMappings=1.3.9.2:1.3.9.3\n"
	    "ee e B | certificatePolicies=1.3.9.3", SIG_OK },
	{ "4.10.7 mapping from any policy",
	    "ca A R | certificatePolicies=2.5.29.32.0 | policyMappings=2.5.29.32.0:1.3.9.1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ee e A | certificatePolicies=1.3.9.1", SIG_UNTRUSTED },
	{ "4.10.8 mapping to any policy",
	    "ca A R | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:2.5.29.32.0 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ee e A | certificatePolicies=1.3.9.1", SIG_UNTRUSTED },
	{ "4.10 mapping, no policy asked for",
	    "ca A R | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ee e A | certificatePolicies=1.3.9.1", SIG_OK },

	{ "4.10.4 mapped twice, the second is missing",
	    "ca A R | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2 | " NEEDED "\n"
	    "ca B A | certificatePolicies=1.3.9.2 | policyMappings=1.3.9.2:1.3.9.3\n"
	    "ee e B | certificatePolicies=1.3.9.2", SIG_UNTRUSTED },
	{ "4.10.5 one of two is mapped",
	    "ca A R | certificatePolicies=1.3.9.1,1.3.9.6 | policyMappings=1.3.9.1:1.3.9.2 | "
	    NEEDED "\nee e A | certificatePolicies=1.3.9.6", SIG_OK },
	{ "4.10.9 mapped to two",
	    "ca A R | certificatePolicies=1.3.9.1 | "
	    "policyMappings=1.3.9.1:1.3.9.2,1.3.9.1:1.3.9.3 | " NEEDED "\n"
	    "ee e A | certificatePolicies=1.3.9.3", SIG_OK },
	{ "4.10.11 two mapped to one",
	    "ca A R | certificatePolicies=1.3.9.1,1.3.9.2 | "
	    "policyMappings=1.3.9.1:1.3.9.3,1.3.9.2:1.3.9.3 | " NEEDED "\n"
	    "ee e A | certificatePolicies=1.3.9.3", SIG_OK },
	{ "4.10.13 mapped below any policy",
	    "ca A R | certificatePolicies=2.5.29.32.0 | " NEEDED "\n"
	    "ca B A | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ee e B | certificatePolicies=1.3.9.2", SIG_OK },

	/* ---- 4.11 mapping inhibited ---- */
	{ "4.11.1 at once",
	    "ca A R | certificatePolicies=1.3.9.1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:0\n"
	    "ca B A | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ee e B | certificatePolicies=1.3.9.2", SIG_UNTRUSTED },
	{ "4.11.2 not yet",
	    "ca A R | certificatePolicies=1.3.9.1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:1\n"
	    "ca B A | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ee e B | certificatePolicies=1.3.9.2", SIG_OK },
	{ "4.11.3 one deeper",
	    "ca A R | certificatePolicies=1.3.9.1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:1\n"
	    "ca B A | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ca C B | certificatePolicies=1.3.9.2 | policyMappings=1.3.9.2:1.3.9.3\n"
	    "ee e C | certificatePolicies=1.3.9.3", SIG_UNTRUSTED },

	{ "4.11.4 one deeper, and not mapped there",
	    "ca A R | certificatePolicies=1.3.9.1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:1\n"
	    "ca B A | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ca C B | certificatePolicies=1.3.9.2\nee e C | certificatePolicies=1.3.9.2", SIG_OK },
	{ "4.11.5 lowered on the way",
	    "ca A R | certificatePolicies=1.3.9.1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:5\n"
	    "ca B A | certificatePolicies=1.3.9.1 | policyConstraints=inhibitPolicyMapping:0\n"
	    "ca C B | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ee e C | certificatePolicies=1.3.9.2", SIG_UNTRUSTED },
	{ "4.11.7 its own new key does not count",
	    "ca O R | name=/C=VN/CN=A | certificatePolicies=1.3.9.1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:1\n"
	    "ca N O | name=/C=VN/CN=A | certificatePolicies=1.3.9.1\n"
	    "ca B N | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ee e B | certificatePolicies=1.3.9.2", SIG_OK },
	{ "4.11.8 but what is below it",
	    "ca O R | name=/C=VN/CN=A | certificatePolicies=1.3.9.1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0,inhibitPolicyMapping:1\n"
	    "ca N O | name=/C=VN/CN=A | certificatePolicies=1.3.9.1\n"
	    "ca B N | certificatePolicies=1.3.9.1\n"
	    "ca C B | certificatePolicies=1.3.9.1 | policyMappings=1.3.9.1:1.3.9.2\n"
	    "ee e C | certificatePolicies=1.3.9.2", SIG_UNTRUSTED },

	/* ---- 4.12 any policy inhibited ---- */
	{ "4.12.1 at once",
	    "ca A R | certificatePolicies=1.3.9.1 | inhibitAnyPolicy=critical,0 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ee e A | certificatePolicies=2.5.29.32.0", SIG_UNTRUSTED },
	{ "4.12.2 named besides",
	    "ca A R | certificatePolicies=1.3.9.1 | inhibitAnyPolicy=critical,0 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ee e A | certificatePolicies=2.5.29.32.0,1.3.9.1", SIG_OK },
	{ "4.12.3 not yet",
	    "ca A R | certificatePolicies=1.3.9.1 | inhibitAnyPolicy=critical,1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ca B A | certificatePolicies=2.5.29.32.0\nee e B | certificatePolicies=1.3.9.1",
	    SIG_OK },
	{ "4.12.4 one deeper",
	    "ca A R | certificatePolicies=1.3.9.1 | inhibitAnyPolicy=critical,1 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ca B A | certificatePolicies=2.5.29.32.0\n"
	    "ca C B | certificatePolicies=2.5.29.32.0\nee e C | certificatePolicies=1.3.9.1",
	    SIG_UNTRUSTED },
	{ "4.12.7 its own new key may",
	    "ca O R | name=/C=VN/CN=A | certificatePolicies=1.3.9.1 | "
	    "inhibitAnyPolicy=critical,0 | "
	    "policyConstraints=critical,requireExplicitPolicy:0\n"
	    "ca N O | name=/C=VN/CN=A | certificatePolicies=2.5.29.32.0\n"
	    "ee e N | certificatePolicies=1.3.9.1", SIG_OK },

	{ "4.12.5 lowered on the way",
	    "ca A R | certificatePolicies=1.3.9.1 | inhibitAnyPolicy=critical,5 | " NEEDED "\n"
	    "ca B A | certificatePolicies=1.3.9.1 | inhibitAnyPolicy=critical,0\n"
	    "ca C B | certificatePolicies=2.5.29.32.0\nee e C | certificatePolicies=1.3.9.1",
	    SIG_UNTRUSTED },
	{ "4.12.8 its own new key may, but what is below it",
	    "ca O R | name=/C=VN/CN=A | certificatePolicies=1.3.9.1 | "
	    "inhibitAnyPolicy=critical,0 | " NEEDED "\n"
	    "ca N O | name=/C=VN/CN=A | certificatePolicies=2.5.29.32.0\n"
	    "ca B N | certificatePolicies=2.5.29.32.0\nee e B | certificatePolicies=1.3.9.1",
	    SIG_UNTRUSTED },
	{ "4.12.10 the end entity is no authority's new key",
	    "ca O R | name=/C=VN/CN=A | certificatePolicies=1.3.9.1 | "
	    "inhibitAnyPolicy=critical,0 | " NEEDED "\n"
	    "ca N O | name=/C=VN/CN=A | certificatePolicies=2.5.29.32.0\n"
	    "ee e N | certificatePolicies=2.5.29.32.0", SIG_UNTRUSTED },

	/* ---- 4.13 name constraints ---- */
	{ "4.13.1 inside", "ca A R | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ee e A | name=/C=VN/O=UBND/CN=e", SIG_OK },
	{ "4.13.2 outside", "ca A R | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ee e A | name=/C=VN/O=Khac/CN=e", SIG_UNTRUSTED },
	{ "4.13.3 inside, the other name outside",
	    "ca A R | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ee e A | name=/C=VN/O=UBND/CN=e | subjectAltName=dirName:boNoiVu", SIG_UNTRUSTED },
	{ "4.13.4 both inside", "ca A R | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ee e A | name=/C=VN/O=UBND/CN=e | subjectAltName=dirName:ubndSo", SIG_OK },
	{ "4.13.5 one of two",
	    "ca A R | nameConstraints=critical,permitted;dirName:ubnd,permitted;dirName:boNoiVu\n"
	    "ee e A | name=/C=VN/O=Bo Noi vu/CN=e", SIG_OK },
	{ "4.13.6 not excluded", "ca A R | nameConstraints=critical,excluded;dirName:ubnd\n"
	    "ee e A | name=/C=VN/O=Khac/CN=e", SIG_OK },
	{ "4.13.7 excluded", "ca A R | nameConstraints=critical,excluded;dirName:ubnd\n"
	    "ee e A | name=/C=VN/O=UBND/CN=e", SIG_UNTRUSTED },
	{ "4.13.10 permitted, but excluded below it",
	    "ca A R | nameConstraints=critical,permitted;dirName:ubnd,excluded;dirName:ubndSo\n"
	    "ee e A | name=/C=VN/O=UBND/OU=So/CN=e", SIG_UNTRUSTED },
	{ "4.13.11 permitted, not excluded",
	    "ca A R | nameConstraints=critical,permitted;dirName:ubnd,excluded;dirName:ubndSo\n"
	    "ee e A | name=/C=VN/O=UBND/OU=Phong/CN=e", SIG_OK },
	{ "4.13.12 narrowed below",
	    "ca A R | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ca B A | name=/C=VN/O=UBND/CN=B | nameConstraints=critical,permitted;dirName:ubndSo\n"
	    "ee e B | name=/C=VN/O=UBND/CN=e", SIG_UNTRUSTED },
	{ "4.13.14 narrowed below, inside",
	    "ca A R | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ca B A | name=/C=VN/O=UBND/CN=B | nameConstraints=critical,permitted;dirName:ubndSo\n"
	    "ee e B | name=/C=VN/O=UBND/OU=So/CN=e", SIG_OK },
	{ "4.13.15 widening below is of no use",
	    "ca A R | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ca B A | name=/C=VN/O=UBND/CN=B | nameConstraints=critical,permitted;dirName:boNoiVu\n"
	    "ee e B | name=/C=VN/O=Bo Noi vu/CN=e", SIG_UNTRUSTED },
	{ "4.13.8 one of two excluded",
	    "ca A R | nameConstraints=critical,excluded;dirName:ubnd,excluded;dirName:boNoiVu\n"
	    "ee e A | name=/C=VN/O=Bo Noi vu/CN=e", SIG_UNTRUSTED },
	{ "4.13.13 authority outside",
	    "ca A R | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ca B A | name=/C=VN/O=Khac/CN=B\nee e B | name=/C=VN/O=UBND/CN=e", SIG_UNTRUSTED },
	{ "4.13.16 more is excluded below",
	    "ca A R | nameConstraints=critical,excluded;dirName:boNoiVu\n"
	    "ca B A | name=/C=VN/O=UBND/CN=B | nameConstraints=critical,excluded;dirName:ubndSo\n"
	    "ee e B | name=/C=VN/O=UBND/OU=So/CN=e", SIG_UNTRUSTED },
	{ "4.13.17 excluded above, permitted below",
	    "ca A R | nameConstraints=critical,excluded;dirName:ubndSo\n"
	    "ca B A | name=/C=VN/O=UBND/CN=B | nameConstraints=critical,permitted;dirName:ubndSo\n"
	    "ee e B | name=/C=VN/O=UBND/OU=So/CN=e", SIG_UNTRUSTED },
	{ "4.13.18 permitted below, not excluded above",
	    "ca A R | nameConstraints=critical,excluded;dirName:boNoiVu\n"
	    "ca B A | name=/C=VN/O=UBND/CN=B | nameConstraints=critical,permitted;dirName:ubndSo\n"
	    "ee e B | name=/C=VN/O=UBND/OU=So/CN=e", SIG_OK },
	{ "4.13.19 its own new key is not bound",
	    "ca O R | name=/C=VN/CN=A | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ca N O | name=/C=VN/CN=A\nee e N | name=/C=VN/O=UBND/CN=e", SIG_OK },
	{ "4.13.20 what it issues is",
	    "ca O R | name=/C=VN/CN=A | nameConstraints=critical,permitted;dirName:ubnd\n"
	    "ca N O | name=/C=VN/CN=A\nee e N | name=/C=VN/CN=A", SIG_UNTRUSTED },
	{ "4.13.21 mail domain", "ca A R | nameConstraints=critical,permitted;email:.tinh.example\n"
	    "ee e A | subjectAltName=email:an@so.tinh.example", SIG_OK },
	{ "4.13.22 mail, the domain itself is not below it",
	    "ca A R | nameConstraints=critical,permitted;email:.tinh.example\n"
	    "ee e A | subjectAltName=email:an@tinh.example", SIG_UNTRUSTED },
	{ "4.13.23 mail host", "ca A R | nameConstraints=critical,permitted;email:tinh.example\n"
	    "ee e A | subjectAltName=email:an@tinh.example", SIG_OK },
	{ "4.13.24 mail, below the host",
	    "ca A R | nameConstraints=critical,permitted;email:tinh.example\n"
	    "ee e A | subjectAltName=email:an@so.tinh.example", SIG_UNTRUSTED },
	{ "4.13.25 mail not excluded", "ca A R | "
	    "nameConstraints=critical,excluded;email:tinh.example\n"
	    "ee e A | subjectAltName=email:an@so.tinh.example", SIG_OK },
	{ "4.13.26 mail excluded", "ca A R | nameConstraints=critical,excluded;email:tinh.example\n"
	    "ee e A | subjectAltName=email:an@tinh.example", SIG_UNTRUSTED },
	{ "4.13 address in the subject",
	    "ca A R | nameConstraints=critical,permitted;email:tinh.example\n"
	    "ee e A | -subjectAltName | name=/C=VN/CN=e/emailAddress=an@khac.example",
	    SIG_UNTRUSTED },
	{ "4.13.27 name and mail", "ca A R | nameConstraints=critical,permitted;dirName:ubnd,"
	    "permitted;email:tinh.example\n"
	    "ee e A | name=/C=VN/O=UBND/CN=e | subjectAltName=email:an@tinh.example", SIG_OK },
	{ "4.13.28 name, but not mail", "ca A R | nameConstraints=critical,permitted;dirName:ubnd,"
	    "permitted;email:tinh.example\n"
	    "ee e A | name=/C=VN/O=UBND/CN=e | subjectAltName=email:an@khac.example",
	    SIG_UNTRUSTED },
	{ "4.13.29 name, but not the address in it",
	    "ca A R | "
	    "nameConstraints=critical,permitted;dirName:ubnd,permitted;email:tinh.example\n"
	    "ee e A | -subjectAltName | name=/C=VN/O=UBND/CN=e/emailAddress=an@khac.example",
	    SIG_UNTRUSTED },
	{ "4.13.30 host", "ca A R | nameConstraints=critical,permitted;DNS:tinh.example\n"
	    "ee e A | subjectAltName=DNS:mail.tinh.example", SIG_OK },
	{ "4.13.31 other host", "ca A R | nameConstraints=critical,permitted;DNS:tinh.example\n"
	    "ee e A | subjectAltName=DNS:mail.khac.example", SIG_UNTRUSTED },
	{ "4.13.32 host not excluded", "ca A R | "
	    "nameConstraints=critical,excluded;DNS:tinh.example\n"
	    "ee e A | subjectAltName=DNS:mail.khac.example", SIG_OK },
	{ "4.13.33 host excluded", "ca A R | nameConstraints=critical,excluded;DNS:tinh.example\n"
	    "ee e A | subjectAltName=DNS:mail.tinh.example", SIG_UNTRUSTED },
	{ "4.13.34 URI", "ca A R | nameConstraints=critical,permitted;URI:.tinh.example\n"
	    "ee e A | subjectAltName=URI:http://mail.tinh.example/x", SIG_OK },
	{ "4.13.35 other URI", "ca A R | nameConstraints=critical,permitted;URI:.tinh.example\n"
	    "ee e A | subjectAltName=URI:http://mail.khac.example/x", SIG_UNTRUSTED },
	{ "4.13.36 URI not excluded", "ca A R | "
	    "nameConstraints=critical,excluded;URI:tinh.example\n"
	    "ee e A | subjectAltName=URI:http://khac.example/x", SIG_OK },
	{ "4.13.37 URI excluded", "ca A R | nameConstraints=critical,excluded;URI:tinh.example\n"
	    "ee e A | subjectAltName=URI:http://tinh.example/x", SIG_UNTRUSTED },
	{ "4.13.38 ends alike", "ca A R | nameConstraints=critical,permitted;DNS:tinh.example\n"
	    "ee e A | subjectAltName=DNS:mailtinh.example", SIG_UNTRUSTED },
	{ "4.13 a common name is no host",
	    "ca A R | nameConstraints=critical,permitted;DNS:tinh.example\n"
	    "ee e A | name=/C=VN/CN=congan.khac.example", SIG_OK },
};

#endif
