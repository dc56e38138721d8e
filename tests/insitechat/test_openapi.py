"""The OpenAPI document against the service: every operation, generated requests, both ways."""

from typing import Any

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection

from accounts.models import Plan, User
from apikeys.services import create_api_key
from chatbots.models import Chatbot
from chatbots.services import add_text_source, create_chatbot
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
    everywhere = {"401", "500", "503"}
    keyed = everywhere | {"429"}
    chatbot = "/api/v1/chatbots/{chatbot_id}"
    assert answers == {
        ("get", "/api/v1/chatbots"): keyed | {"200"},
        ("get", chatbot): keyed | {"200", "404"},
        ("get", f"{chatbot}/sources"): keyed | {"200", "404"},
        ("post", f"{chatbot}/chat"): keyed | {"200", "400", "404", "413", "502"},
        ("get", "/api/v1/api-keys"): everywhere | {"200"},
        ("post", "/api/v1/api-keys"): everywhere | {"201", "400", "403", "413"},
        ("delete", "/api/v1/api-keys/{key_id}"): everywhere | {"204", "403", "404"},
    }


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
    )
    owner = User.objects.create_user("generated@example.org", plan=plan)
    chatbot = create_chatbot(owner, "Shop")
    add_text_source(chatbot, "Rules", SHOP)
    key = create_api_key(owner, "Generated").token.plaintext
    browser = Client()
    browser.force_login(owner)
    loaded: Any = schemathesis.openapi.from_url(f"{service.url}{DOCUMENT}")
    loaded.config.generation.update(with_security_parameters=False)
    loaded.credentials = {
        "Authorization": f"Bearer {key}",
        "X-CSRFToken": "a" * 32,
        "Cookie": f"csrftoken={'a' * 32}; sessionid={browser.cookies['sessionid'].value}",
    }
    loaded.chatbot_id = str(chatbot.id)
    return loaded


generated = schemathesis.pytest.from_fixture("schema")


@generated.parametrize()
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_generated_requests_are_answered_as_documented(case: Any, schema: Any) -> None:
    response = case.call(headers=schema.credentials)
    case.validate_response(response, excluded_checks=[ignored_auth])


@generated.include(path_regex=r"\{chatbot_id\}").parametrize()
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
def test_generated_requests_to_a_real_chatbot(case: Any, schema: Any) -> None:
    case.path_parameters["chatbot_id"] = schema.chatbot_id
    response = case.call(headers=schema.credentials)
    # An id that did not fit has just been mended, so the request may well be good.
    case.validate_response(response, excluded_checks=[ignored_auth, negative_data_rejection])


def test_the_documented_example_works(api: ApiClient, chatbot: Chatbot, document: Any) -> None:
    example = {
        name: field["examples"][0]
        for name, field in document["components"]["schemas"]["ChatIn"]["properties"].items()
    }
    assert api.post(f"/chatbots/{chatbot.id}/chat", example).status_code == 200
