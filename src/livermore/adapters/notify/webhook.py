"""Alerts as JSON, posted to a web address of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import isfinite

import aiohttp
import msgspec

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, RateLimitedError, TerminalError, TransientError
from livermore.signals.alert import Alert

WORTH_ANOTHER_TRY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY}


class WebhookChannel:
    """Post each alert's payload; its id is in the header `Idempotency-Key`, so that a repeat is recognised.

    The address is read from an environment variable for each alert; no log, error or database ever holds it.
    """

    def __init__(
        self,
        variable: str | None,
        *,
        environment: Mapping[str, str],
        clock: Clock,
        timeout: float = 10.0,
        name: str = "webhook",
    ) -> None:
        self.name = name
        self._variable = variable
        self._environment = environment
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, alert: Alert) -> None:
        """Return once the receiver has answered with 2xx."""
        url = self._url()
        try:
            status, retry_after = await self._post(url, alert)
        except ValueError:
            raise self._error(TerminalError, "the webhook's address is none") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # What the library says of a failure may hold the address; the kind of it is enough.
            raise self._error(
                TransientError, f"the webhook is out of reach: {type(error).__name__}"
            ) from None
        self._judge(status, retry_after)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _url(self) -> str:
        url = self._environment.get(self._variable or "", "")
        if not url:
            raise self._error(TerminalError, "no address is set for the webhook")
        if not url.lower().startswith(("http://", "https://")):
            raise self._error(TerminalError, "the webhook's address must begin with http:// or https://")
        return url

    async def _post(self, url: str, alert: Alert) -> tuple[int, str | None]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "livermore"},
            )
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.id}
        body = msgspec.json.encode(alert.payload)
        # A redirect could lead anywhere, into the machine's own network too.
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            return response.status, response.headers.get("Retry-After")

    def _judge(self, status: int, retry_after: str | None) -> None:
        """Raise what an answer other than 2xx means."""
        if 200 <= status < 300:
            return
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(
                "the webhook asks to slow down",
                where=self._variable,
                retry_after=_seconds(retry_after, self._clock),
            )
        if status >= 500 or status in WORTH_ANOTHER_TRY:
            raise self._error(TransientError, f"the webhook answered {status}")
        if 300 <= status < 400:
            raise self._error(TerminalError, f"the webhook answered {status}: redirects are not followed")
        raise self._error(TerminalError, f"the webhook refused with {status}")

    def _error(self, kind: type[LivermoreError], what: str) -> LivermoreError:
        return kind(what, where=self._variable, hint="check the address in the route's environment variable")


def _seconds(retry_after: str | None, clock: Clock) -> float | None:
    """Read Retry-After: seconds, or the date until which to wait; None when it is neither."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - clock.now() / 1000
        except ValueError:
            return None
    return max(seconds, 0.0) if isfinite(seconds) else None
