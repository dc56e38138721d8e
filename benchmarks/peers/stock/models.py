import uuid

from django.conf import settings
from django.db import models


class Chatbot(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=110)
    provider = models.CharField(max_length=20)
    system_prompt = models.TextField(blank=True)
    fallback_message = models.TextField()
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("created_at", "id")
        indexes = (models.Index(fields=["owner", "created_at", "id"], name="stock_of_owner"),)

    def __str__(self) -> str:
        return self.name
