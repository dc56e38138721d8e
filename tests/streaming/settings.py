from insitechat.settings import *  # noqa: F403

ROOT_URLCONF = "tests.streaming.urls"
