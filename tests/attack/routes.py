"""Every route of the URLconf, asked by a stranger, by nobody, and without a CSRF token.

What a route is has to be said here: one that is missing fails the run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.attack.people import Victim, browser_of, make_stranger, unchanged
from tests.attack.report import Result


class Kind(Enum):
    """Whom a route is for, which says how a stranger has to be answered."""

    PUBLIC = "everybody"
    SIGNED_IN = "whoever is signed in, about themselves"
    OWNED = "the owner of what its address names"
    KEYED = "requests with a key, about its account"
    KEYED_OWNED = "requests with a key whose account owns what the address names"
    STAFF = "staff"


def kinds(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


KINDS = {
    **kinds(
        Kind.PUBLIC,
        "api:openapi-json api:openapi-view api:report_found_key account_login account_logout"
        " account_signup account_email_verification_sent account_confirm_email account_inactive"
        " account_reset_password account_reset_password_done account_reset_password_from_key"
        " account_reset_password_from_key_done mfa_authenticate mfa_login_webauthn theme",
    ),
    **kinds(
        Kind.SIGNED_IN,
        "/ overview api:list_api_keys api:create_api_key account account_reauthenticate"
        " account_email"
        " account_change_password account_set_password mfa_index mfa_reauthenticate"
        " mfa_activate_totp mfa_deactivate_totp mfa_view_recovery_codes mfa_generate_recovery_codes"
        " mfa_download_recovery_codes mfa_list_webauthn mfa_add_webauthn"
        " mfa_reauthenticate_webauthn usersessions_list account-export account-export-file"
        " account-delete security-log api-keys api-key-create overview chatbots chatbot-create"
        " usage",
    ),
    **kinds(
        Kind.OWNED,
        "api:revoke_api_key mfa_remove_webauthn mfa_edit_webauthn api-key api-key-activity"
        " api-key-window conversation-delete conversations-csv conversations-json"
        " api-key-rename api-key-expiry api-key-rotate api-key-revoke chatbot chatbot-settings"
        " chatbot-pause chatbot-resume chatbot-delete chatbot-restore chatbot-playground"
        " playground-new"
        " conversations conversation source-add-text source-add-question source"
        " source-add-site source-add-page source-add-file source-pages source-page source-sync"
        " source-cancel source-schedule"
        " source-delete source-restore answer-rate chatbot-insights playground-try",
    ),
    **kinds(Kind.KEYED, "/api/v1 api:api-root api:list_chatbots"),
    **kinds(Kind.KEYED_OWNED, "api:get_chatbot api:list_sources api:chat"),
}
# Routes of sources that a worker reads; the other routes of sources are for written ones.
OF_SITES = {"source-pages", "source-page", "source-sync", "source-cancel", "source-schedule"}
METHODS = ("GET", "POST", "PUT", "DELETE")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")


class UnknownRoute(AssertionError):
    """A route of the URLconf about which this module says nothing."""


@dataclass(frozen=True)
class Route:
    name: str
    pattern: str
    kind: Kind

    def path(self, arguments: Mapping[str, Any]) -> str:
        """Return the address that names what the arguments do."""

        def value(match: "re.Match[str]") -> str:
            name = match[1] or match[2]
            if name == "source_id" and self.name in OF_SITES:
                name = "site_id"
            if name not in arguments:
                raise UnknownRoute(f"{self.name}: say in people.py what <{name}> is")
            return str(arguments[name])

        return "/" + PARAMETER.sub(value, self.pattern).replace("^", "").replace("$", "")


def routes() -> list[Route]:
    """Return every route of the service. Raises UnknownRoute."""
    walked = list(walk(get_resolver()))
    unknown = [name for name, _ in walked if kind_of(name) is None]
    if unknown:
        raise UnknownRoute(f"say in routes.py whom these routes are for: {', '.join(unknown)}")
    found = [Route(name, pattern, kind) for name, pattern in walked if (kind := kind_of(name))]
    gone = KINDS.keys() - {route.name for route in found}
    if gone:
        raise UnknownRoute(f"these routes are no more: {', '.join(sorted(gone))}")
    return found


def kind_of(name: str) -> Kind | None:
    return Kind.STAFF if name.startswith("admin:") else KINDS.get(name)


def walk(resolver: URLResolver, prefix: str = "", namespace: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name of each route, or its path where it has none, and its pattern."""
    for entry in resolver.url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield namespace + (entry.name or f"/{pattern}"), pattern
        else:
            below = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from walk(entry, pattern, below)


def ask(browser: Client, method: str, path: str, headers: dict[str, str] | None = None) -> Any:
    body = "{}" if path.startswith("/api/") else ""
    content_type = "application/json" if body else "application/x-www-form-urlencoded"
    answer: Any = browser.generic(method, path, body, content_type, headers=headers)
    if answer.streaming:
        for _ in answer.streaming_content:  # to its end, with which the request ends
            pass
    return answer


def attack_as_stranger(victim: Victim, methods: Sequence[str] = METHODS) -> Result:
    """Ask every route as another account; what is not its own is 404."""
    result = Result("every route with a stranger")
    arguments = victim.arguments()
    with unchanged(victim, result.findings, "all routes"):
        stranger, key = make_stranger()
        browser = browser_of(stranger)
        for route in routes():
            is_keyed = route.kind in {Kind.KEYED, Kind.KEYED_OWNED}
            for method in methods:
                headers = {"Authorization": f"Bearer {key}"} if is_keyed else None
                answer = ask(browser, method, route.path(arguments), headers)
                judge(result, route, method, answer, victim, is_right(route.kind, answer))
                if route.name == "account-delete":
                    stranger, key = make_stranger()
                if method != "GET" and route.kind in {Kind.PUBLIC, Kind.SIGNED_IN}:
                    browser.force_login(stranger)  # it may have ended the session
    return result


def attack_as_nobody(victim: Victim, methods: Sequence[str] = METHODS) -> Result:
    """Ask every route without a session and without a key."""
    result = Result("every route with nobody")
    arguments = victim.arguments()
    browser = browser_of(None)
    with unchanged(victim, result.findings, "all routes"):
        for route in routes():
            for method in methods:
                browser.cookies.clear()
                answer = ask(browser, method, route.path(arguments))
                is_expected = route.kind is Kind.PUBLIC or answer.status_code in {
                    *(302, 301, 401, 403, 404, 405),
                }
                judge(result, route, method, answer, victim, is_expected)
    return result


def attack_without_token(victim: Victim) -> Result:
    """Post every form from the victim's own browser, as another site would: without a token."""
    result = Result("every form without its token")
    arguments = victim.arguments()
    browser = browser_of(victim.user, checks_csrf=True)
    with unchanged(victim, result.findings, "all forms"):
        for route in routes():
            if route.name == "api:report_found_key":  # for everybody, and by no cookie
                continue
            answer = ask(browser, "POST", route.path(arguments))
            is_expected = answer.status_code in {401, 403, 405}
            result.judge(f"POST {route.name}", answer.status_code, is_expected=is_expected)
    return result


def is_right(kind: Kind, answer: Any) -> bool:
    if kind in {Kind.OWNED, Kind.KEYED_OWNED}:
        return answer.status_code in {404, 405, 400}
    if kind is Kind.STAFF:
        return answer.status_code in {403, 404, 405} or is_sent_away(answer)
    return True


def is_sent_away(answer: Any) -> bool:
    return answer.status_code in {301, 302}


def judge(
    result: Result, route: Route, method: str, answer: Any, victim: Victim, is_expected: bool
) -> None:
    case = f"{method} {route.name}"
    result.judge(case, answer.status_code, is_expected=is_expected)
    is_link = route.name == "account_confirm_email"  # whoever has the link may see the address
    if victim.shows(answer.content.decode(errors="replace")) and not is_link:
        result.findings.append(f"{case}: shows what is not the stranger's")
