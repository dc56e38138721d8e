"""`make screenshots`: photographs the pages of a lively demo, in both themes, wide and on a phone.

The pictures that README.md shows go to docs/images/, all others to .data/screenshots/.
"""

import itertools
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from insitechat.operations.local.engines import throwaway_engines
from insitechat.operations.paths import DATA, PROJECT

OTHERS = DATA / "screenshots"
SHOWN = PROJECT / "docs" / "images"
IN_README = {"overview", "activity"}
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
CALLS = 23
PAUSE_SECONDS = 0.3
KEYS = "/dashboard/developer/api-keys/"


def main() -> None:
    with throwaway_engines() as environment, tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            environment,
            DJANGO_SETTINGS_MODULE="insitechat.settings",
            DJANGO_ALLOW_ASYNC_UNSAFE="true",
            PUBLIC_URL="http://127.0.0.1",
        )
        import django

        django.setup()
        with demo(Path(folder)) as (url, password):
            photograph(url, password, sys.argv[1:])


@contextmanager
def demo(folder: Path) -> Iterator[tuple[str, str]]:
    """Serve a lively demo; yields its address and the password of its account."""
    from django.core.management import call_command

    from insitechat.operations.demo import create_demo
    from tests.conftest import start_service, stop_service

    call_command("migrate", verbosity=0)
    password = secrets.token_urlsafe(12)
    create_demo(password, is_lively=True)
    use_the_shop()
    service = start_service(folder, WEB_CONCURRENCY="1", RATE_LIMIT_WAIT_SECONDS="1")
    try:
        yield service.url, password
    finally:
        stop_service(service)


def use_the_shop() -> None:
    """Ask in the playground, and do what a worker would for the page of insights."""
    from chatbots.answering import answer_message
    from chatbots.conversations import playground_session
    from chatbots.insights import study_conversations
    from chatbots.models import Chatbot

    shop = Chatbot.objects.get(name="Northwind shop")
    for question in ("Do you ship to Norway?", "Which cards do you take?"):
        answer_message(shop, playground_session(shop.owner_id), question)
    study_conversations(str(shop.pk))


def pages() -> dict[str, str]:
    """Return the paths of the pages by the names of their pictures."""
    from django.db.models import Count

    from apikeys.models import ApiKey
    from chatbots.models import Chatbot, Conversation

    key = f"{KEYS}{ApiKey.objects.get(name='Website widget').id}/"
    shop = Chatbot.objects.get(name="Northwind shop")
    conversation = (
        Conversation.objects.filter(chatbot=shop, messages__is_fallback=True)
        .annotate(message_count=Count("messages"))
        .order_by("-message_count", "-last_message_at")[0]
    )
    of_shop = f"/dashboard/chatbots/{shop.id}/"
    return {
        "overview": "/dashboard/",
        "activity": f"{key}activity/",
        "activity-7d": f"{key}activity/?span=7d",
        "activity-24h": f"{key}activity/?span=24h",
        "activity-empty": f"{KEYS}{ApiKey.objects.get(name='Contractor').id}/activity/",
        "api-keys": KEYS,
        "api-key": key,
        "create-key": f"{KEYS}create/",
        "chatbots": "/dashboard/chatbots/",
        "sources": of_shop,
        "playground": f"{of_shop}playground/",
        "insights": f"{of_shop}insights/",
        "conversations": f"{of_shop}conversations/",
        "conversation": f"{of_shop}conversations/{conversation.id}/",
        "settings": f"{of_shop}settings/",
        "usage": "/dashboard/usage/",
        "account": "/account/",
        "security": "/account/two-factor/",
        "security-log": "/dashboard/security-log/",
    }


def make_calls() -> None:
    """Fill a part of a key's window, as calls of the last seconds do."""
    from django.conf import settings

    from apikeys.lookup import window_of
    from apikeys.models import ApiKey
    from ratelimit.limiter import limiter_for

    window = window_of(ApiKey.objects.get(name="Website widget").id, 60)
    for _ in range(CALLS):
        limiter_for(settings.REDIS_URL).hit(*window)
        time.sleep(PAUSE_SECONDS)


def photograph(url: str, password: str, wanted: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    from insitechat.operations.demo import EMAIL
    from insitechat.operations.lively import FIREFOX
    from tests.browser.conftest import launch

    for folder in (OTHERS, SHOWN):
        folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, launch(playwright) as browser:
        page = browser.new_page(user_agent=FIREFOX)
        page.goto(f"{url}/sign-in/")
        page.locator("input[name=login]").fill(EMAIL)
        page.locator("input[type=password]").fill(password)
        with page.expect_navigation():
            page.get_by_role("button", name="Sign in", exact=True).click()
        cookies = page.context.storage_state()
        for theme, phone in itertools.product(("light", "dark"), (False, True)):
            context = browser.new_context(
                storage_state=cookies,
                viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
                color_scheme=theme,  # type: ignore[arg-type]
            )
            page = context.new_page()
            make_calls()
            for name, path in pages().items():
                if wanted and name not in wanted:
                    continue
                page.goto(f"{url}{path}")
                if name == "activity-24h":
                    page.locator(".columns li").nth(14).hover()
                is_shown = name in IN_README and not phone
                file = f"{name}-{theme}{'-phone' if phone else ''}.png"
                page.screenshot(path=(SHOWN if is_shown else OTHERS) / file, full_page=not is_shown)
            context.close()


if __name__ == "__main__":
    main()
