"""Who gets in: by token, by session, by link; what a session must bring; how often one may err."""

from __future__ import annotations

import stat
from collections.abc import Callable
from typing import Any

import pytest

from app.access import Sessions
from app.access.sessions import IDLE_SECONDS, LIFETIME_SECONDS, SESSIONS_KEPT
from app.access.throttle import ADDRESSES_KEPT, Throttle
from app.access.tokens import CODE_SECONDS, CODES_KEPT, AdminToken, SignInCodes
from app.problems import Refused
from app.store import SessionRecord, StoreError

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


# -- who it is --------------------------------------------------------------------------------


def test_nobody_gets_what_is_not_public(deck: Any, is_problem: Any) -> None:
    client = deck.client()
    for path in ("/api/v1/services", "/api/docs/swagger", "/", "/metrics", "/nothing", "/staticx"):
        answer = client.get(path)
        assert is_problem(answer, 401, "sign in, or send the token")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="socketdeck"'
    assert is_problem(client.post("/api/v1/services", json={}), 401)


def test_a_browser_is_sent_to_sign_in_and_comes_back(deck: Any) -> None:
    answer = deck.client().get("/services/echo?tab=events&q=a b", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=/services/echo%3Ftab%3Devents%26q%3Da%20b"


def test_anybody_may_look_whether_it_is_alive(deck: Any) -> None:
    client = deck.client()
    for path in ("/healthz", "/sign-in", "/static/conftest.py"):
        with client.get(path) as answer:
            assert answer.status_code == 200
    assert client.get("/open").status_code == 404


def test_the_token_as_bearer_does_everything(deck: Any, bearer: dict[str, str]) -> None:
    client = deck.client()
    assert client.get("/api/v1/services", headers=bearer).json == {"kind": "token"}
    assert client.post("/api/v1/services", headers=bearer, json={}).status_code == 200
    bearer["Authorization"] = bearer["Authorization"].replace("Bearer ", "bearer  ")
    assert client.get("/api/v1/services", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    "authorization", ["Bearer nope", "Bearer", "Bearer é", "Basic dXNlcjpwYXNz", "x" * 10_000]
)
def test_any_other_authorization_does_nothing(
    deck: Any, is_problem: Any, authorization: str
) -> None:
    browser = deck.signed_in()
    answer = browser.get(headers={"Authorization": authorization.encode("utf-8").decode("latin-1")})
    assert is_problem(answer, 401)
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_a_wrong_token_does_not_shut_what_is_public(deck: Any) -> None:
    answer = deck.client().get("/healthz", headers={"Authorization": "Bearer nope"})
    assert answer.status_code == 200


# -- sessions ---------------------------------------------------------------------------------


def test_signing_in_gives_a_session(deck: Any) -> None:
    browser = deck.signed_in()
    assert browser.get().json == {"kind": "session"}
    assert browser.post().status_code == 200


def test_the_cookie_is_for_the_panel_alone(deck: Any) -> None:
    plain = deck.signed_in().sign_in().headers["Set-Cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Path=/" in plain
    assert "Secure" not in plain
    secure = deck.signed_in().sign_in(base_url="https://localhost").headers["Set-Cookie"]
    assert "Secure" in secure


def test_a_session_id_set_before_signing_in_is_worth_nothing(deck: Any) -> None:
    """Session fixation: the id changes at sign-in, and the old one is no session."""
    browser = deck.signed_in()
    first = browser.cookie
    attacker = deck.client()
    attacker.set_cookie("socketdeck-5080", first)
    assert attacker.get("/api/v1/services").status_code == 200
    browser.sign_in()
    assert browser.cookie != first
    assert attacker.get("/api/v1/services").status_code == 401
    victim = deck.signed_in()
    victim.client.set_cookie("socketdeck-5080", "chosen-by-somebody")
    victim.sign_in()
    assert victim.cookie != "chosen-by-somebody"
    attacker.set_cookie("socketdeck-5080", "chosen-by-somebody")
    assert attacker.get("/api/v1/services").status_code == 401


def test_signing_out_ends_the_session_and_tells_live_links(deck: Any) -> None:
    ended: list[str] = []
    deck.access.sessions.on_end(ended.append)
    browser = deck.signed_in()
    cookie = browser.cookie
    key = deck.access.sessions.find(cookie)
    answer = browser.sign_out()
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert ended == [key]
    browser.client.set_cookie("socketdeck-5080", cookie)
    assert browser.get().status_code == 401
    assert deck.store.sessions.all() == []


def test_one_session_ends_without_the_others(deck: Any) -> None:
    one, other = deck.signed_in(), deck.signed_in()
    one.sign_out()
    assert other.get().status_code == 200


def test_a_restart_signs_nobody_out_and_what_is_kept_signs_nobody_in(deck: Any) -> None:
    browser = deck.signed_in()
    (record,) = deck.store.sessions.all()
    assert browser.cookie not in record.key
    deck.restart()
    client = deck.client()
    client.set_cookie("socketdeck-5080", browser.cookie)
    assert client.get("/api/v1/services").status_code == 200
    client.set_cookie("socketdeck-5080", record.key)
    assert client.get("/api/v1/services").status_code == 401


def test_another_token_ends_the_sessions_of_the_last(make_deck: Callable[..., Any]) -> None:
    deck = make_deck()
    browser = deck.signed_in()
    folder = str(deck.configuration.data)
    deck.configuration = deck.configuration.from_environment(
        {"SOCKETDECK_DATA": folder, "SOCKETDECK_TOKEN": "another-token"}
    )
    deck.restart()
    client = deck.client()
    client.set_cookie("socketdeck-5080", browser.cookie)
    assert client.get("/api/v1/services").status_code == 401
    assert deck.store.sessions.all() == []


class Kept(list[SessionRecord]):
    """Session records in memory."""

    def all(self) -> list[SessionRecord]:
        return list(self)

    def add(self, record: SessionRecord) -> None:
        self.append(record)

    def seen(self, key: str, at: float) -> None:
        self[:] = [kept._replace(seen_at=at) if kept.key == key else kept for kept in self]

    def remove(self, key: str) -> None:  # type: ignore[override]
        self[:] = [kept for kept in self if kept.key != key]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_sessions_end_by_themselves() -> None:
    clock, kept, ended = Clock(), Kept(), list[str]()
    sessions = Sessions(kept, "t", clock)
    sessions.on_end(ended.append)
    idle, used = sessions.begin(), sessions.begin()
    while clock.now < 1_000_000 + LIFETIME_SECONDS - 1:
        assert sessions.use(used.key)
        clock.now += IDLE_SECONDS / 2
    assert sessions.find(idle.cookie) is None
    assert sessions.find(used.cookie) is None
    assert ended == [idle.key, used.key]
    assert kept == []


def test_the_use_of_a_session_is_noted_now_and_then() -> None:
    clock, kept = Clock(), Kept()
    sessions = Sessions(kept, "t", clock)
    session = sessions.begin()
    started = clock.now
    clock.now += 299
    sessions.use(session.key)
    assert kept[0].seen_at == started
    clock.now += 1
    sessions.use(session.key)
    assert kept[0].seen_at == clock.now
    clock.now += IDLE_SECONDS
    assert Sessions(kept, "t", clock).find(session.cookie) is None
    assert kept == []


def test_sessions_are_bounded_the_least_used_ends() -> None:
    clock, kept, ended = Clock(), Kept(), list[str]()
    sessions = Sessions(kept, "t", clock)
    sessions.on_end(ended.append)
    first, second = sessions.begin(), sessions.begin()
    for _ in range(SESSIONS_KEPT - 2):
        clock.now += 1
        sessions.begin()
    sessions.use(first.key)
    sessions.begin()
    assert ended == [second.key]
    assert len(kept) == SESSIONS_KEPT


def test_a_listener_that_raises_does_not_save_a_session(caplog: pytest.LogCaptureFixture) -> None:
    sessions = Sessions(Kept(), "t")
    session = sessions.begin()

    def raising(_key: str) -> None:
        raise RuntimeError("no")

    sessions.on_end(raising)
    sessions.end(session.key)
    assert not sessions.use(session.key)
    assert "telling so failed" in caplog.text


def test_a_full_disk_lets_sign_in_and_does_not_hide_that_a_session_may_come_back() -> None:
    class Full(Kept):
        def add(self, record: SessionRecord) -> None:
            raise StoreError("the session was not saved: disk full")

        def remove(self, key: str) -> None:  # type: ignore[override]
            raise StoreError("the session was not ended: disk full")

    sessions = Sessions(Full(), "t")
    session = sessions.begin()
    assert sessions.use(session.key)
    with pytest.raises(StoreError):
        sessions.end(session.key)
    assert not sessions.use(session.key)


# -- CSRF -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [{}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}])
def test_a_session_alone_changes_nothing(deck: Any, is_problem: Any, sent: dict[str, str]) -> None:
    browser = deck.signed_in()
    assert is_problem(browser.post(headers=sent), 403, "X-CSRF-Token is missing")
    assert is_problem(browser.client.delete("/api/v1/session", headers=sent), 403)
    assert browser.get().status_code == 200


def test_the_csrf_token_of_another_session_is_none(deck: Any, is_problem: Any) -> None:
    one, other = deck.signed_in(), deck.signed_in()
    assert is_problem(one.post(headers={"X-CSRF-Token": other.csrf}), 403)


def test_templates_get_the_csrf_token(deck: Any) -> None:
    browser = deck.signed_in()
    with deck.app.test_request_context(
        "/", headers={"Cookie": f"socketdeck-5080={browser.cookie}"}
    ):
        deck.app.preprocess_request()
        rendered = deck.app.jinja_env.from_string("{{ csrf_token() }}").render()
    assert rendered == browser.csrf


# -- links and the token ----------------------------------------------------------------------


def test_a_sign_in_link_works_once(deck: Any, is_problem: Any) -> None:
    code = deck.access.make_sign_in_code()
    client = deck.client()
    answer = client.get(f"/sign-in?code={code}&next=/services/echo")
    assert answer.headers["Location"] == "/services/echo"
    assert client.get("/api/v1/services").status_code == 200
    assert is_problem(deck.client().get(f"/sign-in?code={code}"), 401, "was used or is too old")


def test_codes_age_and_are_bounded() -> None:
    clock = Clock()
    codes = SignInCodes(clock)
    first = codes.make()
    clock.now += CODE_SECONDS
    assert not codes.redeem(first)
    many = [codes.make() for _ in range(CODES_KEPT + 1)]
    assert not codes.redeem(many[0])
    assert codes.redeem(many[1])
    assert not codes.redeem("")


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/services/echo?tab=1", "/services/echo?tab=1"),
        (None, "/"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("/ok\r\nSet-Cookie: x", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(deck: Any, asked: str | None, path: str) -> None:
    query = {"code": deck.access.make_sign_in_code(), "next": asked}
    answer = deck.client().get("/sign-in", query_string=query)
    assert answer.headers["Location"] == path


def test_the_token_is_made_once_and_is_its_owners_alone(tmp_path: Any) -> None:
    first = AdminToken(tmp_path, None)
    path = tmp_path / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = path.read_text().strip()
    assert len(token) >= 43
    assert first.matches(token)
    assert not first.matches(token[:-1])
    assert not first.matches("")
    path.chmod(0o644)
    assert AdminToken(tmp_path, None).matches(token)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_a_preset_token_is_written_nowhere(tmp_path: Any) -> None:
    token = AdminToken(tmp_path, "preset")
    assert token.matches("preset")
    assert token.path is None
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_cannot_be_read_is_one_sentence(tmp_path: Any) -> None:
    (tmp_path / "token").mkdir()
    with pytest.raises(StoreError, match="cannot be used"):
        AdminToken(tmp_path, None)


# -- throttling -------------------------------------------------------------------------------


def test_wrong_tokens_are_throttled_after_ten_and_a_right_one_never(
    deck: Any, is_problem: Any, bearer: dict[str, str]
) -> None:
    client = deck.client()
    wrong = {"Authorization": "Bearer nope"}
    for _ in range(4):
        assert is_problem(client.get("/api/v1/services", headers=wrong), 401)
    for _ in range(3):
        assert is_problem(client.post("/api/v1/session", json={"token": "nope"}), 401)
    for _ in range(3):
        assert is_problem(client.get("/sign-in?code=nope"), 401)
    for answer in (
        client.get("/api/v1/services", headers=wrong),
        client.post("/api/v1/session", json={"token": "nope"}),
        client.get("/sign-in?code=nope"),
    ):
        assert is_problem(answer, 429, "too many wrong tokens")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert client.get("/api/v1/services", headers=bearer).status_code == 200
    assert deck.signed_in().get().status_code == 200
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    assert is_problem(client.get("/api/v1/services", headers=wrong, environ_base=elsewhere), 401)


def test_a_stale_cookie_is_no_wrong_token(deck: Any, is_problem: Any) -> None:
    client = deck.client()
    client.set_cookie("socketdeck-5080", "of-long-ago")
    for _ in range(20):
        assert is_problem(client.get("/api/v1/services"), 401)


def test_waiting_is_enough() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    assert [throttle.wrong("a") for _ in range(10)] == [None] * 10
    assert throttle.wrong("a") == 60
    clock.now += 59.5
    assert throttle.wrong("a") == 1
    clock.now += 0.5
    assert throttle.wrong("a") is None


def test_addresses_of_one_site_count_together_and_the_table_is_bounded() -> None:
    throttle = Throttle(Clock())
    for number in range(10):
        throttle.wrong(f"2001:db8::{number:x}")
    assert throttle.wrong("2001:db8::ffff%eth0")
    assert throttle.wrong("2001:db8:0:1::1") is None
    for number in range(ADDRESSES_KEPT):
        throttle.wrong(f"10.{number >> 8}.{number & 255}.1")
    assert throttle.wrong("2001:db8::1") is None
    assert len(throttle._attempts) == ADDRESSES_KEPT


# -- live links -------------------------------------------------------------------------------


def connecting(deck: Any, **options: Any) -> Any:
    return deck.app.test_request_context("/socket.io/?EIO=4", **options)


def test_a_live_link_is_identified_as_a_request_is(deck: Any) -> None:
    from flask import request

    cookie = {"Cookie": f"socketdeck-5080={deck.signed_in().cookie}"}
    with connecting(deck):
        assert (
            deck.access.identify_live(request, {"token": "the-token-of-these-tests"}).kind
            == "token"
        )
        for auth in ({"token": "nope"}, {"token": None}, {}, None, "x", ["token"]):
            with pytest.raises(Refused) as refused:
                deck.access.identify_live(request, auth)
            assert refused.value.status == 401
    with connecting(deck, headers=cookie):
        identity = deck.access.identify_live(request, None)
        assert identity.kind == "session"
        assert deck.access.sessions.use(identity.session)
    foreign = {**cookie, "Origin": "http://localhost:8000"}
    with connecting(deck, headers=foreign), pytest.raises(Refused) as refused:
        deck.access.identify_live(request, None)
    assert refused.value.status == 403
