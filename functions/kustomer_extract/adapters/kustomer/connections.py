"""A `requests` session that another thread can interrupt. Nothing else ends a blocked read."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection


class _Adapter(HTTPAdapter):
    """Remembers the sockets that its connections open."""

    def __init__(self, *, size: int) -> None:
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.lock = threading.Lock()
        super().__init__(pool_connections=1, pool_maxsize=size, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools build connections that register their sockets."""
        super().init_poolmanager(*args, **options)
        pools = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
        self.poolmanager.pool_classes_by_scheme = {name: self._watch(pool) for name, pool in pools.items()}

    def _watch(self, pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
        connection_class: type[HTTPConnection] = pool.ConnectionCls  # type: ignore[assignment]  # HTTPS is a subclass
        adapter = self

        class Connection(connection_class):  # type: ignore[misc,valid-type]  # the base is chosen above
            def connect(self) -> None:
                super().connect()
                with adapter.lock:
                    adapter.sockets.add(self.sock)

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


class Session(requests.Session):
    """Keeps connections to one host open, for `size` threads.

    Proxies and certificates are read from the environment once; a .netrc is not read.
    """

    def __init__(self, url: str, *, size: int) -> None:
        super().__init__()
        environment = self.merge_environment_settings(url, {}, None, None, None)
        self.proxies, self.verify = environment["proxies"], environment["verify"]
        self.trust_env = False
        self._adapter = _Adapter(size=size)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def interrupt(self) -> None:
        """Break all connections, also those on which threads wait. Later requests open new ones."""
        with self._adapter.lock:
            sockets = list(self._adapter.sockets)
        for open_socket in sockets:
            with contextlib.suppress(OSError):  # closed already
                socket.socket.shutdown(
                    open_socket, socket.SHUT_RDWR
                )  # the plain socket of TLS, too: a TLS shutdown could block
