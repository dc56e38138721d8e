"""A small shop's site."""

from tests.chatbots.knowledge.site import Page

MENU = '<header>The Shop</header><div><a href="/">Home</a> <a href="/prices">Prices</a></div>'
FOOTER = "<div>The Shop, Harbour Street 1, 0150 Oslo</div>"


def page(title: str, content: str) -> str:
    return f"<title>{title}</title><body>{MENU}<h1>{title}</h1>{content}{FOOTER}</body>"


def shop() -> dict[str, Page]:
    return {
        "/": page("Home", '<p>We sell boats made of wood.</p><a href="/returns#top">Returns</a>'),
        "/prices": page("Prices", "<table><tr><th>Boat<th>Price<tr><td>Pram<td>900 EUR</table>"),
        "/returns": page(
            "Returns",
            "<p>Boats can be returned within 40 days.</p>"
            '<a href="/returns?utm_source=x">again</a> <a href="/missing">gone</a> '
            '<a href="/hidden">secret</a> <a href="https://other.example/">other</a>',
        ),
        "/hidden": page("Secret", "<p>Nobody may read this.</p>"),
        "/app": "<title>App</title><div id=root></div><script></script>",
        "/robots.txt": "User-agent: *\nDisallow: /hidden\n",
        "/sitemap.xml": "<urlset><loc>{url}/app</loc><loc>{url}/crew</loc></urlset>",
        "/crew": page("Crew", "<p>Our captain is called Solveig.</p>"),
    }
