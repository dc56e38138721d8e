from rest_framework_api_key.permissions import BaseHasAPIKey

from benchmarks.peers.rest.models import OwnersKey


class HasOwnersKey(BaseHasAPIKey):
    model = OwnersKey
