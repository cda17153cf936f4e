"""Who may do what: the one gate that every request and every live link goes through.

Whoever presents the administrator's token may do everything, by `Authorization: Bearer` or with a
session that was begun with it; nobody else may do anything but look whether the panel is alive,
load its static files, and sign in. What is public is listed here, everything else is not.

The order, for a request: Host and Origin (`hosts`, before Flask), the body's length, who it is, the
CSRF token where a cookie says so, whether the body is whole, what it holds. A wrong token is
counted against the address it came from; a right one is let in however many were wrong before it.

The session's cookie is `SameSite=Lax`, not `Strict`: with Strict a browser that follows a link to
the panel from elsewhere, the sign-in link before all, does not send it with the page that the link
leads to. What Strict would add is held otherwise: a GET changes nothing, and everything else wants
the CSRF token and the panel's own Origin.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from flask import Flask, Request, Response, g, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from app.access import bodies, headers
from app.access.hosts import SAFE_METHODS, AllowedHosts, HostGuard, find_refusal
from app.access.sessions import LIFETIME_SECONDS, NewSession, Sessions, csrf_token
from app.access.throttle import Throttle
from app.access.tokens import AdminToken, SignInCodes
from app.configuration import Configuration
from app.problems import Refused, wants_page
from app.store import Store

CSRF_HEADER = "X-CSRF-Token"
SIGN_IN_PATH = "/sign-in"
SESSION_PATH = "/api/v1/session"
PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/favicon.ico", SIGN_IN_PATH, SESSION_PATH})
CHALLENGE = 'Bearer realm="socketdeck"'


@dataclass(frozen=True, slots=True)
class Identity:
    """Who makes a request: the administrator, by `token` or in the `session` with that key."""

    kind: Literal["token", "session"]
    session: str | None = None
    csrf: str | None = None


class Access:
    """The gate of one panel; made by `open`, put in front of its application by `install`.

    Every method may be called from any thread.
    """

    def __init__(
        self, token: AdminToken, sessions: Sessions, hosts: AllowedHosts, cookie_name: str
    ) -> None:
        self.token = token
        self.sessions = sessions
        self.hosts = hosts
        self.cookie_name = cookie_name
        self._codes = SignInCodes()
        self._throttle = Throttle()

    @classmethod
    def open(cls, configuration: Configuration, store: Store) -> Access:
        """The gate as it is configured; makes the token on a first start. Raises `StoreError`.

        The cookie's name has the port in it: cookies do not tell ports apart, and two panels on one
        machine would sign each other's users out.
        """
        token = AdminToken(configuration.data, configuration.token)
        sessions = Sessions(store.sessions, token.digest)
        hosts = AllowedHosts(configuration.allowed_hosts)
        return cls(token, sessions, hosts, f"socketdeck-{configuration.port}")

    def install(self, app: Flask, *, public: Collection[str] = ()) -> None:
        """Stand in front of an application; after Socket.IO was, so as to be in front of it too.

        `public` are further paths that anybody may ask for. Templates get `csrf_token()` and
        `csp_nonce()`.
        """
        static = f"{app.static_url_path}/" if app.has_static_folder else None
        open_to_all = PUBLIC_PATHS | frozenset(public)

        def check_request() -> BaseResponse | None:
            bodies.check_length(request)
            path = request.path
            is_public = path in open_to_all or (static is not None and path.startswith(static))
            return self._check(request, is_public=is_public)

        bodies.install(app)
        headers.install(app)
        app.before_request(check_request)
        app.add_template_global(_csrf_of_request, "csrf_token")
        app.wsgi_app = HostGuard(app.wsgi_app, self.hosts)  # type: ignore[method-assign]

    # -- signing in and out -------------------------------------------------------------------

    def make_sign_in_code(self) -> str:
        """A code for `sign_in_with_code`, good once, for a day; for the link a start prints."""
        return self._codes.make()

    def sign_in(self, token: str) -> NewSession:
        """Begin a session for who presents the token, ending the one that the request has.

        `Refused` with 401 for a wrong one, with 429 once there were too many from its address. Give
        the session to `set_cookie`.
        """
        if not self.token.matches(token):
            raise self._wrong(request, "this is not the token of this panel")
        return self._begin()

    def sign_in_with_code(self, code: str) -> NewSession:
        """The same with a link's code, which is then used up."""
        if not self._codes.redeem(code):
            raise self._wrong(
                request,
                "this sign-in link was used or is too old; "
                "use the token, or the link of the panel's next start",
            )
        return self._begin()

    def set_cookie(self, response: Response, session: NewSession) -> None:
        """Have a response hand over a session."""
        response.set_cookie(
            self.cookie_name,
            session.cookie,
            max_age=int(LIFETIME_SECONDS),
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
        )

    def sign_out(self, response: Response) -> None:
        """End the session that the request has, if it has one, its live links with it."""
        response.delete_cookie(
            self.cookie_name, httponly=True, samesite="Lax", secure=request.is_secure
        )
        identity = current_identity()
        if identity is not None and identity.session is not None:
            self.sessions.end(identity.session)

    # -- live links ---------------------------------------------------------------------------

    def identify_live(self, connecting: Request, auth: Any) -> Identity:
        """Who opens a live link, by `auth: {token}` or by the cookie; raises `Refused`.

        A link by session lasts as long as that: cut it when `sessions.on_end` tells the key, and
        call `sessions.use(key)` as it is used.
        """
        refusal = find_refusal(self.hosts, connecting.environ)
        if refusal is not None:
            raise Refused(refusal[0], None, refusal[1])
        token = auth.get("token") if isinstance(auth, Mapping) else None
        if token is not None:
            return self._by_token(connecting, str(token))
        identity = self._by_cookie(connecting)
        if identity is None:
            raise _unidentified("sign in, or send the token as auth: {token: TOKEN}")
        return identity

    # -- the check ----------------------------------------------------------------------------

    def _check(self, asking: Request, *, is_public: bool) -> BaseResponse | None:
        """Note who asks in `g.identity`; refuse, or send a browser to sign in."""
        g.identity = None
        try:
            g.identity = self._identify(asking)
        except Refused:
            if not is_public:
                raise
        if g.identity is None and not is_public:
            if wants_page() and asking.method in ("GET", "HEAD"):
                return redirect(f"{SIGN_IN_PATH}?next={quote(_path_and_query(asking))}", 303)
            raise _unidentified()
        if asking.method not in SAFE_METHODS:
            self._check_csrf(asking)
            bodies.check_whole(asking)
            if asking.path.startswith("/api/"):
                bodies.check_json(asking)
        return None

    def _identify(self, asking: Request) -> Identity | None:
        authorization = asking.headers.get("Authorization")
        if authorization is None:
            return self._by_cookie(asking)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _unidentified()
        return self._by_token(asking, token.strip())

    def _by_token(self, asking: Request, token: str) -> Identity:
        if not self.token.matches(token):
            raise self._wrong(asking, "this is not the token of this panel")
        return Identity("token")

    def _by_cookie(self, asking: Request) -> Identity | None:
        cookie = asking.cookies.get(self.cookie_name)
        key = None if cookie is None else self.sessions.find(cookie)
        if cookie is None or key is None:
            return None
        return Identity("session", key, csrf_token(cookie))

    def _check_csrf(self, asking: Request) -> None:
        """Signing in needs none: there is nothing to ride on, and the Origin was looked at."""
        identity = current_identity()
        signs_in = asking.path in (SESSION_PATH, SIGN_IN_PATH) and asking.method == "POST"
        if identity is None or identity.csrf is None or signs_in:
            return
        if not _equal(asking.headers.get(CSRF_HEADER, ""), identity.csrf):
            raise Refused(
                403,
                None,
                f"the header {CSRF_HEADER} is missing or is not this session's; reload the page",
            )

    def _begin(self) -> NewSession:
        identity = current_identity()
        if identity is not None and identity.session is not None:
            self.sessions.end(identity.session)
        return self.sessions.begin()

    def _wrong(self, asking: Request, detail: str) -> Refused:
        wait = self._throttle.wrong(asking.remote_addr or "")
        if wait is not None:
            return Refused(
                429,
                None,
                f"too many wrong tokens from this address; wait {wait} s",
                headers={"Retry-After": str(wait)},
            )
        challenge = f'{CHALLENGE}, error="invalid_token"'
        return Refused(401, None, detail, headers={"WWW-Authenticate": challenge})


def current_identity() -> Identity | None:
    """Who makes the request that is being answered; `None` for nobody, on public paths."""
    identity: Identity | None = g.get("identity")
    return identity


def local_path(path: str | None) -> str:
    """Where to go after signing in: a path of this panel, whatever `next` said."""
    if path is None or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/"
    return path if path.isprintable() else "/"


def _csrf_of_request() -> str:
    identity = current_identity()
    return (identity.csrf or "") if identity else ""


def _path_and_query(asking: Request) -> str:
    return asking.full_path.rstrip("?")


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("ascii"))


def _unidentified(
    detail: str = "sign in, or send the token as Authorization: Bearer TOKEN",
) -> Refused:
    return Refused(401, None, detail, headers={"WWW-Authenticate": CHALLENGE})
