"""What a user chooses on the page follows to another browser, and is there at its first paint."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from .test_market import TOKEN, running

WATCH = """
window.themes = [];
new MutationObserver(() => window.themes.push([document.documentElement.dataset.theme, !!document.body]))
  .observe(document, { attributes: true, subtree: true, attributeFilter: ["data-theme"] });
"""
NASTY = "</script><script>window.broken = 1</script><!--"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a demonstration of its own, whose choices no other test makes."""
    async with running(tmp_path_factory.mktemp("workspace")) as address:
        yield address


@asynccontextmanager
async def another_browser(browser: Browser, demo: str) -> AsyncIterator[Page]:
    """A browser that knows nothing but the token, on a system in light colours; nothing may go wrong."""
    wrong: list[str] = []
    context = await browser.new_context(color_scheme="light")
    context.set_default_timeout(60_000)  # other tests keep the machine busy
    page = await context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.add_init_script(WATCH)
    await page.goto(f"{demo}/?token={TOKEN}")
    await expect(page.locator("[data-test=grid] tbody tr").first).to_be_visible()
    yield page
    await context.close()
    assert wrong == []


async def stored(page: Page, act: Callable[[], Awaitable[Any]]) -> Any:
    """Do something, wait until the server has stored what it changes, and return that."""
    async with page.expect_response(lambda answer: "/api/v1/preferences/" in answer.url) as waiting:
        await act()
    answer = await waiting.value
    assert answer.status == 200
    return await answer.json()


async def write(page: Page, key: str, value: str) -> None:
    """Store a preference as any client may."""
    body = {"preferences": {key: value}}
    headers = {"authorization": f"Bearer {TOKEN}"}
    url = page.url.split("/?")[0].split("/#")[0].rstrip("/") + "/api/v1/preferences"
    answer = await page.request.patch(url, data=body, headers=headers)
    assert answer.status == 200


async def test_the_theme_follows_and_never_flashes(demo: str, browser: Browser) -> None:
    async with another_browser(browser, demo) as page:
        html, button = page.locator("html"), page.locator("[data-test=theme]")
        await expect(html).to_have_attribute("data-theme", "light")
        assert (await stored(page, button.click))["value"] == "light"
        assert (await stored(page, button.click))["value"] == "dark"
        await expect(html).to_have_attribute("data-theme", "dark")
    async with another_browser(browser, demo) as page:
        themes = await page.evaluate("window.themes")
        assert {theme for theme, _ in themes} == {"dark"}
        assert themes[0] == ["dark", False], "the theme came after the body"


async def test_the_table_is_as_it_was_left(demo: str, browser: Browser) -> None:
    async with another_browser(browser, demo) as page:
        grid = page.locator("[data-test=grid]")
        await expect(grid.locator("tbody tr")).to_have_count(10)
        await stored(page, grid.get_by_role("button", name="Symbol").click)
        assert await first_of(page) == "ADA-USD"
        await stored(page, grid.get_by_role("button", name="Symbol").click)
        await grid.get_by_role("searchbox").fill("usdt")
        await expect(grid.locator("tbody tr")).to_have_count(5)
        await stored(page, lambda: grid.get_by_role("searchbox").blur())
        await grid.locator("[data-test=columns] summary").click()
        kept = await stored(page, lambda: grid.get_by_label("5m", exact=True).uncheck())
        chosen = {"sort": "symbol", "down": True, "filter": "usdt", "hidden": ["5m"]}
        assert (kept["key"], json.loads(kept["value"])) == ("market.table", chosen)
    async with another_browser(browser, demo) as page:
        grid = page.locator("[data-test=grid]")
        await expect(grid.locator("tbody tr")).to_have_count(5)
        assert await first_of(page) == "XRPUSDT"
        await expect(grid.get_by_role("button", name="5m", exact=True)).to_have_count(0)
        await expect(grid.get_by_role("columnheader", name="Symbol")).to_have_attribute(
            "aria-sort", "descending"
        )


async def first_of(page: Page) -> str:
    name = page.locator("[data-test=grid] tbody th").first
    return str(await name.evaluate("cell => cell.firstChild.textContent"))


async def test_numbers_are_sorted_as_numbers(demo: str, browser: Browser) -> None:
    async with another_browser(browser, demo) as page:
        await write(page, "market.table", json.dumps({"sort": "price", "down": True}))
        await page.reload()
        rows = page.locator("[data-test=grid] tbody tr")
        await expect(rows).to_have_count(10)
        cells = await rows.locator("td:nth-child(2)").all_inner_texts()
        prices = [float(cell.replace(",", "")) for cell in cells]
        assert prices == sorted(prices, reverse=True)


async def test_the_chart_is_as_it_was_left(demo: str, browser: Browser) -> None:
    async with another_browser(browser, demo) as page:
        row = page.locator("[data-test=grid] tr", has=page.get_by_role("rowheader", name="SOLUSDT"))
        cell = row.locator("td button[title*=' 1h']")
        kept = await stored(page, cell.click)
        assert json.loads(kept["value"])["series"] == ["binance", "SOLUSDT", "1h"]
        await expect(page.locator("[data-test=chart] h2")).to_have_text("SOLUSDT · 1h")
        await page.locator("[data-test=parts] summary").click()
        kept = await stored(page, lambda: page.get_by_label("Volume").uncheck())
        assert json.loads(kept["value"])["hidden"] == ["volume"]
    async with another_browser(browser, demo) as page:
        await expect(page.locator("[data-test=chart] h2")).to_have_text("SOLUSDT · 1h")
        await page.locator("[data-test=parts] summary").click()
        await expect(page.get_by_label("Volume")).not_to_be_checked()
        await expect(page.get_by_label("Histogram")).to_be_checked()


async def test_a_series_that_went_gives_way_to_one_that_is_there(demo: str, browser: Browser) -> None:
    async with another_browser(browser, demo) as page:
        await write(page, "market.chart", json.dumps({"series": ["binance", "GONEUSDT", "1m"]}))
        await page.goto(demo)
        await expect(page.locator("[data-test=chart] h2")).to_have_text("BTCUSDT · 1m")


@pytest.mark.parametrize("value", [NASTY, "", "null", "[]", '{"sort": 7, "hidden": [1], "filter": {}}', "{"])
async def test_what_makes_no_sense_breaks_no_page(demo: str, browser: Browser, value: str) -> None:
    async with another_browser(browser, demo) as page:
        for key in ("theme", "market.table", "market.chart"):
            await write(page, key, value)
        await page.goto(demo)
        await expect(page.locator("[data-test=grid] tbody tr")).to_have_count(10)
        await expect(page.locator("html")).to_have_attribute("data-theme", "light")
        assert await page.evaluate("window.broken") is None
