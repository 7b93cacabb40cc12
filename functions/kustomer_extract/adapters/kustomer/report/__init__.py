"""What a live key tells of every fact that docs/kustomer-api.md marks as not established: V1, V2, and so on.

It is made to be pasted into an issue. So nothing of a record is told but counts, kinds, ratios, and names of fields
that are Kustomer's own; of headers, the names and numbers of limits.

::

    asking    asks, once for each question, and remembers what was answered
    lists     pages, orders, roles, headers
    searches  what search finds
    shapes    pure: kinds, names and ratios of what was read
    facts     the facts, by number, and the page
"""
