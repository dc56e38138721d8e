from insitechat.settings import *  # noqa: F403
from insitechat.settings import MIDDLEWARE

MIDDLEWARE = [
    "benchmarks.peers.moving_window.gate.gate" if name == "insitechat.gate.gate" else name
    for name in MIDDLEWARE
]
