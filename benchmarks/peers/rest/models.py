from django.conf import settings
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey


class OwnersKey(AbstractAPIKey):
    """An API key with an owner, modelled as the package's guide shows."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
