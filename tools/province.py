#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tools/province.py --dir DIR --port P [--accounts N] [--password PW] [--schema FILE]: a directory for one
fictional province, made with the real tools: slapd's configuration in DIR/slapd.d, data in DIR/data.

Prints one JSON object: base, people, admin_dn, admin_password, service_dn, service_password_file, users (four
officials of two agencies; the first two cleared for mat), agency, clerk, group, locked, argv (how to start slapd).
Without --make-only slapd is started in the background, too, and its pid is in DIR/slapd.pid.
"""
import argparse
import base64
import hashlib
import json
import os
import subprocess
import sys
import time

DOMAIN = "lamhoa.gov.vn.example"
BASE = "dc=lamhoa,dc=example"
PEOPLE = "ou=Can bo," + BASE
ADMIN_DN = "cn=quantri," + BASE
ADMIN_PASSWORD = "quan-tri-thu-nghiem"
SERVICE_DN = "cn=congvu,ou=Dich vu," + BASE
SERVICE_PASSWORD = "dich-vu-thu-nghiem"
SO_NOI_VU = "ou=So Noi vu,ou=Khoi Nha nuoc," + BASE
SO_TAI_CHINH = "ou=So Tai chinh,ou=Khoi Nha nuoc," + BASE

# uid, sn, cn, unit, title, attributes
OFFICIALS = [
    ("ducnv", "Nguyễn", "Nguyễn Văn Đức", SO_NOI_VU, "Chánh Văn phòng", {"congvuClearance": "mat"}),
    ("nguyettta", "Trần", "Trần Thị Ánh Nguyệt", SO_NOI_VU, "Chuyên viên", {"congvuClearance": "mat"}),
    ("unglh", "Lê", "Lê Hoàng Ưng", SO_TAI_CHINH, "Chuyên viên", {}),
    ("onpd", "Phạm", "Phạm Đình Ơn", SO_TAI_CHINH, "Kế toán", {}),
    ("matnt", "Nguyễn", "Nguyễn Thị Mật", SO_TAI_CHINH, "Văn thư", {"congvuAlias": "nguyen.thi.mat@" + DOMAIN}),
    ("khanmv", "Mật", "Mật Văn Khẩn", SO_NOI_VU, "Phó Giám đốc",
     {"congvuClearance": "toi-mat", "congvuLeader": "TRUE", "congvuRole": "securityOfficer", "congvuAlias": "postmaster@" + DOMAIN}),
    ("bret", "K'Brết", "K'Brết", SO_NOI_VU, "Chuyên viên",
     {"congvuZone": "internal", "congvuRole": "securityOfficer"}),
    ("annv", "Nguyễn", "Nguyễn Văn An", SO_NOI_VU, "Chuyên viên", {}),
    ("annv2", "Nguyễn", "Nguyễn Văn An", SO_NOI_VU, "Chuyên viên", {}),
    ("khoatk", "Đỗ", "Đỗ Như Ý", SO_TAI_CHINH, "Chuyên viên", {"congvuStatus": "locked"}),
    ("bhomy", "Y", "Y Bhơm", SO_NOI_VU, "Chuyên viên", {"congvuStatus": "withdrawn"}),
    ("uyenhtm", "Huỳnh", "Huỳnh Thị Mỹ Uyên", SO_TAI_CHINH, "Thư ký", {"congvuSendAs": "khanmv@" + DOMAIN}),
    ("quotant", "Võ", "Võ Ngọc Ẩn", SO_TAI_CHINH, "Chuyên viên", {"congvuQuota": "100000"}),
]


def ssha(password, salt=None):
    salt = os.urandom(8) if salt is None else salt
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()


def ldif(dn, attributes):
    """One entry; values that LDIF cannot hold as they are go in base64 (RFC 2849)."""
    lines = []
    for name, value in [("dn", dn)] + attributes:
        plain = value.isascii() and not value.startswith((" ", ":", "<")) and not value.endswith(" ")
        lines.append("%s: %s" % (name, value) if plain
                     else "%s:: %s" % (name, base64.b64encode(value.encode()).decode()))
    return "\n".join(lines) + "\n\n"


def account(uid, sn, cn, title, extra, password):
    rows = [("objectClass", "inetOrgPerson"), ("objectClass", "congvuAccount"), ("uid", uid), ("sn", sn), ("cn", cn),
            ("displayName", cn), ("title", title), ("mail", "%s@%s" % (uid, DOMAIN)), ("userPassword", password)]
    return rows + sorted(extra.items())


def tree(password, bulk):
    hashed = ssha(password)
    yield ldif(BASE, [("objectClass", "dcObject"), ("objectClass", "organization"), ("dc", "lamhoa"),
                      ("o", "Tỉnh Lâm Hòa (thử nghiệm)")])
    for dn in ("ou=Khoi Nha nuoc," + BASE, SO_NOI_VU, SO_TAI_CHINH, "ou=Cap xa," + BASE, PEOPLE, "ou=Nhom," + BASE,
               "ou=Dich vu," + BASE):
        yield ldif(dn, [("objectClass", "organizationalUnit"), ("ou", dn.split(",")[0][3:])])
    yield ldif(SERVICE_DN, [("objectClass", "applicationProcess"), ("objectClass", "simpleSecurityObject"),
                            ("cn", "congvu"), ("userPassword", ssha(SERVICE_PASSWORD))])
    for uid, sn, cn, unit, title, extra in OFFICIALS:
        yield ldif("uid=%s,%s" % (uid, unit), account(uid, sn, cn, title, extra, hashed))
    yield ldif("uid=vanthu.sonv," + SO_NOI_VU, account(
        "vanthu.sonv", "Sở Nội vụ", "Văn thư Sở Nội vụ", "Hộp thư đơn vị",
        {"congvuAlias": "sonv@" + DOMAIN, "congvuClerk": "uid=nguyettta," + SO_NOI_VU, "congvuOrganId": "H99.1",
         "congvuAgencySubject": "CN=Sở Nội vụ,O=Tỉnh Lâm Hòa,C=VN"}, hashed))
    yield from groups()
    for i in range(1, bulk + 1):
        yield ldif("uid=u%d,%s" % (i, PEOPLE), account("u%d" % i, "Cán bộ", "Cán bộ số %d" % i, "Chuyên viên", {}, hashed))


def groups():
    def group(cn, kind, member, members, extra=()):
        return ldif("cn=%s,ou=Nhom,%s" % (cn, BASE), [
            ("objectClass", kind), ("objectClass", "congvuGroup"), ("cn", cn),
            ("mail", "nhom.%s@%s" % (cn.replace(" ", "").lower(), DOMAIN))] + [(member, m) for m in members] + list(extra))
    so_noi_vu = ["uid=%s,%s" % (o[0], SO_NOI_VU) for o in OFFICIALS if o[3] == SO_NOI_VU]
    so_tai_chinh = ["uid=%s,%s" % (o[0], SO_TAI_CHINH) for o in OFFICIALS if o[3] == SO_TAI_CHINH]
    yield group("so noi vu", "groupOfNames", "member", so_noi_vu)
    # The two groups name each other: the loop is cut, everybody is in once.
    yield group("so tai chinh", "groupOfUniqueNames", "uniqueMember",
                so_tai_chinh + ["cn=toan tinh,ou=Nhom," + BASE])
    yield group("toan tinh", "groupOfNames", "member",
                ["cn=so noi vu,ou=Nhom," + BASE, "cn=so tai chinh,ou=Nhom," + BASE, "uid=da-chuyen," + PEOPLE],
                [("congvuMemberAddress", "lienhe@doitac.example")])
    yield group("posix", "posixGroup", "memberUid", ["ducnv", "unglh"], [("gidNumber", "5000")])


def configuration(directory, schema):
    yield ldif("cn=config", [("objectClass", "olcGlobal"), ("cn", "config"), ("olcPidFile", directory + "/slapd.pid"),
                             ("olcThreads", "4")])
    yield ldif("cn=module{0},cn=config", [("objectClass", "olcModuleList"), ("cn", "module{0}"),
                                          ("olcModulePath", "/usr/lib/ldap"), ("olcModuleLoad", "back_mdb"),
                                          ("olcModuleLoad", "syncprov"), ("olcModuleLoad", "ppolicy")])
    yield ldif("cn=schema,cn=config", [("objectClass", "olcSchemaConfig"), ("cn", "schema")])
    for name in ("core", "cosine", "nis", "inetorgperson"):
        with open("/etc/ldap/schema/%s.ldif" % name) as f:
            yield f.read().strip() + "\n\n"
    with open(schema) as f:
        yield f.read().strip() + "\n\n"
    yield ldif("olcDatabase={-1}frontend,cn=config", [("objectClass", "olcDatabaseConfig"),
                                                      ("olcDatabase", "{-1}frontend"), ("olcAccess", "to dn.base=\"\" by * read"),
                                                      ("olcAccess", "to dn.base=\"cn=Subschema\" by * read")])
    yield ldif("olcDatabase={1}mdb,cn=config", [
        ("objectClass", "olcDatabaseConfig"), ("objectClass", "olcMdbConfig"), ("olcDatabase", "{1}mdb"),
        ("olcDbDirectory", directory + "/data"), ("olcSuffix", BASE), ("olcRootDN", ADMIN_DN), ("olcRootPW", ssha(ADMIN_PASSWORD)),
        ("olcDbMaxSize", "1073741824"), ("olcDbNoSync", "TRUE"), ("olcSizeLimit", "unlimited"),
        ("olcDbIndex", "objectClass eq"), ("olcDbIndex", "uid,mail,congvuAlias,congvuSendAs,congvuClerk eq"),
        ("olcDbIndex", "member,uniqueMember,memberUid eq"),
        ("olcDbIndex", "entryUUID,entryCSN,modifyTimestamp eq"),
        ("olcAccess", 'to attrs=userPassword by anonymous auth by * none'),
        ("olcAccess", 'to * by dn.exact="%s" read by self read by * none' % SERVICE_DN)])
    # RFC 4533, so that the end of an account is known at once.
    yield ldif("olcOverlay={0}syncprov,olcDatabase={1}mdb,cn=config", [
        ("objectClass", "olcOverlayConfig"), ("objectClass", "olcSyncProvConfig"), ("olcOverlay", "{0}syncprov"),
        ("olcSpSessionlog", "1000")])
    # Its pwdChangedTime tells of a new password, its pwdAccountLockedTime can lock an account.
    yield ldif("olcOverlay={1}ppolicy,olcDatabase={1}mdb,cn=config", [
        ("objectClass", "olcOverlayConfig"), ("objectClass", "olcPPolicyConfig"), ("olcOverlay", "{1}ppolicy")])


def slapadd(directory, number, text):
    subprocess.run(["/usr/sbin/slapadd", "-q", "-F", directory + "/slapd.d", "-n", str(number)], input=text.encode(),
                   check=True, stdout=subprocess.DEVNULL)


def make(args):
    d = os.path.abspath(args.dir)
    for sub in ("slapd.d", "data"):
        os.makedirs(os.path.join(d, sub), mode=0o700)
    slapadd(d, 0, "".join(configuration(d, args.schema)))
    slapadd(d, 1, "".join(tree(args.password, args.accounts)))
    secret = os.path.join(d, "service.password")
    with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write(SERVICE_PASSWORD + "\n")
    units = {o[0]: o[3] for o in OFFICIALS}
    return {
        "base": BASE, "people": PEOPLE, "domain": DOMAIN, "admin_dn": ADMIN_DN, "admin_password": ADMIN_PASSWORD,
        "service_dn": SERVICE_DN, "service_password_file": secret,
        "users": [{"uid": o[0], "cn": o[2], "mail": "%s@%s" % (o[0], DOMAIN), "dn": "uid=%s,%s" % (o[0], units[o[0]])}
                  for o in OFFICIALS[:4]],
        "officers": [{"mail": "%s@%s" % (o[0], DOMAIN), "cn": o[2]} for o in OFFICIALS
                     if o[5].get("congvuRole") == "securityOfficer"],
        "agency": "vanthu.sonv@" + DOMAIN, "clerk": "nguyettta@" + DOMAIN, "locked": "khoatk@" + DOMAIN,
        "withdrawn": "bhomy@" + DOMAIN, "send_as": {"uid": "uyenhtm", "address": "khanmv@" + DOMAIN},
        "small_quota": "quotant@" + DOMAIN, "internal_only": "bret@" + DOMAIN, "group": "nhom.toantinh@" + DOMAIN,
        "argv": ["/usr/sbin/slapd", "-h", "ldap://127.0.0.1:%d" % args.port, "-F", d + "/slapd.d"]}


def start(directory, argv):
    subprocess.run(argv, check=True)
    end = time.monotonic() + 120
    while not os.path.exists(os.path.join(directory, "slapd.pid")):
        if time.monotonic() > end:
            sys.exit("slapd does not start")
        time.sleep(0.02)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser()
    ap.add_argument("--dir", required=True)
    ap.add_argument("--port", type=int, required=True)
    ap.add_argument("--accounts", type=int, default=0)
    ap.add_argument("--password", default="Lam-Hoa-2026")
    ap.add_argument("--schema", default=os.path.join(here, "..", "directory", "schema", "congvu.ldif"))
    ap.add_argument("--make-only", action="store_true")
    args = ap.parse_args()
    made = make(args)
    if not args.make_only:
        start(os.path.abspath(args.dir), made["argv"])
    json.dump(made, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
