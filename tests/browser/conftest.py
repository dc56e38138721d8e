"""A real browser on the real server. A test fails on any console error or CSP violation."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts.models import User
from insitechat.cache import SharedCache
from tests.conftest import Service, start_service, stop_service, wait_for

PASSWORD = "correct horse battery staple"
SWITCHES = [
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
WIDE = {"width": 1200, "height": 800}
PHONE = {"width": 390, "height": 844}

# Playwright keeps an event loop in the test's thread, in which Django's ORM refuses to work.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "chromium is not installed: run tests/browser/install"
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*SWITCHES, *as_root])
        yield browser
        browser.close()


@dataclass
class Visitor:
    """One person with one browser window."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def sign_in(self, user: User | str, password: str = PASSWORD) -> None:
        self.go("/sign-in/")
        self.page.locator("input[name=login]").fill(user if isinstance(user, str) else user.email)
        self.page.locator("input[type=password]").fill(password)
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Sign in", exact=True).click()

    def expect_refusal(self, text: str) -> None:
        """Allow the console to report an answer that the test is about, such as a 404."""
        self.expected += (text,)

    def check_page(self) -> None:
        """Look at the page as axe does: nothing serious or critical."""
        found = Axe().run(self.page).response["violations"]
        grave = [one for one in found if one["impact"] in {"serious", "critical"}]
        assert not grave, [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]
        assert self.page.title()
        assert self.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ), "the page is wider than the window"

    def assert_content(self) -> None:
        unexpected = [
            one for one in self.complaints if not any(text in one for text in self.expected)
        ]
        assert not unexpected


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(chromium: Browser, service: Service) -> Iterator[Visit]:
    """Return what opens a window, as one is configured by its three flags."""
    forget_tries()
    yield from windows(chromium, service)


@dataclass(frozen=True)
class Post:
    """A service that sends its mails into a folder, and asks for confirmed addresses."""

    service: Service
    folder: Path

    def link(self, email: str, about: str) -> str:
        """Wait for the mail that somebody gets about something; return the link in it."""
        wait_for(lambda: bool(self._find(email, about)), what=self.service.log.read_text)
        return self._find(email, about)[-1]

    def _find(self, email: str, about: str) -> list[str]:
        mails = sorted(self.folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        texts = [one for file in mails for one in file.read_text().split("-" * 79)]
        pattern = rf"{re.escape(self.service.url)}\S+"
        found = [re.search(pattern, one) for one in texts if f"To: {email}" in one and about in one]
        return [one[0] for one in found if one]


@pytest.fixture(scope="session")
def mailing_server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Post]:
    folder = tmp_path_factory.mktemp("mails")
    service = start_service(tmp_path_factory.mktemp("mailing"), EMAIL_URL=f"filemail:///{folder}")
    yield Post(service, folder)
    stop_service(service)


@pytest.fixture
def post(mailing_server: Post, transactional_db: None) -> Post:
    """Return the mailing service on the data of this test, with nobody's tries in its cache."""
    forget_tries()
    return mailing_server


def forget_tries() -> None:
    """Let everybody sign in: all windows of all tests share one address and its limit."""
    SharedCache(settings.REDIS_URL, {"KEY_PREFIX": "insitechat"}).clear()


@pytest.fixture
def visit_mailing(chromium: Browser, post: Post) -> Iterator[Visit]:
    yield from windows(chromium, post.service)


def windows(chromium: Browser, service: Service) -> Iterator[Visit]:
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def open_window(*, javascript: bool = True, phone: bool = False, dark: bool = False) -> Visitor:
        context = chromium.new_context(
            java_script_enabled=javascript,
            viewport=PHONE if phone else WIDE,  # type: ignore[arg-type]
            color_scheme="dark" if dark else "light",
            timezone_id="Asia/Kolkata",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        visitor = Visitor(page, service.url)
        page.on(
            "console",
            lambda message: (
                visitor.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        contexts.append(context)
        visitors.append(visitor)
        return visitor

    yield open_window
    for visitor in visitors:
        visitor.assert_content()
    for context in contexts:
        context.close()


@pytest.fixture
def owner(service: Service) -> User:
    """Return an account that can sign in; it lives in the served database."""
    assert service.process.poll() is None
    return User.objects.create_user("owner@example.org", PASSWORD)
