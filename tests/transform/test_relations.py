"""dbt is given the tables and views of a schema as its own adapter lists them, and no more."""

from __future__ import annotations

import duckdb
import jinja2

from tidegate.transform.package import DBT_PACKAGE

CREATED = """
create schema marts; create schema staging;
create table marts.sales (a integer, b integer); create view marts.best as from marts.sales;
create table staging.sales (a integer); create temporary table sales_tmp (a integer)
"""


def listed(con: duckdb.DuckDBPyConnection, schema: str) -> list[tuple[str, ...]]:
    text = (DBT_PACKAGE / "macros" / "duckdb.sql").read_text()
    template = jinja2.Environment(autoescape=False).from_string(
        text + "{{ duckdb__list_relations_without_caching({'database': 'memory', 'schema': schema}) }}"
    )
    sql = template.render({"schema": schema, "run_query": lambda sql: sql, "return": lambda sql: sql})
    return sorted(con.execute(sql).fetchall())


def test_tables_and_views_of_a_schema_are_listed() -> None:
    with duckdb.connect() as con:
        con.execute(CREATED)
        assert listed(con, "Marts") == [("memory", "best", "marts", "view"), ("memory", "sales", "marts", "table")]
        assert listed(con, "staging") == [("memory", "sales", "staging", "table")]
        assert listed(con, "serving") == []
