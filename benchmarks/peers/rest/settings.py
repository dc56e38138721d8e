from benchmarks.peers.stock.settings import *  # noqa: F403
from benchmarks.peers.stock.settings import INSTALLED_APPS, RATE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework",
    "rest_framework_api_key",
    "benchmarks.peers.rest",
]
ROOT_URLCONF = "benchmarks.peers.rest.urls"
REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["benchmarks.peers.rest.permissions.HasOwnersKey"],
    "DEFAULT_THROTTLE_CLASSES": ["benchmarks.peers.rest.throttling.KeyThrottle"],
    "DEFAULT_THROTTLE_RATES": {"key": RATE},
}
