"""Search, the documented way past a capped list: windows of creation time that fit one page, each proven by its total.

::

    windows   pure: which window comes next, and how wide it is
    requests  pure: what is asked, and what an answer says
    contents  all that one window holds, and what has no time
    cursor    pure: how far the sweeps have come
    reader    the sweeps: standard, archive, catch-up; and the proof

Why so: docs/adr/0008. The rules and their sources: docs/kustomer-api.md, section 4.5.
"""
