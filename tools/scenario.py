#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""tools/scenario.py DIR: the story of README, told by real mail programs to a running province.

Each step says in Vietnamese and English what is done, what was expected and what was seen. Ends with status 1 if
one step differs. The clients: openssl cms signs and verifies; curl, swaks and msmtp send; curl, mbsync and
a bare IDLE connection read; ldapadd administers; congvuctl looks at queue and audit.
"""
import base64
import email.utils
import io
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zipfile


def read_env(top):
    env = {}
    with open(os.path.join(top, "env")) as f:
        for line in f:
            name, _, value = line.rstrip("\n").partition("=")
            env[name] = " ".join(shlex.split(value))
    return env


class Story:
    def __init__(self):
        self.failed, self.steps = 0, 0

    def chapter(self, letter, vi, en):
        print("\n%s. %s\n   %s" % (letter, vi, en))

    def step(self, vi, en, expected, ok, seen):
        self.steps += 1
        if not ok:
            self.failed += 1
        print("   %s %s / %s" % ("[ok]" if ok else "[SAI/DIFFERS]", vi, en))
        print("        mong đợi / expected: %s" % expected)
        print("        nhận được / seen:    %s" % seen)
        sys.stdout.flush()


class Province:
    def __init__(self, top):
        self.top, self.env = top, read_env(top)
        self.work = tempfile.mkdtemp(prefix="clients-", dir=top)
        self.ca = self.env["CONGVU_CA"]
        self.domain = self.env["CONGVU_DOMAIN"]
        self.password = self.env["CONGVU_PASS"]
        self.ctl = [self.env["CONGVU_CTL"], "-c", self.env["CONGVU_CONF"]]
        self.serial = 0

    def user(self, n):
        return self.env["CONGVU_USER%d" % n], self.env["CONGVU_CERT%d" % n], self.env["CONGVU_KEY%d" % n]

    def file(self, name, data):
        path = os.path.join(self.work, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    # ---- writing mail ----

    def headers(self, sender, to, subject):
        self.serial += 1
        word = "=?utf-8?B?%s?=" % base64.b64encode(subject.encode()).decode()
        return ("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%d.%d@%s>\r\n" % (
            sender, to, word, email.utils.formatdate(localtime=False), os.getpid(), self.serial,
            self.domain)).encode()

    @staticmethod
    def text_entity(text):
        body = base64.encodebytes(text.replace("\n", "\r\n").encode()).decode().replace("\n", "\r\n")
        return ("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                + body).encode()

    def mixed_entity(self, text, name, kind, data):
        mark = "=_congvu_%d" % self.serial
        body = base64.encodebytes(data).decode().replace("\n", "\r\n")
        return b"".join([
            ('Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\n' % (mark, mark)).encode(),
            self.text_entity(text), b"\r\n",
            ('--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n'
             'Content-Disposition: attachment; filename="%s"\r\n\r\n%s\r\n--%s--\r\n'
             % (mark, kind, name, body, mark)).encode()])

    def sign(self, entity, cert, key):
        """What openssl cms makes of a MIME entity: MIME-Version, multipart/signed, the parts."""
        source = self.file("entity", entity)
        out = subprocess.run(["openssl", "cms", "-sign", "-in", source, "-signer", cert, "-inkey", key,
                              "-md", "sha256", "-crlfeol"], check=True, stdout=subprocess.PIPE).stdout
        # Even so it ends some lines in LF alone, which no mail program sends.
        return out.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def mail(self, n, to, subject, entity, signer=None):
        sender, cert, key = self.user(n)
        if signer == "none":
            body = b"MIME-Version: 1.0\r\n" + entity
        else:
            body = self.sign(entity, *(signer or (cert, key)))
        return self.headers(sender, to, subject) + body

    # ---- sending ----

    def curl_send(self, sender, to, message, port=None):
        """(accepted?, last reply lines) by curl over implicit TLS."""
        path = self.file("send.eml", message)
        p = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "-v", "--max-time", "90", "--cacert", self.ca,
             "--url", "smtps://localhost:%s/client.example" % (port or self.env["CONGVU_SUBMISSIONS_PORT"]),
             "--user", "%s:%s" % (sender, self.password), "--mail-from", sender, "--mail-rcpt", to,
             "--upload-file", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        replies = [line[2:] for line in p.stderr.decode("utf-8", "replace").replace("\r", "").split("\n")
                   if line.startswith("< ")]
        return p.returncode == 0, last_reply(replies)

    def swaks_send(self, sender, to, message):
        """The same by swaks over STARTTLS."""
        path = self.file("send.eml", message)
        p = subprocess.run(
            ["swaks", "--server", "localhost", "--port", self.env["CONGVU_SUBMISSION_PORT"], "-tls",
             "--tls-verify", "--tls-ca-path", self.ca, "--auth", "PLAIN", "--auth-user", sender,
             "--auth-password", self.password, "--from", sender, "--to", to, "--data", "@" + path,
             "--timeout", "90"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        found = (re.match(r"<[-~* ]+(\d\d\d[ -].*)", line) for line in
                 p.stdout.decode("utf-8", "replace").replace("\r", "").split("\n"))
        return p.returncode == 0, last_reply([m.group(1) for m in found if m])

    def msmtp_send(self, sender, to, message):
        path = self.file("send.eml", message)
        with open(path, "rb") as f:
            p = subprocess.run(
                ["msmtp", "--host=localhost", "--port=" + self.env["CONGVU_SUBMISSIONS_PORT"], "--tls=on",
                 "--tls-starttls=off", "--tls-trust-file=" + self.ca, "--auth=plain", "--user=" + sender,
                 "--passwordeval=echo " + shlex.quote(self.password), "--from=" + sender, "--timeout=90", "--", to],
                stdin=f, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return p.returncode == 0, p.stdout.decode("utf-8", "replace").strip()

    # ---- reading ----

    def imap_url(self, box, port):
        return "imaps://localhost:%s/%s" % (port or self.env["CONGVU_IMAPS_PORT"], urllib.parse.quote(utf7(box)))

    def curl_imap(self, user, box, command=None, uid=None, port=None):
        url = self.imap_url(box, port) + (";UID=%s" % uid if uid else "")
        p = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", "60", "--cacert", self.ca, "--user",
                            "%s:%s" % (user, self.password), "--url", url]
                           + (["--request", command] if command else []),
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return p.returncode, p.stdout

    def uids(self, user, box, port=None):
        code, out = self.curl_imap(user, box, "UID SEARCH ALL", port=port)
        if code != 0:
            return None
        return [int(w) for line in out.decode().split("\r\n") if line.startswith("* SEARCH")
                for w in line.split()[2:]]

    def newest(self, user, box, port=None):
        uids = self.uids(user, box, port)
        if not uids:
            return b""
        return self.curl_imap(user, box, uid=uids[-1], port=port)[1]

    def list_boxes(self, user, port=None):
        return self.curl_imap(user, "", 'LIST "" "*"', port=port)[1].decode()

    def sink(self):
        new = os.path.join(self.env["CONGVU_SINK"], "new")
        return sorted(os.path.join(new, f) for f in os.listdir(new))

    # ---- administering ----

    def ctl_json(self, *words):
        p = subprocess.run(self.ctl + list(words) + ["--json"], stdout=subprocess.PIPE)
        return [json.loads(line) for line in p.stdout.decode().split("\n") if line], p.returncode

    def ldap(self, tool, ldif):
        return subprocess.run([tool, "-x", "-H", self.env["CONGVU_LDAP_URI"], "-D",
                               self.env["CONGVU_LDAP_ADMIN_DN"], "-w", self.env["CONGVU_LDAP_ADMIN_PASSWORD"]],
                              input=ldif.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def last_reply(lines):
    """The last, perhaps multi-line, reply in one line; the goodbye does not count."""
    lines = [line for line in lines if not line.startswith("221")]
    if not lines:
        return ""
    code, out = lines[-1][:3], []
    for line in reversed(lines):
        if line[:3] != code:
            break
        out.append(line[4:])
    return code + " " + " ".join(reversed(out))


def utf7(name):
    """Modified UTF-7 of RFC 3501 5.1.3."""
    out, run = [], []

    def flush():
        if run:
            raw = base64.b64encode("".join(run).encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            out.append("&" + raw + "-")
            run.clear()
    for c in name:
        if " " <= c <= "~":
            flush()
            out.append("&-" if c == "&" else c)
        else:
            run.append(c)
    flush()
    return "".join(out)


def wait_for(check, seconds=60.0):
    """The first true value of check(), or its last value; looks every 50 ms."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


def docx(paragraphs):
    """A small Word document with these paragraphs."""
    ns = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    text = "".join("<w:p><w:r><w:t>%s</w:t></w:r></w:p>" % p for p in paragraphs)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", '<?xml version="1.0" encoding="UTF-8"?><Types xmlns='
                   '"http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" '
                   'ContentType="application/xml"/><Default Extension="rels" ContentType='
                   '"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName='
                   '"/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                   'wordprocessingml.document.main+xml"/></Types>')
        z.writestr("_rels/.rels", '<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns='
                   '"http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type='
                   '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
                   'Target="word/document.xml"/></Relationships>')
        z.writestr("word/document.xml", '<?xml version="1.0" encoding="UTF-8"?><w:document %s><w:body>%s'
                   '</w:body></w:document>' % (ns, text))
    return out.getvalue()


class Idler(threading.Thread):
    """A client that sits in IDLE and notes when it hears of a new message."""

    def __init__(self, province, user):
        super().__init__(daemon=True)
        self.ready, self.heard_at = threading.Event(), None
        context = ssl.create_default_context(cafile=province.ca)
        raw = socket.create_connection(("127.0.0.1", int(province.env["CONGVU_IMAPS_PORT"])), 30)
        self.sock = context.wrap_socket(raw, server_hostname="localhost")
        self.lines = self.sock.makefile("rb")
        self.lines.readline()
        self.say("a LOGIN %s %s" % (user, province.password))
        self.until(b"a ")
        self.say("b SELECT INBOX")
        self.until(b"b ")
        self.say("c IDLE")
        self.until(b"+")
        self.start()

    def say(self, line):
        self.sock.sendall(line.encode() + b"\r\n")

    def until(self, prefix):
        while True:
            line = self.lines.readline()
            if not line or line.startswith(prefix):
                return line

    def run(self):
        self.ready.set()
        try:
            while self.heard_at is None:
                line = self.lines.readline()
                if not line:
                    return
                if b"EXISTS" in line:
                    self.heard_at = time.monotonic()
        except OSError:
            pass

    def close(self):
        self.sock.close()


# ---- the chapters ----

def chapter_a(p, s):
    s.chapter("a", "Một cán bộ ký và gửi cho đồng nghiệp",
              "An official signs a mail and sends it to a colleague")
    sender, cert, _ = p.user(1)
    to = p.user(2)[0]
    idler = Idler(p, to)
    message = p.mail(1, to, "Báo cáo tuần 47", p.text_entity("Kính gửi đồng chí,\nXin gửi báo cáo tuần.\n"))
    ok, reply = p.curl_send(sender, to, message)
    sent_at = time.monotonic()
    s.step("gửi bằng curl", "sent with curl", "250", ok, reply)
    idler.join(60)
    late = (idler.heard_at or sent_at) - sent_at
    s.step("máy đang IDLE được báo", "the idling client hears of it", "không phải hỏi / without asking", idler.heard_at is not None,
           "%.0f ms sau 250 / after the 250" % (1000 * max(late, 0)))
    idler.close()
    got = p.newest(to, "INBOX")
    s.step("thư nguyên vẹn dưới các trường dấu vết", "octets identical below the trace fields",
           "%d octet" % len(message), got.endswith(message), "%d + %d octet" % (len(got) - len(message), len(message)))
    trace = got[:len(got) - len(message)].decode("utf-8", "replace")
    s.step("kết quả kiểm tra chữ ký có trong thư", "the signature's verdict is in the mail",
           "Authentication-Results: ... smime=pass", "smime=pass" in trace,
           " ".join(trace.split())[-120:])
    v = subprocess.run(["openssl", "cms", "-verify", "-in", p.file("got.eml", got), "-CAfile", p.ca, "-out",
                        os.devnull], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    s.step("openssl cms -verify sau khi tải về", "openssl cms -verify after fetching", "Verification successful",
           v.returncode == 0, v.stdout.decode().strip())
    box = os.path.join(p.work, "mbsync")
    os.mkdir(box)
    rc = p.file("mbsyncrc", (
        "IMAPAccount a\nHost localhost\nPort %s\nUser %s\nPass %s\nSSLType IMAPS\nCertificateFile %s\nAuthMechs PLAIN\n\n"
        "IMAPStore far\nAccount a\n\nMaildirStore near\nPath %s/\nInbox %s/INBOX\nSubFolders Verbatim\n\n"
        "Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSyncState *\n"
        % (p.env["CONGVU_IMAPS_PORT"], to, p.password, p.ca, box, box)).encode())
    m = subprocess.run(["mbsync", "-c", rc, "c"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    files = [f for d, _, names in os.walk(box) for f in names if d.endswith(("/new", "/cur"))]
    s.step("mbsync đồng bộ cả hộp thư", "mbsync syncs the whole mailbox", "0 lỗi / no error, 1 thư / mail",
           m.returncode == 0 and len(files) >= 1, "%d thư / mails" % len(files)
           + ("" if m.returncode == 0 else m.stdout.decode()[-200:]))


def chapter_b(p, s):
    s.chapter("b", "Cùng thư ấy: không ký, ký bằng chứng thư người khác, hết hạn, bị thu hồi, sửa sau khi ký",
              "The same mail unsigned, signed by another, by an expired, by a revoked certificate, altered")
    sender = p.user(1)[0]
    to = p.user(2)[0]
    pki = os.path.join(p.top, "pki")
    entity = p.text_entity("Kính gửi đồng chí,\nXin gửi báo cáo tuần.\n")
    before = len(p.uids(to, "INBOX"))

    def other(name):
        return os.path.join(pki, name + ".pem"), os.path.join(pki, name + ".key")
    altered = p.mail(1, to, "Báo cáo", b"Content-Type: text/plain\r\n\r\nTien: 100 dong\r\n")
    altered = altered.replace(b"Tien: 100 dong", b"Tien: 900 dong")
    cases = [
        ("không ký", "unsigned", p.mail(1, to, "Báo cáo", entity, "none"), "not-signed"),
        ("chứng thư của người khác", "someone else's certificate",
         p.mail(1, to, "Báo cáo", entity, p.user(3)[1:]), "wrong-signer"),
        ("chứng thư hết hạn", "expired certificate", p.mail(1, to, "Báo cáo", entity, other("expired")), "expired"),
        ("chứng thư bị thu hồi", "revoked certificate", p.mail(1, to, "Báo cáo", entity, other("revoked")), "revoked"),
        ("sửa sau khi ký", "altered after signing", altered, "altered"),
    ]
    reasons = set()
    for i, (vi, en, message, _) in enumerate(cases):
        send = p.swaks_send if i % 2 == 0 else p.curl_send
        ok, reply = send(sender, to, message)
        rule = reply.partition("rule=")[2].split("]")[0].split()[0] if "rule=" in reply else ""
        s.step(vi, en, "5xx, lý do riêng / its own reason",
               not ok and reply.startswith("5") and rule != "" and rule not in reasons, reply)
        reasons.add(rule)
    s.step("hộp thư người nhận không đổi", "the recipient's mailbox is unchanged", str(before),
           len(p.uids(to, "INBOX")) == before, str(len(p.uids(to, "INBOX"))))


def marked_mail(p, to):
    data = docx(["ỦY BAN NHÂN DÂN", "Số: 15/BC-UBND", "MẬT", "BÁO CÁO", "Nội dung báo cáo."])
    return p.mail(1, to, "Gửi báo cáo", p.mixed_entity(
        "Kính gửi báo cáo kèm theo.\n", "bao-cao.docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document", data))


def chapter_c(p, s):
    s.chapter("c", "Thư có ký, kèm tệp docx đóng dấu MẬT, gửi ra internet",
              "A signed mail with a docx marked MẬT, to an internet address")
    sender = p.user(1)[0]
    outside = "ban@internet.example"
    sink_before, boxes_before = len(p.sink()), store_count(p, sender)
    audit_before = len(p.ctl_json("audit", "list")[0])
    ok, reply = p.curl_send(sender, outside, marked_mail(p, outside))
    s.step("gửi ra internet", "sent to the internet", "5xx ngay trong phiên / in the session",
           not ok and reply.startswith("5"), reply)
    s.step("phía internet không thấy gì", "the sink saw nothing", str(sink_before), len(p.sink()) == sink_before,
           str(len(p.sink())))
    queue = p.ctl_json("queue", "list")[0]
    s.step("hàng đợi không có bản nào", "no copy in the queue", "0", queue == [], str(len(queue)))
    s.step("kho thư không có bản nào", "no copy in the store", str(boxes_before),
           store_count(p, sender) == boxes_before, str(store_count(p, sender)))
    new = p.ctl_json("audit", "list")[0][audit_before:]
    hit = [r for r in new if r["verdict"] == "reject" and r["level"] == "mat" and outside in r["recipients"]]
    s.step("có bản ghi kiểm toán", "the audit record is there", "verdict=reject level=mat", len(hit) == 1,
           json.dumps({k: hit[0][k] for k in ("serial", "rule", "level", "evidence")}) if hit else str(new))
    verify, status = p.ctl_json("audit", "verify")
    s.step("chuỗi kiểm toán nguyên vẹn", "the audit chain verifies", "ok", status == 0 and verify[0]["ok"],
           json.dumps(verify[0]) if verify else "")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "stamped-page.png"), "rb") as f:
        picture = p.mail(1, outside, "Ảnh chụp", p.mixed_entity("Gửi kèm ảnh.\n", "anh.png", "image/png", f.read()))
    ok, reply = p.curl_send(sender, outside, picture)
    s.step("ảnh chụp văn bản đóng dấu TỐI MẬT", "a photograph of a page stamped TỐI MẬT", "5xx",
           not ok and "rule=secret-internet" in reply and len(p.sink()) == sink_before, reply)
    to = p.user(2)[0]
    ok, reply = p.curl_send(sender, to, marked_mail(p, to), p.env["CONGVU_SUBMISSIONS_INTERNET_PORT"])
    s.step("nộp qua cổng internet cho đồng nghiệp được phép", "handed in over the internet listener for a cleared "
           "colleague", "5xx", not ok and reply.startswith("5"), reply)


def store_count(p, user):
    boxes = [b for b in ("INBOX", "Đã gửi", "Nháp", "Mật", "Mật/Đã gửi", "Mật/Nháp")]
    return sum(len(p.uids(user, b) or []) for b in boxes)


def chapter_d(p, s):
    s.chapter("d", "Cũng tệp ấy, trong mạng nội bộ", "The same document inside the internal network")
    sender, to, uncleared = p.user(1)[0], p.user(2)[0], p.user(3)[0]
    message = marked_mail(p, to)
    sent_before = len(p.uids(sender, "Mật/Đã gửi") or [])
    ok, reply = p.curl_send(sender, to, message)
    s.step("gửi cho đồng nghiệp được phép", "to a cleared colleague", "250", ok, reply)
    got = wait_for(lambda: p.newest(to, "Mật"))
    s.step("nằm trong Mật ở cổng nội bộ", "in Mật on the internal IMAP listener", "nguyên vẹn / identical",
           got.endswith(message), "%d octet" % len(got))
    inside, outside = p.list_boxes(to), p.list_boxes(to, p.env["CONGVU_IMAPS_INTERNET_PORT"])
    s.step("cổng internet không có Mật", "absent on the internet listener", "không có / absent",
           utf7("Mật") in inside and "INBOX" in outside and utf7("Mật") not in outside,
           "%d và/and %d hộp thư/mailboxes" % (inside.count("* LIST"), outside.count("* LIST")))
    code, _ = p.curl_imap(to, "Mật", "UID SEARCH ALL", port=p.env["CONGVU_IMAPS_INTERNET_PORT"])
    s.step("SELECT Mật từ internet", "SELECT Mật from the internet", "NO", code != 0, "curl %d" % code)
    copies = wait_for(lambda: len(p.uids(sender, "Mật/Đã gửi") or []) == sent_before + 1)
    s.step("bản lưu của người gửi trong Mật/Đã gửi", "the sender's copy in Mật/Đã gửi", "1", bool(copies),
           str(len(p.uids(sender, "Mật/Đã gửi") or []) - sent_before))
    ok, reply = p.swaks_send(sender, uncleared, marked_mail(p, uncleared))
    s.step("gửi cho người chưa được phép", "to an uncleared colleague", "5xx", not ok and reply.startswith("5"), reply)


def chapter_e(p, s):
    s.chapter("e", "Thư bình thường về bảo mật, mật khẩu, mật độ, Mặt trận, gửi ra internet",
              "An ordinary mail about bảo mật, mật khẩu, mật độ, Mặt trận, to the internet")
    sender = p.user(1)[0]
    outside = "toasoan@internet.example"
    text = ("Kính gửi Tòa soạn,\nĐề nghị đăng bài về công tác bảo mật, đổi mật khẩu định kỳ, mật độ dân số và hoạt "
            "động của Mặt trận Tổ quốc.\nTừ nay không sử dụng văn bản giấy (trừ các văn bản có độ “Mật” trở lên).\n")
    message = p.mail(1, outside, "Bảo mật, mật khẩu, mật độ, Mặt trận", p.text_entity(text))
    before = set(p.sink())
    ok, reply = p.msmtp_send(sender, outside, message)
    s.step("gửi bằng msmtp", "sent with msmtp", "250", ok, reply or "250")
    new = wait_for(lambda: sorted(set(p.sink()) - before))
    got = open(new[0], "rb").read() if new else b""
    s.step("đến nơi, từng octet", "arrives, octet for octet", "%d octet" % len(message), got.endswith(message),
           "%d octet" % len(got))


def chapter_f(p, s):
    s.chapter("f", "Tệp zip có mật khẩu gửi ra internet", "A password-protected zip to the internet")
    sender = p.user(1)[0]
    outside = "ban@internet.example"
    inner = p.file("noi-dung.txt", "Nội dung.\n".encode())
    archive = os.path.join(p.work, "tai-lieu.zip")
    subprocess.run(["zip", "-q", "-j", "-P", "bi-an-123", archive, inner], check=True)
    with open(archive, "rb") as f:
        message = p.mail(1, outside, "Tài liệu", p.mixed_entity("Gửi kèm.\n", "tai-lieu.zip", "application/zip", f.read()))
    before = len(p.sink())
    ok, reply = p.curl_send(sender, outside, message)
    s.step("không kiểm tra được bên trong", "refused as not inspectable", "5xx",
           not ok and reply.startswith("5") and len(p.sink()) == before, reply)
    release_it(p, s, message, outside)


def release_it(p, s, message, outside):
    """Two officers look at the file, sign a statement with openssl, and the content passes once."""
    refused = p.file("refused.eml", message)
    made = subprocess.run(p.ctl + ["policy", "release", "prepare", refused, "--to", outside, "--reason",
                                   "Đã mở tệp, nội dung thường"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    statement = p.file("statement.txt", made.stdout)
    s.step("lập giấy cho phép gửi một lần", "a statement is prepared", "CONGVU-RELEASE", made.stdout.startswith(b"CONGVU-RELEASE"),
           made.stdout.decode().split("\n")[0])
    signed = []
    for n in "12":
        signed.append(statement + ".p7m" + n)
        subprocess.run(["openssl", "cms", "-sign", "-nodetach", "-binary", "-md", "sha256", "-in", statement, "-outform", "DER",
                        "-signer", p.env["CONGVU_OFFICER_CERT" + n], "-inkey", p.env["CONGVU_OFFICER_KEY" + n],
                        "-out", signed[-1]], check=True)
    taken = subprocess.run(p.ctl + ["policy", "release", "submit"] + signed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    s.step("hai cán bộ an toàn cùng ký", "two security officers sign it", "nhận / taken", taken.returncode == 0,
           " ".join(taken.stdout.decode().split())[:200])
    before = len(p.sink())
    ok, reply = p.curl_send(p.user(1)[0], outside, message)
    arrived = wait_for(lambda: len(p.sink()) == before + 1)
    s.step("gửi lại, đi được một lần", "sent again, it passes once", "250", ok and bool(arrived), reply)
    ok, reply = p.curl_send(p.user(1)[0], outside, message)
    s.step("lần nữa thì bị từ chối", "and not a second time", "5xx", not ok and reply.startswith("5"), reply)


def chapter_g(p, s):
    s.chapter("g", "Quản trị viên thêm tài khoản bằng ldapadd", "An administrator adds an account with ldapadd")
    sender = p.user(1)[0]
    address = "canbomoi@" + p.domain
    ok, reply = p.curl_send(sender, address, p.mail(1, address, "Chào", p.text_entity("Chào mừng.\n")))
    s.step("trước đó không ai nhận", "before, nobody there", "550", not ok and reply.startswith("550"), reply)
    ldif = ("dn: uid=canbomoi,%s\nobjectClass: inetOrgPerson\nobjectClass: congvuAccount\nuid: canbomoi\n"
            "cn: Cán bộ mới\nsn: Cán bộ\nmail: %s\nuserPassword: %s\ncongvuStatus: active\n"
            % (p.env["CONGVU_LDAP_PEOPLE"], address, p.password))
    # LDIF wants what is not ASCII in base64.
    lines = []
    for line in ldif.split("\n"):
        name, _, value = line.partition(": ")
        lines.append(line if line.isascii() else "%s:: %s" % (name, base64.b64encode(value.encode()).decode()))
    added = p.ldap("ldapadd", "\n".join(lines))
    s.step("ldapadd", "ldapadd", "adding new entry", added.returncode == 0, added.stdout.decode().strip())
    message = p.mail(1, address, "Chào", p.text_entity("Chào mừng.\n"))
    ok, reply = p.curl_send(sender, address, message)
    s.step("nhận được thư ngay", "receives mail at once", "250", ok, reply)
    got = p.newest("canbomoi", "INBOX")
    s.step("và đọc được", "and reads it", "%d octet" % len(message), got.endswith(message), "%d octet" % len(got))


def main():
    p, s = Province(sys.argv[1]), Story()
    chapters = {"a": chapter_a, "b": chapter_b, "c": chapter_c, "d": chapter_d, "e": chapter_e, "f": chapter_f,
                "g": chapter_g}
    for letter in (sys.argv[2] if len(sys.argv) > 2 else "abcdefg"):
        chapters[letter](p, s)
    shutil.rmtree(p.work, ignore_errors=True)
    print("\n%d bước / steps, %d khác mong đợi / differ" % (s.steps, s.failed))
    sys.exit(1 if s.failed else 0)


if __name__ == "__main__":
    main()
