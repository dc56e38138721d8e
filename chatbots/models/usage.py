"""Messages used per month, by account and by chatbot, and those that are being answered."""

from django.conf import settings
from django.db import models

from chatbots.models.chatbot import Chatbot


class MessageUsage(models.Model):
    """How many messages an account has used in a month, including those that are being answered."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="message_usage"
    )
    month = models.DateField(help_text="The first day of the calendar month, in UTC.")
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["owner", "month"], name="chatbots_usage_month"),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.used}"


class ChatbotMessageUsage(models.Model):
    """A chatbot's share of its owner's MessageUsage. The same statement counts both."""

    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="message_usage")
    month = models.DateField(help_text="The first day of the calendar month, in UTC.")
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["chatbot", "month"], name="chatbots_chatbot_usage_month"
            ),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.used}"


class Reservation(models.Model):
    """A message that is counted in both usages, though it is not answered yet.

    It is deleted in the transaction that stores the answer. Whoever deletes it without an answer
    uncounts the message; after `expires_at` a job does, since nobody works on the answer then.
    """

    chatbot = models.ForeignKey(Chatbot, on_delete=models.CASCADE, related_name="reservations")
    month = models.DateField(help_text="The month that it is counted in.")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"until {self.expires_at:%Y-%m-%d %H:%M:%S}"
