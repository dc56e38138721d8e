"""How the API reads a request's body."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser


class UnreadableBody(ValueError):
    """The body is not what the API reads; the text says why and is safe to show."""


class StrictJsonParser(Parser):
    """Reads JSON that says it is JSON and holds only text that the database can store."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise UnreadableBody("body: the Content-Type has to be application/json")
        try:
            return json.loads(request.body, object_pairs_hook=without_nul)
        except json.JSONDecodeError as error:
            raise UnreadableBody(f"body: not valid JSON: {error}") from error
        except UnicodeDecodeError as error:
            raise UnreadableBody(f"body: not valid UTF-8 at byte {error.start}") from error
        except RecursionError as error:
            raise UnreadableBody("body: nested too deeply") from error


def without_nul(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, value in pairs:
        if isinstance(value, str) and "\0" in value:
            raise UnreadableBody(f"{name}: must not contain NUL characters")
    return dict(pairs)
