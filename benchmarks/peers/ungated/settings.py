from insitechat.settings import *  # noqa: F403
from insitechat.settings import DATABASES, MIDDLEWARE

MIDDLEWARE = [
    "benchmarks.peers.ungated.gate.gate" if name == "insitechat.gate.gate" else name
    for name in MIDDLEWARE
]
# The gate's own statement serves as the health check; without the gate Django would send one.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
