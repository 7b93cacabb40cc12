"""Finds out with a live key what docs/kustomer-api.md marks as not established: V1, V2, and so on.

The report is meant for an issue. So it has only counts, kinds, ratios and names of Kustomer's own fields from records,
and only names and numbers of limits from headers.

::

    asking    sends each request once, and remembers the answers
    lists     finds out about pages, orders, roles and headers
    searches  finds out about search
    shapes    describes records by kinds, names and ratios; pure
    facts     lists the facts by number, and writes the report
"""
