"""HTTP with retry_policy: what every request to Twitch has in common.

Belongs here: trying again, and errors that hold no secret. Not here: tokens (twitch_token), limits (helix).
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
    """No attempt brought a usable answer; the message names only host and path."""

    retryable = True


class RetryingSession:
    """Requests that are tried again after 1, 2 and 4 s and a little more: on 5xx, timeouts and broken connections."""

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
            jitter: seconds added to each pause, 0 to 1, so that many clients do not come back at once.
            retries: how often a request is tried again.
            timeout_s: how long an answer may let wait for itself.
        """
        self._session = session or requests.Session()
        self._retries, self._timeout_s = retries, timeout_s
        self.sleep, self.jitter = sleep, jitter

    def request(self, method: str, url: str, **asked: Any) -> requests.Response:
        """The answer, whatever its status below 500; `asked` as in requests.

        Raises:
            NoAnswerError: see there.
        """
        reason = ""
        for attempt in range(1 + self._retries):
            if attempt:
                pause = FIRST_PAUSE_S * 2 ** (attempt - 1) + self.jitter()
                LOG.warning("%s: %s; trying again in %.1f s", _place(url), reason, pause)
                self.sleep(pause)
            try:
                answer = self._session.request(method, url, timeout=self._timeout_s, auth=_as_it_is, **asked)
            except requests.RequestException as error:
                # Its text and its request may hold a token or what was sent.
                reason = type(error).__name__
            else:
                if answer.status_code < 500:
                    return answer
                reason = f"HTTP {answer.status_code}"
        times = f", {1 + self._retries} times" if self._retries else ""
        raise NoAnswerError(f"{_place(url)}: {reason}{times}")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authorises nothing: otherwise an entry of ~/.netrc would take the place of our header."""
    return request


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}"


def json_object(answer: requests.Response) -> dict[str, Any] | None:
    """The JSON object of an answer; None where it is none."""
    try:
        found = answer.json()
    except requests.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
