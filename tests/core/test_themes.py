import pytest
from django.test import Client

SIGN_IN = "/sign-in/"


@pytest.fixture
def visitor(db: None) -> Client:
    return Client()


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_a_chosen_theme_is_remembered(visitor: Client, theme: str) -> None:
    response = visitor.post("/theme/", {"theme": theme, "next": SIGN_IN})
    assert response.headers["Location"] == SIGN_IN
    html = visitor.get(SIGN_IN).content.decode()
    assert f'data-theme="{theme}"' in html
    assert html.count('aria-pressed="true"') == 1


@pytest.mark.parametrize("theme", ["", "pink", '"><script>'])
def test_any_other_is_the_systems(visitor: Client, theme: str) -> None:
    visitor.post("/theme/", {"theme": theme})
    visitor.cookies["theme"] = theme
    assert 'data-theme="system"' in visitor.get(SIGN_IN).content.decode()


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", "javascript:x", ""])
def test_it_leads_to_no_other_site(visitor: Client, page: str) -> None:
    response = visitor.post("/theme/", {"theme": "dark", "next": page})
    assert response.headers["Location"] == "/"


def test_it_takes_posts_with_a_token_only(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get("/theme/").status_code == 405
    assert client.post("/theme/", {"theme": "dark"}).status_code == 403
