from itertools import groupby
from operator import attrgetter

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Chunks overlap by at most 50 tokens of about four characters.
OVERLAP_CHARACTERS = 250


def join_chunks(chunks: list[str]) -> str:
    """Join chunks where they overlap; the white space between chunks that do not is lost."""
    text = chunks[0]
    for chunk in chunks[1:]:
        longest = min(OVERLAP_CHARACTERS, len(chunk), len(text))
        shared = next((size for size in range(longest, 0, -1) if text.endswith(chunk[:size])), 0)
        text += chunk[shared:] if shared else f"\n\n{chunk}"
    return text


def fill_from_chunks(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    Source = apps.get_model("chatbots", "Source")
    chunks = apps.get_model("chatbots", "Chunk").objects.order_by("source_id", "position")
    by_source = groupby(chunks.only("source_id", "text").iterator(), key=attrgetter("source_id"))
    for source_id, group in by_source:
        text = join_chunks([chunk.text for chunk in group])
        Source.objects.filter(pk=source_id).update(text=text)


class Migration(migrations.Migration):
    dependencies = [("chatbots", "0001_create_chatbots")]

    operations = [
        migrations.AddField(
            model_name="source",
            name="text",
            field=models.TextField(blank=True, help_text="As the owner wrote it."),
        ),
        migrations.RunPython(fill_from_chunks, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name="source",
            name="title",
            field=models.CharField(
                blank=True, help_text="Of a question and answer: the question.", max_length=200
            ),
        ),
        migrations.AlterField(
            model_name="source",
            name="type",
            field=models.CharField(
                choices=[
                    ("url", "Website"),
                    ("file", "File"),
                    ("text", "Text"),
                    ("qa", "Question and answer"),
                ],
                max_length=20,
            ),
        ),
    ]
