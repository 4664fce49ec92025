"""The market page of the real demo in a real Chromium."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from livermore.adapters.sql import Database, SqlCandleStore
from livermore.kernel.timeframe import MINUTE, Timeframe
from livermore.market.ports import Cause, Hole, Series

TOKEN = "the-token-of-the-browser-tests"
NUMBERS = re.compile(r"([\d,]+) (?:buckets|traded|quiet|missing)")
HOLED = "ETHUSDT"
NARROW = {"width": 390, "height": 844}
# The machine of a test is busy, and a demo that has just begun is still loading.
expect.set_options(timeout=60_000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of `livermore up --demo` on a workspace whose ledger tells of a hole."""
    workspace = tmp_path_factory.mktemp("workspace")
    async with running(workspace):
        await enter_a_hole(workspace)
    async with running(workspace) as address:
        yield address


@asynccontextmanager
async def running(workspace: Path) -> AsyncIterator[str]:
    """Run the demo, and stop it as a user would."""
    command = [
        sys.executable,
        "-m",
        "livermore",
        "up",
        "--demo",
        "--port",
        "0",
        "--workspace",
        str(workspace),
    ]
    with (workspace / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, env=os.environ | {"LIVERMORE_TOKEN": TOKEN}, stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    address = await asyncio.wait_for(address_in(process.stdout), 60)
    assert address, (workspace / "log").read_text()[-2000:]
    reading = asyncio.create_task(process.stdout.read())
    yield address
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0, (workspace / "log").read_text()[-2000:]
    await reading


async def enter_a_hole(workspace: Path) -> None:
    """Put a repaired hole of a minute, half an hour ago, into the ledger of a demo that has loaded."""
    database = Database(f"sqlite+aiosqlite:///{workspace / '.livermore/data/demo.db'}")
    store, series = SqlCandleStore(database), Series("binance", HOLED, Timeframe.M1)
    async with asyncio.timeout(60):
        while (span := await store.span(series)) is None:
            await asyncio.sleep(0.2)
    start = span[1] - 30 * MINUTE
    hole = Hole(series=series, start=start, end=start + MINUTE, cause=Cause.DISCONNECTED, repaired_at=span[1])
    await store.save([], holes=[hole])
    await database.close()


async def address_in(output: asyncio.StreamReader) -> str | None:
    """Return the address that the demo prints; None when it ends before."""
    async for line in output:
        found = re.search(rb"http://127\.0\.0\.1:\d+", line)
        if found:
            return found.group().decode()
    return None


@pytest_asyncio.fixture(loop_scope="session")
async def market(demo: str, page: Page) -> AsyncIterator[Page]:
    """The market page, opened by its token; whatever leaves the machine or goes wrong fails the test."""
    wrong: list[str] = []
    page.on(
        "console",
        lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if is_local(request.url, demo) else wrong.append(request.url))
    await page.goto(f"{demo}/?token={TOKEN}")
    await expect(page.locator("[data-test=grid] tbody tr")).to_have_count(10)
    yield page
    assert wrong == []


def is_local(url: str, demo: str) -> bool:
    return url.startswith((demo + "/", demo.replace("http", "ws") + "/", "data:", "blob:"))


async def bars_of(page: Page) -> tuple[int, int]:
    """Return how many closed bars the chart holds, and when the newest opened (ms)."""
    held = await page.locator("[data-test=chart] .canvas").evaluate(
        "({ dataset }) => [dataset.bars, dataset.last]"
    )
    return int(held[0] or 0), int(held[1] or 0)


async def shown_bars(page: Page) -> tuple[int, int]:
    """Wait until the chart has bars, and return what `bars_of` does."""
    async with asyncio.timeout(60):
        while not (held := await bars_of(page))[0]:
            await asyncio.sleep(0.1)
    return held


async def grows(page: Page) -> bool:
    """Say whether a bar is added to those that are there; a minute of the demo's market lasts a second."""
    before = await bars_of(page)
    for _ in range(100):
        await asyncio.sleep(0.1)
        now = await bars_of(page)
        if now[0] > before[0] and now[1] > before[1]:
            return True
        before = now
    return False


async def overflow(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


async def test_the_table_fills_and_a_bar_arrives(market: Page) -> None:
    assert "token" not in market.url
    await expect(market.locator("[data-test=state]")).to_have_text("running")
    cells = market.locator("[data-test=grid] td button")
    await expect(cells).to_have_count(60)
    await expect(cells.first).to_contain_text(re.compile(r"−?\d+\.\d"))
    await expect(market.locator("[data-test=chart] h2")).to_contain_text("BTCUSDT · 1m")
    await expect(market.locator("[data-test=legend]")).to_contain_text("O")
    assert (await bars_of(market))[0] > 400
    assert await grows(market)


async def test_a_cell_leads_to_its_chart_and_so_does_a_signal(market: Page) -> None:
    row = market.locator("tr", has=market.get_by_role("rowheader", name="SOLUSDT"))
    await row.locator("td button").nth(3).click()
    await expect(market.locator("[data-test=chart] h2")).to_have_text("SOLUSDT · 1h")
    assert market.url.endswith("#binance/SOLUSDT/1h")
    signal = market.locator("[data-test=feed] li button").first
    await expect(signal).to_be_visible(timeout=60_000)
    symbol, timeframe = await signal.locator("b").inner_text(), await signal.locator("em").inner_text()
    await signal.click()
    await expect(market.locator("[data-test=chart] h2")).to_have_text(f"{symbol} · {timeframe}")
    await market.reload()
    await expect(market.locator("[data-test=chart] h2")).to_have_text(f"{symbol} · {timeframe}")


async def test_the_legend_follows_the_cursor(market: Page) -> None:
    canvas = market.locator("[data-test=chart] .canvas")
    await expect(market.locator("[data-test=chart] h2")).to_contain_text(" · ")
    box = await canvas.bounding_box()
    assert box is not None
    when = market.locator("[data-test=legend] time")
    texts = []
    for share in (0.2, 0.5):
        await market.mouse.move(box["x"] + box["width"] * share, box["y"] + 100)
        await asyncio.sleep(0.3)
        texts.append(await when.inner_text())
    assert texts[0] != texts[1]
    await expect(market.locator(".legend.lower")).to_contain_text("histogram")


async def test_the_coverage_says_of_each_series_what_it_lacks(market: Page) -> None:
    coverage = market.locator("[data-test=coverage]")
    cells = coverage.locator("td button")
    await expect(cells).to_have_count(60)
    await expect(cells.first).to_have_text(re.compile(r"^[FWLHR]"))
    await expect(coverage.locator(".tally").first).to_have_text(re.compile(r"^[FWLHR]\d+ \w+"))
    row = coverage.locator("tr", has=market.get_by_role("rowheader", name="SOLUSDT"))
    await row.locator("td button").first.click()
    why = market.locator("[data-test=why]")
    await expect(why.locator("h3")).to_have_text("SOLUSDT · 1m")
    told = await why.locator("p").first.inner_text()
    buckets, traded, quiet, missing = (int(part.replace(",", "")) for part in NUMBERS.findall(told))
    assert buckets == traded + quiet + missing > 1_000


async def test_a_hole_leads_to_the_bars_around_it(market: Page) -> None:
    cell = market.locator("[data-test=coverage] td button[data-fresh=repaired]").first
    symbol = await cell.locator("xpath=ancestor::tr/th").evaluate("name => name.firstChild.textContent")
    await cell.click()
    hole = market.locator("[data-test=why] li button").first
    await expect(hole).to_contain_text("The connection was lost")
    await expect(hole).to_contain_text(re.compile("open|repaired"))
    await market.locator("[data-test=grid] td button").last.click()
    await hole.click()
    await expect(market.locator("[data-test=chart] h2")).to_have_text(f"{symbol} · 1m")


async def test_a_series_that_was_revised_is_read_again_and_the_view_stays(market: Page) -> None:
    chart = market.locator("[data-test=chart]")
    first, _ = await shown_bars(market)
    async with asyncio.timeout(60):
        # A bar comes every second: so many, that their loss is seen before as many have come again.
        while (await bars_of(market))[0] < first + 8:
            await asyncio.sleep(0.1)
    before, newest = await bars_of(market)
    # The page itself notes the fewest: on a busy machine more may have come before anybody outside looks.
    await market.locator("[data-test=chart] .canvas").evaluate(
        "canvas => new MutationObserver(() => window.fewest = Math.min(window.fewest ?? Infinity,"
        " Number(canvas.dataset.bars))).observe(canvas, {attributes: true})"
    )
    part = int((await chart.get_attribute("id") or "c0")[1:])
    await market.evaluate(f"runMethod({part}, 'renew', [[{{from: {newest}, to: {newest + 60_000}}}]])")
    await market.wait_for_function(f"window.fewest < {before}", timeout=60_000)
    assert (await bars_of(market))[1] >= newest
    await expect(chart.get_by_role("button", name="Newest bar")).to_have_count(0)


async def test_the_theme_is_remembered(market: Page) -> None:
    html = market.locator("html")
    await market.emulate_media(color_scheme="light")
    await expect(html).to_have_attribute("data-theme", "light")
    await market.emulate_media(color_scheme="dark")
    await expect(html).to_have_attribute("data-theme", "dark")
    async with market.expect_response("**/api/v1/preferences/theme"):
        await market.locator("[data-test=theme]").click()
    await expect(html).to_have_attribute("data-theme", "light")
    await market.reload()
    await expect(html).to_have_attribute("data-theme", "light")


async def test_a_phone_scrolls_no_page_sideways(market: Page) -> None:
    await market.set_viewport_size(NARROW)  # type: ignore[arg-type]
    await expect(market.locator("[data-test=chart] .canvas canvas")).to_be_visible()
    assert await overflow(market) == 0
    scroller = market.locator("[data-test=grid] .scroller")
    assert await scroller.evaluate("part => part.scrollWidth > part.clientWidth")
    coverage = market.locator("[data-test=coverage]")
    await coverage.locator("td button").last.click()
    await expect(coverage.locator("h3")).to_contain_text("1d")
    assert await overflow(market) == 0


async def test_a_bad_token_is_refused_and_a_good_one_opens(demo: str, page: Page) -> None:
    await page.goto(f"{demo}/?token=guess")
    await expect(page.get_by_role("alert")).to_contain_text("not the right one")
    await page.get_by_text("Log in with a token").click()
    await page.get_by_label("Login token").fill("another guess")
    await page.get_by_role("button", name="Use the token").click()
    await expect(page.get_by_role("alert")).to_contain_text("not the right one")
    await page.get_by_text("Log in with a token").click()
    await page.get_by_label("Login token").fill(TOKEN)
    await page.get_by_role("button", name="Use the token").click()
    await expect(page.locator("[data-test=state]")).to_have_text("running")


async def test_the_docs_of_the_api_try_a_route(market: Page, demo: str) -> None:
    await market.goto(f"{demo}/api/v1/docs")
    route = market.locator("details", has_text="/api/v1/runtime")
    await route.locator("summary").click()
    await route.get_by_role("button", name="Try it").click()
    await expect(route.locator("pre")).to_contain_text('"state": "running"')
    assert Path(market.url).name == "docs"
