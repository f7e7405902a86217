#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""What officials hold in their hands: Thunderbird and mutt against the whole server, without a complaint on either side.

mbsync, curl, swaks and msmtp have theirs in test_imapd.py and in the demonstration. Everything here happens in one province
where submissions must be signed; what the clients changed is looked at from outside, by imaplib and openssl.
"""
import base64
import imaplib
import os
import pty
import re
import select
import subprocess
import sys
import time

from harness import Province, Smtp, eventually, header, run
from thunderbird import Thunderbird

BOX = "Hồ sơ & việc"

SET_UP = """
const [ca, p12, user, password, imaps, submissions] = arguments;
const db = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
db.addCertFromBase64(ca, "CTu,CTu,");
const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
file.initWithPath(p12);
const code = db.importPKCS12File(file, "x");
const mine = db.getCerts().find(c => c.emailAddress == user);
await Services.logins.initializationPromise;
for (const url of ["imap://localhost", "smtp://localhost"]) {
    const l = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
    l.init(url, null, url, user, password, "", "");
    await Services.logins.addLoginAsync(l);
}
Services.io.offline = false;
const incoming = MailServices.accounts.createIncomingServer(user, "localhost", "imap");
incoming.port = imaps; incoming.socketType = 3; incoming.authMethod = 3; incoming.valid = true;
const outgoing = MailServices.outgoingServer.createServer("smtp");
const smtp = outgoing.QueryInterface(Ci.nsISmtpServer);
smtp.hostname = "localhost"; smtp.port = submissions;
outgoing.username = user; outgoing.socketType = 3; outgoing.authMethod = 3;
MailServices.outgoingServer.defaultServer = outgoing;
const identity = MailServices.accounts.createIdentity();
identity.email = user; identity.fullName = "Nguyễn Văn Đức"; identity.smtpServerKey = outgoing.key;
identity.setUnicharAttribute("signing_cert_name", mine.displayName);
identity.setCharAttribute("signing_cert_dbkey", mine.dbKey);
identity.composeHtml = false; identity.valid = true;
const account = MailServices.accounts.createAccount();
account.incomingServer = incoming; account.addIdentity(identity);
MailServices.accounts.defaultAccount = account;
incoming.rootFolder;
await until("the INBOX", () => incoming.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
await finished(l => MailServices.imap.discoverAllFolders(incoming.rootFolder, l, null));
return incoming.rootFolder.descendants.map(f => f.URI);
"""

SEND = """
const [to, subject, body, sign] = arguments;
const account = MailServices.accounts.defaultAccount, identity = account.defaultIdentity;
const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
fields.from = identity.fullAddress; fields.to = to; fields.subject = subject; fields.body = body;
const secure = Cc["@mozilla.org/messengercompose/composesecure;1"].createInstance(Ci.nsIMsgComposeSecure);
secure.signMessage = sign; fields.composeSecure = secure;
const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
params.composeFields = fields; params.identity = identity;
params.type = Ci.nsIMsgCompType.New; params.format = Ci.nsIMsgCompFormat.PlainText;
const compose = MailServices.compose.initCompose(params);
try { await compose.sendMsg(Ci.nsIMsgCompDeliverMode.Now, identity, account.key, null, null); return "sent"; }
catch (e) { return "refused"; }
"""

READ = """
const [name, subject] = arguments;
const f = folder(name);
const h = await until("the message", () => headers(f).find(m => m.mime2DecodedSubject == subject), 30000);
const url = MailServices.messageServiceFromURI(f.getUriForMsg(h));
const text = await new Promise((resolve, reject) => {
    let got = "";
    const sink = { QueryInterface: ChromeUtils.generateQI(["nsIStreamListener"]), onStartRequest() {},
        onDataAvailable(request, stream, offset, count) {
            const s = Cc["@mozilla.org/scriptableinputstream;1"].createInstance(Ci.nsIScriptableInputStream);
            s.init(stream); got += s.read(count); },
        onStopRequest(request, code) { code == 0 ? resolve(got) : reject(new Error("read " + code)); } };
    url.streamMessage(f.getUriForMsg(h), sink, null, null, false, "", false);
});
return [h.author, text.length, text];
"""

WATCH = """
const f = folder("INBOX");
await finished(l => f.getNewMessages(null, l));
return headers(f).length;
"""

KEEP_ORDER = """
const [subject, name] = arguments;
const inbox = folder("INBOX"), root = server().rootFolder;
const find = (f, s) => headers(f).find(m => m.mime2DecodedSubject == s);
root.createSubfolder("Hồ sơ 2026", null);
const made = await until("the new folder", () => folder("Hồ sơ 2026"));
made.rename(name, null);
const box = await until("the new name", () => folder(name));
const h = await until("the message", () => find(inbox, subject));
inbox.markMessagesRead([h], true);
inbox.markMessagesFlagged([h], true);
inbox.addKeywordsToMessages([h], "$label1");
await copied(l => MailServices.copy.copyMessages(inbox, [h], box, false, l, null, true));
await copied(l => MailServices.copy.copyMessages(inbox, [h], box, true, l, null, true));
// Until the server has told their UIDs, Thunderbird shows stand-ins.
const real = () => headers(box).filter(m => m.messageKey < 0x7fffffff);
await until("two in the folder", () => { if (real().length != 2) box.updateFolder(null);
    return real().length == 2 && headers(box).length == 2; });
await until("none in the inbox", () => !find(inbox, subject));
const one = real()[0];
box.deleteMessages([one], null, false, false, null, false);
await until("one in the folder", () => headers(box).length == 1);
await finished(l => box.compact(l, null));
return headers(box).map(m => [m.isRead, m.isFlagged, m.getStringProperty("keywords")]);
"""

OTHER_ZONE = """
const [user, password, port] = arguments;
const l = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
l.init("imap://127.0.0.1", null, "imap://127.0.0.1", user, password, "", "");
await Services.logins.addLoginAsync(l);
const incoming = MailServices.accounts.createIncomingServer(user, "127.0.0.1", "imap");
incoming.port = port; incoming.socketType = 3; incoming.authMethod = 3; incoming.valid = true;
const account = MailServices.accounts.createAccount();
account.incomingServer = incoming;
await until("the INBOX", () => incoming.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
await finished(l => MailServices.imap.discoverAllFolders(incoming.rootFolder, l, null));
return incoming.rootFolder.descendants.map(f => f.localizedName);
"""


def mailbox(p, user, name="INBOX", zone="IMAPS"):
    """Every message of a mailbox, as octets; the connection is closed again."""
    with imaplib.IMAP4_SSL("localhost", p.port(zone), ssl_context=p.context) as c:
        c.login(user, p.env["CONGVU_PASS"])
        if c.select('"%s"' % encode(name), readonly=True)[0] != "OK":
            return None
        status, data = c.fetch("1:*", "(FLAGS BODY.PEEK[])") if c.response("EXISTS")[1] != [b"0"] else ("OK", [])
        return [(re.search(rb"FLAGS \(([^)]*)\)", item[0]).group(1).decode(), item[1]) for item in data if isinstance(item, tuple)]


def encode(name):
    """Modified UTF-7 (RFC 3501, 5.1.3)."""
    def shift(m):
        return "&" + base64.b64encode(m.group(0).encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"
    return re.sub(r"[^\x20-\x7e]+", shift, name.replace("&", "&-"))


def verifies(p, message):
    r = subprocess.run(["openssl", "cms", "-verify", "-CAfile", p.env["CONGVU_CA"], "-out", os.devnull], input=message, stderr=subprocess.PIPE)
    return r.returncode == 0


def deliver(p, to, subject, body=b"xin chao\r\n"):
    with Smtp(p, "SMTP_INTERNAL", tls=False) as c:
        text = header("lienhe@doitac.example", to, "=?utf-8?B?%s?=" % base64.b64encode(subject.encode()).decode())
        code, reply = c.message("lienhe@doitac.example", [to], text + b"MIME-Version: 1.0\r\n\r\n" + body)
        assert code == 250, reply


def thunderbird_finds_its_folders(p, tb):
    env = p.env
    ca = subprocess.run(["openssl", "x509", "-in", env["CONGVU_CA"], "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout
    p12 = os.path.join(tb.dir, "official.p12")
    subprocess.run(["openssl", "pkcs12", "-export", "-in", env["CONGVU_CERT1"], "-inkey", env["CONGVU_KEY1"], "-name", "chu ky",
                    "-passout", "pass:x", "-out", p12], check=True)
    uris = tb.run(SET_UP, base64.b64encode(ca).decode(), p12, env["CONGVU_USER1"], env["CONGVU_PASS"], p.port("IMAPS"),
                  p.port("SUBMISSIONS"))
    for name in ("INBOX", "Đã gửi", "Nháp", "Thùng rác", "Mật", "Mật/Đã gửi"):
        assert any(u.endswith("/" + encode(name)) for u in uris) or tb.run("return !!folder(arguments[0])", name), (name, uris)


def thunderbird_signs_and_sends(p, tb):
    user2, subject = p.env["CONGVU_USER2"], "Báo cáo tuần này"
    assert tb.run(SEND, user2, subject, "Kính gửi chị, em gửi báo cáo.\r\n", True) == "sent"
    got = eventually(lambda: mailbox(p, user2))
    assert len(got) == 1 and verifies(p, got[0][1]), got
    sent = eventually(lambda: mailbox(p, p.env["CONGVU_USER1"], "Đã gửi"))
    assert len(sent) == 1 and verifies(p, sent[0][1]) and "\\Seen" in sent[0][0], sent


def thunderbird_is_refused(p, tb):
    """Unsigned, or marked MẬT and to the internet: not sent, nothing left anywhere, and it says so."""
    before = len(mailbox(p, p.env["CONGVU_USER2"])), len(mailbox(p, p.env["CONGVU_USER1"], "Đã gửi"))
    text = tb.run(SEND, p.env["CONGVU_USER2"], "khong ky", "xin chao\r\n", False)
    assert "Thu chua ky so" in text and "not signed with S/MIME" in text, text
    text = tb.run(SEND, "ban@internet.example", "MẬT: kế hoạch", "Độ mật: MẬT\r\n", True)
    assert "khong duoc di qua Internet" in text and "must not cross the internet" in text, text
    assert (len(mailbox(p, p.env["CONGVU_USER2"])), len(mailbox(p, p.env["CONGVU_USER1"], "Đã gửi"))) == before
    assert not any(files for _, _, files in os.walk(p.env["CONGVU_SINK"]))


def thunderbird_learns_and_reads(p, tb):
    subject = "Giấy mời họp: Ủy ban, thứ Hai"
    tb.run(WATCH)
    deliver(p, p.env["CONGVU_USER1"], subject, b"dong 1\r\n.dong 2\r\n" + b"x" * 900 + b"\r\n")
    author, size, text = tb.run(READ, "INBOX", subject)
    assert "lienhe@doitac.example" in author and size > 900 and "dong 1" in text, (author, size)


def thunderbird_keeps_order(p, tb):
    subject = "Công văn số 12"
    deliver(p, p.env["CONGVU_USER1"], subject)
    # A press of the button that falls into an update of its own is passed over by Thunderbird: press again.
    tb.run("const [s] = arguments; const f = folder('INBOX'); for (let i = 0; ; i++) try {"
           "await finished(l => f.getNewMessages(null, l));"
           "await until('it', () => headers(f).find(m => m.mime2DecodedSubject == s), 7000); break } catch (e) { if (i == 4) throw e }",
           subject)
    left = tb.run(KEEP_ORDER, subject, BOX)
    assert len(left) == 1 and left[0][0] and left[0][1] and "$label1" in left[0][2].split(), left
    there = mailbox(p, p.env["CONGVU_USER1"], BOX)
    assert len(there) == 1 and {"\\Seen", "\\Flagged", "$label1"} <= set(there[0][0].split()), there
    assert len(mailbox(p, p.env["CONGVU_USER1"], "Thùng rác")) == 1
    assert mailbox(p, p.env["CONGVU_USER1"], "Hồ sơ 2026") is None


def thunderbird_sees_no_mat_from_the_internet(p, tb):
    names = tb.run(OTHER_ZONE, p.env["CONGVU_USER1"], p.env["CONGVU_PASS"], p.port("IMAPS_INTERNET"))
    assert "Nháp" in names or "Drafts" in names, names
    assert not any("Mật" in n for n in names), names


def thunderbird_had_no_complaint(p, tb):
    """Neither side said BAD; NO only where something was to be refused."""
    said = tb.protocol()
    lines = re.findall(r"CreateNewLineFromSocket: (.*)", said)
    assert len(lines) > 100, len(lines)
    bad = [line for line in lines if re.match(r"(\*|\S+) (BAD|NO|BYE)\b", line)]
    assert not bad, bad
    no_server_complains(p)


def no_server_complains(p):
    for name, start in p.logged.items():
        with open(os.path.join(p.dir, "log", name)) as f:
            f.seek(start)
            worse = [line for line in f if re.search(r" sev=(warning|error) ", line)]
        assert not worse, worse


def in_terminal(argv, env, answers, seconds=200):
    """Run a full-screen program in a terminal of its own; answers are typed when their prompt shows."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, env)
    screen, waiting, end = b"", list(answers), time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            screen += data
            while waiting and re.search(waiting[0][0], screen):
                os.write(fd, waiting[0][1])
                screen = b""
                waiting.pop(0)
    else:
        os.kill(pid, 9)
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen


def muttrc(p, folder):
    env = p.env
    rc = os.path.join(folder, "muttrc")
    with open(rc, "w") as f:
        f.write('\n'.join([
            'set ssl_ca_certificates_file="%s"' % env["CONGVU_CA"], "set ssl_force_tls=yes",
            'set imap_user="%s"' % env["CONGVU_USER3"], 'set imap_pass="%s"' % env["CONGVU_PASS"],
            'set folder="imaps://localhost:%d/"' % p.port("IMAPS"), 'set spoolfile="+INBOX"', 'set record="+Đã gửi"',
            'set postponed="+Nháp"', 'set trash="+Thùng rác"', "set header_cache=", "set imap_idle=yes", "set delete=yes", "set quit=yes",
            "set confirmappend=no", "set confirmcreate=no", "set mark_old=no", "set wait_key=no", "set charset=utf-8", "set move=no",
            'set from="%s"' % env["CONGVU_USER3"], "set realname=Ung", "set use_from=yes", "set imap_check_subscribed=yes",
            'set smtp_url="smtps://%s@localhost:%d"' % (env["CONGVU_USER3"].replace("@", "%40"), p.port("SUBMISSIONS")),
            'set smtp_pass="%s"' % env["CONGVU_PASS"], "set crypt_use_gpgme=no", "set smime_is_default=yes",
            "set crypt_autosign=yes", "set editor=true", "set abort_unmodified=no", "set edit_headers=no",
            'set smime_certificates="%s"' % folder, 'set smime_keys="%s"' % folder, "set smime_default_key=ung.0", "set smime_timeout=0",
            'set smime_ca_location="%s"' % env["CONGVU_CA"],
            'set smime_sign_command="openssl cms -sign -md sha256 -signer %s -inkey %s -in %%f -outform DER"'
            % (env["CONGVU_CERT3"], env["CONGVU_KEY3"])]) + "\n")
    return rc


def mutt_reads_and_files(p, folder):
    user = p.env["CONGVU_USER3"]
    for n in range(3):
        deliver(p, user, "thư số %d" % n)
    keys = "<first-entry><display-message><exit><first-entry><flag-message><next-entry><copy-message><kill-line>+Hồ-sơ-mutt<enter>" \
        "<first-entry><next-entry><next-entry><delete-message><sync-mailbox><quit>"
    env = dict(os.environ, TERM="xterm", HOME=folder, LC_ALL="C.UTF-8")
    status, screen = in_terminal(["mutt", "-d", "2", "-F", muttrc(p, folder), "-e", "push '%s'" % keys], env, [])
    assert status == 0, screen[-2000:]
    inbox = mailbox(p, user)
    assert len(inbox) == 2 and "\\Flagged" in inbox[0][0] and "\\Seen" in inbox[0][0], [i[0] for i in inbox]
    assert len(mailbox(p, user, "Hồ-sơ-mutt") or []) == 1 and len(mailbox(p, user, "Thùng rác")) == 1


def mutt_signs_and_sends(p, folder):
    user4 = p.env["CONGVU_USER4"]
    for name in ("ung.0",):
        with open(p.env["CONGVU_CERT3"]) as f, open(os.path.join(folder, name), "w") as out:
            out.write(f.read())
    body = os.path.join(folder, "body")
    with open(body, "w") as f:
        f.write("Kính gửi anh Ơn,\n.\nFrom đầu dòng\nhết\n")
    env = dict(os.environ, TERM="xterm", HOME=folder, LC_ALL="C.UTF-8")
    status, screen = in_terminal(
        ["mutt", "-d", "2", "-F", muttrc(p, folder), "-s", "Thư của mutt", "-i", body, user4], env,
        [(rb"To: ", b"\n"), (rb"Subject: ", b"\n"), (rb"y:Send", b"y"), (rb"passphrase", b"x\n")])
    assert status == 0, screen[-2000:]
    got = eventually(lambda: mailbox(p, user4))
    assert len(got) == 1 and verifies(p, got[0][1]), (got, screen[-2000:])
    assert len(eventually(lambda: mailbox(p, p.env["CONGVU_USER3"], "Đã gửi"))) == 1, screen[-2000:]


def mutt_had_no_complaint(p, folder):
    """In its logs is what the servers said: NO only to a folder that it makes next."""
    logs = [os.path.join(folder, ".muttdebug%d" % n) for n in (0, 1)]
    for log in logs:
        with open(log, errors="replace") as f:
            lines = re.findall(r"\d< (.*)", f.read())
        assert len(lines) > 20, (log, len(lines))
        bad = [line for line in lines if re.match(
            r"(\*|a\d+) (BAD|BYE (?!Goodbye)|NO (?!\[(NONEXISTENT|TRYCREATE)\]))|[45]\d\d[ -]", line)]
        assert not bad, bad
    no_server_complains(p)


def main():
    with Province(28000) as p:
        p.logged = {n: os.path.getsize(os.path.join(p.dir, "log", n)) for n in ("imapd.log", "smtpd.log", "mailstored.log")}
        with Thunderbird() as tb:
            failed = run([thunderbird_finds_its_folders, thunderbird_signs_and_sends, thunderbird_is_refused, thunderbird_learns_and_reads,
                          thunderbird_keeps_order, thunderbird_sees_no_mat_from_the_internet, thunderbird_had_no_complaint], p, tb)
        folder = os.path.join(p.dir, "mutt")
        os.mkdir(folder)
        return failed + run([mutt_reads_and_files, mutt_signs_and_sends, mutt_had_no_complaint], p, folder)


if __name__ == "__main__":
    sys.exit(main() != 0)
