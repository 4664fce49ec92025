"""Numbers for Prometheus: few, and each of them true at the moment it is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livermore.apps.access.caller import Admin
from livermore.apps.api.paths import is_api
from livermore.kernel.events import Event

if TYPE_CHECKING:
    from livermore.bootstrap import System

TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    "default": {
        "description": "A problem (RFC 9457).",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
}


# The time at which each counter was made doubles the lines and tells nobody anything.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Count what happens in this process, and read the rest from the system when asked."""

    def __init__(self, system: System) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Readings(system))
        self._system = system
        self._requests = Counter(
            "livermore_http_requests", "Requests that were let in.", ("route", "method", "status"),
            registry=self.registry,
        )  # fmt: skip
        self._signals = Counter(
            "livermore_signals", "Signals that were raised.", ("kind", "timeframe"), registry=self.registry
        )
        self._alerts = Counter(
            "livermore_alerts", "Alerts that came so far.", ("channel", "state"), registry=self.registry
        )

    async def run(self) -> None:
        """Count signals and alerts as they are told, until cancelled."""
        subscription = self._system.bus.subscribe(self._system.user.identity_sub, ("signal", "alert"))
        try:
            async for event in subscription:
                self._count(event)
        finally:
            subscription.close()

    def _count(self, event: Event) -> None:
        if event.topic == "signal":
            self._signals.labels(event.data["kind"], event.data["timeframe"]).inc()
        else:
            self._alerts.labels(event.data["channel"], event.data["state"]).inc()

    def request(self, route: str, method: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(route, method, str(status)).inc()


class _Readings:
    """Read from the runtime what it knows itself."""

    def __init__(self, system: System) -> None:
        self._system = system

    def collect(self) -> Iterable[Metric]:
        """Yield what is so now."""
        status = self._system.status()
        yield _gauge("uptime_seconds", "Since the runtime started.", status.uptime_seconds)
        yield _gauge(
            "candle_age_seconds", "Age of the newest closed candle.", _seconds(status.last_candle_age_ms)
        )
        yield _gauge("symbols_active", "Symbols that are watched now.", status.symbols["active"])
        up = GaugeMetricFamily("livermore_exchange_connected", "1 while connected.", labels=["exchange"])
        silent = GaugeMetricFamily(
            "livermore_exchange_silence_seconds", "Since the last message.", labels=["exchange"]
        )
        reconnects = CounterMetricFamily(
            "livermore_reconnects", "Connections made again.", labels=["exchange"]
        )
        frames = CounterMetricFamily("livermore_frames", "Messages that were read.", labels=["exchange"])
        used = GaugeMetricFamily("livermore_requests_used", "Of the request budget.", labels=["exchange"])
        for exchange in status.exchanges:
            name = [exchange.name]
            up.add_metric(name, exchange.state == "connected")
            reconnects.add_metric(name, exchange.reconnects)
            frames.add_metric(name, exchange.frames)
            used.add_metric(name, exchange.requests.get("used", 0))
            if exchange.last_message_ms_ago is not None:
                silent.add_metric(name, exchange.last_message_ms_ago / 1000)
        yield from (up, silent, reconnects, frames, used)


def _gauge(name: str, meaning: str, value: float | None) -> GaugeMetricFamily:
    """Write a gauge; one without a value is left out of the exposition."""
    family = GaugeMetricFamily(f"livermore_{name}", meaning)
    if value is not None:
        family.add_metric([], value)
    return family


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def add_routes(app: FastAPI, metrics: Metrics) -> None:
    """Serve the metrics."""

    @app.get("/metrics", responses=TEXT, tags=["health"])
    async def read_metrics(caller: Admin) -> Response:
        """Return counters and gauges as Prometheus reads them."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


class CountRequests:
    """Count every answer by its route, not by its address, so that the labels stay few."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its status."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.request(_route(scope), scope["method"], message["status"])
            await send(message)

        await self.app(scope, receive, count)


def _route(scope: Scope) -> str:
    """Name what answered: a route of the API, the pages, or nothing."""
    if not is_api(scope["path"]):
        return "pages"
    path: str = getattr(scope.get("route"), "path", "none")
    return path.replace(":path}", "}")
