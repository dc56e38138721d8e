from benchmarks.peers.stock.settings import *  # noqa: F403
from benchmarks.peers.stock.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.peers.usual"]
ROOT_URLCONF = "benchmarks.peers.usual.urls"
