"""Each page has one address, and a site knows its own."""

import pytest

from chatbots.knowledge.crawling.addresses import canonical, pages_among, site_of, typed

SITE = site_of("https://www.shop.example/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Shop.Example:80", "http://shop.example/"),
        ("https://shop.example:443/a/../b/./c", "https://shop.example/b/c"),
        ("https://shop.example/%7ejoe%2f%3a", "https://shop.example/~joe%2F%3A"),
        ("https://shop.example/%2e%2e/a", "https://shop.example/a"),
        (
            "https://shop.example/a?utm_source=x&b=2&a=1&fbclid=y#top",
            "https://shop.example/a?b=2&a=1",
        ),
        ("https://shop.example/a?gclid=x", "https://shop.example/a"),
        ("https://shop.example/a;jsessionid=7B?b", "https://shop.example/a?b"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        (" https://shop.example/a ", "https://shop.example/a"),
        ("https://shop.example:8443/", "https://shop.example:8443/"),
    ],
)
def test_spellings_of_an_address_are_one(url: str, expected: str) -> None:
    assert canonical(url) == expected
    assert canonical(expected) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mailto:a@b.example",
        "javascript:x()",
        "tel:1",
        "http://",
        "http://a@b/",
        "http://[::1",
        "/a",
    ],
)
def test_what_is_no_address_of_a_page_is_told(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        canonical(url)


def test_a_site_is_a_host_with_and_without_www() -> None:
    assert site_of("http://shop.example/a") == SITE
    for other in (
        "https://blog.shop.example/",
        "https://shop.example.org/",
        "http://shop.example:8080/",
    ):
        assert site_of(other) != SITE


def test_links_to_pages_are_kept_once() -> None:
    links = [
        "https://shop.example/a#x",
        "https://shop.example/a",
        "https://www.shop.example/prices.pdf",
        "https://shop.example/logo.PNG",
        "https://other.example/",
        "mailto:x",
        f"https://shop.example/{'x' * 2000}",
    ]
    assert pages_among(links, SITE) == [
        "https://shop.example/a",
        "https://www.shop.example/prices.pdf",
    ]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (" shop.example/a", "https://shop.example/a"),
        ("http://shop.example", "http://shop.example"),
        ("shop.example:80", "https://shop.example:80"),
    ],
)
def test_people_need_not_type_the_scheme(text: str, url: str) -> None:
    assert typed(text) == url
