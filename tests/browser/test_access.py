"""The access page of the real demo: tokens, passwords and users, as people and as admins meet them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from .test_market import NARROW, TOKEN, overflow, running

ADMIN = {"authorization": f"Bearer {TOKEN}"}
PASSWORD, NEWER = "seven quiet herons", "eight loud magpies"
# What a browser writes of every answer that refuses something, and of one that never comes.
REFUSED = re.compile(
    r"the server responded with a status of (401|403|409|422)|net::ERR_FAILED"
    r"|WebSocket handshake: .* code: 403"
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a demonstration of its own, whose users no other test meets."""
    async with running(tmp_path_factory.mktemp("workspace")) as address:
        yield address


@asynccontextmanager
async def somewhere(browser: Browser) -> AsyncIterator[Page]:
    """A browser of its own, in which nothing may go wrong."""
    wrong: list[str] = []
    context = await browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    context.set_default_timeout(60_000)  # other tests keep the machine busy
    page = await context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    await context.close()
    assert [said for said in wrong if not REFUSED.search(said)] == []


@pytest_asyncio.fixture(loop_scope="session")
async def admin(demo: str, browser: Browser) -> AsyncIterator[Page]:
    """The page as the owner of the run sees it."""
    async with somewhere(browser) as page:
        await page.goto(f"{demo}/access?token={TOKEN}")
        await expect(users(page).locator("tbody tr").first).to_be_visible()
        yield page


def tokens(page: Page) -> Locator:
    return page.locator("[data-test=tokens]")


def users(page: Page) -> Locator:
    return page.locator("[data-test=users]")


def row(part: Locator, name: str) -> Locator:
    return part.locator("tbody tr", has_text=name)


async def answer(page: Page, verb: str) -> None:
    """Answer the question that is asked."""
    await page.get_by_role("dialog").get_by_role("button", name=verb, exact=True).click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def status(page: Page, demo: str, secret: str) -> int:
    """Return what a request with a token is answered with."""
    headers = {"authorization": f"Bearer {secret}"}
    return (await page.request.get(f"{demo}/api/v1/me", headers=headers)).status


async def add(page: Page, demo: str, name: str, **given: Any) -> int:
    """Let somebody in as any client may, and return the user's id."""
    body = {"username": name, "password": PASSWORD, **given}
    made = await page.request.post(f"{demo}/api/v1/users", data=body, headers=ADMIN)
    assert made.status == 201
    return int((await made.json())["id"])


async def log_in(page: Page, demo: str, name: str, password: str = PASSWORD) -> None:
    await page.goto(f"{demo}/access")
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Log in", exact=True).click()


async def test_the_pages_lead_to_each_other_and_out(admin: Page, demo: str) -> None:
    pages = admin.get_by_role("navigation", name="Pages")
    await expect(pages.get_by_role("link", name="Access")).to_have_attribute("aria-current", "page")
    await expect(admin.locator("[data-test=person]")).to_have_text("demo")
    await pages.get_by_role("link", name="Market").click()
    await expect(admin.locator("[data-test=grid] tbody tr").first).to_be_visible()
    await expect(pages.get_by_role("link", name="Market")).to_have_attribute("aria-current", "page")
    await pages.get_by_role("link", name="Access").click()
    await expect(users(admin)).to_be_visible()
    await admin.locator("[data-test=log-out]").click()
    await expect(admin).to_have_url(f"{demo}/login")
    await admin.goto(demo)
    await expect(admin.get_by_role("button", name="Log in", exact=True)).to_be_visible()


async def test_a_token_is_shown_once_copied_and_revoked(admin: Page, demo: str) -> None:
    await tokens(admin).get_by_label("Name").fill("grafana")
    await tokens(admin).get_by_label("Role").select_option("operator")
    await tokens(admin).get_by_role("button", name="Create token").click()
    shown = admin.get_by_label("Secret of the token")
    await expect(shown).to_have_value(re.compile(r"^lvm_\S{40,}$"))
    secret = await shown.input_value()
    await tokens(admin).get_by_role("button", name="Copy").click()
    await expect(tokens(admin).get_by_role("button", name="Copied")).to_be_visible()
    assert await admin.evaluate("navigator.clipboard.readText()") == secret
    assert await status(admin, demo, secret) == 200
    await admin.reload()
    await expect(row(tokens(admin), "grafana")).to_contain_text("operator")
    await expect(row(tokens(admin), "grafana").locator("[data-label='Last used']")).to_have_text("just now")
    assert secret not in await admin.content()
    await admin.get_by_role("button", name="Revoke grafana").click()
    await answer(admin, "Cancel")
    assert await status(admin, demo, secret) == 200
    await admin.get_by_role("button", name="Revoke grafana").click()
    await answer(admin, "Revoke")
    await expect(row(tokens(admin), "grafana")).to_contain_text("revoked")
    assert await status(admin, demo, secret) == 401


async def test_where_there_is_no_clipboard_the_secret_is_copied_too(admin: Page) -> None:
    await admin.evaluate("navigator.clipboard.writeText('something else')")
    await admin.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    await tokens(admin).get_by_label("Name").fill("laptop")
    await tokens(admin).get_by_label("Name").press("Enter")
    secret = await admin.get_by_label("Secret of the token").input_value()
    await tokens(admin).get_by_role("button", name="Copy").click()
    await expect(tokens(admin).get_by_role("button", name="Copied")).to_be_visible()
    assert await admin.evaluate("navigator.clipboard.readText()") == secret
    await tokens(admin).get_by_role("button", name="Done").click()
    await expect(admin.locator("[data-test=secret]")).to_have_count(0)


async def test_the_keyboard_is_enough(admin: Page) -> None:
    await tokens(admin).get_by_label("Name").focus()
    await admin.keyboard.type("by keys")
    await admin.keyboard.press("Enter")
    revoke = admin.get_by_role("button", name="Revoke by keys")
    await expect(revoke).to_be_visible()
    await revoke.focus()
    await admin.keyboard.press("Enter")
    await expect(admin.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    await admin.keyboard.press("Escape")
    await expect(admin.get_by_role("dialog")).to_have_count(0)
    await expect(revoke).to_be_focused()
    await admin.keyboard.press("Enter")
    await admin.keyboard.press("Tab")
    await admin.keyboard.press("Enter")
    await expect(row(tokens(admin), "by keys")).to_contain_text("revoked")


async def test_an_admin_adds_and_removes(admin: Page, browser: Browser, demo: str) -> None:
    await users(admin).get_by_label("User name").fill("ada")
    await users(admin).get_by_label("First password").fill("short")
    await users(admin).get_by_role("button", name="Add user").click()
    await expect(users(admin).get_by_role("alert")).to_contain_text("10 to 1,000 characters")
    await users(admin).get_by_label("First password").fill(PASSWORD)
    await users(admin).get_by_role("button", name="Add user").click()
    await expect(users(admin).get_by_role("status")).to_have_text("ada is added.")
    await expect(row(users(admin), "ada").locator("[data-label='Comes in by']")).to_have_text("password")
    async with somewhere(browser) as hers:
        await log_in(hers, demo, "ada")
        await expect(hers.locator("[data-test=self]")).to_contain_text("viewer")
        await expect(tokens(hers)).to_contain_text("You have none.")
        await expect(users(hers)).to_have_count(0)
        await admin.get_by_role("button", name="Remove ada").click()
        await answer(admin, "Remove")
        await expect(row(users(admin), "ada")).to_have_count(0)
        await tokens(hers).get_by_label("Name").fill("too late")
        await tokens(hers).get_by_role("button", name="Create token").click()
        await expect(hers).to_have_url(f"{demo}/login?next=%2Faccess")


async def test_an_admin_changes_role_and_activity(admin: Page, demo: str) -> None:
    await add(admin, demo, "grace")
    await admin.reload()
    role = admin.get_by_label("Role of grace")
    await role.select_option("operator")
    await answer(admin, "Cancel")
    await expect(role).to_have_value("viewer")
    await role.select_option("operator")
    await answer(admin, "Change the role")
    await expect(users(admin).get_by_role("status")).to_have_text("grace has the role operator now.")
    await expect(role).to_have_value("operator")
    active = admin.get_by_label("grace is active")
    await active.click()
    await answer(admin, "Switch off")
    await expect(active).not_to_be_checked()
    given = {"username": "grace", "password": PASSWORD}
    assert (await admin.request.post(f"{demo}/api/v1/login", data=given)).status == 403
    await active.click()
    await expect(active).to_be_checked()
    await expect(users(admin).get_by_role("status")).to_have_text("grace is on.")


async def test_what_is_refused_is_said_and_changes_nothing(admin: Page) -> None:
    await admin.get_by_role("button", name="Remove demo").click()
    await answer(admin, "Remove")
    await expect(users(admin).get_by_role("alert")).to_contain_text("the user of this workspace itself")
    await admin.get_by_label("Role of demo").select_option("viewer")
    await answer(admin, "Change the role")
    await expect(users(admin).get_by_role("alert")).to_contain_text(
        "Nobody would be left to administer this."
    )
    await expect(admin.get_by_label("Role of demo")).to_have_value("admin")


async def test_sessions_are_ended_and_an_open_page_says_so_by_itself(
    admin: Page, browser: Browser, demo: str
) -> None:
    await add(admin, demo, "edwin", role="operator")
    await admin.reload()
    async with somewhere(browser) as his:
        await log_in(his, demo, "edwin")
        await expect(tokens(his)).to_be_visible()
        await admin.get_by_role("button", name="End the sessions of edwin").click()
        await answer(admin, "End sessions")
        await expect(users(admin).get_by_role("status")).to_contain_text("have ended")
        await expect(his.get_by_role("button", name="Log in", exact=True)).to_be_visible(timeout=30_000)


async def test_a_password_is_changed_by_who_knows_it(admin: Page, browser: Browser, demo: str) -> None:
    await add(admin, demo, "mary")
    async with somewhere(browser) as here, somewhere(browser) as there:
        for page in (here, there):
            await log_in(page, demo, "mary")
            await expect(tokens(page)).to_be_visible()
        part = here.locator("[data-test=password]")
        await change(part, PASSWORD, NEWER, "another one")
        await expect(part.get_by_role("alert")).to_contain_text("not typed the same way twice")
        await change(part, "a guess", NEWER, NEWER)
        await expect(part.get_by_role("alert")).to_contain_text("The password of now is wrong.")
        await change(part, PASSWORD, NEWER, NEWER)
        await expect(part.get_by_role("status")).to_contain_text("The password is changed.")
        await expect(part.get_by_label("New password", exact=True)).to_have_value("")
        await here.reload()
        await expect(tokens(here)).to_be_visible()
        await there.reload()
        await log_in(there, demo, "mary", NEWER)
        await expect(tokens(there)).to_be_visible()


async def change(part: Locator, current: str, new: str, again: str) -> None:
    await part.get_by_label("Current password").fill(current)
    await part.get_by_label("New password", exact=True).fill(new)
    await part.get_by_label("New password again").fill(again)
    await part.get_by_role("button", name="Change it").click()


async def test_a_lesser_token_sees_less(admin: Page, browser: Browser, demo: str) -> None:
    given = {"name": "lesser", "role": "operator"}
    made = await admin.request.post(f"{demo}/api/v1/tokens", data=given, headers=ADMIN)
    async with somewhere(browser) as page:
        await page.goto(f"{demo}/login?next=/access")
        await page.get_by_text("Log in with a token").click()
        await page.get_by_label("Login token").fill((await made.json())["secret"])
        await page.get_by_role("button", name="Use the token").click()
        await expect(page.locator("[data-test=self]")).to_contain_text("a token with the role operator")
        await expect(row(tokens(page), "lesser")).to_be_visible()
        for absent in (users(page), page.locator("[data-test=password]"), tokens(page).get_by_role("button")):
            await expect(absent).to_have_count(0)


async def test_a_server_that_is_gone_is_said_to_be(admin: Page) -> None:
    await admin.route("**/api/v1/tokens", lambda route: route.abort())
    await tokens(admin).get_by_label("Name").fill("in vain")
    await tokens(admin).get_by_role("button", name="Create token").click()
    await expect(tokens(admin).get_by_role("alert")).to_have_text("Livermore does not answer. Is it running?")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_scrolls_no_page_sideways(admin: Page, scheme: Any) -> None:
    await admin.set_viewport_size(NARROW)  # type: ignore[arg-type]
    await admin.emulate_media(color_scheme=scheme)
    await expect(admin.locator("html")).to_have_attribute("data-theme", scheme)
    await tokens(admin).get_by_label("Name").fill("W" * 100)
    await tokens(admin).get_by_label("Name").press("Enter")
    await expect(row(tokens(admin), "W" * 100).first).to_be_visible()
    assert await overflow(admin) == 0
    assert await low_contrast(admin) == []


async def low_contrast(page: Page) -> list[str]:
    """Return the texts that stand out from their ground by less than 4.5 to 1."""
    return list(await page.evaluate(CONTRAST))


CONTRAST = """
() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = (color) => {
    const [r, g, b] = color.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (part) => {
    for (; part; part = part.parentElement) {
      const color = rgb(getComputedStyle(part).backgroundColor);
      if (color.length === 3) return color;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll(".access *, .bar *")].filter((part) =>
    part.checkVisibility() && [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.filter((part) => {
    const [one, other] = [rgb(getComputedStyle(part).color).slice(0, 3), ground(part)].map(light);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) < 4.5;
  }).map((part) => part.outerHTML.slice(0, 120));
}
"""
