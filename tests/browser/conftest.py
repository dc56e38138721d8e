"""A real browser and the real server. Any console error or CSP violation fails the test."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from accounts.models import User
from core.cache import SharedCache
from tests.conftest import Service, start_service, stop_service, wait_for
from tests.workers import Workers

PASSWORD = "correct horse battery staple"
SWITCHES = [
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
WIDE = {"width": 1200, "height": 800}
PHONE = {"width": 390, "height": 844}

# Playwright runs an event loop in the test's thread, where Django's ORM refuses to work otherwise.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def launch(playwright: Playwright) -> Browser:
    executable = shutil.which("chromium")
    assert executable, "chromium is not installed: run tests/browser/install"
    root_switches = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=executable, args=[*SWITCHES, *root_switches])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@dataclass
class Visitor:
    """A person with a browser window."""

    page: Page
    url: str
    console_errors: list[str] = field(default_factory=list)
    expected_errors: tuple[str, ...] = ()

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def sign_in(self, user: User | str, password: str = PASSWORD) -> None:
        self.go("/sign-in/")
        self.page.locator("input[name=login]").fill(user if isinstance(user, str) else user.email)
        self.page.locator("input[type=password]").fill(password)
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Sign in", exact=True).click()

    def expect_refusal(self, text: str) -> None:
        """Let the console report a response that the test is about, such as a 404."""
        self.expected_errors += (text,)

    def check_page(self) -> None:
        """Check that axe finds nothing serious or critical, and that the page fits the window."""
        violations = [
            (violation["id"], [node["html"] for node in violation["nodes"]])
            for violation in Axe().run(self.page).response["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
        assert not violations
        assert self.page.title()
        assert self.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ), "the page is wider than the window"

    def check_console(self) -> None:
        unexpected = [
            error
            for error in self.console_errors
            if not any(text in error for text in self.expected_errors)
        ]
        assert not unexpected


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(chromium: Browser, service: Service) -> Iterator[Visit]:
    """Return a function that opens a browser window."""
    reset_throttles()
    yield from windows(chromium, service)


@dataclass(frozen=True)
class MailingService:
    """A service that requires confirmed addresses; its worker writes mails into a folder."""

    service: Service
    folder: Path

    @property
    def email_url(self) -> str:
        return f"filemail:///{self.folder}"

    def link(self, email: str, about: str) -> str:
        """Wait for a mail to the address whose text contains `about`; return the link in it."""
        wait_for(lambda: bool(self._links(email, about)), what=self.service.log.read_text)
        return self._links(email, about)[-1]

    def _links(self, email: str, about: str) -> list[str]:
        files = sorted(self.folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        # Each ends with a line; what is written just now does not yet.
        mails = [mail for file in files for mail in file.read_text().split("-" * 79)[:-1]]
        wanted = [mail for mail in mails if f"To: {email}" in mail and about in mail]
        links = [re.search(rf"{re.escape(self.service.url)}\S+", mail) for mail in wanted]
        return [link[0] for link in links if link]


@pytest.fixture(scope="session")
def mailing_server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MailingService]:
    folder = tmp_path_factory.mktemp("mails")
    service = start_service(tmp_path_factory.mktemp("mailing"), EMAIL_URL=f"filemail:///{folder}")
    yield MailingService(service, folder)
    stop_service(service)


@pytest.fixture
def mailing(mailing_server: MailingService, workers: Workers) -> MailingService:
    """Return the mailing service without data, mails and throttled addresses of other tests."""
    reset_throttles()
    for mail in mailing_server.folder.iterdir():
        mail.unlink()
    workers.start(EMAIL_URL=mailing_server.email_url)
    return mailing_server


def reset_throttles() -> None:
    """Clear the throttles: the windows of all tests share one IP address and its limit."""
    SharedCache(settings.REDIS_URL, {"KEY_PREFIX": "insitechat"}).clear()


@pytest.fixture
def visit_mailing(chromium: Browser, mailing: MailingService) -> Iterator[Visit]:
    yield from windows(chromium, mailing.service)


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
                visitor.console_errors.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("pageerror", lambda error: visitor.console_errors.append(str(error)))
        contexts.append(context)
        visitors.append(visitor)
        return visitor

    yield open_window
    for visitor in visitors:
        visitor.check_console()
    for context in contexts:
        context.close()


@pytest.fixture
def owner(service: Service) -> User:
    """Return an account that can sign in, in the database that is served."""
    assert service.process.poll() is None
    return User.objects.create_user("owner@example.org", PASSWORD)
