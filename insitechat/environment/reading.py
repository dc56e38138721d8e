"""Reading the environment: what is wrong in it is refused at the start, all of it at once."""

import os
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from pydantic import ValidationError

from insitechat.environment.kinds import Expected
from insitechat.environment.variables import Environment
from insitechat.operations.paths import LOCAL_ENVIRONMENT, is_served_here


class WrongEnvironment(ImproperlyConfigured):
    """Variables cannot be used. The message names each of them, and is safe to show."""


def read() -> Environment:
    """Return what this process's environment says. Raises WrongEnvironment.

    While `make run` serves, `.data/local.env` holds its values, so that manage.py works beside it;
    variables that are really set always win.
    """
    return read_from({**local_values(), **os.environ})


def local_values() -> dict[str, str]:
    if not is_served_here():
        return {}
    return dict(line.split("=", 1) for line in LOCAL_ENVIRONMENT.read_text().splitlines())


def read_from(variables: Mapping[str, str]) -> Environment:
    """Return what the variables say. Raises WrongEnvironment.

    A variable X that has no value may be given as X_FILE, the name of a file to read.
    """
    values, wrong = collect(variables)
    try:
        environment = Environment.model_validate(values)
    except ValidationError as error:
        names = {str(problem["loc"][0]) for problem in error.errors(include_input=False)}
        wrong = {name: describe(name, values.get(name)) for name in names} | wrong
    if wrong:
        lines = [wrong[name] for name in Environment.model_fields if name in wrong]
        raise WrongEnvironment(
            "\n  ".join(["The environment is wrong:", *lines])
            + "\nREADME.md lists all variables. `make run` sets those that are required."
        )
    return environment


def collect(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values that are set, and what is wrong with variables that have none."""
    values: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name in Environment.model_fields:
        value, file = variables.get(name), variables.get(f"{name}_FILE")
        if value:
            values[name] = value
        elif file:
            try:
                values[name] = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeError) as error:
                reason = getattr(error, "strerror", None) or "it is no text"
                wrong[name] = f"{name}_FILE is {file!r}, which cannot be read: {reason}."
    return values, wrong


def describe(name: str, value: str | None) -> str:
    """Say what is wrong with a variable, and what it has to be."""
    field = Environment.model_fields[name]
    expected = next(item for item in field.metadata if isinstance(item, Expected))
    if value is None:
        return f"{name} is not set ({field.description}); it has to be {expected.words}."
    seen = "is a secret that cannot be used" if expected.is_secret else f"is {value!r}"
    return f"{name} {seen}; it has to be {expected.words}."
