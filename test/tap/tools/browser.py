"""A person with a browser: walks through the pages that each line of input names, in headless Chromium, and tells in a
line of output what the application got when the browser came back to it. The first line tells where that is.

In:  {"url": "…", "steps": [["choose", "mock"], ["type", "username", "john"], ["press", "Log in"]], "comes_back": true}
Out: {"method": "GET", "fields": {…}} of the callback, or without comes_back {"title": "…", "text": "…"} of the last page
"""
import http.server
import json
import os
import queue
import sys
import tempfile
import threading
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 30


class Application(http.server.BaseHTTPRequestHandler):
    """The redirect URI; what comes there is kept in order."""

    callbacks = queue.Queue()

    def answer(self, text):
        address = urllib.parse.urlsplit(self.path)
        if address.path == "/callback":  # and not the icon
            fields = urllib.parse.parse_qsl(text if self.command == "POST" else address.query, keep_blank_values=True)
            self.callbacks.put({"method": self.command, "fields": dict(fields)})
        body = b"<title>Thank you</title><p>You can go on.</p>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer("")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def log_message(self, *_):
        pass


def start_chromium(home):
    os.environ["HOME"] = home
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (
        "--headless=new",
        "--no-sandbox",  # needs rights that root and containers lack; all pages are our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={home}/profile",
    ):
        options.add_argument(argument)
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def step(browser, what, name, value=None):
    found = {
        "choose": (By.CSS_SELECTOR, f'input[value="{name}"]'),
        "type": (By.NAME, name),
        "press": (By.XPATH, f'//button[normalize-space()="{name}"]'),
    }[what]
    # While one page gives way to the next, anything may fail.
    wait = WebDriverWait(browser, SECONDS, ignored_exceptions=[WebDriverException])
    element = wait.until(lambda page: page.find_element(*found))
    if what == "type":
        element.send_keys(value)
    elif what == "choose":
        element.click()
    else:  # the next page may have a button of the same name
        browser.execute_script("window.isLeft = true")
        element.click()
        wait.until(lambda page: page.execute_script("return !window.isLeft && document.readyState == 'complete'"))


def walk(browser, journey):
    browser.get(journey["url"])
    for each in journey["steps"]:
        step(browser, *each)
    if journey["comes_back"]:
        return Application.callbacks.get(timeout=SECONDS)
    return {"title": browser.title, "text": browser.find_element(By.TAG_NAME, "body").text}


def main():
    application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        browser = start_chromium(home)
        try:
            print(f"http://127.0.0.1:{application.server_port}/callback", flush=True)
            for line in sys.stdin:
                print(json.dumps(walk(browser, json.loads(line))), flush=True)
        finally:
            browser.quit()


main()
