import django.db.models.deletion
from django.db import migrations, models

# What is known of the time before: the answers that were stored, by the month they were given in.
FILL = """
    INSERT INTO chatbots_chatbotmessageusage (chatbot_id, month, used)
    SELECT conversation.chatbot_id,
        date_trunc('month', message.created_at AT TIME ZONE 'UTC')::date,
        count(*)
    FROM chatbots_message message
    JOIN chatbots_conversation conversation ON conversation.id = message.conversation_id
    WHERE message.role = 'assistant'
    GROUP BY 1, 2
"""


class Migration(migrations.Migration):
    dependencies = [("chatbots", "0002_keep_source_texts")]

    operations = [
        migrations.CreateModel(
            name="ChatbotMessageUsage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "month",
                    models.DateField(help_text="The first day of the calendar month, in UTC."),
                ),
                ("used", models.PositiveIntegerField(default=0)),
                (
                    "chatbot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="message_usage",
                        to="chatbots.chatbot",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("chatbot", "month"), name="chatbots_chatbot_usage_month"
                    )
                ],
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
