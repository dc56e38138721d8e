"""The SQL of a search. Each statement reads rows of one index, and so of one chatbot.

A question's vector is a row of its own, because a plan that is kept would read its text for each
chunk.
"""

# All chunks with their cosines, and where the terms stand: one row. Columns are written together as
# bytes, as the functions of PostgreSQL's binary protocol write them, because thousands of rows
# would take longer than what is read (`chatbots.retrieval.matching` reads them). Hidden are pages
# that are not live, be they new or old, and those of deleted sources.
CHUNKS = """
    WITH asked AS MATERIALIZED (SELECT %(vector)s::halfvec AS vector),
    hidden AS MATERIALIZED (
        SELECT id FROM chatbots_page WHERE chatbot_id = %(chatbot)s AND NOT is_live
        UNION ALL
        SELECT page.id FROM chatbots_page page
        JOIN chatbots_source source ON source.id = page.source_id
        WHERE source.chatbot_id = %(chatbot)s AND source.deleted_at IS NOT NULL
    ),
    compared AS (
        SELECT
            chunk_id,
            length,
            coalesce(-(whole <#> (SELECT vector FROM asked)), 0)::float4 AS whole,
            -(heading <#> (SELECT vector FROM asked))::float4 AS heading
        FROM chatbots_chunkvectors
        WHERE index_id = %(index)s AND page_id NOT IN (SELECT id FROM hidden)
    ),
    chunks AS (
        SELECT
            avg(length)::float8,
            string_agg(int8send(chunk_id), ''::bytea),
            string_agg(float4send(whole), ''::bytea),
            string_agg(int8send(chunk_id), ''::bytea) FILTER (WHERE heading IS NOT NULL),
            string_agg(float4send(heading), ''::bytea) FILTER (WHERE heading IS NOT NULL)
        FROM compared
    ),
    postings AS (
        SELECT
            array_agg(number ORDER BY place),
            string_agg(ids, ''::bytea ORDER BY place),
            string_agg(frequencies, ''::bytea ORDER BY place),
            string_agg(lengths, ''::bytea ORDER BY place)
        FROM unnest(%(terms)s::text[]) WITH ORDINALITY AS asked_for (asked_term, place),
        LATERAL (
            SELECT
                count(*) AS number,
                string_agg(int8send(chunk_id), ''::bytea) AS ids,
                string_agg(int2send(frequency), ''::bytea) AS frequencies,
                string_agg(int2send(length), ''::bytea) AS lengths
            FROM chatbots_posting
            WHERE index_id = %(index)s AND term = asked_term
                AND page_id NOT IN (SELECT id FROM hidden)
        ) AS of_term
    )
    SELECT * FROM chunks, postings
"""

# How close the best window of a few chunks is to the question.
WINDOWS = """
    WITH asked AS MATERIALIZED (SELECT %(vector)s::halfvec AS vector)
    SELECT chunk_id, max(-(one <#> (SELECT vector FROM asked)))
    FROM chatbots_sentencevectors, unnest(windows) AS a_window (one)
    WHERE index_id = %(index)s AND chunk_id = ANY(%(chunks)s)
    GROUP BY chunk_id
"""

# How close the sentences of a few chunks are to the question, and the runs that begin with each.
SENTENCES = """
    WITH asked AS MATERIALIZED (
        SELECT %(vector)s::halfvec AS vector, %(focused)s::halfvec AS focused
    )
    SELECT
        chunk_id,
        array_agg(-(one <#> (SELECT vector FROM asked)) ORDER BY place),
        array_agg(-(l2_normalize(one + two) <#> (SELECT vector FROM asked)) ORDER BY place),
        array_agg(-(l2_normalize(one + two + three) <#> (SELECT vector FROM asked)) ORDER BY place),
        array_agg(-(one <#> (SELECT focused FROM asked)) ORDER BY place)
    FROM (
        SELECT
            chunk_id, place, one,
            lead(one, 1) OVER following AS two, lead(one, 2) OVER following AS three
        FROM chatbots_sentencevectors, unnest(vectors) WITH ORDINALITY AS sentence (one, place)
        WHERE index_id = %(index)s AND chunk_id = ANY(%(chunks)s)
        WINDOW following AS (PARTITION BY chunk_id ORDER BY place)
    ) AS sentences
    GROUP BY chunk_id
"""
