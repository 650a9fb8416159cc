"""A person with a built-in account and a patient pen: fills in our forms without a browser. For measurements only.

python person.py welcome INVITE PASSWORD            chooses a password
python person.py sign-in NAME PASSWORD URL          signs in where a command sent the browser
python person.py sessions NAME PASSWORD SERVER N    signs in N times; prints the refresh tokens, one a line
"""

from __future__ import annotations

import base64
import hashlib
import html.parser
import http.cookiejar
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

CALLBACK = "http://127.0.0.1:9/callback"
VERIFIER = "measurements-need-no-secret-verifier-of-their-own"


class Forms(html.parser.HTMLParser):
    """The forms of a page, each as its address and its hidden fields; and where the page leads by itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str], set[str]]] = []
        self.onward = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append((found.get("action", ""), {}, set()))
        elif tag == "input" and self.forms:
            _, hidden, typed = self.forms[-1]
            if found.get("type") == "hidden":
                hidden[found["name"]] = found.get("value", "")
            else:
                typed.add(found["name"])
        elif tag == "meta" and found.get("http-equiv", "").lower() == "refresh":
            self.onward = found["content"].partition("url=")[2]


class Stop(urllib.request.HTTPRedirectHandler):
    """Does not follow a redirect to `CALLBACK`, where nobody listens."""

    def redirect_request(self, request, file, code, message, headers, url):  # type: ignore[no-untyped-def]
        if url.startswith(CALLBACK):
            raise Arrived(url)
        return super().redirect_request(request, file, code, message, headers, url)


class Arrived(Exception):
    pass


class Person:
    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar, Stop)
        self.url = ""

    def open(self, url: str, fields: dict[str, str] | None = None) -> Forms:
        data = urllib.parse.urlencode(fields).encode() if fields else None
        with self.opener.open(url, data) as answer:
            self.url = answer.url
            page = Forms(answer.read().decode())
        if page.onward.startswith(CALLBACK):
            raise Arrived(page.onward)
        return self.open(urllib.parse.urljoin(self.url, page.onward)) if page.onward else page

    def fill(self, page: Forms, fields: dict[str, str]) -> Forms:
        """Fills in the form that asks for these fields."""
        for action, hidden, typed in page.forms:
            if "password" in typed and set(fields) <= typed:
                return self.open(urllib.parse.urljoin(self.url, action), hidden | fields)
        raise SystemExit(f"{self.url} has no form for {', '.join(fields)}")


def session(server: str, name: str, password: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": "daypass-cli",
        "redirect_uri": CALLBACK,
        "state": "x",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    person = Person()
    try:
        page = person.open(f"{server}/oauth/authorize?{urllib.parse.urlencode(asked)}")
        person.fill(page, {"name": name, "password": password})
    except Arrived as arrived:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(str(arrived)).query)
        fields = {
            "grant_type": "authorization_code",
            "client_id": "daypass-cli",
            "redirect_uri": CALLBACK,
            "code": query["code"][0],
            "code_verifier": VERIFIER,
        }
        with urllib.request.urlopen(f"{server}/oauth/token", urllib.parse.urlencode(fields).encode()) as answer:
            return json.load(answer)["refresh_token"]
    raise SystemExit(f"the sign-in ended at {person.url}")


def welcome(invite: str, password: str) -> None:
    person = Person()
    person.fill(person.open(invite), {"password": password, "again": password})


def sign_in(name: str, password: str, url: str) -> None:
    person = Person()
    person.fill(person.open(url), {"name": name, "password": password})


def sessions(name: str, password: str, server: str, count: str) -> None:
    for _ in range(int(count)):
        print(session(server, name, password))


{"welcome": welcome, "sign-in": sign_in, "sessions": sessions}[sys.argv[1]](*sys.argv[2:])
