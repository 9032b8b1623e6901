"""A model's SQL, as dbt compiles it for Spark, as Spark reads it.

Functions and operators are the model's and the macros' to write (`tidegate.on_spark`); nothing is transpiled. What is
left is how names are quoted, and the lake's relations, which Spark has as views of its session.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.lake.sql import CATALOG

Relation = tuple[str, str]

# Kinds of sqlglot's tokens: as it is, and quoted.
_NAMES = frozenset({"VAR", "IDENTIFIER"})


@dataclass(frozen=True)
class SparkQuery:
    """SQL for Spark, and the tables of the lake that it reads: by the view that stands for it, schema and name."""

    text: str
    relations: dict[str, Relation]


def spark_query(text: str) -> SparkQuery:
    """Text in which names may be quoted as in the standard, and relations are of the catalog `lake`."""
    # Importing it takes 0.2 s.
    from sqlglot.dialects.duckdb import DuckDB

    tokens = DuckDB.Tokenizer().tokenize(text)
    relations: dict[str, Relation] = {}
    pieces: list[str] = []
    done = at = 0

    def relation_at(place: int) -> Relation | None:
        five = tokens[place : place + 5]
        kinds = [token.token_type.name for token in five]
        is_path = len(five) == 5 and _NAMES.issuperset(kinds[::2]) and kinds[1] == kinds[3] == "DOT"
        return (five[2].text, five[4].text) if is_path and five[0].text == CATALOG else None

    while at < len(tokens):
        token, length = tokens[at], 1
        if relation := relation_at(at):
            new = f"{CATALOG}_{len(relations)}"
            written = next((view for view, known in relations.items() if known == relation), new)
            relations[written], length = relation, 5
        elif token.token_type.name == "IDENTIFIER" and text[token.start] == '"':
            written = spark_name(token.text)
        else:
            at += 1
            continue
        pieces += [text[done : token.start], written]
        at += length
        done = tokens[at - 1].end + 1
    return SparkQuery("".join([*pieces, text[done:]]), relations)


def spark_name(name: str) -> str:
    """`name` as one identifier of Spark's."""
    return "`" + name.replace("`", "``") + "`"
