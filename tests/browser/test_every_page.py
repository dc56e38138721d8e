"""Every page in both themes, wide and on a phone: accessibility, weight and layout shifts."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone
from playwright.sync_api import Browser, Request

from accounts.models import User
from apikeys.services import create_api_key
from apikeys.usage_rows import Answers, Calls, write_calls
from chatbots.answering import answer_message
from chatbots.knowledge.documents import Block, Document
from chatbots.knowledge.learning import learn, publish
from chatbots.knowledge.teaching import add_pair_source, add_text_source
from chatbots.models import Chatbot, MessageUsage, Page, Source
from chatbots.services import create_chatbot
from insitechat.operations.paths import PROJECT
from tests.browser.conftest import PASSWORD, Visit, windows
from tests.conftest import SHOP, Service, start_service, stop_service, wait_for

KEYS = "/dashboard/developer/api-keys/"
CHATBOTS = "/dashboard/chatbots/"
PUBLIC = [
    *("/sign-in/", "/sign-up/", "/sign-up/confirm/", "/confirm-email/x/", "/disabled/"),
    *("/forgotten-password/", "/forgotten-password/sent/", "/forgotten-password/x-y/"),
    "/forgotten-password/done/",
]
ACCOUNT = [
    *("/account/", "/account/email/", "/account/password/", "/account/confirm/"),
    *("/account/two-factor/", "/account/two-factor/totp/activate/"),
    *("/account/two-factor/webauthn/", "/account/two-factor/webauthn/add/"),
    *("/account/sessions/", "/account/export/", "/account/delete/", "/sign-out/"),
]


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "wide"])
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_pages_of_accounts_and_keys_are_accessible(
    visit: Visit, owner: User, phone: bool, dark: bool
) -> None:
    created = create_api_key(owner, "Production with quite a long name, for the sake of it")
    visitor = visit(phone=phone, dark=dark)
    visitor.expect_refusal("404 (Not Found)")
    for path in PUBLIC:
        visitor.go(path)
        visitor.check_page()
    visitor.sign_in(owner)
    of_key = f"{KEYS}{created.api_key.id}/"
    keys = [KEYS, f"{KEYS}create/", of_key]
    keys += [f"{of_key}{page}/" for page in ("activity", "rename", "expiry", "rotate", "revoke")]
    for path in (*keys, "/dashboard/security-log/", *ACCOUNT, "/nowhere/"):
        visitor.go(path)
        visitor.check_page()


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "wide"])
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_pages_of_chatbots_are_accessible(
    visit: Visit, owner: User, phone: bool, dark: bool
) -> None:
    visitor = visit(phone=phone, dark=dark)
    visitor.sign_in(owner)
    for path in ("/dashboard/", CHATBOTS, "/dashboard/usage/"):  # while there is nothing yet
        visitor.go(path)
        visitor.check_page()
    chatbot = create_chatbot(owner, "Assistant of a shop with quite a long name indeed " + "x" * 40)
    source = add_text_source(chatbot, "x" * 200, SHOP)
    add_pair_source(chatbot, "Do you ship to Finland?", "Not yet.")
    site = site_source(chatbot)
    answer_message(chatbot, "visitor-" + "9" * 120, "Do you ship to Norway? " + "x" * 300)
    MessageUsage.objects.update(used=800)
    conversation = chatbot.conversations.get()
    deleted = create_chatbot(owner, "Deleted")
    Chatbot.objects.filter(pk=deleted.pk).soft_delete()
    of_chatbot = f"{CHATBOTS}{chatbot.id}/"
    for path in (
        f"{CHATBOTS}?deleted={deleted.id}",
        f"{CHATBOTS}create/",
        of_chatbot,
        f"{of_chatbot}sources/add-text/",
        f"{of_chatbot}sources/add-question/",
        f"{of_chatbot}sources/{source.id}/",
        *(f"{of_chatbot}sources/add-{kind}/" for kind in ("site", "page", "file")),
        f"{of_chatbot}sources/{site.id}/pages/",
        f"{of_chatbot}sources/{site.id}/pages/{site.pages.live().get().id}/",
        f"{of_chatbot}playground/",
        f"{of_chatbot}insights/",
        f"{of_chatbot}conversations/",
        f"{of_chatbot}conversations/?q=x&day=2020-01-01",
        f"{of_chatbot}conversations/{conversation.id}/",
        f"{of_chatbot}conversations/{conversation.id}/delete/",
        f"{of_chatbot}settings/",
        "/dashboard/",
        CHATBOTS,
        "/dashboard/usage/",
    ):
        visitor.go(path)
        visitor.check_page()
    visitor.go(f"{of_chatbot}playground/")
    visitor.page.get_by_label("Your question").fill("Do you ship to Norway?")
    visitor.page.get_by_role("button", name="Ask").click()
    visitor.page.get_by_text("We ship to Norway, Sweden").first.wait_for()
    visitor.check_page()


def site_source(chatbot: Chatbot) -> Source:
    """Return a site that is being read, one page of which is known and one cannot be read.

    Two are still to be read.
    """
    url = "https://shop.example/" + "x" * 200
    source = Source.objects.create(
        chatbot=chatbot, type="url", url=url, is_site=True, status="crawling"
    )
    page = Page(chatbot=chatbot, source=source, url=url)
    learn(page, Document("x" * 200, (Block(SHOP),)))
    publish(source, [page])
    Page.objects.create(
        chatbot=chatbot, source=source, url=url, state="failed", reason="It does not exist (404)."
    )
    for number in range(2):
        Page.objects.create(chatbot=chatbot, source=source, url=f"{url}{number}")
    return source


@pytest.mark.parametrize("phone", [True, False], ids=["phone", "wide"])
@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_pages_of_failures_are_accessible(
    visit: Visit, owner: User, phone: bool, dark: bool
) -> None:
    visitor = visit(phone=phone, dark=dark)
    for status in (403, 404, 500, 503):
        visitor.expect_refusal(f"status of {status}")
    visitor.go("/nowhere/")  # nobody is signed in
    visitor.check_page()
    visitor.sign_in(owner)
    visitor.go(f"{CHATBOTS}create/")
    visitor.page.get_by_label("Name").fill("Shop")
    visitor.page.context.clear_cookies(name="csrftoken")
    visitor.page.get_by_role("button", name="Create").click()
    visitor.page.get_by_role("heading", name="The form is out of date").wait_for()
    visitor.check_page()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE chatbots_messageusage RENAME TO away")
        try:
            visitor.go(CHATBOTS)
        finally:
            cursor.execute("ALTER TABLE away RENAME TO chatbots_messageusage")
    assert visitor.page.title() == "Something broke · InsiteChat"
    visitor.check_page()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE chatbots_messageusage IN ACCESS EXCLUSIVE MODE")
        visitor.page.evaluate(f"setTimeout(() => location.assign('{CHATBOTS}'))")
        wait_for(cancel_who_waits)  # as their deadline would, which is long in these tests
        visitor.page.get_by_role("heading", name="The service is busy").wait_for()
    visitor.check_page()
    visitor.page.get_by_role("link", name="Go to the overview").click()
    visitor.page.get_by_role("heading", name="Overview").wait_for()


def cancel_who_waits() -> bool:
    """Cancel statements that wait for a lock; return whether there were any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone() is not None


PAGE_WEIGHT_MAX = 60_000


def test_pages_are_light_and_have_no_layout_shift(
    chromium: Browser, transactional_db: None, tmp_path: Path
) -> None:
    """Measure a first visit, with static files served as in the image."""
    static = str(tmp_path / "static")
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"],
        cwd=PROJECT,
        env=os.environ | {"STATIC_ROOT": static},
        check=True,
    )
    owner = User.objects.create_user("owner@example.org", PASSWORD)
    created = create_api_key(owner, "Production")
    for hour in range(30 * 24):
        moment = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hour)
        write_calls(
            {
                Answers(created.api_key.id, moment, 200): Calls(1000 + hour, 40),
                Answers(created.api_key.id, moment, 429): Calls(hour, 60),
            }
        )
    chatbot = create_chatbot(owner, "Shop")
    service = start_service(tmp_path, STATIC_ROOT=static)
    try:
        for path in (
            *("/sign-in/", "/dashboard/", "/account/", "/dashboard/usage/", KEYS),
            *(f"{KEYS}{created.api_key.id}/activity/{span}" for span in ("", "?span=7d")),
            f"{CHATBOTS}{chatbot.id}/playground/",
        ):
            weight, shifts = measure_page(chromium, service, owner, path)
            assert 1000 < weight <= PAGE_WEIGHT_MAX, (path, weight)
            assert shifts == 0, path
    finally:
        stop_service(service)


def measure_page(chromium: Browser, service: Service, owner: User, path: str) -> tuple[int, float]:
    """Return the bytes that a first visit to the page loads, and its layout shift."""
    opened = windows(chromium, service)
    visitor = next(opened)()
    if path != "/sign-in/":
        visitor.sign_in(owner)
        visitor.page.wait_for_url("**/dashboard/")
    requests: list[Request] = []
    visitor.page.on("requestfinished", lambda request: requests.append(request))  # noqa: PLW0108
    visitor.page.add_init_script(COLLECT_SHIFTS)
    visitor.page.route("**/*", lambda route: route.continue_())  # routing turns the cache off
    visitor.go(path)
    weight = sum(request.sizes()["responseBodySize"] for request in requests)
    shifts: float = visitor.page.evaluate("window.shifts")
    next(opened, None)
    return weight, shifts


COLLECT_SHIFTS = """
    window.shifts = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.shifts += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


def test_api_docs_work_under_the_content_security_policy(visit: Visit) -> None:
    visitor = visit()
    visitor.go("/api/v1/docs")
    visitor.page.get_by_text("/api/v1/chatbots", exact=True).first.wait_for()
