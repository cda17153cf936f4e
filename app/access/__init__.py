"""Access: who may do what, from where, with how much.

    access = Access.open(configuration, store)
    access.install(app)                       # after SocketIO.init_app(app)
    code = access.make_sign_in_code()         # for the link that a start prints

- `gate`: the one check of every request and live link; signing in and out.
- `hosts`: which Host and Origin a request may come with.
- `tokens`, `sessions`, `throttle`: the token, sign-in links, sessions, and wrong tokens.
- `headers`, `bodies`: what a browser may do with a page, and what a body must be.
"""

from __future__ import annotations

from app.access.gate import (
    CSRF_HEADER,
    PUBLIC_PATHS,
    SESSION_PATH,
    SIGN_IN_PATH,
    Access,
    Identity,
    current_identity,
    local_path,
)
from app.access.headers import csp_nonce
from app.access.hosts import AllowedHosts, HostGuard
from app.access.sessions import NewSession, Sessions
from app.access.tokens import AdminToken

__all__ = [
    "CSRF_HEADER",
    "PUBLIC_PATHS",
    "SESSION_PATH",
    "SIGN_IN_PATH",
    "Access",
    "AdminToken",
    "AllowedHosts",
    "HostGuard",
    "Identity",
    "NewSession",
    "Sessions",
    "csp_nonce",
    "current_identity",
    "local_path",
]
