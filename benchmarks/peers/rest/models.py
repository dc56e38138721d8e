from django.conf import settings
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey


class OwnersKey(AbstractAPIKey):
    """A key with an owner, as the package's guide makes one."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
