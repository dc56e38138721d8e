"""How many messages a chatbot answered each day."""

from django.db import models

from chatbots.models.chatbot import Chatbot


class DailyAnswers(models.Model):
    """A chatbot's answers of a day (UTC), which stay counted when conversations are deleted."""

    pk = models.CompositePrimaryKey("chatbot", "day")
    chatbot = models.ForeignKey(
        Chatbot, on_delete=models.CASCADE, related_name="daily_answers", db_index=False
    )
    day = models.DateField()
    answered = models.PositiveIntegerField(default=0)
    fallback = models.PositiveIntegerField(
        default=0, help_text="Answered with the fallback message."
    )

    def __str__(self) -> str:
        return f"{self.day}: {self.answered} and {self.fallback}"
