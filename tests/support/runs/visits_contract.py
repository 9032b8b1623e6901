"""The contract of the small project of `changing`, by its terms, for tests that change them."""

from __future__ import annotations

from pathlib import Path

from tests.support.runs.home import TemporaryHome

SHOP = '  - {server: shop, type: local, path: "visits/{day}", format: csv}\n'

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: visits
version: {version}
status: active
name: visits
customProperties:
  - {{property: maxQuarantinedPercent, value: {percent}}}
  - {{property: maxQuarantinedRows, value: 0}}
{properties}servers:
{servers}schema:
  - name: visits
    properties:
      - {{name: place, logicalType: string, required: {required}}}
      - name: visitors
        logicalType: integer
        physicalType: {type}
        required: true
        logicalTypeOptions: {{maximum: {maximum}}}
{columns}"""

TERMS = {
    "version": "1.0.0",
    "percent": 100,
    "properties": "",
    "servers": SHOP,
    "required": "true",
    "type": "integer",
    "maximum": 1000,
    "columns": "",
}

# Each visit has the time at which it was seen.
TIMED = {
    "properties": "  - {property: eventTime, value: seen_at}\n  - {property: allowedLatenessDays, value: 3}\n",
    "columns": "      - {name: seen_at, logicalType: timestamp, required: true}\n",
}


def contract(folder: Path, **terms: object) -> Path:
    """A folder with the contract, by these terms."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "visits.odcs.yaml").write_text(CONTRACT.format(**{**TERMS, **terms}))
    return folder


def with_contract(home: TemporaryHome, **terms: object) -> TemporaryHome:
    """The same home once its contract is another."""
    home.close()
    contract(home.settings.contracts, **terms)
    return TemporaryHome(home.settings)
