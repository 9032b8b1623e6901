"""The formats of files, a module each. To add one, write its module, and name it here and in `contract.files`."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.contract.files import FileFormat
from tidegate.intake.files.formats import avro, csv, fixed_width, json, json_array, orc, parquet, xlsx, xml
from tidegate.intake.files.formats.layout import Format

FORMATS: Mapping[FileFormat, Format] = {
    "csv": csv.FORMAT,
    "fixed_width": fixed_width.FORMAT,
    "json": json.FORMAT,
    "json_array": json_array.FORMAT,
    "xlsx": xlsx.FORMAT,
    "xml": xml.FORMAT,
    "parquet": parquet.FORMAT,
    "avro": avro.FORMAT,
    "orc": orc.FORMAT,
}
