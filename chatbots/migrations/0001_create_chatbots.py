import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import chatbots.models.source


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Chatbot",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("slug", models.SlugField(editable=False, max_length=110)),
                (
                    "provider",
                    models.CharField(
                        choices=[
                            ("builtin", "Built-in"),
                            ("chatgpt", "ChatGPT"),
                            ("gemini", "Gemini"),
                            ("ollama", "Ollama"),
                        ],
                        default="builtin",
                        max_length=20,
                    ),
                ),
                ("system_prompt", models.TextField(blank=True)),
                (
                    "fallback_message",
                    models.TextField(default="I'm sorry, I don't have an answer to that."),
                ),
                (
                    "threshold_shift",
                    models.FloatField(
                        default=0.0, help_text="Added to the confidence that an answer takes."
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(default=True, help_text="Off: paused by the owner."),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chatbots",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("created_at", "id"),
            },
        ),
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
        ),
        migrations.CreateModel(
            name="Conversation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("session_id", models.CharField(max_length=128)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "last_message_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "read_at",
                    models.DateTimeField(
                        editable=False, help_text="When the owner last opened it.", null=True
                    ),
                ),
                (
                    "chatbot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="conversations",
                        to="chatbots.chatbot",
                    ),
                ),
            ],
            options={
                "ordering": ("-last_message_at",),
            },
        ),
        migrations.CreateModel(
            name="DailyAnswers",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "chatbot",
                        "day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("answered", models.PositiveIntegerField(default=0)),
                (
                    "fallback",
                    models.PositiveIntegerField(
                        default=0, help_text="Answered with the fallback message."
                    ),
                ),
                (
                    "chatbot",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="daily_answers",
                        to="chatbots.chatbot",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("user", "Visitor"), ("assistant", "Chatbot")], max_length=20
                    ),
                ),
                ("text", models.TextField()),
                (
                    "confidence",
                    models.FloatField(
                        help_text="Of a question: above the threshold, the chatbot answered.",
                        null=True,
                    ),
                ),
                (
                    "is_complete",
                    models.BooleanField(
                        default=True,
                        help_text="Off: the visitor left while the answer was being sent.",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "is_fallback",
                    models.BooleanField(
                        default=False, help_text="An answer that is the chatbot's fallback message."
                    ),
                ),
                (
                    "answer_milliseconds",
                    models.PositiveIntegerField(
                        help_text="How long an answer took; null for questions and where not "
                        "known.",
                        null=True,
                    ),
                ),
                (
                    "rating",
                    models.SmallIntegerField(
                        choices=[(1, "Rated up"), (-1, "Rated down")],
                        help_text="Of an answer, by the chatbot's owner.",
                        null=True,
                    ),
                ),
                (
                    "passages",
                    models.JSONField(
                        help_text="[chunk, source, score] of each that an answer was made from.",
                        null=True,
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="chatbots.conversation",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="MessageUsage",
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
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="message_usage",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Page",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "url",
                    models.URLField(
                        blank=True,
                        help_text="The canonical address, if it has one.",
                        max_length=2000,
                    ),
                ),
                ("title", models.TextField(blank=True)),
                ("language", models.CharField(blank=True, max_length=10)),
                ("text", models.TextField(blank=True, help_text="As the chatbot sees it.")),
                ("content_hash", models.CharField(blank=True, max_length=64)),
                ("etag", models.TextField(blank=True)),
                ("last_modified", models.TextField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("found", "Found"),
                            ("read", "Read"),
                            ("embedded", "Embedded"),
                            ("failed", "Failed"),
                        ],
                        default="found",
                        max_length=20,
                    ),
                ),
                (
                    "reason",
                    models.TextField(blank=True, help_text="Why it failed, as its owner is told."),
                ),
                (
                    "reading",
                    models.JSONField(
                        help_text="What was read, before what all pages repeat was left out.",
                        null=True,
                    ),
                ),
                (
                    "checked_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="When its address last had this content.",
                        null=True,
                    ),
                ),
                (
                    "is_live",
                    models.BooleanField(
                        default=False, help_text="On: the chatbot answers from it."
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "chatbot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="chatbots.chatbot",
                    ),
                ),
            ],
            options={
                "ordering": ("source", "id"),
            },
        ),
        migrations.CreateModel(
            name="Chunk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveIntegerField()),
                (
                    "headings",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        default=list,
                        help_text="The path to it, outermost first.",
                        size=None,
                    ),
                ),
                (
                    "blocks",
                    models.JSONField(
                        default=list, help_text="[kind, [sentence, …]] for each block."
                    ),
                ),
                (
                    "page",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chunks",
                        to="chatbots.page",
                    ),
                ),
            ],
            options={
                "ordering": ("page", "position"),
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(help_text="The month that it is counted in.")),
                ("expires_at", models.DateTimeField()),
                (
                    "chatbot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reservations",
                        to="chatbots.chatbot",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SearchIndex",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("embedder", models.CharField(max_length=200)),
                ("analyser", models.CharField(max_length=50)),
                (
                    "languages",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=10),
                        default=list,
                        help_text="Of its live pages, most first.",
                        size=None,
                    ),
                ),
                ("is_live", models.BooleanField(default=False)),
                (
                    "chatbot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="indexes",
                        to="chatbots.chatbot",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Source",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("url", "Website"),
                            ("file", "File"),
                            ("text", "Text"),
                            ("qa", "Question and answer"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "title",
                    models.CharField(
                        blank=True,
                        help_text="Of a question and answer: the question.",
                        max_length=200,
                    ),
                ),
                ("text", models.TextField(blank=True, help_text="As the owner wrote it.")),
                ("url", models.URLField(blank=True, max_length=2000)),
                (
                    "is_site",
                    models.BooleanField(
                        default=False, help_text="Off: only the page at the address."
                    ),
                ),
                (
                    "file",
                    models.FileField(
                        blank=True, max_length=200, upload_to=chatbots.models.source.stored_name
                    ),
                ),
                (
                    "file_name",
                    models.CharField(
                        blank=True, help_text="As its owner calls it.", max_length=200
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        blank=True, help_text="Blank: as it is detected.", max_length=10
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("crawling", "Crawling"),
                            ("processing", "Processing"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=20,
                    ),
                ),
                (
                    "failure",
                    models.TextField(blank=True, help_text="Why it failed, as its owner is told."),
                ),
                ("page_count", models.PositiveIntegerField(default=0)),
                (
                    "resync",
                    models.CharField(
                        choices=[
                            ("never", "Never"),
                            ("daily", "Daily"),
                            ("weekly", "Weekly"),
                            ("monthly", "Monthly"),
                        ],
                        default="never",
                        max_length=10,
                    ),
                ),
                ("synced_at", models.DateTimeField(editable=False, null=True)),
                ("next_sync_at", models.DateTimeField(editable=False, null=True)),
                (
                    "sync_started_at",
                    models.DateTimeField(
                        editable=False, help_text="Blank: none is under way.", null=True
                    ),
                ),
                ("cancel_requested_at", models.DateTimeField(editable=False, null=True)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
                (
                    "chatbot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sources",
                        to="chatbots.chatbot",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
            },
        ),
        migrations.AddField(
            model_name="page",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="pages",
                to="chatbots.source",
            ),
        ),
        migrations.AddIndex(
            model_name="chatbot",
            index=models.Index(fields=["owner", "created_at", "id"], name="chatbots_of_owner"),
        ),
        migrations.AddConstraint(
            model_name="chatbot",
            constraint=models.UniqueConstraint(
                fields=("owner", "slug"), name="chatbots_chatbot_slug"
            ),
        ),
        migrations.AddConstraint(
            model_name="chatbotmessageusage",
            constraint=models.UniqueConstraint(
                fields=("chatbot", "month"), name="chatbots_chatbot_usage_month"
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                fields=["chatbot", "-last_message_at", "-id"], name="chatbots_conversation_newest"
            ),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=models.UniqueConstraint(
                fields=("chatbot", "session_id"), name="chatbots_conversation_session"
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["conversation", "id"], name="chatbots_message_order"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("is_fallback", True)),
                fields=["conversation"],
                name="chatbots_message_fallback",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("rating", -1)),
                fields=["conversation"],
                name="chatbots_message_rated_down",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.search.SearchVector("text", config="simple"),
                name="chatbots_message_words",
            ),
        ),
        migrations.AddConstraint(
            model_name="messageusage",
            constraint=models.UniqueConstraint(
                fields=("owner", "month"), name="chatbots_usage_month"
            ),
        ),
        migrations.AddConstraint(
            model_name="chunk",
            constraint=models.UniqueConstraint(
                fields=("page", "position"), name="chatbots_chunk_position"
            ),
        ),
        migrations.AddConstraint(
            model_name="searchindex",
            constraint=models.UniqueConstraint(
                fields=("chatbot", "embedder", "analyser"), name="chatbots_index_recipe"
            ),
        ),
        migrations.AddConstraint(
            model_name="searchindex",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_live", True)),
                fields=("chatbot",),
                name="chatbots_index_live",
            ),
        ),
        migrations.AddIndex(
            model_name="source",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", False)),
                fields=["chatbot"],
                name="chatbots_source_deleted",
            ),
        ),
        migrations.AddIndex(
            model_name="page",
            index=models.Index(
                condition=models.Q(("is_live", False)),
                fields=["chatbot"],
                name="chatbots_page_not_live",
            ),
        ),
    ]
