"""Requests made from the OpenAPI document, with a real key and a real session."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from tests.attack.report import Result

EXAMPLES = 200


def attack_by_document(url: str, headers: dict[str, str]) -> Result:
    result = Result("requests from the OpenAPI document")
    schema: Any = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    schema.config.generation.update(with_security_parameters=False)
    for found in schema.get_all_operations():
        attack_operation(found.ok(), headers, result)
    return result


def attack_operation(operation: Any, headers: dict[str, str], result: Result) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def attack(case: Any) -> None:
        response = case.call(headers=headers)
        result.judge(operation.label, response.status_code, is_expected=True)
        excluded = [ignored_auth]
        if "after" in case.query:  # which only the service itself can make
            excluded.append(positive_data_acceptance)
        case.validate_response(response, excluded_checks=excluded)

    try:
        attack()
    except Exception as error:  # noqa: BLE001 (whatever the checks raise is what they found)
        result.findings.append(f"{operation.label}: {error}")
