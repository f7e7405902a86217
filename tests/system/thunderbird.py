# SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception
"""A real Thunderbird without a screen, driven over its Marionette port (length-prefixed JSON), in a profile of its own."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

PREFS = {
    "app.update.enabled": False, "datareporting.policy.dataSubmissionEnabled": False,
    "mail.provider.suppress_dialog_on_startup": True, "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True, "mailnews.start_page.enabled": False, "mail.rights.version": 1,
    "mail.server.default.check_new_mail": False, "mail.biff.play_sound": False, "mail.biff.show_alert": False,
    "extensions.update.enabled": False, "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False, "security.OCSP.enabled": 0, "mail.warn_on_send_accel_key": False,
    "mail.server.default.autosync_offline_stores": False, "mail.instrumentation.askUser": False,
    # Loopback alone counts as no network; we know better.
    "network.manage-offline-status": False, "offline.autoDetect": False, "offline.startup_state": 3,
}

# Before every script: what all of them use. A promise that Thunderbird's listeners fulfil ends a script.
PRELUDE = """
const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const done = arguments[arguments.length - 1];
const sleep = ms => new Promise(r => { const t = Cc["@mozilla.org/timer;1"].createInstance(Ci.nsITimer);
    sleep.kept = (sleep.kept || []); sleep.kept.push(t); t.initWithCallback(r, ms, 0); });
async function until(what, test, ms = 20000) {
    const end = Date.now() + ms;
    for (;;) { const v = await test(); if (v) return v;
        if (Date.now() > end) throw new Error("waited in vain for " + what);
        await sleep(50); }
}
const server = () => MailServices.accounts.defaultAccount.incomingServer;
const folder = name => {
    let f = server().rootFolder;
    for (const part of name.split("/")) { f = f && f.subFolders.find(s => s.name.toLowerCase() == part.toLowerCase()
        || s.localizedName.toLowerCase() == part.toLowerCase()); }
    return f; };
const finished = (start) => new Promise((resolve, reject) => start({
    QueryInterface: ChromeUtils.generateQI(["nsIUrlListener"]), OnStartRunningUrl() {},
    OnStopRunningUrl(url, code) { code == 0 ? resolve(true) : reject(new Error("status 0x" + (code >>> 0).toString(16))); } }));
const headers = f => { const list = []; for (const h of f.messages) list.push(h); return list; };
const copied = (start) => new Promise((resolve, reject) => start({
    QueryInterface: ChromeUtils.generateQI(["nsIMsgCopyServiceListener"]), onStartCopy() {}, onProgress() {},
    setMessageKey() {}, getMessageId() { return null; },
    onStopCopy(code) { code == 0 ? resolve(true) : reject(new Error("copy 0x" + (code >>> 0).toString(16))); } }));
"""


class Thunderbird:
    """Use it in a with statement. log holds what it said to the servers (MOZ_LOG)."""

    def __init__(self, port=2828):
        self.port, self.dir, self.serial, self.rest = port, tempfile.mkdtemp(prefix="congvu-thunderbird-"), 0, b""
        self.log = os.path.join(self.dir, "protocol.log")

    def __enter__(self):
        profile = os.path.join(self.dir, "profile")
        os.mkdir(profile)
        with open(os.path.join(profile, "user.js"), "w") as f:
            for name, value in dict(PREFS, **{"marionette.port": self.port}).items():
                f.write("user_pref(%s, %s);\n" % (json.dumps(name), json.dumps(value)))
        env = dict(os.environ, HOME=self.dir, MOZ_LOG="IMAP:5,SMTP:5,sync", MOZ_LOG_FILE=self.log, LC_ALL="C.UTF-8")
        self.process = subprocess.Popen(
            ["thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", profile],
            env=env, stdin=subprocess.DEVNULL, stdout=open(os.path.join(self.dir, "out"), "w"), stderr=subprocess.STDOUT,
            start_new_session=True)
        self.sock = self.connect()
        self.answer()
        self.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"unhandledPromptBehavior": "ignore"}})
        self.call("Marionette:SetContext", value="chrome")
        self.call("WebDriver:SetTimeouts", script=120000)
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, 15)
            self.process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self.sock.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def connect(self):
        end = time.monotonic() + 60
        while True:
            try:
                sock = socket.create_connection(("127.0.0.1", self.port), 5)
                sock.settimeout(150)
                return sock
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def answer(self):
        while b":" not in self.rest:
            self.more()
        count, _, self.rest = self.rest.partition(b":")
        while len(self.rest) < int(count):
            self.more()
        text, self.rest = self.rest[:int(count)], self.rest[int(count):]
        return json.loads(text)

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise AssertionError("Thunderbird has gone")
        self.rest += data

    def call(self, name, **parameters):
        self.serial += 1
        data = json.dumps([0, self.serial, name, parameters]).encode()
        self.sock.sendall(b"%d:%s" % (len(data), data))
        _, serial, error, result = self.answer()
        assert serial == self.serial
        if error is not None:
            raise AssertionError("%s: %s" % (name, error.get("message")))
        return result

    def run(self, body, *args):
        """The value of an asynchronous JavaScript function body in Thunderbird's own context."""
        script = PRELUDE + "(async () => {%s})().then(v => done([true, v]), e => done([false, String(e) + ' ' + e.stack]));" % body
        value = self.call("WebDriver:ExecuteAsyncScript", script=script, args=list(args))["value"]
        if value is None:	# a dialog stopped it
            return self.dialog()
        good, value = value
        if not good:
            raise AssertionError("in Thunderbird: %s" % value)
        return value

    def dialog(self):
        """The text of the dialog that it shows; the dialog is closed."""
        text = self.call("WebDriver:GetAlertText")["value"]
        self.call("WebDriver:AcceptAlert")
        return text

    def protocol(self):
        """What was said on the wire, as Thunderbird logs it."""
        text = []
        for name in sorted(os.listdir(self.dir)):
            if name.startswith("protocol.log"):
                with open(os.path.join(self.dir, name), errors="replace") as f:
                    text.append(f.read())
        return "".join(text)
