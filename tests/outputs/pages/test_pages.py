"""Reports, briefs and the index as one opens them: figures to the cent, nothing left unsaid, nothing unescaped."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import json
import re
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import pytest
from tests.support.outputs.page import Element, read_page
from tests.support.outputs.shop import (
    BEFORE,
    MARTS,
    MONDAY,
    Shop,
    all_current,
    brief_of,
    customer_row,
    day_row,
    delivery,
    lake_in,
)

from tidegate.outputs.pages.brief import RULE, Brief, make_briefs
from tidegate.outputs.pages.index import DayEntry, WeekEntry, make_index
from tidegate.outputs.pages.segmentation import Report, make_report
from tidegate.outputs.pages.standing import read_missing
from tidegate.window import ONE_DAY, Cadence, Window

SUNDAY = MONDAY - ONE_DAY
# Values as a broken or hostile source delivers them, down to what ends an attribute, a cell or a comment.
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></svg><iframe src=//example.com>",
    "{{ 7 * 7 }}{% raw %}",
    '=HYPERLINK("http://example.com")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\ttab",
    "a\nb|c`d`[e](javascript:alert(1))![f](http://example.com/g)",
    "\x01\x1b[31m\u202eright to left",
    "$\\frac{1}{2}$ &amp; &#x41; #aa0001 var(--main)",
    "x" * 400,
    "",
]


def page_figure(value: Decimal) -> str:
    """What a page shows for an amount, reckoned apart from the package."""
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}".replace("-", "\N{MINUS SIGN}")


@pytest.fixture(scope="module")
def report(full_shop: Shop) -> Report:
    return make_report(full_shop.con, MONDAY)


@pytest.fixture(scope="module")
def brief(full_shop: Shop) -> Brief:
    return brief_of(full_shop.con, SUNDAY)


@pytest.fixture(scope="module")
def page(report: Report) -> Element:
    return read_page(report.html)


def test_the_trend_on_the_page_equals_serving_to_the_cent(full_shop: Shop, page: Element) -> None:
    served = full_shop.con.execute(
        "select date_trunc('week', order_date)::date::varchar, sum(net_revenue), sum(gross_revenue), "
        "sum(returned_amount), sum(total_orders)::varchar from serving.daily_sales "
        f"where order_date >= date '{MONDAY}' - 91 and order_date < date '{MONDAY}' "
        "group by 1 order by 1 desc"
    ).fetchall()

    shown = page.tables()["Trade by week, the newest first"]

    assert [[row[0], *row[2:6]] for row in shown[1:]] == [
        [first, page_figure(net), page_figure(gross), page_figure(returned), orders]
        for first, net, gross, returned, orders in served
    ]
    tiles = {li.all("span")[0].text(): li.all("span")[1].text() for li in page.all("li") if li.all("span")}
    assert tiles["Net revenue"] == page_figure(served[0][1])
    assert tiles["Returned"] == page_figure(served[0][3])
    assert f"Net revenue was {page_figure(served[0][1])} from {served[0][4]} orders" in page.text()


def test_segments_and_customers_on_the_page_equal_serving_to_the_cent(full_shop: Shop, page: Element) -> None:
    tables = page.tables()
    segments = full_shop.con.execute(
        "select segment, customers::varchar, total_monetary, mean_monetary from serving.segment_summary "
        f"where as_of_date = date '{MONDAY}'"
    ).fetchall()
    lapsing = full_shop.con.execute(
        f"select customer_id, monetary from serving.customer_rfm where as_of_date = date '{MONDAY}' "
        "and is_lapsing and is_high_value order by monetary desc limit 15"
    ).fetchall()

    shown = {row[0]: row for row in tables[f"Segments as of {MONDAY}, over 365 days"]}
    for name, customers, total, mean in segments:
        assert [shown[name][1], shown[name][3], shown[name][5]] == [customers, page_figure(total), page_figure(mean)]
    (listed,) = [table for table in tables.values() if table[0][:2] == ["Customer", "Segment"]]
    assert [(row[0], row[-1]) for row in listed[1:]] == [(name, page_figure(money)) for name, money in lapsing]


def test_the_moves_on_the_page_add_up_to_both_mondays(full_shop: Shop, page: Element) -> None:
    head, *rows = page.tables()["From last week's segment (rows) to this week's (columns)"]
    now = dict(full_shop.con.execute(
        f"select segment, customers from serving.segment_summary where as_of_date = date '{MONDAY}'"
    ).fetchall())  # fmt: skip

    by_column = {name: sum(int(row[place]) for row in rows) for place, name in enumerate(head) if place}
    assert by_column == now | {"No customer any more": 30}


def test_every_drawing_says_what_it_shows_and_has_its_figures_in_a_table_beside_it(page: Element, brief: Brief) -> None:
    for each, count in ((page, 4), (read_page(brief.html), 1)):
        cards = [section for section in each.all("section") if section.all("svg")]
        assert len(cards) == count
        for card in cards:
            (svg,) = card.all("svg")
            assert svg.attributes["role"] == "img" and svg.attributes["aria-label"]
            (details,) = card.all("details")
            assert details.all("table") and details.all("summary")


@pytest.mark.parametrize("what", ["report", "brief", "index"])
def test_a_page_has_landmarks_headings_in_order_and_names_nothing_to_load(
    report: Report, brief: Brief, what: str
) -> None:
    index = make_index(
        [WeekEntry.of(report.json, {"Report": "w.html"})], [DayEntry.of(brief.json, {"Brief": "d.html"})]
    )
    html = {"report": report.html, "brief": brief.html, "index": index}[what]
    page = read_page(html)

    assert html.startswith("<!doctype html>")
    assert page.all("html")[0].attributes["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("header", "main", "footer", "h1", "title")] == [1, 1, 1, 1, 1]
    levels = [int(heading.tag[1]) for heading in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("script", "img", "iframe", "object", "embed", "image", "use", "form") == []
    assert {element.attributes["href"] for element in page.all("link")} == {"data:,"}
    assert (
        "url(" not in html
        and "@import" not in html
        and "http" not in html.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    )
    ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_the_same_figures_make_the_same_bytes(full_shop: Shop, report: Report, brief: Brief) -> None:
    assert make_report(full_shop.con, MONDAY) == report
    assert brief_of(full_shop.con, SUNDAY) == brief


def test_the_json_of_a_report_has_its_figures_with_all_their_digits(full_shop: Shop, report: Report) -> None:
    facts = json.loads(report.json)
    week, monetary = full_shop.con.execute(
        f"select (select sum(net_revenue)::varchar from serving.daily_sales "
        f"where order_date >= date '{BEFORE}' and order_date < date '{MONDAY}'), "
        f"(select max(monetary)::varchar from serving.customer_rfm where as_of_date = date '{MONDAY}' "
        "and is_lapsing and is_high_value)"
    ).fetchall()[0]

    assert facts["kind"] == "segmentation" and facts["monday"] == str(MONDAY)
    assert facts["weeks"][-1]["net_revenue"] == week
    assert facts["lapsing_high_value"]["most_revenue"][0]["monetary"] == monetary
    assert facts["quality"]["quarantined"] == [{"source": "orders", "reason": "duplicate_key", "rows": 1}]
    # All that the page shows.
    assert facts["headlines"][0].keys() == {"measure", "value", "value_before", "change_percent"}
    assert facts.keys() >= {"weeks", "segments", "moves", "became_at_risk", "heat_map", "lapsing_high_value", "quality"}


def test_the_csv_of_a_report_has_one_figure_a_line(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(report.csv)))
    found = {(row["section"], row["item"], row["measure"]): row["value"] for row in rows}
    facts = json.loads(report.json)

    assert {row["as_of_date"] for row in rows} == {str(MONDAY)}
    assert found["weeks", str(BEFORE), "net_revenue"] == facts["weeks"][-1]["net_revenue"]
    assert found["segments", "Champions", "customers"] == str(facts["segments"][0]["customers"])
    assert found["quarantined", "orders: duplicate_key", "rows"] == "1"
    for group in ("became_at_risk", "lapsing_high_value"):
        assert found[group, "all", "customers"] == str(facts[group]["customers"])
        assert found[group, "all", "total_monetary"] == facts[group]["total_monetary"]
        listed = {item for section, item, _ in found if section == f"{group}_most_revenue"}
        assert listed == {customer["customer_id"] for customer in facts[group]["most_revenue"]}
    for measure in ("customers", "customers_without_purchases", "window_days_published"):
        assert found["report", "all", measure] == str(facts[measure])
    nested = {name for name, value in facts.items() if isinstance(value, list | dict)} - {"quality"}
    assert {row["section"] for row in rows} >= nested


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Brief]:
    """Pages to which every text is hostile: customers, segments, regions, categories, reasons."""
    with lake_in(tmp_path_factory.mktemp("hostile")) as lake:
        fill_with_hostile_values(Shop(lake.con))
        return make_report(lake.con, MONDAY), brief_of(lake.con, SUNDAY)


def fill_with_hostile_values(shop: Shop) -> None:
    shop.serve_days([day_row(MONDAY - ago * ONE_DAY) for ago in range(1, 80)])
    shop.publish_monday([customer_row(name, "Others", BEFORE) for name in HOSTILE], BEFORE)
    segments = ["At Risk" if number % 2 else name for number, name in enumerate(HOSTILE)]
    shop.publish_monday(
        [
            customer_row(name, segment or "Others", is_lapsing=True, is_high_value=True)
            for name, segment in zip(HOSTILE, segments, strict=True)
        ]
    )
    part = dict.fromkeys(MARTS["daily_sales_by_region"], 0) | {"order_date": SUNDAY, "top_category_by_orders": None}
    shop.serve("daily_sales_by_region", [part | {"region": name} for name in HOSTILE[:5]])
    shop.serve("daily_sales_by_category", [part | {"product_category": name} for name in HOSTILE[5:10]])
    shop.quarantine("orders", SUNDAY, HOSTILE)
    shop.deliver(*[
        delivery(SUNDAY, region=f"r{number} {name}", verdict="rejected", reason=name, rows_loaded=0, touched=())
        for number, name in enumerate(HOSTILE)
    ])  # fmt: skip


def test_hostile_values_stay_text_on_every_page(hostile: tuple[Report, Brief]) -> None:
    report, brief = hostile
    links = {"Report": '"><script>alert(1)</script>', "<b>JSON": "x"}
    index = make_index([WeekEntry.of(report.json, links)], [DayEntry(SUNDAY, Decimal(1), 1, HOSTILE, links)])
    plain = {
        "html", "head", "meta", "title", "link", "style", "body", "header", "main", "footer", "section", "div", "p",
        "h1", "h2", "ul", "li", "span", "figure", "svg", "g", "path", "text", "details", "summary", "table", "caption",
        "thead", "tbody", "tr", "th", "td", "a", "nav", "dl", "dt", "dd", "code",
    }  # fmt: skip
    for page in map(read_page, (report.html, brief.html, index)):
        assert {element.tag for element in page.all()} <= plain
        assert not [name for element in page.all() for name in element.attributes if name.startswith("on")]
        said = page.text().lower()
        assert all(value.lower() in said for value in HOSTILE[:5])


def test_hostile_values_end_no_cell_and_make_no_link_in_markdown(hostile: tuple[Report, Brief]) -> None:
    markdown = hostile[1].markdown
    lines = markdown.splitlines()
    unescaped = re.sub(r"\\.", "", re.sub(r"!\[[^\]]*\]\(data:image/svg\+xml;base64,[A-Za-z0-9+/=]+\)", "", markdown))

    assert "<" not in unescaped and "`" not in unescaped and "[" not in unescaped
    table = [re.sub(r"\\.", "", line) for line in lines[lines.index("| Reason | Source | Rows |") :]]
    assert table[2].count("|") == 4
    assert len(re.findall(r"(?<!\\)!\[", markdown)) == 1


def test_no_text_cell_of_the_csv_is_a_formula(hostile: tuple[Report, Brief]) -> None:
    rows = list(csv.DictReader(io.StringIO(hostile[0].csv)))
    cells = {cell for row in rows for cell in row.values()}

    for value in HOSTILE:
        if value.startswith(("=", "+", "-", "@", "\t")):
            assert f"'{value}" in cells and value not in cells
    formulas = [cell for cell in cells if re.match(r"[=+@\t\r]|-\D", cell)]
    assert formulas == []


def test_a_negative_figure_stays_a_figure_in_the_csv(shop: Shop) -> None:
    shop.serve_days([day_row(BEFORE, net_revenue=Decimal("-12.5"))])
    shop.publish_monday([customer_row("-5")])
    rows = csv.DictReader(io.StringIO(make_report(shop.con, MONDAY).csv))

    assert "-12.5000" in {row["value"] for row in rows if row["measure"] == "net_revenue"}


def test_an_incomplete_week_says_so_and_is_compared_with_nothing(shop: Shop) -> None:
    shop.serve_days([day_row(day) for day in Window(BEFORE - 7 * ONE_DAY, SUNDAY).days])
    shop.publish_monday([customer_row("a")])
    page = read_page(make_report(shop.con, MONDAY).html)
    said = page.text()

    assert "1 day of this week is not published (2 Jun): its figures are of 6 days." in said
    assert "The week before has 7 published days, so this week's figures are not compared with its." in said
    assert "Net revenue was 600.00 from 60 orders." in said
    assert "11 weeks without a published day are left out, not zero." in said
    assert page.tables()["Trade by week, the newest first"][3][2:] == ["\N{EN DASH}"] * 5
    assert "of which 13 are published" in said


def test_a_week_without_any_published_day_draws_no_trade(shop: Shop) -> None:
    shop.serve_days([])
    shop.publish_monday([])
    page = read_page(make_report(shop.con, MONDAY).html)
    said = page.text()

    assert page.all("svg") == []
    assert "No day of the week is published, so there is no trade to report." in said
    assert "None of these weeks has a published day." in said
    assert "The newest customer snapshot before this Monday has no customer." in said
    assert "No customer has a sale in the 365 days, so nobody has scores." in said
    assert said.count("The Monday before is not published") == 2
    assert "No row was quarantined." in said and "Nothing is loaded for these days." in said


def test_a_week_like_the_one_before_says_that_nothing_moved(shop: Shop) -> None:
    shop.serve_days([day_row(day) for day in Window(BEFORE - 7 * ONE_DAY, MONDAY).days])
    shop.publish_monday([customer_row("a", monday=BEFORE)], BEFORE)
    shop.publish_monday([customer_row("a")])
    said = read_page(make_report(shop.con, MONDAY).html).text()

    assert "as in the week before" in said
    assert "Every customer is in the segment of a week ago." in said
    assert "Nobody since last week." in said
    assert "No customer of high value is lapsing." in said
    assert "Every day of the week is published." in said


def net_revenue_of(shop: Shop, day: dt.date) -> Decimal:
    (found,) = [row["net_revenue"] for row in shop.rows["daily_sales"] if row["order_date"] == day]
    assert isinstance(found, Decimal)
    return found


def usual_days(orders: int = 100) -> list[dict[str, object]]:
    return [day_row(SUNDAY - ago * 7 * ONE_DAY, total_orders=orders + ago) for ago in range(1, 9)]


def test_a_brief_states_its_rule_and_what_is_unusual(shop: Shop) -> None:
    shop.serve_days([*usual_days(), day_row(SUNDAY, total_orders=20)])
    brief = brief_of(shop.con, SUNDAY)
    said = read_page(brief.html).text()

    assert brief.flagged == ("total_orders",)
    assert "Orders, unusually low for a Sunday: 20, median 104.5, score" in said
    assert RULE in said
    assert json.loads(brief.json)["figures"][2]["verdict"]["is_flagged"] is True


def test_the_first_days_of_a_shop_have_too_little_to_compare_with(shop: Shop) -> None:
    shop.serve_days([day_row(SUNDAY)])
    brief = brief_of(shop.con, SUNDAY)
    said = read_page(brief.html).text()

    assert brief.flagged == ()
    assert "Net revenue was 100.00 from 10 orders." in said
    assert "8 days not published are left out, not zero." in said
    assert "This day and the median of 0 Sundays before it" in said and "no day to compare with" in said


def test_markdown_has_the_figures_and_one_small_picture(full_shop: Shop, brief: Brief) -> None:
    net = net_revenue_of(full_shop, SUNDAY)
    (picture,) = re.findall(r"!\[[^\]]+\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", brief.markdown)
    svg = base64.b64decode(picture).decode()

    assert page_figure(net) in brief.markdown.replace("\\", "")
    # Dagster keeps it with every materialization's event.
    assert len(brief.markdown) < 20_000
    assert "var(" not in svg and "#aa00" not in svg
    assert "<path" in svg and page_figure(net) in svg


@pytest.mark.slow
def test_many_briefs_are_those_of_single_days(full_shop: Shop) -> None:
    days = [SUNDAY, BEFORE, SUNDAY - 30 * ONE_DAY]

    assert list(make_briefs(full_shop.con, days, all_current)) == [brief_of(full_shop.con, day) for day in days]


def entries(days: list[dt.date]) -> list[DayEntry]:
    return [DayEntry(day, Decimal("1234.5"), 7, ["net_revenue"], {"Brief": f"{day}.html", "JSON": "j"}) for day in days]


def test_the_index_lists_all_weeks_and_days_the_newest_first() -> None:
    mondays = [dt.date(2023, 12, 25), dt.date(2024, 1, 8), dt.date(2024, 1, 1)]
    weeks = [WeekEntry(day, None, None, None, 0, {"Report": f"w{day}.html", "CSV": "c"}) for day in mondays]
    page = read_page(make_index(weeks, entries([dt.date(2024, 1, 31), dt.date(2024, 2, 1), dt.date(2023, 2, 1)])))

    assert [summary.text() for summary in page.all("summary")] == [
        "2024",
        "2023",
        "February 2024",
        "January 2024",
        "February 2023",
    ]
    pages = [th.all("a")[0].attributes["href"] for th in page.all("th") if th.all("a")]
    assert pages == [
        "w2024-01-08.html", "w2024-01-01.html", "w2023-12-25.html",
        "2024-02-01.html", "2024-01-31.html", "2023-02-01.html",
    ]  # fmt: skip
    assert page.tables()["Daily briefs of January 2024"][1] == [
        "Wednesday 31 January 2024", "1,234.50", "7", "net revenue", "JSON",
    ]  # fmt: skip


def test_an_index_of_nothing_says_so() -> None:
    said = read_page(make_index([], [])).text()

    assert "No Monday has a report yet." in said and "No day has a brief yet." in said


def test_an_entry_is_read_from_the_json_of_its_page(full_shop: Shop, report: Report, brief: Brief) -> None:
    facts = json.loads(report.json)

    week = WeekEntry.of(report.json, {"Report": "r"})
    day = DayEntry.of(brief.json, {"Brief": "b"})

    assert (week.monday, week.orders, week.days_published) == (MONDAY, facts["weeks"][-1]["orders"], 7)
    assert week.became_at_risk == facts["became_at_risk"]["customers"]
    assert (day.day, day.net_revenue) == (SUNDAY, net_revenue_of(full_shop, SUNDAY))
    assert tuple(day.flagged) == brief.flagged


def test_a_page_says_which_publication_it_shows_and_since_when(brief: Brief, report: Report) -> None:
    said = read_page(brief.html).all("footer")[0].text()
    assert f"Shows publication {SUNDAY:%Y%m%d}-other, content " in said
    assert "first published 2024-07-01 06:00 UTC, restated 2024-07-02 06:00 UTC." in said
    assert f"tidegate why daily_sales --partition {SUNDAY}" in said
    of_monday = read_page(report.html).all("footer")[0].text()
    assert f"Shows publication {MONDAY:%Y%m%d}-content, content " in of_monday
    assert "first published 2024-07-01 06:00 UTC." in of_monday


def test_pages_lead_to_the_rows_beside_them_in_the_index_which_are_there(brief: Brief, report: Report) -> None:
    days = [SUNDAY + i * ONE_DAY for i in range(-7, 2)]
    mondays = [MONDAY + i * 7 * ONE_DAY for i in (-1, 0, 1)]
    weeks = [WeekEntry(day, None, None, None, 0, {"Report": "w.html"}) for day in mondays]
    index = read_page(make_index(weeks, entries(days)))
    rows = {row.attributes["id"] for row in index.all("tr") if "id" in row.attributes}
    for page in (brief, report):
        links = [str(a.attributes["href"]) for a in read_page(page.html).all("nav")[0].all("a")]
        assert {href.partition("#")[0] for href in links} == {"../../index.html", "../../quality.html"}
        assert {href.partition("#")[2] for href in links} - {""} <= rows
    assert len(rows) == len(days) + len(mondays)


def test_a_held_day_is_a_row_with_its_reason(full_shop: Shop, report: Report) -> None:
    held = MONDAY - 2 * ONE_DAY
    (missing,) = read_missing(full_shop.con, "daily_sales", Cadence.daily)
    assert (missing.day, missing.state) == (held, "held")
    index = read_page(make_index([], entries([held - ONE_DAY, held + ONE_DAY]), missing_days=[missing]))
    (_, *rows) = next(table for caption, table in index.tables().items() if caption.endswith("June 2024"))
    assert [row[0] for row in rows] == ["Sunday 2 June 2024", "Saturday 1 June 2024"]
    assert rows[1][1].startswith("Held: A model failed: word")
    (row,) = read_page(report.html).tables()["What is not published, and why"][1:]
    assert row[0] == "Saturday 1 June 2024"
    assert row[1].startswith("Held: A model failed: word")


def test_a_brief_says_what_its_figures_mean(brief: Brief) -> None:
    page = read_page(brief.html)
    (net_revenue,) = [each for each in page.all("dt") if each.attributes.get("id") == "net_revenue"]
    assert net_revenue.text().startswith("Net revenue")
    assert "Gross revenue less returned amount." in [each.text() for each in page.all("dd")]
    assert "#net_revenue" in [a.attributes["href"] for a in page.all("a")]
