"""Completing the OpenAPI document with what Ninja cannot see: limits, headers, every error."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

DESCRIPTION = """\
Chatbots that answer from their owner's own content.

**Keys.** Every request carries `Authorization: Bearer ic_…`. A key belongs to one account and
reaches every chatbot that this account owns. A missing, malformed, unknown or revoked key answers
401, and nothing tells these cases apart.

**Limit.** 60 requests per key in any rolling 60 seconds, unless the account's plan says otherwise.
`RateLimit-Policy` names the limit, `RateLimit` the calls left (`r`) and the whole seconds until the
oldest counted call leaves the window (`t`). A 401 or 429 takes no place in the window; a 404 does.

**Lists.** Without parameters the whole list. With `limit`, a page of it, and a `Link` header with
`rel="next"` while there are more.

**Errors.** One `detail` text each. What the key's owner does not own answers 404.
"""

# Not `default`: generated clients want each status named.
EVERYWHERE = {
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something broke; it has been logged.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is out of reach. Try again shortly.",
}
WITH_BODY = {
    HTTPStatus.BAD_REQUEST: "The body cannot be parsed, or the field named does not fit.",
    HTTPStatus.LENGTH_REQUIRED: "The body comes without a Content-Length.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 1 MiB.",
}
WITH_QUERY = {HTTPStatus.BAD_REQUEST: "The parameter named does not fit."}
WITH_ID = {HTTPStatus.NOT_FOUND: "There is no such thing among what the account owns."}
WITH_KEY = {
    HTTPStatus.UNAUTHORIZED: "The key is missing, malformed, unknown or revoked.",
    HTTPStatus.TOO_MANY_REQUESTS: "The key is over its limit.",
}
WITH_SESSION = {
    HTTPStatus.UNAUTHORIZED: "Nobody is signed in.",
    HTTPStatus.TOO_MANY_REQUESTS: "The account has managed its keys 60 times within 60 seconds.",
}
FOR_ANYBODY = {
    HTTPStatus.TOO_MANY_REQUESTS: "60 requests within 60 seconds came from this address.",
}
WITH_CSRF = {HTTPStatus.FORBIDDEN: "The CSRF token is missing or wrong."}
CHANGING = {"post", "put", "patch", "delete"}

ERROR = {"$ref": "#/components/schemas/Error"}
HEADERS = {
    "RateLimit-Policy": {
        "description": "The limit: q requests in w seconds.",
        "schema": {"type": "string", "examples": ['"default";q=60;w=60']},
    },
    "RateLimit": {
        "description": "r calls are left; the oldest counted call leaves after t seconds.",
        "schema": {"type": "string", "examples": ['"default";r=42;t=17']},
    },
}


def document(schema: dict[str, Any]) -> dict[str, Any]:
    """Add to Ninja's document the errors and headers that the gate and the error table answer."""
    schema["info"]["description"] = DESCRIPTION
    schema["components"]["schemas"]["Error"] = {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    }
    for method, operation in operations(schema):
        responses: dict[str, Any] = {
            str(int(status)): response for status, response in operation["responses"].items()
        }
        for status, description in errors_of(method, operation).items():
            responses.setdefault(str(int(status)), {"description": description})
        for status_text, response in responses.items():
            if int(status_text) >= HTTPStatus.BAD_REQUEST:
                response["content"] = {"application/json": {"schema": ERROR}}
        if takes_key(operation):
            for status_text, response in responses.items():
                if status_text != "401":
                    response["headers"] = HEADERS | response.get("headers", {})
        operation["responses"] = dict(sorted(responses.items()))
    return schema


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path_item in schema["paths"].values():
        yield from path_item.items()


def errors_of(method: str, operation: dict[str, Any]) -> dict[HTTPStatus, str]:
    found = dict(EVERYWHERE)
    if "requestBody" in operation:
        found |= WITH_BODY
    places = {parameter["in"] for parameter in operation["parameters"]}
    if "query" in places:
        found |= WITH_QUERY
    if "path" in places:
        found |= WITH_ID
    if not operation.get("security"):
        return found | FOR_ANYBODY
    if takes_key(operation):
        return found | WITH_KEY
    return found | WITH_SESSION | (WITH_CSRF if method in CHANGING else {})


def takes_key(operation: dict[str, Any]) -> bool:
    return any("ApiKeyAuth" in scheme for scheme in operation.get("security", ()))
