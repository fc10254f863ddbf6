"""HTTP with retries: what all requests to Twitch share.

Belongs here: retries, timeouts, and errors without secrets. Not here: tokens (twitch_token), rate limits (helix).
"""

import logging
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from vieweratlas_assets.errors import TwitchError

RETRIES = 3
FIRST_PAUSE_S = 1.0
TIMEOUT_S = 15.0
LOG = logging.getLogger("vieweratlas.http")


class NoAnswerError(TwitchError):
    """No attempt got a usable answer; the message names only host and path."""

    retryable = True


class RetryingSession:
    """A session that retries after 1, 2 and 4 s, plus jitter: on 5xx, timeouts and broken connections.

    urllib3's Retry does not replace it: that does not retry an answer whose body breaks off, does not pause before
    the first retry, and logs the URL with its query.
    """

    def __init__(
        self,
        session: requests.Session | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        retries: int = RETRIES,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Wrap a session.

        Args:
            jitter: seconds added to each pause, 0 to 1, so that many clients do not retry at the same moment.
            retries: retries per request.
            timeout_s: timeout of connecting, and of each read.
        """
        self._session = session or requests.Session()
        self._retries, self._timeout_s = retries, timeout_s
        self.sleep, self.jitter = sleep, jitter

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        """Return the answer if its status is below 500; `options` as in requests.

        Raises:
            NoAnswerError: all attempts failed.
        """
        reason = ""
        for attempt in range(1 + self._retries):
            if attempt:
                pause = FIRST_PAUSE_S * 2 ** (attempt - 1) + self.jitter()
                LOG.warning("%s: %s; trying again in %.1f s", _host_and_path(url), reason, pause)
                self.sleep(pause)
            try:
                answer = self._session.request(method, url, timeout=self._timeout_s, auth=_no_auth, **options)
            except requests.RequestException as error:
                # The error's text and its request may hold a token or the body.
                reason = type(error).__name__
            else:
                if answer.status_code < 500:
                    return answer
                reason = f"HTTP {answer.status_code}"
        times = f", {1 + self._retries} times" if self._retries else ""
        raise NoAnswerError(f"{_host_and_path(url)}: {reason}{times}")


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing to a request; without it, an entry of ~/.netrc would replace our Authorization header."""
    return request


def _host_and_path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}"


def json_object(answer: requests.Response) -> dict[str, Any] | None:
    """The JSON object in an answer; None if the body is anything else."""
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None
