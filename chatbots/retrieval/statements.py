"""The SQL of a search. Each statement reads rows of one index, and so of one chatbot."""

from chatbots.retrieval.scoring import COMPARED, K1, RESCORED, WEIGHTS, B, Weights


def candidates(weights: Weights) -> str:
    """Return the statement that scores a chatbot's chunks by these weights.

    All chunks are compared as wholes, and those that share a term with the question score by BM25.
    The windows of the COMPARED best are read then. Hidden are pages that are not live, be they new
    or old, and those of deleted sources. It returns the best chunks, and with each the number of
    chunks and the terms' frequencies and weights.

    The vector is a row of its own, because a plan that is kept would read its text for each chunk.
    Numbers are float8 throughout: PostgreSQL's numeric takes several times as long.
    """
    return f"""
    WITH asked AS MATERIALIZED (SELECT %(vector)s::halfvec AS vector),
    hidden AS MATERIALIZED (
        SELECT id FROM chatbots_page WHERE chatbot_id = %(chatbot)s AND NOT is_live
        UNION ALL
        SELECT page.id FROM chatbots_page page
        JOIN chatbots_source source ON source.id = page.source_id
        WHERE source.chatbot_id = %(chatbot)s AND source.deleted_at IS NOT NULL
    ),
    chunk AS MATERIALIZED (
        SELECT
            chunk_id,
            length,
            -(whole <#> (SELECT vector FROM asked)) AS whole,
            coalesce(-(heading <#> (SELECT vector FROM asked)), 0) AS heading
        FROM chatbots_chunkvectors
        WHERE index_id = %(index)s AND page_id NOT IN (SELECT id FROM hidden)
    ),
    corpus AS MATERIALIZED (
        SELECT count(*)::float8 AS chunks, greatest(avg(length), 1)::float8 AS length FROM chunk
    ),
    posting AS MATERIALIZED (
        SELECT term, chunk_id, frequency, length FROM chatbots_posting
        WHERE index_id = %(index)s AND term = ANY(%(terms)s::text[])
            AND page_id NOT IN (SELECT id FROM hidden)
    ),
    frequency AS MATERIALIZED (
        SELECT term, count(posting.chunk_id)::float8 AS chunks
        FROM unnest(%(terms)s::text[]) AS asked (term) LEFT JOIN posting USING (term)
        GROUP BY term
    ),
    weight AS MATERIALIZED (
        SELECT term, frequency.chunks,
            ln(1 + (corpus.chunks - frequency.chunks + 0.5) / (frequency.chunks + 0.5)) AS idf
        FROM frequency, corpus
    ),
    total AS MATERIALIZED (SELECT nullif(sum(idf), 0) AS idf FROM weight),
    matched AS (
        SELECT
            chunk_id,
            sum(weight.idf * posting.frequency / (posting.frequency + {K1}::float8 * (
                {1 - B}::float8 + {B}::float8 * posting.length / corpus.length
            ))) / total.idf AS bm25,
            sum(weight.idf) / total.idf AS coverage,
            bool_or(starts_with(term, '=')) AS has_identifier
        FROM posting JOIN weight USING (term), corpus, total
        GROUP BY chunk_id, total.idf
    ),
    scored AS (
        SELECT
            chunk_id, whole, heading, coalesce(coverage, 0) AS coverage,
            {weights.bm25}::float8 * coalesce(bm25, 0)
                + {weights.coverage}::float8 * coalesce(coverage, 0)
                + CASE WHEN has_identifier THEN {weights.identifier}::float8 ELSE 0 END
                + {weights.heading}::float8 * heading AS beside_meaning
        FROM chunk LEFT JOIN matched USING (chunk_id)
    ),
    compared AS MATERIALIZED (
        SELECT * FROM scored
        ORDER BY {weights.meaning}::float8 * coalesce(whole, 0) + beside_meaning DESC, chunk_id
        LIMIT {COMPARED}
    )
    SELECT
        chunk_id,
        {weights.meaning}::float8 * meaning + beside_meaning AS score,
        meaning,
        coverage,
        heading,
        (SELECT chunks FROM corpus) AS chunks,
        (SELECT jsonb_object_agg(term, jsonb_build_array(chunks, idf)) FROM weight) AS weights
    FROM compared, LATERAL (
        SELECT coalesce((whole + (
            SELECT max(-(one <#> (SELECT vector FROM asked)))
            FROM chatbots_sentencevectors AS sentences, unnest(windows) AS a_window (one)
            WHERE sentences.index_id = %(index)s AND sentences.chunk_id = compared.chunk_id
        )) / 2, 0) AS meaning
    ) AS with_windows
    ORDER BY score DESC, chunk_id
    LIMIT {RESCORED}
"""  # noqa: S608 (made of numbers that stand in the code)


CANDIDATES = candidates(WEIGHTS)

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
