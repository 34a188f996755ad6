"""Settings: what each variable does and what is refused."""

from __future__ import annotations

import pytest

from hikidashi.config import (
    SETTINGS,
    Config,
    ConfigError,
    load_config,
    show_settings,
    unknown_variables,
)


def test_an_empty_environment_gives_the_defaults():
    config = load_config({})
    assert config == Config()
    assert (config.database, config.host, config.port) == (
        "sqlite:///./data/hikidashi.db",
        "127.0.0.1",
        8000,
    )
    assert (config.request_log, config.hottask_http_errors) == ("errors", "envelope")


def test_every_default_is_one_that_would_be_accepted():
    assert load_config({one.variable: one.default for one in SETTINGS}) == Config()


@pytest.mark.parametrize(
    ("variable", "raw", "name", "value"),
    [
        ("HIKIDASHI_DATABASE", "sqlite:////var/h.db", "database", "sqlite:////var/h.db"),
        ("HIKIDASHI_DATABASE", "postgres://me@db/h", "database", "postgresql://me@db/h"),
        (
            "HIKIDASHI_DATABASE",
            "postgresql:///h?host=/run",
            "database",
            "postgresql:///h?host=/run",
        ),
        ("HIKIDASHI_PORT", " 80 ", "port", 80),
        ("HIKIDASHI_LOG_FORMAT", "JSON", "log_format", "json"),
        ("HIKIDASHI_METRICS", "off", "metrics", False),
        ("HIKIDASHI_ALLOWED_ORIGINS", "", "allowed_origins", ()),
        ("HIKIDASHI_PUBLIC_URL", "https://a.example/b/ ", "public_url", "https://a.example/b"),
        ("HIKIDASHI_PUBLIC_URL", "http://[::1]:8000", "public_url", "http://[::1]:8000"),
        (
            "HIKIDASHI_ALLOWED_ORIGINS",
            "https://a.example/, http://localhost:5173",
            "allowed_origins",
            ("https://a.example", "http://localhost:5173"),
        ),
    ],
)
def test_a_variable_is_read(variable, raw, name, value):
    assert getattr(load_config({variable: raw}), name) == value


@pytest.mark.parametrize(
    ("variable", "raw", "words"),
    [
        ("HIKIDASHI_PORT", "http", "a whole number from 0 to 65535, not 'http'"),
        ("HIKIDASHI_PORT", "65536", "a whole number from 0 to 65535"),
        ("HIKIDASHI_PORT", "", "a whole number"),
        ("HIKIDASHI_HOST", " ", "must not be empty"),
        ("HIKIDASHI_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("HIKIDASHI_METRICS", "yes", "on or off"),
        ("HIKIDASHI_DATABASE", "mysql://me:secret@db/h", "sqlite:///PATH"),
        ("HIKIDASHI_DATABASE", "sqlite://relative.db", "three slashes"),
        ("HIKIDASHI_DATABASE", "sqlite:///", "sqlite:///PATH"),
        ("HIKIDASHI_DATABASE", "./hikidashi.db", "sqlite:///PATH"),
        ("HIKIDASHI_ALLOWED_ORIGINS", "app.example.com", "https://app.example.com"),
        ("HIKIDASHI_ALLOWED_ORIGINS", "https://app.example.com/page", "https://app.example.com"),
        *(
            ("HIKIDASHI_PUBLIC_URL", raw, "like https://data.example.com")
            for raw in (
                *("a.example", "ftp://a.example", "https://", "https://me:secret@a.example"),
                *("https://a.example/?b", "https://a.example:x", "https://é.example"),
            )
        ),
        ("HIKIDASHI_BODY_BYTES_MAX", "10MB", "whole number"),
        ("HIKIDASHI_PROCESSES", "2", "one process at a time writes an SQLite file"),
    ],
)
def test_a_value_that_can_not_be_used_is_refused_by_name(variable, raw, words):
    with pytest.raises(ConfigError) as refused:
        load_config({variable: raw})
    assert str(refused.value).startswith(variable)
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_command_line_wins_over_the_environment():
    environment = {"HIKIDASHI_PORT": "9000", "HIKIDASHI_HOST": "0.0.0.0"}
    config = load_config(environment, {"port": "9001", "host": None})
    assert (config.port, config.host) == (9001, "0.0.0.0")


def test_several_processes_are_for_postgresql():
    environment = {"HIKIDASHI_DATABASE": "postgresql://db/h", "HIKIDASHI_PROCESSES": "4"}
    assert load_config(environment).processes == 4


def test_a_misspelt_variable_is_found():
    found = unknown_variables({"HIKIDASHI_DATABSE": "x", "HIKIDASHI_PORT": "1", "PATH": "/bin"})
    assert found == ["HIKIDASHI_DATABSE is not a setting; did you mean HIKIDASHI_DATABASE?"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db:5432/h", "postgresql://me:***@db:5432/h"),
        ("postgresql://me@db/h?password=secret&a=b", "postgresql://me@db/h?password=***&a=b"),
        ("postgresql://db/h", "postgresql://db/h"),
        ("sqlite:///./h.db", "sqlite:///./h.db"),
    ],
)
def test_a_password_is_never_shown(url, shown):
    config = load_config({"HIKIDASHI_DATABASE": url})
    assert config.database_shown == shown
    assert dict(show_settings(config))["HIKIDASHI_DATABASE"] == shown


def test_what_is_shown_can_be_read_back():
    config = load_config(
        {"HIKIDASHI_METRICS": "off", "HIKIDASHI_ALLOWED_ORIGINS": "http://a,http://b"}
    )
    assert load_config(dict(show_settings(config))) == config
