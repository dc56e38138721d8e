"""What stands around every page: the navigation, composed here of the apps' pages."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse

from core.themes import theme_of


class Link(NamedTuple):
    """An entry of the navigation; pages name the `section` that they belong to."""

    section: str
    label: str
    url_name: str
    icon: str

    @property
    def url(self) -> str:
        return reverse(self.url_name)

    @property
    def icon_template(self) -> str:
        return f"icons/{self.icon}.html"


class Group(NamedTuple):
    """Entries of the navigation under a heading, which may be empty."""

    label: str
    links: tuple[Link, ...]


NAVIGATION = (
    Group(
        "",
        (
            Link("overview", "Overview", "overview", "overview"),
            Link("chatbots", "Chatbots", "chatbots", "chatbots"),
        ),
    ),
    Group(
        "Developer",
        (
            Link("api-keys", "API Keys", "api-keys", "key"),
            Link("api-docs", "API docs", "api:openapi-view", "docs"),
        ),
    ),
    Group(
        "Account",
        (
            Link("usage", "Usage", "usage", "usage"),
            Link("account", "Profile", "account", "profile"),
            Link("security", "Security", "mfa_index", "security"),
            Link("security-log", "Security log", "security-log", "log"),
        ),
    ),
)
# The pages of django-allauth name no section.
SECTIONS = {"/account/two-factor/": "security", "/account/": "account"}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Django context processor with what the base template shows around a page."""
    sections = (SECTIONS[start] for start in SECTIONS if request.path.startswith(start))
    return {
        "navigation": NAVIGATION,
        "section": next(sections, ""),
        "sign_out_url": reverse("account_logout"),
        "api_docs_url": reverse("api:openapi-view"),
        "theme": theme_of(request),
    }
