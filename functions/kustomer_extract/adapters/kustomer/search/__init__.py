"""Search, the documented way past a capped list: windows of creation time that fit one page, each proven by its total.

::

    windows   decides which window comes next, and how wide it is; pure
    requests  builds requests and reads answers; pure
    contents  reads all conversations of one window, and those without a time
    cursor    has the position of the search; pure
    proof     compares what was read with what was counted; pure
    reader    reads the three sweeps (standard, archive, catch-up), and proves that they are complete

The reasons are in docs/adr/0008. The rules and their sources are in docs/kustomer-api.md, section 4.5.
"""
