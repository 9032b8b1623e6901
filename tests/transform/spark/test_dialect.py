"""Relations and quoted names of a model as Spark reads them; what is text or a comment stays as it is."""

from __future__ import annotations

import pytest

from tidegate.transform.spark.dialect import spark_query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('select a from lake."marts"."t"', "select a from lake_0"),
        ('select a from "lake"."marts"."t" join lake."marts"."t"', "select a from lake_0 join lake_0"),
        ('from lake."raw"."t", lake."marts"."t"', "from lake_0, lake_1"),
        ('select "x y", "a`b", "q""q" from t', 'select `x y`, `a``b`, `q"q` from t'),
        ('select \'lake."marts"."t"\' -- lake."marts"."t"', 'select \'lake."marts"."t"\' -- lake."marts"."t"'),
        ("select 'it''s' as lake, lake.marts", "select 'it''s' as lake, lake.marts"),
        ('/* "a" */ select "b"', '/* "a" */ select `b`'),
    ],
)
def test_names_are_written_as_spark_quotes_them(text: str, expected: str) -> None:
    assert spark_query(text).text == expected


def test_each_relation_has_a_view() -> None:
    query = spark_query('select * from lake."marts"."größe""x" join lake.raw.orders using (a)')

    assert query.relations == {"lake_0": ("marts", 'größe"x'), "lake_1": ("raw", "orders")}
    assert query.text == "select * from lake_0 join lake_1 using (a)"
