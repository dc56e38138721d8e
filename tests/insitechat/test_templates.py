"""Pages link, include and extend downwards only, as imports do."""

import re
from collections.abc import Iterator
from inspect import unwrap
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, get_resolver

from insitechat.operations.paths import PROJECT

# From the lowest layer up; django-allauth's pages are those of accounts.
LAYERS = ["core", "allauth", "accounts", "securitylog", "apikeys", "chatbots", "insitechat"]
ADDRESS = re.compile(r"{% url '([^']+)'")
OTHER_TEMPLATE = re.compile(r"{% (?:include|extends) \"([^\"]+)\"")
TEMPLATES = sorted(
    path.relative_to(PROJECT)
    for layer in LAYERS
    for path in (PROJECT / layer).glob("**/templates/**/*.html")
)


def patterns(resolver: Any, namespace: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}", pattern.callback
        else:
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from patterns(pattern, inner)


def layer_of_view(view: Any) -> int:
    view = getattr(view, "view_class", unwrap(view))
    package = view.__module__.partition(".")[0]
    # The API and the admin are composed by insitechat; whoever names them depends on that.
    return LAYERS.index(package) if package in LAYERS else LAYERS.index("insitechat")


VIEWS = {name: layer_of_view(view) for name, view in patterns(get_resolver())}


def test_every_page_is_looked_at() -> None:
    assert {path.parts[0] for path in TEMPLATES} == set(LAYERS) - {"allauth"}


@pytest.mark.parametrize("template", TEMPLATES, ids=str)
def test_a_page_names_no_address_above_it(template: Path) -> None:
    own = LAYERS.index(template.parts[0])
    names = [
        name
        for name in ADDRESS.findall((PROJECT / template).read_text())
        if not name.startswith("admin:")  # staff's pages extend the admin, which has all models
    ]
    assert [name for name in names if VIEWS[name] > own] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=str)
def test_a_page_is_made_of_its_own_layer_and_those_below(template: Path) -> None:
    own = LAYERS.index(template.parts[0])
    for name in OTHER_TEMPLATE.findall((PROJECT / template).read_text()):
        homes = [path.parts[0] for path in TEMPLATES if str(path).endswith(f"/templates/{name}")]
        assert name.startswith(("admin/", "mfa/", "usersessions/")) or any(
            LAYERS.index(home) <= own for home in homes
        ), name
