from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from benchmarks.peers.rest.permissions import HasOwnersKey


class KeyThrottle(SimpleRateThrottle):
    scope = "key"

    def get_cache_key(self, request: Request, view: View) -> str | None:
        key = HasOwnersKey().get_key(request)
        return self.cache_format % {"scope": self.scope, "ident": key.partition(".")[0]}
