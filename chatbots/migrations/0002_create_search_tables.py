"""Tables that searches read, written in SQL for what Django cannot say.

Postings are found by an index alone, so it includes their columns. Vectors that each search
compares stay in their rows up to a page's size, since reading them from elsewhere costs more than
comparing them. Those that are read for a few chunks are stored apart, each column by itself. Tables
that only grow are vacuumed early: an index alone answers only for pages known to be all visible.
"""

import django.contrib.postgres.fields
from django.contrib.postgres.operations import CreateExtension
from django.db import migrations, models

import chatbots.models.search

CREATE_TABLES = """
CREATE TABLE chatbots_posting (
    index_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    page_id bigint NOT NULL,
    frequency smallint NOT NULL,
    length smallint NOT NULL,
    term text COLLATE "C" NOT NULL,
    PRIMARY KEY (index_id, term, chunk_id) INCLUDE (page_id, frequency, length)
) WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
CREATE INDEX chatbots_posting_page ON chatbots_posting (page_id);

CREATE TABLE chatbots_chunkvectors (
    index_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    page_id bigint NOT NULL,
    length smallint NOT NULL,
    whole halfvec STORAGE EXTERNAL,
    heading halfvec STORAGE EXTERNAL,
    PRIMARY KEY (index_id, chunk_id)
) WITH (toast_tuple_target = 8160);
CREATE INDEX chatbots_chunkvectors_page ON chatbots_chunkvectors (page_id);

CREATE TABLE chatbots_sentencevectors (
    index_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    page_id bigint NOT NULL,
    windows halfvec[] STORAGE EXTERNAL NOT NULL,
    vectors halfvec[] STORAGE EXTERNAL NOT NULL,
    PRIMARY KEY (index_id, chunk_id)
);
CREATE INDEX chatbots_sentencevectors_page ON chatbots_sentencevectors (page_id);
"""
DROP_TABLES = """
DROP TABLE chatbots_posting, chatbots_chunkvectors, chatbots_sentencevectors
"""
MODELS = [
    migrations.CreateModel(
        name="Posting",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "index_id",
                    "term",
                    "chunk_id",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("index_id", models.BigIntegerField()),
            ("term", models.TextField(db_collation="C")),
            ("chunk_id", models.BigIntegerField()),
            ("page_id", models.BigIntegerField(db_index=True)),
            ("frequency", models.SmallIntegerField()),
            ("length", models.SmallIntegerField(help_text="How many terms the chunk has.")),
        ],
    ),
    migrations.CreateModel(
        name="ChunkVectors",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "index_id",
                    "chunk_id",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("index_id", models.BigIntegerField()),
            ("chunk_id", models.BigIntegerField()),
            ("page_id", models.BigIntegerField(db_index=True)),
            ("length", models.SmallIntegerField(help_text="How many terms the chunk has.")),
            ("whole", chatbots.models.search.HalfVectorField(null=True)),
            ("heading", chatbots.models.search.HalfVectorField(null=True)),
        ],
    ),
    migrations.CreateModel(
        name="SentenceVectors",
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "index_id",
                    "chunk_id",
                    blank=True,
                    editable=False,
                    primary_key=True,
                    serialize=False,
                ),
            ),
            ("index_id", models.BigIntegerField()),
            ("chunk_id", models.BigIntegerField()),
            ("page_id", models.BigIntegerField(db_index=True)),
            (
                "windows",
                django.contrib.postgres.fields.ArrayField(
                    base_field=chatbots.models.search.HalfVectorField(),
                    help_text="WINDOWS at most.",
                    size=None,
                ),
            ),
            (
                "vectors",
                django.contrib.postgres.fields.ArrayField(
                    base_field=chatbots.models.search.HalfVectorField(), size=None
                ),
            ),
        ],
    ),
]


class Migration(migrations.Migration):
    dependencies = [("chatbots", "0001_create_chatbots")]

    operations = [
        CreateExtension("vector"),
        migrations.RunSQL(CREATE_TABLES, DROP_TABLES, state_operations=MODELS),
    ]
