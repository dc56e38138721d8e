"""The OpenAPI document against the service: every operation, generated requests, both ways."""

from itertools import cycle
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from accounts.models import Plan, User
from apikeys.services import create_api_key
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot
from chatbots.services import create_chatbot
from tests.conftest import SHOP, ApiClient, Service

DOCUMENT = "/api/v1/openapi.json"


@pytest.fixture
def document(db: None) -> Any:
    return Client().get(DOCUMENT).json()


def test_every_operation_names_every_answer(document: Any) -> None:
    answers = {
        (method, path): set(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    everywhere = {"401", "429", "500", "503"}
    chatbot = "/api/v1/chatbots/{chatbot_id}"
    assert answers == {
        ("get", "/api/v1/chatbots"): everywhere | {"200", "400"},
        ("get", chatbot): everywhere | {"200", "404"},
        ("get", f"{chatbot}/sources"): everywhere | {"200", "400", "404"},
        ("post", f"{chatbot}/chat"): everywhere | {"200", "400", "404", "411", "413", "502"},
        ("get", "/api/v1/api-keys"): everywhere | {"200", "400"},
        ("post", "/api/v1/api-keys"): everywhere | {"201", "400", "403", "411", "413"},
        ("delete", "/api/v1/api-keys/{key_id}"): everywhere | {"204", "403", "404"},
        ("post", "/api/v1/keys/found"): (everywhere | {"200", "400", "411", "413"}) - {"401"},
    }


def test_operations_are_called_by_their_plain_names(document: Any) -> None:
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]
    assert sorted(names) == [
        *("chat", "create_api_key", "get_chatbot", "list_api_keys", "list_chatbots"),
        *("list_sources", "report_found_key", "revoke_api_key"),
    ]


def test_the_server_is_the_public_address(document: Any) -> None:
    assert document["servers"] == [{"url": django_settings.PUBLIC_URL}]


def test_answers_to_a_key_name_the_limits_headers(document: Any) -> None:
    responses = document["paths"]["/api/v1/chatbots"]["get"]["responses"]
    for status, response in responses.items():
        assert ("RateLimit" in response.get("headers", {})) == (status != "401")
        assert "Retry-After" not in response.get("headers", {})


def test_keys_and_sessions_are_told_apart(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["ApiKeyAuth"]["scheme"] == "bearer"
    assert schemes["OwnerAuth"] == {"type": "apiKey", "in": "cookie", "name": "sessionid"}
    paths = document["paths"]
    assert paths["/api/v1/chatbots"]["get"]["security"] == [{"ApiKeyAuth": []}]
    assert paths["/api/v1/api-keys"]["get"]["security"] == [{"OwnerAuth": []}]


def test_the_docs_page_loads_nothing_from_elsewhere(db: None) -> None:
    page = Client().get("/api/v1/docs").content.decode()
    assert "swagger-ui" in page
    assert "https://" not in page


@pytest.fixture
def schema(service: Service) -> Any:
    """Return the served document, with what it takes to get past keys, sessions and limits."""
    plan = Plan.objects.create(
        name="Unlimited",
        requests_per_minute=100_000,
        monthly_messages=100_000,
        max_active_api_keys=100_000,
        max_api_keys=100_000,
    )
    owner = User.objects.create_user("generated@example.org", plan=plan)
    chatbot = create_chatbot(owner, "Shop")
    add_text_source(chatbot, "Rules", SHOP)
    key = create_api_key(owner, "Generated").token.plaintext
    loaded: Any = schemathesis.openapi.from_url(f"{service.url}{DOCUMENT}")
    loaded.config.generation.update(with_security_parameters=False)
    loaded.credentials = {"Authorization": f"Bearer {key}", "X-CSRFToken": "a" * 32}
    # So many accounts that none reaches its own limit.
    loaded.sessions = cycle([session_of(f"{number}@example.org", plan) for number in range(10)])
    loaded.chatbot_id = str(chatbot.id)
    return loaded


def session_of(email: str, plan: Plan) -> str:
    """Return the Cookie header of a browser in which a new account has just signed in."""
    browser = Client()
    browser.force_login(User.objects.create_user(email, plan=plan))
    return f"csrftoken={'a' * 32}; sessionid={browser.cookies['sessionid'].value}"


def call_and_check(case: Any, schema: Any, *excluded_checks: Any) -> None:
    response = case.call(headers=schema.credentials | {"Cookie": next(schema.sessions)})
    excluded = [ignored_auth, *excluded_checks]
    if "after" in case.query:  # which only the service itself can make
        excluded.append(positive_data_acceptance)
    case.validate_response(response, excluded_checks=excluded)


generated = schemathesis.pytest.from_fixture("schema")


@generated.parametrize()
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_generated_requests_are_answered_as_documented(case: Any, schema: Any) -> None:
    call_and_check(case, schema)


@generated.include(path_regex=r"\{chatbot_id\}").parametrize()
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_generated_requests_to_a_real_chatbot(case: Any, schema: Any) -> None:
    case.path_parameters["chatbot_id"] = schema.chatbot_id
    # An id that did not fit has just been mended, so the request may well be good.
    call_and_check(case, schema, negative_data_rejection)


def test_the_documented_example_works(api: ApiClient, chatbot: Chatbot, document: Any) -> None:
    example = {
        name: field["examples"][0]
        for name, field in document["components"]["schemas"]["ChatIn"]["properties"].items()
    }
    assert api.post(f"/chatbots/{chatbot.id}/chat", example).status_code == 200
