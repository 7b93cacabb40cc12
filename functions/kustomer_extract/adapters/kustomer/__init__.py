"""Kustomer's list endpoints behind the `Source` port: pages in order, read ahead, all of them or an error.

::

    source        the port: a table's pages; and the factory
      progress    pure: how far it came, and whether that can be all
      prefetch    threads that fetch ahead; knows nothing of Kustomer
      http        one GET, with retries
        answers       pure: what a status and a body mean
        connections   keep-alive, and how to cut it off
        gate          where requests wait for their turn
          pace            pure: how fast is right
    check         what a live key can tell before the first run
"""
