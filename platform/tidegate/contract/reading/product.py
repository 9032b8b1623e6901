"""A server of type `tidegate`: a mart that another home publishes, and where that home is."""

from __future__ import annotations

from tidegate.contract.product import ProductServer
from tidegate.contract.reading.document import At, Document, Written
from tidegate.contract.reading.outside import read_text, read_variable, required_text

PRODUCT_PROPERTIES = ("mart", "exportsVariable", "catalogVariable", "dataVariable", "dayColumn")


def read_product(doc: Document, custom: Written, at: At) -> ProductServer:
    """Raises ContractError for a home that cannot be read so."""
    mart = required_text(doc, custom, "mart", "which mart of the other home is read", at)
    exports = read_variable(doc, custom, "exportsVariable")
    catalog = read_variable(doc, custom, "catalogVariable")
    if not (exports or catalog):
        what = "the server does not say where the other home is"
        todo = "write 'exportsVariable' for its outputs, 'catalogVariable' for its lake, or both"
        raise doc.refused(at, what, todo)
    data, day = read_variable(doc, custom, "dataVariable"), read_text(doc, custom, "dayColumn")
    if data and not catalog:
        what = "dataVariable without catalogVariable has no effect"
        raise doc.refused(custom["dataVariable"][1], what, "remove it, or write 'catalogVariable'")
    if day and exports:
        what = "dayColumn has no effect where exports are read"
        raise doc.refused(custom["dayColumn"][1], what, "remove it")
    if not (day or exports):
        what = "the server does not say which column of the mart is its day"
        raise doc.refused(at, what, "write its name as the custom property 'dayColumn'")
    return ProductServer(mart, exports, catalog, data, day)
