"""TSV (IANA text/tab-separated-values): cells between tabs, no quoting, so no tab or line break inside one.

A quotation mark is a character like any other here: texts that were collected without quoting hold
stray ones. Files that were written with quoting are read with the option ``quote='"'``.
"""

from __future__ import annotations

from typing import ClassVar

from evenhand.formats.csv import Csv, Dialect
from evenhand.formats.flat import GUIDE


class Tsv(Csv):
    """A table of text cells between tabs."""

    name: ClassVar[str] = "tsv"
    title: ClassVar[str] = "TSV"
    suffixes: ClassVar[tuple[str, ...]] = (".tsv", ".tab")
    plain: ClassVar[Dialect] = Dialect("\t", "")
    end: ClassVar[str] = "\n"
    guide: ClassVar[str] = f"""\
## `tasks.tsv`

UTF-8, tabs, no quoting, first line = names. {GUIDE}
`annotations` and `earlier_consensus` are JSON, and so is a text in `consensus.*` that begins with `"`.

    import csv, pandas
    rows = pandas.read_csv("tasks.tsv", sep="\\t", quoting=csv.QUOTE_NONE, dtype=str, keep_default_na=False)
"""
