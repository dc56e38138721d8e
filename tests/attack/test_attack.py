"""The small part of `make attack` that runs with every change."""

import pytest

from apikeys.services import CreatedKey
from tests.attack import fuzz, routes, smuggling
from tests.attack.people import Victim, browser_of, make_victim
from tests.attack.report import Result, details, table
from tests.conftest import Service

METHODS = ("GET", "POST")


@pytest.fixture
def victim(db: None) -> Victim:
    return make_victim()


def assert_good(result: Result) -> None:
    assert result.cases
    assert result.is_good, details([result], most=50)


def test_no_route_gives_a_stranger_what_is_not_theirs(victim: Victim) -> None:
    assert_good(routes.attack_as_stranger(victim, METHODS))


def test_what_a_stranger_is_denied_is_there(victim: Victim) -> None:
    browser, arguments = browser_of(victim.user), victim.arguments()
    missing = [
        route.name
        for route in routes.routes()
        if route.kind is routes.Kind.OWNED
        and routes.ask(browser, "GET", route.path(arguments)).status_code == 404
    ]
    assert not missing


def test_no_route_gives_nobody_anything(victim: Victim) -> None:
    assert_good(routes.attack_as_nobody(victim, METHODS))


def test_no_form_is_accepted_without_its_token(victim: Victim) -> None:
    assert_good(routes.attack_without_token(victim))


def test_a_route_that_nobody_described_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(routes.KINDS, "chatbot")
    with pytest.raises(routes.UnknownRoute, match=r"are for: chatbot$"):
        routes.routes()


def test_damaged_keys_are_refused(service: Service, alices_key: CreatedKey) -> None:
    assert_good(fuzz.fuzz_headers(service.url, alices_key.token.plaintext, 1000))


def test_odd_paths_find_nothing(service: Service) -> None:
    assert_good(fuzz.fuzz_paths(service.url, 1000))


def test_requests_end_where_they_say(service: Service) -> None:
    assert_good(smuggling.smuggle(service.url))


def test_the_table_says_what_went_wrong() -> None:
    result = Result("an attack")
    result.judge("good", 401, is_expected=True)
    result.judge("bad", 200, is_expected=False)
    result.judge("worse", 500, is_expected=True)
    assert not result.is_good
    assert table([result]).splitlines()[1].split() == ["an", "attack", "3", "1", "1", "none"]
    assert "an attack: wrongly accepted: bad: 200" in details([result])
