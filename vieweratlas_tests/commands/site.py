"""The server of the site, running in a thread of a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from vieweratlas_assets.commands.site_server import listen, site_server
from vieweratlas_assets.storage.objects import ObjectStore

Place = tuple[str, int]


@contextmanager
def served(store: ObjectStore) -> Iterator[Place]:
    """Serve the site of a lake while the block runs."""
    server = site_server(store)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()
        try:
            # The socket listens already: a request waits until the server answers.
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()
