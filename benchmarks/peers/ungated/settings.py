from insitechat.settings import *  # noqa: F403
from insitechat.settings import DATABASES, MIDDLEWARE

MIDDLEWARE = [
    "benchmarks.peers.ungated.gate.gate" if name == "insitechat.gate.gate" else name
    for name in MIDDLEWARE
]
# The gate's first statement is such a check; without the gate it would be one more.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
