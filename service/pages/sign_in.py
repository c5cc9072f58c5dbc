"""Signing in with an API key: once checked, a cookie holds a session, until it expires or one signs out."""

import re
from http import HTTPStatus

from flask import Response, current_app, redirect, request
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

from service.common.problems import BadKeyError, MissingScopeError, NoKeyError
from service.keys.guard import COOKIE
from service.pages.pages import SIGN_IN, Pages, link

_OUR_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,2000}")
"""One that no browser takes for another site's."""

_OLD_COOKIE = "menagerie_key"
_OUR_SITES = ("same-origin", "none")


class SignIn:
    """The form, what it sends, and the way out."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def form(self) -> Response:
        """Show the form."""
        return _without_old_cookie(self._pages.page("sign_in.html", to=_next(), wrong=""))

    def enter(self) -> AnyResponse:
        """Check the key that was typed; if it opens the pages, begin a session."""
        _refuse_other_sites()
        key, to = request.form.get("key", "").strip(), _next()
        try:
            session = self._pages.guard.sessions.begin(f"Bearer {key}", "lookup")
        except (NoKeyError, BadKeyError, MissingScopeError) as error:
            return self._pages.page("sign_in.html", error.status, to=to, wrong=error.kind)
        answer = redirect(to, HTTPStatus.SEE_OTHER)
        answer.headers["Cache-Control"] = "no-store"
        lasts_s = self._pages.guard.sessions.lasts_s
        answer.set_cookie(COOKIE, session, lasts_s, secure=request.is_secure, httponly=True, samesite="Lax")
        return answer

    def leave(self) -> AnyResponse:
        """Forget the session."""
        _refuse_other_sites()
        answer = redirect(link("/"), HTTPStatus.SEE_OTHER)
        answer.headers["Cache-Control"] = "no-store"
        answer.delete_cookie(COOKIE, secure=request.is_secure, httponly=True, samesite="Lax")
        return answer


def _without_old_cookie(answer: Response) -> Response:
    """Have the browser forget the key that version 0.1 left with it."""
    if _OLD_COOKIE in request.cookies:
        answer.delete_cookie(_OLD_COOKIE, secure=request.is_secure, httponly=True, samesite="Lax")
    return answer


def _next() -> str:
    """Return where to go from here: to a page of ours that can be read, or home."""
    sent = request.args.get("next", "")
    path = re.split("[?#]", sent)[0]
    known = _OUR_PATH.fullmatch(sent) and current_app.url_map.bind("").test(path, "GET")
    return sent if known and path != SIGN_IN else link("/")


def _refuse_other_sites() -> None:
    """Let no page of another site sign somebody in or out; browsers say whose form it was."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in _OUR_SITES
    else:
        own = request.host.lower()  # an older browser, or a program
        ours = origin is None or origin.lower() in (f"http://{own}", f"https://{own}")
    if not ours:
        raise Forbidden
