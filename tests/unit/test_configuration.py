"""The panel's settings: their defaults, and a sentence for each bad value, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.configuration import Configuration, ConfigurationError


def read(**settings: str) -> Configuration:
    return Configuration.from_environment(
        {f"SOCKETDECK_{name.upper()}": value for name, value in settings.items()}
    )


def problems(**settings: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read(**settings)
    return refused.value.problems


def test_the_defaults_are_the_contracts() -> None:
    settings = read()
    assert (settings.host, settings.port) == ("127.0.0.1", 5080)
    assert settings.data == Path.cwd() / "instance"
    assert settings.handlers == Path.cwd() / "instance" / "handlers"
    assert str(settings.database) == f"sqlite:///{Path.cwd()}/instance/socketdeck.db"
    assert settings.allowed_hosts == ("127.0.0.1", "localhost", "::1")
    assert settings.token is None
    assert settings.link_host == "127.0.0.1"


def test_an_empty_value_counts_as_not_set() -> None:
    assert read(port="", host=" ", token="") == read()


def test_what_follows_the_data_folder_follows_it(tmp_path: Path) -> None:
    settings = read(data=str(tmp_path / "a b?c"))
    assert settings.handlers == tmp_path / "a b?c" / "handlers"
    assert settings.database.database == str(tmp_path / "a b?c" / "socketdeck.db")


@pytest.mark.parametrize(
    ("host", "allowed", "link_host"),
    [
        ("0.0.0.0", ("127.0.0.1", "localhost", "::1", "0.0.0.0"), "127.0.0.1"),
        ("[::]", ("127.0.0.1", "localhost", "::1", "::"), "127.0.0.1"),
        ("[::1]", ("127.0.0.1", "localhost", "::1"), "[::1]"),
        ("Deck.LAN.", ("127.0.0.1", "localhost", "::1", "deck.lan"), "deck.lan"),
        ("192.168.1.7", ("127.0.0.1", "localhost", "::1", "192.168.1.7"), "192.168.1.7"),
    ],
)
def test_the_bound_host_is_answered_and_linked_to(
    host: str, allowed: tuple[str, ...], link_host: str
) -> None:
    settings = read(host=host)
    assert settings.allowed_hosts == allowed
    assert settings.link_host == link_host


def test_a_link_is_to_a_name_that_answers() -> None:
    assert read(allowed_hosts="deck.lan,[2001:DB8::0:1]").link_host == "deck.lan"
    assert read(allowed_hosts="[2001:DB8::0:1]").link_host == "[2001:db8::1]"
    assert read(host="0.0.0.0", allowed_hosts="0.0.0.0").link_host == "127.0.0.1"


def test_secrets_are_not_shown() -> None:
    settings = read(token="s3cret-token", database="postgresql://deck:s3cret@db/deck")
    assert settings.token == "s3cret-token"
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("port", "http", "is 'http', which is no port; write a number from 0 to 65535."),
        ("port", "65536", "is '65536', which is no port; write a number from 0 to 65535."),
        ("port", "٣", "is '٣', which is no port; write a number from 0 to 65535."),
        ("host", "localhost:80", "has 'localhost:80', which is no host"),
        ("host", "http://x", "has 'http://x', which is no host"),
        ("allowed_hosts", "deck.lan:80", "has 'deck.lan:80', which is no host"),
        ("allowed_hosts", "*", "has '*', which is no host"),
        ("allowed_hosts", ",", "names no host"),
        ("token", "two words", "must be of printable ASCII"),
        ("token", "žluť", "must be of printable ASCII"),
        ("database", "nonsense", "is no database URL"),
        ("database", "sqlite://", "names a database in memory"),
        ("data", "~nobody-of-that-name/x", "home folder is not known"),
        ("live_clients", "0", "is '0'; write a whole number above 0."),
        ("history_events", "-5", "is '-5'; write a whole number above 0."),
        ("packages", "some.package", "are not supported yet."),
    ],
)
def test_a_bad_value_is_one_sentence(name: str, value: str, says: str) -> None:
    (sentence,) = problems(**{name: value})
    assert sentence.startswith(f"SOCKETDECK_{name.upper()} ")
    assert says in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_all_bad_values_are_told_at_once() -> None:
    found = problems(port="x", host="a b", packages="p", history_bytes="1.5")
    assert [sentence.split()[0] for sentence in found] == [
        "SOCKETDECK_HOST",
        "SOCKETDECK_PORT",
        "SOCKETDECK_HISTORY_BYTES",
        "SOCKETDECK_PACKAGES",
    ]
