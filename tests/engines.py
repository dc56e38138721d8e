"""A pytest plugin that runs the tests on engines of their own, loaded before Django's settings."""

import os
from contextlib import ExitStack

from insitechat.operations.local.engines import throwaway_engines
from tests.scratch import scratch_folder

NOT_FROM_OUTSIDE = {
    *("DEBUG", "EMAIL_URL", "TRUSTED_PROXY_COUNT", "STATIC_ROOT"),
    *("OPENAI_API_KEY", "GEMINI_API_KEY", "OLLAMA_BASE_URL"),
}
stack = ExitStack()

# Workers of pytest-xdist inherit the environment of the process that started the engines.
if "PYTEST_XDIST_WORKER" not in os.environ:
    for name in NOT_FROM_OUTSIDE & os.environ.keys():
        del os.environ[name]
    stack.enter_context(scratch_folder())
    os.environ.update(
        stack.enter_context(throwaway_engines()),
        PUBLIC_URL="http://testserver",
        RATE_LIMIT_WAIT_SECONDS="10",  # a busy machine makes Redis slow, which is no outage
        PGOPTIONS="-c insitechat.may_truncate=on",  # transactional tests empty every table
    )


def pytest_unconfigure() -> None:
    stack.close()
