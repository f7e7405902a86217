#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""Attacks on the way out, tried on the real servers: what must not reach the sink, who must not be named, and that
one stranger keeps nobody from sending."""
import base64
import binascii
import io
import os
import random
import re
import struct
import sys
import tarfile
import zipfile

from harness import Imap, MachineClock, Province, Smtp, eventually, header, run
import scenario

OUT = "x@internet.example"
MAT = "M\u1eacT"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"


class Sender:
    def __init__(self, p):
        self.p, self.tools = p, scenario.Province(p.dir)

    def send(self, n, to, entity, listener="SUBMISSIONS", extra=b"", signer=None):
        user, cert, key = self.tools.user(n)
        to = [to] if isinstance(to, str) else to
        body = b"MIME-Version: 1.0\r\n" + entity if signer == "none" else \
            self.tools.sign(entity, *(signer or (cert, key)))
        with Smtp(self.p, listener, user=user) as s:
            return s.message(user, to, header(user, to[0]) + extra + body, b".\r\n")

    def sink(self):
        return len(self.tools.sink())


def b64(data):
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def part(kind, body, *fields):
    return b"--=b\r\nContent-Type: " + kind + b"\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body + b"\r\n"


def mixed(*parts, kind=b"mixed"):
    return b"Content-Type: multipart/%s; boundary=\"=b\"\r\n\r\n" % kind + b"".join(parts) + b"--=b--\r\n"


def archive(*files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in files:
            z.writestr(name, data)
    return out.getvalue()


def document(*more):
    with zipfile.ZipFile(io.BytesIO(scenario.docx(["xin chao"]))) as z:
        return archive(*[(n, z.read(n)) for n in z.namelist()], *more)


def attached(data, name=b"a.docx"):
    return mixed(part(b"text/plain", b"x"), part(b"application/octet-stream; name=" + name, b64(data),
                                                b"Content-Transfer-Encoding: base64"))


def ways_out():
    """Content that a reader would see as marked, or that nobody here can see."""
    mat, noise = MAT.encode(), random.Random(1).randbytes(20000)
    pgp = b"-----BEGIN PGP SIGNATURE-----\r\n%s\r\n-----END PGP SIGNATURE-----"
    yield mixed(part(b"text/plain", b"x"), part(b"application/pgp-signature", pgp % mat), kind=b"signed")
    yield mixed(part(b"text/plain", b"x"), part(b"application/pgp-signature", pgp % (b"\r\n" + b64(noise))))
    yield mixed(part(b"text/html; name=a.html", b"<script>document.write(String.fromCharCode(77,7852,84))</script>"))
    yield mixed(part(b"text/html", b"<iframe src=\"data:text/html,M%E1%BA%ACT\"></iframe>"))
    yield b"Content-Type: text/html\r\n\r\n<style>p:before{content:\"M\\1EAC T\"}</style><p></p>\r\n"
    yield b"Content-Type: text/plain; charset=gb18030\r\nContent-Transfer-Encoding: base64\r\n\r\n" + \
        b64(MAT.encode("gb18030"))
    yield b"Content-Type: text/html; charset=ibm870\r\nContent-Transfer-Encoding: base64\r\n\r\n" + \
        b64("<p>M&#7852;T</p>".encode("cp037"))
    yield mixed(part(b"text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\nDESCRIPTION:x\\nM\r\n \xe1\xba\xacT\\ny"))
    yield mixed(part(b"text/vcard", b"BEGIN:VCARD\r\nNOTE;ENCODING=QUOTED-PRINTABLE:M=E1=BA=\r\n=ACT"))
    yield attached(document(("docProps/thumbnail.jpeg", b"%PDF-1.4\n" + noise)))
    yield attached(document(("docProps/thumbnail.jpeg", b"\xff\xd8\xff"), ("docProps/thumbnail.2", b"\xff\xd8\xff")))
    yield attached(b"\xff\xfe" + noise, b"a.txt")
    yield attached(b"a b c d\r\n" * 8000 + noise, b"a.txt")


def pdf(*lines, page=b""):
    """One page with a line of text each."""
    content = b"".join(b"BT /F1 12 Tf 72 %d Td (%s) Tj ET\n" % (700 - 40 * i, line) for i, line in enumerate(lines))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R/Resources<</Font<</F1 4 0 R>>>>%s>>" % page,
               b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
               b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content)]
    out, at = b"%PDF-1.4\n", []
    for i, o in enumerate(objects, 1):
        at.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (i, o)
    xref = b"xref\n0 %d\n0000000000 65535 f \n" % (len(at) + 1) + b"".join(b"%010d 00000 n \n" % a for a in at)
    return out + xref + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(at) + 1, len(out))


def tgz(name, data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def sheet(*cells):
    row = "".join("<table:table-cell><text:p>%s</text:p></table:table-cell>" % c for c in cells)
    return archive(("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", (
        "<o xmlns:table='t' xmlns:text='x'><table:table><table:table-row>%s</table:table-row></table:table></o>" % row).encode()))


def winmail(text):
    """TNEF as Outlook writes it: a message whose body is that text."""
    def attribute(number, data):
        return b"\1" + struct.pack("<II", number, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)

    body = text.encode("utf-16-le") + b"\0\0"
    properties = struct.pack("<IIII", 1, 0x1000001F, 1, len(body)) + body + b"\0" * (-len(body) % 4)
    return b"\x78\x9f\x3e\x22\1\0" + attribute(0x89006, b"\0\0\1\0") + attribute(0x69003, properties)


def package(data):
    """edXML with an attachment."""
    return b"<?xml version='1.0' encoding='UTF-8'?><edXMLEnvelope><Attachment><AttachmentName>a.txt</AttachmentName>" \
        b"<Content>" + base64.b64encode(data) + b"</Content></Attachment></edXMLEnvelope>"


def documents(mark):
    """Documents that hold a line, each in another way."""
    plain = mark.replace("\u1ed0", "O").replace("\u1eac", "A")	# Helvetica has no more letters
    yield b"a.pdf", pdf(b"Bao cao", plain.encode(), b"Noi dung")
    yield b"a.rtf", (r"{\rtf1\ansi Bao cao\par %s\par}" % "".join(
        c if ord(c) < 128 else r"\u%d?" % ord(c) for c in mark)).encode()
    yield b"a.ods", sheet("B\u00e1o c\u00e1o", mark)
    yield b"a.tar.gz", tgz("b.pdf", pdf(plain.encode()))
    yield b"winmail.dat", winmail(mark)
    yield b"a.edxml", package(("Bao cao\r\n%s\r\n" % mark).encode())
    yield b"a.txt", b"begin 644 b.txt\n" + binascii.b2a_uu(("%s\n" % mark).encode()) + b"`\nend\n"


def documents_are_read(p, by):
    """What is marked stays; what is not goes, also in formats of others: through the real servers and their sandboxes."""
    before = by.sink()
    for name, data in documents("T\u1ed0I M\u1eacT"):
        code, text = by.send(1, OUT, attached(data, name))
        assert code == 550 and "secret-internet" in text, (name, code, text)
    n = 0
    for name, data in documents("KE HOACH"):
        code, text = by.send(1, OUT, attached(data, name))
        assert code == 250, (name, code, text)
        n += 1
    film = pdf(b"Ke hoach", page=b"/Annots[<</Type/Annot/Subtype/Screen/Rect[0 0 99 99]>>]")
    code, text = by.send(1, OUT, attached(film, b"a.pdf"))
    assert code == 550 and "opaque-out" in text, (code, text)
    assert eventually(lambda: by.sink() == before + n), by.sink() - before


def nothing_marked_or_opaque_leaves(p, by):
    before = by.sink()
    for i, entity in enumerate(ways_out()):
        code, text = by.send(1, OUT, entity)
        assert code == 550, (i, code, text)
    code, text = by.send(1, ["nhom.toantinh@" + p.env["CONGVU_DOMAIN"]], TEXT + MAT.encode() + b"\r\n")
    assert code == 550 and "nhom.toantinh" in text and "doitac" not in text, text
    code, text = by.send(1, OUT, TEXT + b"xin chao\r\n")
    assert code == 250, text
    assert eventually(lambda: by.sink() == before + 1), by.sink() - before


def last_body(p, listener, user, box="INBOX"):
    """The answer to FETCH of the newest message's body, and of its header alone."""
    with Imap(p, listener, user=user) as c:
        count = int(re.search(rb"\* (\d+) EXISTS", c.command("SELECT " + box)[1]).group(1))
        body = c.command("FETCH %d BODY.PEEK[]" % count)
        return body, c.command("FETCH %d (ENVELOPE BODY.PEEK[HEADER])" % count)


def what_nobody_inspected_is_read_inside(p, by):
    """Opaque content that came from inside does not leave by IMAP either; what came in over the internet was out there."""
    u3 = p.env["CONGVU_USER3"]
    blob = attached(bytes(random.Random(7).randbytes(3000)), b"a.bin")
    code, text = by.send(1, u3, blob)
    assert code == 250, (code, text)

    def is_kept(box="INBOX"):
        (status, got), (_, head) = last_body(p, "IMAPS", u3, box)
        assert status.startswith("OK") and b"a.bin" in got, (status, got[-200:])
        (status, got), (head_status, head) = last_body(p, "IMAPS_INTERNET", u3, box)
        assert head_status.startswith("OK") and b"ENVELOPE" in head and b"Subject:" in head, head
        return status.startswith("NO [CANNOT]") and b"a.bin" not in got

    eventually(lambda: last_body(p, "IMAPS", u3)[0][1].find(b"a.bin") > 0)
    assert is_kept()
    with Imap(p, "IMAPS_INTERNET", user=u3) as c:
        assert c.command("CREATE Chep")[0].startswith("OK") and c.command("SELECT INBOX")[0].startswith("OK")
        assert c.command("COPY * Chep")[0].startswith("OK")
    assert is_kept("Chep")
    for listener, kept in (("IMAPS", True), ("IMAPS_INTERNET", False)):
        message = header(u3, u3) + b"MIME-Version: 1.0\r\n" + blob
        with Imap(p, listener, user=u3) as c:
            c.send(b"a APPEND Chep {%d+}\r\n%s\r\n" % (len(message), message))
            line = c.until(b"a ")
            assert line.startswith(b"a OK"), line
        assert is_kept("Chep") == kept, listener
    with Smtp(p, "SMTP", tls=False) as s:
        code, text = s.message("la@noi.khac.example", [u3], header("la@noi.khac.example", u3) + blob, b".\r\n")
    assert code == 250, (code, text)
    assert eventually(lambda: b"noi.khac" in last_body(p, "IMAPS", u3)[0][1])
    assert not is_kept()


def nobody_else_is_named(p, by):
    u1, u2 = p.env["CONGVU_USER1"], p.env["CONGVU_USER2"]
    for field in ("Sender", "Resent-From", "Resent-Sender"):
        code, text = by.send(1, u2, TEXT + b"x\r\n", extra=("%s: <%s>\r\n" % (field, u2)).encode())
        assert code == 550 and "sender-not-yours" in text, (field, code, text)
    code, text = by.send(1, u2, TEXT + b"x\r\n", extra=("Sender: <%s>\r\n" % u1).encode())
    assert code == 250, text


def mail_is_sent_again_as_its_author_signed_it(p, by):
    u1, u2, u3 = (p.env["CONGVU_USER%d" % n] for n in (1, 2, 3))
    again = ("Resent-From: <%s>\r\nResent-To: <%s>\r\nResent-Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n" % (u2, u3)).encode()
    signed = by.tools.mail(1, u2, "Xin", by.tools.text_entity("Gửi lại.\n"))
    forged = by.tools.mail(1, u2, "Xin", by.tools.text_entity("Gửi lại.\n"), signer=by.tools.user(2)[1:])
    for message, word in ((again + signed, None), (signed, "from-not-yours"), (again + forged, "from-not-yours")):
        with Smtp(p, user=u2) as s:
            code, text = s.message(u2, [u3], message, b".\r\n")
        assert code == (550 if word else 250) and (word or "") in text, (code, text)
    body, _ = last_body(p, "IMAPS", u3)
    assert b"smime=pass reason=resent" in b" ".join(body[1].split()) and signed in body[1], body[1]


def fields_inside_the_signature_are_the_message_s(p, by):
    u1, u2 = p.env["CONGVU_USER1"], p.env["CONGVU_USER2"]
    for fields, word in (("Subject: thu\r\n", "header-mismatch"), ("From: <%s>\r\nTo: <%s>\r\nSubject: thu\r\n" % (u1, u2), None),
                         ("From: <%s>\r\nTo: <%s>\r\nSubject: khac\r\n" % (u1, u2), "header-mismatch")):
        code, text = by.send(1, u2, b"Content-Type: text/plain; hp=clear\r\n" + fields.encode() + b"\r\nx\r\n")
        assert code == (550 if word else 250) and (word or "") in text, (fields, code, text)


def nobody_outside_speaks_for_us(p, by):
    """Over the internet an address of ours in From needs its owner's signature."""
    u1, u4 = p.env["CONGVU_USER1"], p.env["CONGVU_USER4"]
    signed = by.tools.mail(1, u4, "Xin", by.tools.text_entity("Kính gửi.\n"))
    for message, code_wanted in ((header(u1, u4) + b"\r\nxin\r\n", 550), (signed, 250),
                                 (signed.replace(b"Message-ID", b"X: y\r\nMessage-ID"), 250),
                                 (header("la@noi.khac.example", u4) + b"\r\nxin\r\n", 250)):
        with Smtp(p, "SMTP", tls=False) as s:
            code, text = s.message("la@noi.khac.example", [u4], message, b".\r\n")
        assert code == code_wanted, (code, text)
        assert code == 250 or "own-domain-from-outside" in text, text


def tags_without_end_cost_little(p, by):
    u2 = p.env["CONGVU_USER2"]
    body = b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(b"<a ='>'" * 700000)
    with Smtp(p, "SMTP", tls=False) as s:
        s.sock.settimeout(200)
        clock = MachineClock()
        code, text = s.message("a@b.example", [u2], header("a@b.example", u2) + body, b".\r\n")
    assert code == 250 and clock.now() < 20, (code, text, clock.now())


def strangers_leave_room(p, by):
    """Many large messages that are sent and never ended."""
    u2, held = p.env["CONGVU_USER2"], []
    block = (b"x" * 98 + b"\r\n") * 10000
    try:
        for _ in range(16):
            s = Smtp(p, "SMTP", tls=False)
            held.append(s)
            for line in ("MAIL FROM:<a@b.example>", "RCPT TO:<%s>" % u2, "DATA"):
                assert s.command(line)[0] in (250, 354)
            for _ in range(38):
                s.send(block)
        code, text = by.send(1, u2, TEXT + b"x y z\r\n" * 40000)
        assert code == 250, (code, text)
    finally:
        for s in held:
            s.sock.close()


if __name__ == "__main__":
    if "CONGVU_CONTROL_OFF" in os.environ:  # from ./check, in the folder of the build with controls
        os.environ.setdefault("CONGVU_BUILD", os.getcwd())
    with Province(27400) as province:
        failures = run([nothing_marked_or_opaque_leaves, documents_are_read, what_nobody_inspected_is_read_inside,
                        nobody_else_is_named, mail_is_sent_again_as_its_author_signed_it,
                        fields_inside_the_signature_are_the_message_s, nobody_outside_speaks_for_us,
                        tags_without_end_cost_little, strangers_leave_room], province, Sender(province))
        if failures:
            province.show_logs()
    sys.exit(1 if failures else 0)
