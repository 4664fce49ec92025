"""What every channel promises, asked of each against a real receiver; then what is special to one."""

import asyncio
import io
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from msgspec.structs import replace
from rich.console import Console
from rich.live import Live

from livermore.adapters.notify.channels import channels_of
from livermore.adapters.notify.terminal import TerminalChannel
from livermore.adapters.notify.webhook import WebhookChannel
from livermore.adapters.notify.wording import one_line, price_text
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import LivermoreError, RateLimitedError, TerminalError, TransientError
from livermore.signals.alert import Alert, Route
from livermore.signals.ports import Channel

SECRET = "s3cr3t-t0ken"
VARIABLE = "DESK_WEBHOOK"
ALERT = Alert(
    id="0123456789abcdef",
    signal_id="fedcba9876543210",
    event="level",
    channel="webhook",
    state="pending",
    attempts=0,
    created_at="2026-01-31T12:05:01.000Z",
    sent_at=None,
    error=None,
    payload={
        "id": "0123456789abcdef",
        "event": "level",
        "signal_id": "fedcba9876543210",
        "closed_at": "2026-01-31T12:05:00.000Z",
        "exchange": "coinbase",
        "symbol": "BTC-USD",
        "timeframe": "5m",
        "kind": "level",
        "level": -150,
        "direction": "down",
        "time": 1769860800000,
        "price": 64250.1,
        "macdv": -151.26,
        "signal": -120.0,
        "histogram": None,
        "stage": "oversold",
        "bias": "bullish",
        "complete": True,
        "low_confidence": False,
        "late": False,
        "table": [{"timeframe": "5m", "macdv": -151.26, "stage": "oversold"}],
        "silent": False,
    },
)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """A web server that answers as told and keeps what it got."""

    answer: Answer | None = None
    url: str = ""
    bodies: list[dict[str, object]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(json.loads(await request.text()))
        self.keys.append(request.headers["Idempotency-Key"])
        return await self.answer(request) if self.answer else web.Response(status=204)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post(f"/{SECRET}", receiver.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/{SECRET}"
    yield receiver
    await runner.cleanup()


def webhook(url: str, timeout: float = 2.0) -> WebhookChannel:
    return WebhookChannel(
        VARIABLE, environment={VARIABLE: url}, clock=ManualClock(1_769_860_800_000), timeout=timeout
    )


@pytest.fixture(params=["terminal", "webhook"])
async def channel(request: pytest.FixtureRequest, receiver: Receiver) -> AsyncIterator[Channel]:
    made: Channel = TerminalChannel(io.StringIO()) if request.param == "terminal" else webhook(receiver.url)
    yield made
    await made.close()


async def test_a_channel_takes_an_alert_again_after_it_was_closed(channel: Channel) -> None:
    await channel.send(ALERT)
    await channel.send(ALERT)
    await channel.close()
    await channel.close()
    await channel.send(ALERT)


async def refusal(channel: Channel, kind: type[LivermoreError]) -> LivermoreError:
    """Return the error of a delivery, in which the address must not stand anywhere."""
    with pytest.raises(kind) as refused:
        await channel.send(ALERT)
    await channel.close()
    error = refused.value
    assert type(error) is kind
    assert SECRET not in f"{error} {error.hint} {error!r} {''.join(traceback.format_exception(error))}"
    assert error.where == VARIABLE
    return error


async def test_the_payload_arrives_with_the_alert_s_id_as_its_key(receiver: Receiver) -> None:
    channel = webhook(receiver.url)
    await channel.send(ALERT)
    await channel.close()
    assert receiver.bodies == [ALERT.payload]
    assert receiver.keys == [ALERT.id]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_2xx_is_a_delivery(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda request: answered(status)
    channel = webhook(receiver.url)
    await channel.send(ALERT)
    await channel.close()


async def answered(status: int, **headers: str) -> web.Response:
    return web.Response(status=status, headers=headers)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
async def test_trouble_at_the_receiver_passes(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda request: answered(status)
    assert str(status) in str(await refusal(webhook(receiver.url), TransientError))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
async def test_a_refusal_is_final(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda request: answered(status)
    assert str(status) in str(await refusal(webhook(receiver.url), TerminalError))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.529", 0.529),
        ("Sat, 31 Jan 2026 12:00:30 GMT", 30.0),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0.0),
        ("-5", 0.0),
        ("nan", None),
        ("soon", None),
        (None, None),
    ],
)
async def test_a_receiver_that_asks_for_patience_is_heard(
    receiver: Receiver, header: str | None, seconds: float | None
) -> None:
    receiver.answer = lambda request: answered(429, **({"Retry-After": header} if header else {}))
    error = await refusal(webhook(receiver.url), RateLimitedError)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == seconds


async def test_a_receiver_that_hangs_is_left(receiver: Receiver) -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        raise AssertionError

    receiver.answer = hang
    await refusal(webhook(receiver.url, timeout=0.1), TransientError)


async def test_a_receiver_that_hangs_up_is_tried_again(receiver: Receiver) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    receiver.answer = hang_up
    await refusal(webhook(receiver.url), TransientError)


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda request: answered(307, Location=str(request.url))
    await refusal(webhook(receiver.url), TerminalError)
    assert len(receiver.bodies) == 1


async def test_nobody_there_may_be_there_later() -> None:
    await refusal(webhook(f"http://127.0.0.1:1/{SECRET}"), TransientError)


@pytest.mark.parametrize(
    "url",
    ["", f"ftp://127.0.0.1/{SECRET}", f"file:///{SECRET}", SECRET, f"http://[{SECRET}", f"http:///{SECRET}"],
)
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    await refusal(webhook(url), TerminalError)


def line_of(**changes: object) -> str:
    stream = io.StringIO()
    channel = TerminalChannel(stream, zone=ZoneInfo("Europe/Berlin"))
    asyncio.run(channel.send(replace(ALERT, payload={**ALERT.payload, **changes})))
    return stream.getvalue()


def test_a_line_says_all_that_matters_at_local_time() -> None:
    assert line_of() == (
        "2026-01-31 13:05:00 CET  BTC-USD coinbase 5m  level -150 down  price 64,250.10  "
        "V -151.3  signal -120.0  histogram -  oversold  bias bullish\n"
    )


def test_a_line_says_what_is_odd() -> None:
    odd = line_of(kind="reversal_oversold", level=None, late=True, low_confidence=True, complete=False)
    assert "  reversal oversold  " in odd
    assert odd.endswith("  (late)  (low confidence)  (with holes)\n")


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (64250.104, "64,250.10"),
        (1.0, "1.00"),
        (0.98765, "0.9877"),
        (0.01, "0.0100"),
        (0.00123456, "0.001235"),
        (0.0001, "0.000100"),
        (0.00000123, "0.00000123"),
        (0.0, "0.00000000"),
    ],
)
def test_a_price_has_the_decimals_that_its_size_needs(price: float, text: str) -> None:
    assert price_text(price) == text


async def test_a_line_passes_above_a_live_display() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=200)
    with Live("the display", console=console, auto_refresh=False) as live:
        live.refresh()
        await TerminalChannel(zone=ZoneInfo("UTC")).send(ALERT)
        live.refresh()
    before, line, after = screen.getvalue().partition(one_line(ALERT.payload, ZoneInfo("UTC")))
    assert line
    assert "the display" in before
    assert "the display" in after


async def test_a_closed_terminal_takes_nothing_more() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(TerminalError):
        await TerminalChannel(stream).send(ALERT)


def test_routes_become_channels_under_their_own_names() -> None:
    routes = {
        "terminal": Route(channel="terminal"),
        "webhook": Route(channel="webhook", url_environment_variable="A"),
        "webhook:B": Route(channel="webhook", url_environment_variable="B"),
        "pigeon": Route(channel="pigeon"),
    }
    channels = channels_of(routes, environment={}, clock=ManualClock())
    assert {name: channel.name for name, channel in channels.items()} == {
        "terminal": "terminal",
        "webhook": "webhook",
        "webhook:B": "webhook:B",
    }
