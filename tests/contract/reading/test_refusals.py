"""A contract that cannot work is refused at load, with the line and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tidegate.contract.database import PostgresServer
from tidegate.contract.http import BearerToken, HttpServer
from tidegate.contract.landing import FolderServer, S3Server
from tidegate.contract.model import Readiness
from tidegate.contract.reading.odcs import load_contract, load_contracts
from tidegate.errors import ContractError
from tidegate.needs import Needs

GOOD = """\
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
servers:
  - server: here
    type: local
    path: things/here/{day}
    format: auto
  - server: there
    type: s3
    location: s3://bucket/things/{day}
schema:
  - name: things
    properties:
      - name: thing_id
        logicalType: string
        primaryKey: true
        logicalTypeOptions: {pattern: "^T[0-9]+$"}
      - name: weight
        logicalType: number
        physicalType: decimal(18,4)
        required: true
        logicalTypeOptions: {minimum: 0}
        quality:
          - name: weight_is_odd
            type: custom
            engine: tidegate
            implementation: weight = 13
      - name: made_at
        logicalType: timestamp
      - name: colour
        logicalType: string
        quality:
          - metric: invalidValues
            arguments: {validValues: [red, blue]}
            mustBe: 0
          - metric: nullValues
            unit: percent
            mustBeLessThan: 50
    quality:
      - metric: rowCount
        mustBeBetween: [1, 100]
      - name: total_weight
        type: sql
        query: select sum(weight) from {object}
        mustBeGreaterThan: 0
team: {name: makers}
support: [{channel: "#things"}]
slaProperties:
  - property: timeOfAvailability
    value: "06:00"
customProperties:
  - property: eventTime
    value: made_at
  - property: allowedLatenessDays
    value: 7
"""

# Each: what of the good contract is replaced by what; a text on the line to be named; words of the message.
REFUSALS: dict[str, tuple[str, str, str, str]] = {
    # the document
    "not yaml": ("id: things", "id: [things", "version: 1.0.0", "the file is not YAML"),
    "unknown key at the root": (
        "kind:",
        "kinds:",
        "kinds:",
        "'kinds' is not a key of the standard here; write 'kind'",
    ),
    "unknown key of a server": ("type: local", "type: local\n    pathh: x", "pathh", "write 'path'"),
    "unknown key of a column": ("required: true", "requird: true", "requird", "write 'required'"),
    "unknown key of a rule": ("unit: percent", "units: percent", "units", "write 'unit'"),
    "unknown key of the team": ("{name: makers}", "{nam: makers}", "nam: makers", "write 'name'"),
    "key written twice": ("id: things", "id: things\nid: stuff", "id: stuff", "the key 'id' is there twice"),
    "key that is not text": ("id: things", "id: things\n1: 2", "1: 2", "this key is not a text"),
    "anchor and alias": (
        "arguments: {validValues: [red, blue]}",
        "arguments: {validValues: &v [red, blue], pattern: *v}",
        "arguments: {validValues",
        "referred to by another place",
    ),
    "text where a list belongs": (
        "servers:\n",
        "servers: none\nprice:\n",
        "servers: none",
        "'servers' is wrong",
    ),
    "version that is a number": ("version: 1.0.0", "version: 1.0", "version: 1.0", "'version' is wrong"),
    "no version": ("version: 1.0.0", "name: x", "apiVersion", "the contract has no version"),
    "another kind of file": (
        "kind: DataContract",
        "kind: DataProduct",
        "DataProduct",
        "write 'kind: DataContract'",
    ),
    "unknown version of ODCS": ("v3.1.0", "v2.2.2", "v2.2.2", "'v2.2.2' of the standard is not supported"),
    # what its runs need
    "memory without a unit": (
        "  - property: eventTime",
        "  - {property: memory, value: 4}\n  - property: eventTime",
        "property: memory",
        "4 is not an amount of memory; write it as 4Gi or 512Mi",
    ),
    # the schema
    "two tables": ("team:", "  - name: more\nteam:", "schema:", "describes 2 tables"),
    "no columns": (
        GOOD[GOOD.index("    properties:") : GOOD.index("team:")],
        "    properties: []\n",
        "properties: []",
        "the schema has no columns",
    ),
    "name of the source": ("- name: things", "- name: Things", "- name: Things", "cannot name a source"),
    "source in another's file": (
        "- name: things",
        "- name: stuff",
        "- name: stuff",
        "write it in stuff.odcs.yaml",
    ),
    "physical name of the table": (
        "- name: things",
        "- name: things\n    physicalName: t",
        "physicalName: t",
        "has no effect in Tidegate",
    ),
    # columns
    "two columns of one name": (
        "name: colour",
        "name: WEIGHT",
        "WEIGHT",
        "the column 'WEIGHT' is there twice",
    ),
    "no type": (
        "logicalType: timestamp",
        "required: false",
        "- name: made_at",
        "has no logicalType; write one of",
    ),
    "unknown type": ("logicalType: timestamp", "logicalType: timstamp", "timstamp", "write 'timestamp'"),
    "nested type": (
        "logicalType: timestamp",
        "logicalType: object",
        "logicalType: object",
        "holds only single",
    ),
    "number without precision": (
        "physicalType: decimal(18,4)",
        "unique: false",
        "- name: weight",
        "decimal(18,4)",
    ),
    "decimal without scale": ("decimal(18,4)", "decimal(18)", "decimal(18)", "write one of double, float"),
    "decimal too wide": ("decimal(18,4)", "decimal(39,4)", "decimal(39,4)", "is not a physicalType"),
    "type of another database": (
        "decimal(18,4)",
        "NUMBER",
        "NUMBER",
        "is not a physicalType of a column of type number",
    ),
    "type smuggling SQL": ("decimal(18,4)", '"double); drop table x"', "drop table", "is not a physicalType"),
    "length in the type": (
        "      - name: colour\n",
        "      - name: colour\n        physicalType: varchar(9)\n",
        "varchar(9)",
        "the length as 'maxLength'",
    ),
    "zoned timestamp": (
        "logicalType: timestamp",
        "logicalType: timestamp\n        physicalType: timestamptz",
        "timestamptz",
        "stored as UTC",
    ),
    "column without a name": ("- name: colour", '- name: " "', '- name: " "', "without a readable name"),
    "column named with a NUL": ("- name: colour", '- name: "a\\0b"', '"a\\0b"', "without a readable name"),
    "nested properties": (
        "name: colour",
        "name: colour\n        properties: [{name: x}]",
        "properties: [{name: x}]",
        "'properties' of a column has no effect",
    ),
    "key position without key": (
        "required: true",
        "primaryKeyPosition: 2",
        "primaryKeyPosition: 2",
        "a key position without primaryKey",
    ),
    "two columns at one place of the key": (
        "primaryKey: true",
        "primaryKey: true\n        primaryKeyPosition: 1\n      - name: other\n        logicalType: string\n"
        "        primaryKey: true\n        primaryKeyPosition: 1",
        "- name: other",
        "have the same place (1) in the primary key",
    ),
    # options of types
    "bad pattern": ('"^T[0-9]+$"', '"^T[0-9+$"', "^T[0-9+$", "the pattern cannot run: missing ]"),
    "pattern with look-ahead": ('"^T[0-9]+$"', '"^(?=T)"', "(?=T)", "RE2"),
    "pattern on a number": ("{minimum: 0}", '{pattern: "x"}', 'pattern: "x"', "'pattern' is not supported"),
    "unknown option": ("{minimum: 0}", "{minimun: 0}", "minimun", "write 'minimum'"),
    "bound that is not a number": ("{minimum: 0}", "{minimum: none}", "minimum: none", "'none' is not a number"),
    "bound in quotes": ("{minimum: 0}", '{minimum: "0"}', 'minimum: "0"', "without quotes"),
    "two lower bounds": (
        "{minimum: 0}",
        "{minimum: 0, exclusiveMinimum: 0}",
        "exclusiveMinimum",
        "keep one of the two",
    ),
    "infinite bound": ("{minimum: 0}", "{minimum: .inf}", ".inf", "is not a number"),
    "unknown text format": ('{pattern: "^T[0-9]+$"}', "{format: hostname}", "hostname", "email, uuid, uri"),
    "date format": (
        "logicalType: timestamp",
        "logicalType: timestamp\n        logicalTypeOptions: {format: dd/mm/yyyy}",
        "dd/mm/yyyy",
        "is not understood",
    ),
    "time zone that nobody knows": (
        "logicalType: timestamp",
        "logicalType: timestamp\n        logicalTypeOptions: {defaultTimezone: Europe/Berln}",
        "Europe/Berln",
        "'Europe/Berln' is not a time zone; write 'Europe/Berlin'",
    ),
    "enumeration of another type": (
        "name: colour\n        logicalType: string",
        "name: colour\n        logicalType: string\n        enum: [{value: no}]",
        "enum: [{value: no}]",
        "False is not a value of a column of type string",
    ),
    # quality
    "unknown type of rule": ("type: sql", "type: sqll", "sqll", "write 'sql'"),
    "unsupported metric": ("metric: rowCount", "metric: rowCnt", "rowCnt", "write 'rowCount'"),
    "no metric": ("metric: rowCount", "description: x", "description: x", "the rule has no metric"),
    "metric of values at the schema": (
        "metric: rowCount",
        "metric: nullValues",
        "metric: nullValues\n        mustBeB",
        "at a property",
    ),
    "row count at a column": (
        "metric: invalidValues",
        "metric: rowCount",
        "arguments: {valid",
        "no argument",
    ),
    "unknown argument": ("validValues: [red", "values: [red", "values: [red", "write 'validValues'"),
    "invalid without arguments": (
        "arguments: {validValues: [red, blue]}",
        "tags: []",
        "metric: inv",
        "which values",
    ),
    "empty list of valid values": ("[red, blue]", "[]", "validValues: []", "there is no list of values"),
    "no threshold": ("mustBeBetween: [1, 100]", "tags: []", "metric: rowCount", "compares with nothing"),
    "two thresholds": (
        "mustBe: 0",
        "mustBe: 0\n            mustNotBe: 1",
        "metric: invalid",
        "has both mustBe and",
    ),
    "range the wrong way": ("[1, 100]", "[100, 1]", "[100, 1]", "write '[smallest, largest]'"),
    "threshold that is not a number": ("mustBe: 0", "mustBe: none", "mustBe: none", "'none' is not a number"),
    "unknown unit": ("unit: percent", "unit: share", "unit: share", "write 'rows' or 'percent'"),
    "unknown severity": ("unit: percent", "severity: fatal", "severity: fatal", "is not a severity"),
    "unknown dimension": ("unit: percent", "dimension: acuracy", "acuracy", "write 'accuracy'"),
    "unsupported field of a rule": (
        "unit: percent",
        "schedule: 1 2 3",
        "schedule",
        "has no effect in a rule",
    ),
    "rule of another engine": (
        "engine: tidegate",
        "engine: soda",
        "engine: soda",
        "write 'engine: tidegate'",
    ),
    "rule without a name": ("name: total_weight", "description: x", "description: x", "needs a name"),
    "name that is not a plain name": ("total_weight", '"total; weight"', "total; weight", "is not a plain name"),
    "two rules of one name": (
        "total_weight",
        "weight_is_odd",
        "name: weight_is_odd\n        type: sql",
        "another rule",
    ),
    "name of a built-in reason": ("weight_is_odd", "missing_weight", "name: missing_weight", "another rule"),
    "named null rule": (
        "unit: percent\n            mustBeLessThan: 50",
        "name: no_colour\n            mustBe: 0",
        "name: no_colour",
        "write 'missing_colour' or no name",
    ),
    "unknown placeholder": ("{object}", "{objekt}", "{objekt}", "means nothing here; write {object}"),
    "column placeholder at the schema": (
        "sum(weight)",
        "sum({property})",
        "{property}",
        "means nothing here",
    ),
    # SQL of rules
    "unknown column in a rule": (
        "weight = 13",
        "wait = 13",
        "wait = 13",
        'Referenced column "wait" not found',
    ),
    "unknown column in a query": ("sum(weight)", "sum(wait)", "sum(wait)", '"wait" not found'),
    "rule that is not SQL": (
        "weight = 13",
        "weight is = 13",
        "weight is = 13",
        "cannot be read: syntax error",
    ),
    "rule that is not a condition": (
        "weight = 13",
        "weight",
        "implementation: weight",
        "gives DECIMAL(18,4), not true",
    ),
    "rule of other types": ("weight = 13", "colour + 1 > 2", "colour + 1", "cannot run: "),
    "several statements": ("weight = 13", "weight = 13; drop table x", "drop table x", "is no 'select'"),
    "several selects": ("weight = 13", "weight = 13; select 1", "; select 1", "several statements"),
    "several expressions": ("weight = 13", "weight = 13, 1", "= 13, 1", "is not one condition"),
    "rule with its own from": ("weight = 13", "true from read_csv('x')", "read_csv", "is not one condition"),
    "unbalanced rule": ("weight = 13", "'weight = 13) or (true'", "or (true", "cannot be read"),
    "unending comment": ("weight = 13", "weight = 13 /* x", "/* x", "cannot be read"),
    "subquery in a rule": ("weight = 13", "exists (select 1)", "exists (select", "uses a subquery"),
    "aggregate in a rule": ("weight = 13", "sum(weight) > 1", "sum(weight) > 1", "cannot run: "),
    "window in a rule": ("weight = 13", "row_number() over () > 1", "over ()", "uses a window"),
    "parameter in a rule": ("weight = 13", "weight = $1", "weight = $1", "uses a parameter"),
    "clock": (
        "weight = 13",
        "made_at > current_timestamp",
        "current_timestamp",
        "`_day` is the delivery's day",
    ),
    "clock as a function": ("weight = 13", "made_at > now()", "now()", "uses the function now"),
    "random": ("weight = 13", "random() < 0.5", "random()", "uses the function random"),
    # What they are is computed when DuckDB binds the rule: 70 s and 2 GB at every start.
    "endless padding": (
        "weight = 13",
        "colour = lpad('', 2000000000, 'x')",
        "lpad('',",
        "computes lpad of constants only; write the result in its place",
    ),
    "endless padding as a format": (
        "weight = 13",
        "made_at = strptime(colour, lpad('', 2000000000, 'x'))",
        "lpad('',",
        "computes lpad of constants only",
    ),
    "endless list": (
        "weight = 13",
        "'weight = list_sum(list_transform([1, 2], lambda x: x + 1))'",
        "list_sum",
        "computes list_transform of constants only",
    ),
    "settings": (
        "weight = 13",
        "current_setting('home_directory') = ''",
        "current_setting",
        "uses the function",
    ),
    "environment": ("weight = 13", "getenv('HOME') = ''", "getenv", "uses the function getenv"),
    "function of another schema": ("weight = 13", "x.abs(weight) = 1", "x.abs", "uses the function abs"),
    "column of the platform": ("weight = 13", "_delivery = 1", "_delivery = 1", '"_delivery" not found'),
    "file as a table": ("from {object}", "from '/etc/passwd'", "/etc/passwd", "only the delivery itself"),
    "file by a function": (
        "from {object}",
        "from read_text('/etc/passwd')",
        "/etc/passwd",
        "uses a table function",
    ),
    "another table": ("from {object}", "from lake.raw.orders", "lake.raw.orders", "only the delivery itself"),
    "catalog of the database": (
        "from {object}",
        "from duckdb_settings()",
        "duckdb_settings",
        "table function",
    ),
    "file in a subquery": (
        "select sum(weight) from {object}",
        "select sum(weight) from {object} where colour in (select content from read_text('/etc/passwd'))",
        "/etc/passwd",
        "uses a table function",
    ),
    "endless query": (
        "select sum(weight) from {object}",
        "with recursive t as (select 1 as n union all select n + 1 from t) select max(n) from t",
        "recursive",
        "uses a recursive cte node",
    ),
    "sampled query": ("from {object}", "from {object} using sample 1 rows", "sample", "takes a sample"),
    "query for two numbers": ("select sum(weight)", "select 1, 2", "select 1, 2", "cannot run: "),
    "query for a text": (
        "select sum(weight)",
        "select min(colour)",
        "min(colour)",
        "gives VARCHAR, not a number",
    ),
    "query that writes": (
        "select sum(weight) from {object}",
        "drop table x",
        "drop table x",
        "is no 'select'",
    ),
    "table of the database under the name of a later part": (
        "select sum(weight) from {object}",
        "with a as (select * from pg_tables), pg_tables as (select 1) select count(*) from a",
        "pg_tables",
        "the rule reads pg_tables",
    ),
    "table of the database under the name of a hidden part": (
        "select sum(weight) from {object}",
        "select count(*) from pg_tables where (with pg_tables as (select 1 as a) select a) = 1",
        "pg_tables",
        "it can only stand at the beginning",
    ),
    "query that hides the delivery": (
        "select sum(weight) from {object}",
        "with _ROWS as (select 1 as a) select sum(a) from _rows",
        "_ROWS as",
        "which is the delivery itself",
    ),
    # servers
    "no server": (
        GOOD[GOOD.index("servers:") : GOOD.index("schema:")],
        "",
        "apiVersion",
        "where deliveries land",
    ),
    "two servers of one name": ("server: there", "server: HERE", "server: HERE", "there are two servers"),
    "two servers at one place": (
        "type: s3\n    location: s3://bucket/things/{day}",
        "type: local\n    path: things/here/{day}",
        "- server: there",
        "another server has the location",
    ),
    "server of another type": (
        "type: s3",
        "type: ftp",
        "type: ftp",
        "write one of local, s3, sftp, api, delta, iceberg, python",
    ),
    "server with a strange name": ("server: there", "server: ../there", "../there", "cannot name a server"),
    "field of another server": (
        "type: local",
        "type: local\n    host: x",
        "host: x",
        "'host' of a server of type local",
    ),
    "no day in the path": ("things/here/{day}", "things/here", "path: things/here", "write '{day}' in it"),
    "a month and no year in the path": ("things/here/{day}", "'{day:%m%d}'", "{day:%m%d}", "names no day by"),
    "an hour in the path": ("things/here/{day}", "'{day:%Y%m%d%H}'", "{day:%Y%m%d%H}", "only %Y, %y, %m"),
    "path out of landing": (
        "things/here/{day}",
        "../{day}",
        "../{day}",
        "not a plain path below the landing folder",
    ),
    "path hidden out of landing": ("things/here/{day}", "a/../../{day}", "a/../../{day}", "not a plain path"),
    "absolute path": (
        "things/here/{day}",
        "/etc/{day}",
        "/etc/{day}",
        "is not relative to the landing folder",
    ),
    "any depth in the path": ("things/here/{day}", "'**/{day}'", "**/{day}", "not a plain path"),
    "another placeholder": ("things/here/{day}", "'{region}/{day}'", "{region}", "not a plain path"),
    "backslashes in the path": ("things/here/{day}", "'..\\{day}'", "..\\{day}", "not a plain path"),
    "s3 without a bucket": ("s3://bucket/things", "s3:///things", "s3:///things", "is not an address in S3"),
    "sftp with a user in it": (
        "type: s3\n    location: s3://bucket/things",
        "type: sftp\n    location: sftp://me:s3cret@host/things",
        "sftp://",
        "the address says who signs in; take it out",
    ),
    "sftp without a host": (
        "type: s3\n    location: s3://bucket/things",
        "type: sftp\n    location: sftp:///things",
        "sftp://",
        "is not an address of SFTP",
    ),
    "s3 that is http": ("s3://bucket/things", "http://bucket/things", "http://", "is not an address in S3"),
    "unknown file format": (
        "format: auto",
        "format: docx",
        "format: docx",
        "write one of auto, csv, fixed_width, json, ",
    ),
    "a weekday that there is none of": (
        "format: auto",
        "format: auto\n    customProperties: [{property: deliversOn, value: [monday, frieday]}]",
        "frieday",
        "is not a day of the week; write 'friday'",
    ),
    "days that are no list": (
        "format: auto",
        "format: auto\n    customProperties: [{property: deliversOn, value: monday}]",
        "monday",
        "is not a list with entries; write a list",
    ),
    "no day at all": (
        "format: auto",
        "format: auto\n    customProperties: [{property: deliversOn, value: []}]",
        "deliversOn",
        "is not a list with entries",
    ),
    "a date that there is none of": (
        "format: auto",
        "format: auto\n    customProperties: [{property: exceptDates, value: ['2024-02-30']}]",
        "2024-02-30",
        'write it as "2024-01-31"',
    ),
    "a server's time zone that nobody knows": (
        "format: auto",
        "format: auto\n    customProperties: [{property: timezone, value: CETT}]",
        "CETT",
        "'CETT' is not a time zone; write 'CET'",
    ),
    "a guess at times of a clock change": (
        "format: auto",
        "format: auto\n    customProperties: [{property: timesAtClockChanges, value: guess}]",
        "guess",
        "write one of quarantine, earlier, later",
    ),
    "file server with custom properties": (
        "format: auto",
        "format: auto\n    customProperties: [{property: recordCount, value: x}]",
        "recordCount",
        "not a custom property that Tidegate knows here; write",
    ),
    # custom properties and promises
    "unknown custom property": (
        "property: eventTime",
        "property: eventTimes",
        "eventTimes",
        "write 'eventTime'",
    ),
    "custom property twice": (
        "property: allowedLatenessDays",
        "property: eventTime",
        "y: eventTime\n    value: 7",
        "twice",
    ),
    "event time that is not a column": ("value: made_at", "value: made_on", "value: made_on", "is not a column"),
    "event time that is a text": (
        "value: made_at",
        "value: colour",
        "value: colour",
        "of type date or timestamp",
    ),
    "lateness without event time": (
        "  - property: eventTime\n    value: made_at\n",
        "",
        "value: 7",
        "without eventTime",
    ),
    "negative lateness": ("value: 7", "value: -1", "value: -1", "is not a number of days"),
    "share above all": (
        "value: 7",
        "value: 7\n  - property: maxQuarantinedPercent\n    value: 101",
        "value: 101",
        "is not a percentage",
    ),
    "fallback to nothing known": (
        "value: 7",
        "value: 7\n  - property: fallback\n    value: yesterday",
        "value: yesterday",
        "write one of last_good",
    ),
    "readiness of no kind": (
        "value: 7",
        "value: 7\n  - property: readiness\n    value: soon",
        "value: soon",
        "write one of marker, all_regions, quiet",
    ),
    "quiet for no time": (
        "value: 7",
        "value: 7\n  - property: readiness\n    value: quiet",
        "value: quiet",
        "write the minutes as 'quietMinutes'",
    ),
    "minutes that mean nothing": (
        "value: 7",
        "value: 7\n  - property: quietMinutes\n    value: 5",
        "value: 5",
        "write 'readiness: quiet'",
    ),
    "unknown service level": (
        "timeOfAvailability",
        "timeOfAvailibility",
        "timeOfAvailibility",
        "write 'timeOfAvai",
    ),
    "time without quotes": ('"06:00"', "10:30", "value: 10:30", "write it in quotes"),
}


API = """\
  - server: crm
    type: api
    location: "{base}/things?as_of={day}"
    customProperties:
      - {property: baseUrlVariable, value: THINGS_URL}
      - {property: records, value: things}
      - {property: tokenVariable, value: THINGS_TOKEN}
"""
POSTGRES = """\
  - server: db
    type: postgres
    host: db.shop
    port: 5432
    database: shop
    schema: public
    customProperties:
      - {property: connectionVariable, value: SHOP_DATABASE}
      - {property: query, value: "select * from things where made_at >= {start} and made_at < {end}"}
      - {property: readyQuery, value: "select done from etl_status where date = {day}"}
      - {property: timeLimitSeconds, value: 90}
"""

# Of a server outside: the server, what of it is replaced by what, a text on the line to be named, words of the message.
OUTSIDE_REFUSALS: dict[str, tuple[str, str, str, str, str]] = {
    "api without the day": (API, "?as_of={day}", "", "location:", "where a day's pages are"),
    "api at a stated host": (API, "{base}", "http://crm", "location:", "write it as '{base}/"),
    "api of another placeholder": (API, "/things", "/{things}", "location:", "where a day's pages are"),
    "api without its base": (
        API,
        "      - {property: baseUrlVariable, value: THINGS_URL}\n",
        "",
        "- server: crm",
        "write its name as the custom property 'baseUrlVariable'",
    ),
    "a token in the contract": (API, "THINGS_TOKEN", "'Bearer abc'", "tokenVariable", "never its value"),
    "api with a query": (API, "property: records", "property: query", "property: query", "is not a custom property"),
    "api with a format": (
        API,
        "type: api",
        "type: api\n    format: json",
        "format: json",
        "'format' of a server of type api",
    ),
    "time limit of no time": (
        API,
        "      - {property: records",
        "      - {property: timeLimitSeconds, value: 0}\n      - {property: records",
        "timeLimitSeconds",
        "is not a number of seconds",
    ),
    "database without a query": (
        POSTGRES,
        '      - {property: readyQuery, value: "select done from etl_status where date = {day}"}\n',
        "",
        "- server: db",
        "write the custom property 'readyQuery'",
    ),
    "query without its end": (POSTGRES, " and made_at < {end}", "", "property: query", "where '{end}' goes"),
    "query of another placeholder": (
        POSTGRES,
        "select *",
        "select {columns}",
        "property: query",
        "'{columns}' means nothing",
    ),
    "ready on no day": (POSTGRES, "where date = {day}", "", "property: readyQuery", "where '{day}' goes"),
    "database of endless patience": (POSTGRES, "value: 90", "value: 900000", "timeLimit", "is not a number of seconds"),
    "database with a location": (POSTGRES, "host: db.shop", "location: x", "location: x", "has no effect"),
}


@pytest.mark.parametrize("case", OUTSIDE_REFUSALS)
def test_a_server_outside_that_cannot_work_is_refused_with_its_line(case: str, write: Callable[[str], Path]) -> None:
    server, old, new, place, says = OUTSIDE_REFUSALS[case]
    assert server.count(old) >= 1
    changed = server.replace(old, new, 1)
    text = GOOD.replace("schema:\n", changed + "schema:\n", 1)
    line = text[: text.index(place, text.index(changed))].count("\n") + 1
    with pytest.raises(ContractError) as refusal:
        load_contract(write(text))
    message = str(refusal.value)
    assert f".odcs.yaml:{line}: " in message
    assert says in message
    assert "Bearer abc" not in message


def test_servers_outside_and_how_late_deliveries_are_met(write: Callable[[str], Path]) -> None:
    meeting = """\
  - {property: fallback, value: last_good}
  - {property: onMissing, value: publish_without}
  - {property: readiness, value: quiet}
  - {property: quietMinutes, value: 15}
  - {property: cpu, value: 500m}
  - {property: queue, value: large}
"""
    contract = load_contract(write(GOOD.replace("schema:\n", API + POSTGRES + "schema:\n", 1) + meeting))

    assert contract.region("crm").server == HttpServer(
        "{base}/things?as_of={day}", "THINGS_URL", "things", BearerToken("THINGS_TOKEN")
    )
    assert contract.region("db").server == PostgresServer(
        "SHOP_DATABASE",
        "select * from things where made_at >= {start} and made_at < {end}",
        "select done from etl_status where date = {day}",
        time_limit_seconds=90,
    )
    assert [contract.region(name).files.format for name in ("here", "crm", "db")] == [None, "json", "parquet"]
    assert (contract.fallback, contract.on_missing) == ("last_good", "publish_without")
    assert contract.readiness == Readiness("quiet", 15)
    assert contract.needs == Needs(cpu=Decimal("0.5"), queue="large")


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_work_is_refused_with_its_line(case: str, write: Callable[[str], Path]) -> None:
    old, new, place, says = REFUSALS[case]
    assert GOOD.count(old) >= 1, "the case replaces something that is there"
    text = GOOD.replace(old, new, 1)
    path = write(text)
    line = text[: text.index(place)].count("\n") + 1
    with pytest.raises(ContractError) as refusal:
        load_contract(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}:{line}: ")
    assert says in message
    assert message.endswith(".")


def test_the_contract_the_refusals_start_from_loads(write: Callable[[str], Path]) -> None:
    contract = load_contract(write(GOOD))
    assert contract.key == ("thing_id",)
    assert contract.required == ("thing_id", "weight", "made_at")
    assert [region.server for region in contract.regions] == [
        FolderServer("things/here/{day}"),
        S3Server("s3://bucket/things/{day}"),
    ]


def test_a_rule_is_checked_without_computing_it(write: Callable[[str], Path]) -> None:
    """DuckDB's optimizer makes a constant of this condition: 70 s and 2 GB at every start."""
    rule = "length(lpad(coalesce('x', colour), 2000000000, 'y')) = weight"

    assert load_contract(write(GOOD.replace("weight = 13", rule, 1))).row_rules


@pytest.mark.parametrize("name", ["_region", "_Delivered_On", "_file", "_fingerprint", "_line", "_day"])
def test_a_column_may_not_take_a_name_the_platform_uses(name: str, write: Callable[[str], Path]) -> None:
    with pytest.raises(ContractError, match="is the name of a column that Tidegate adds itself"):
        load_contract(write(GOOD.replace("name: colour", f"name: {name}")))


@pytest.mark.parametrize("name", ["row_id", "Begin_Snapshot", "END_SNAPSHOT", "rowid", "_ducklake_internal_row_id"])
def test_a_column_may_not_take_a_name_that_the_lake_keeps(name: str, write: Callable[[str], Path]) -> None:
    with pytest.raises(ContractError, match=r"things\.odcs\.yaml:\d+: .*DuckLake keeps for itself.*under another name"):
        load_contract(write(GOOD.replace("name: colour", f"name: {name}")))


def test_files_that_are_no_contracts(tmp_path: Path) -> None:
    for name, content in {"a": b"", "b": b"\xff\xfe", "c": b"- 1", "d": b"[" * 10_000, "e": b"\x00"}.items():
        path = tmp_path / f"{name}.odcs.yaml"
        path.write_bytes(content)
        with pytest.raises(ContractError, match=r"\.odcs\.yaml:\d+: "):
            load_contract(path)
    with pytest.raises(ContractError, match=r"missing\.odcs\.yaml cannot be read: No such file"):
        load_contract(tmp_path / "missing.odcs.yaml")


def test_a_folder_without_contracts(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"holds no contract; write one as <source>\.odcs\.yaml"):
        load_contracts(tmp_path)


def test_a_contract_under_another_name_is_not_overlooked(tmp_path: Path) -> None:
    (tmp_path / "things.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ContractError, match=r"write it in things\.odcs\.yaml"):
        load_contracts(tmp_path)


def test_two_sources_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "things.odcs.yaml").write_text(GOOD, encoding="utf-8")
    other = GOOD.replace("- name: things", "- name: others").replace("s3://bucket/things", "s3://bucket/others")
    (tmp_path / "others.odcs.yaml").write_text(other, encoding="utf-8")
    with pytest.raises(ContractError, match=r"both read 'things/here/\{day\}'"):
        load_contracts(tmp_path)


def test_the_line_is_named_from_where_one_stands(write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(GOOD.replace("v3.1.0", "v1"))
    monkeypatch.chdir(path.parent)
    with pytest.raises(ContractError, match=r"^things\.odcs\.yaml:1: "):
        load_contract(path)
