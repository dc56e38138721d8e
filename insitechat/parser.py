"""How the API reads a request's body."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser


class UnreadableBody(Exception):
    """The body is not what the API reads; the text says why and is safe to show."""


class StrictJsonParser(Parser):
    """Reads a JSON object that says it is JSON."""

    def parse_body(self, request: HttpRequest) -> Any:
        if request.content_type != "application/json":
            raise UnreadableBody("body: the Content-Type has to be application/json")
        try:
            body = json.loads(request.body)
        except json.JSONDecodeError as error:
            raise UnreadableBody(f"body: not valid JSON: {error}") from error
        except UnicodeDecodeError as error:
            raise UnreadableBody(f"body: not valid UTF-8 at byte {error.start}") from error
        except ValueError as error:  # Python's own bound on the digits of a number
            raise UnreadableBody("body: a number has too many digits") from error
        except RecursionError as error:
            raise UnreadableBody("body: nested too deeply") from error
        if not isinstance(body, dict):
            raise UnreadableBody("body: has to be a JSON object")
        return body
