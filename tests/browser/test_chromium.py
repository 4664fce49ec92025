"""The browser of the suite is real: it runs scripts and takes clicks."""

from playwright.async_api import Page

BUTTON = "<button onclick=\"document.title = 'clicked'\">Go</button>"


async def test_chromium_runs_a_script_on_a_click(page: Page) -> None:
    await page.set_content(BUTTON)
    await page.get_by_role("button", name="Go").click()
    assert await page.title() == "clicked"
