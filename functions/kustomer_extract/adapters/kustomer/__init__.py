"""Implements the `Source` port on Kustomer's API: the pages of a table in order, either all of them or an error.

::

    source        implements the port, and its factory
      ways        chooses list or search for conversations
        search/   reads conversations by search
        lists     reads one list, and asks for short pages again
          progress    checks how far the list was read, and whether it can be complete; pure
      prefetch    threads that fetch pages ahead; knows nothing of Kustomer
      http        one request, with retries
        answers       what a status and a body mean; pure
        headers       reads the numbers in headers; pure
        connections   open connections that can be interrupted
        gate          lets requests wait until they may start
          pace            computes when a request may start; pure
    check         tries a key before the first run
    report/       what a live key tells about the undocumented parts of the API
"""
