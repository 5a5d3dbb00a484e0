"""The chat page as people use it: in Chromium, with a whole system behind it.

Needs Chromium or Chrome (`apt-get install chromium`); without one these tests are left out.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from tests.page.browser import Browser, Page, find_browser, running_browser
from tests.system.running_system import RunningSystem, running_system

PASSWORD = "correct horse battery"
CHROMIUM = find_browser()
OLD_MESSAGES = 70  # more than a page of history

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(150),  # a browser is slow where others need the machine too
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with running_system(tmp_path_factory.mktemp("page-system")) as system:
        yield system


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    assert CHROMIUM is not None
    async with running_browser(CHROMIUM, tmp_path_factory.mktemp("page-profile")) as browser:
        yield browser


async def enter(page: Page, form: str, name: str) -> None:
    """Register or log in."""
    await page.click(f"#tab-{form}")
    await page.write(f"#{form}-name", name)
    await page.write(f"#{form}-password", PASSWORD)
    await page.click(f"#{form} .primary")
    await page.shows("Connected", "#state")


async def say(page: Page, text: str) -> None:
    await page.write("#text", text)
    await page.press("Enter")
    await page.until(f"{entries('.mine.sent')}.some((one) => one.includes({json.dumps(text)}))")


def entries(kind: str = "") -> str:
    """The texts of messages on the page, as a script."""
    return (
        f"[...document.querySelectorAll('#log .message{kind} .body')].map((one) => one.innerText)"
    )


def badge(of: str) -> str:
    """The unread count beside a room or member, as a script."""
    row = (
        f"[...document.querySelectorAll('.link-row')].find((one) => one.innerText.includes({of!r}))"
    )
    return f"(parseInt({row}?.querySelector('.badge')?.innerText ?? '0'))"


async def test_two_people_talk_miss_nothing_and_are_muted_and_banned(
    system: RunningSystem, browser: Browser
) -> None:
    url = f"http://127.0.0.1:{system.port}/"
    ada, bob = await browser.open(url), await browser.open(url, 390, 844)
    await register_both(ada, bob)
    await open_a_room_for_bob(ada, bob)
    await talk(ada, bob)
    room = await bob.run("location.href")
    await bob.close()

    missed = ["We start at 8", "Bring a coat", "And some cake"]
    await write_to_the_absent(ada, missed)
    laptop, tablet = await browser.open(url), await browser.open(url)
    await come_back(laptop, tablet, missed)
    await read_everything(laptop, tablet)

    await be_muted(ada, tablet)
    await be_banned(ada, laptop, tablet)
    again = await browser.open(room)
    await enter(again, "login", "Bob")
    await again.run(f"location.href = {json.dumps(room)}")
    await again.shows("You are banned from the room: spam", "#out")
    await again.shows("Sorry, Bob", "#peers")
    assert "Bob is out" not in await again.run("document.body.innerText")
    for page in (ada, laptop, tablet, again):
        await page.close()
    assert browser.devtools.faults == []


async def register_both(ada: Page, bob: Page) -> None:
    await enter(ada, "register", "Ada")
    await bob.click("#tab-register")
    await bob.write("#register-name", "Bob")
    await bob.write("#register-password", PASSWORD)
    await bob.press("Enter")
    await bob.shows("Open a room", "#empty")


async def open_a_room_for_bob(ada: Page, bob: Page) -> None:
    await ada.click("#new-room-open")
    await ada.write("#new-room-name", "Weekend trip")
    await ada.press("Enter")
    await ada.shows("Weekend trip", "#room-name")
    await ada.click("#invite-open")
    await ada.write("#invite-name", "bob")
    await ada.press("Enter")
    await ada.shows("Ada invited Bob", "#log")
    await bob.click("#side-open")
    await bob.click("#invitations button", "Accept")
    await bob.shows("Weekend trip", "#room-name")
    await ada.shows("Bob joined", "#log")
    await ada.shows("online", "#people li:nth-child(2)")


async def talk(ada: Page, bob: Page) -> None:
    await say(ada, "Where to? <b>Lake</b> or hills")
    await bob.shows("<b>Lake</b> or hills", "#log")
    writing = bob.write("#text", "The lake! \U0001f3d6")
    await asyncio.gather(ada.shows("Bob is typing", "#typing"), writing)  # it is shown for 6 s
    await bob.press("Enter")
    await ada.shows("The lake!", "#log")


async def write_to_the_absent(ada: Page, missed: list[str]) -> None:
    for text in missed:
        await say(ada, text)
    await ada.click("#people button", "Bob")
    await ada.click("#member button", "Write a message")
    await ada.shows("Bob", "#room-name")
    await say(ada, "Only for you")
    await ada.click("#rooms a", "Weekend trip")


async def come_back(laptop: Page, tablet: Page, missed: list[str]) -> None:
    """Both devices count what was missed; the laptop has it in order, under the unread line."""
    for device in (laptop, tablet):
        await enter(device, "login", "Bob")
        await device.until(f"{badge('Weekend trip')} === 3 && {badge('Ada')} === 1")
        assert await device.run("document.title") == "(4) Goimbus"
    await laptop.click("#rooms a", "Weekend trip")
    unread = "document.querySelectorAll('.unread-line ~ .message .body')"
    after_the_line = f"[...{unread}].map((one) => one.innerText)"
    await laptop.until(f"{after_the_line}.length === 3")
    assert await laptop.run(after_the_line) == missed
    await laptop.until(f"{entries()}.length === 5")
    assert await laptop.run(entries()) == [
        "Where to? <b>Lake</b> or hills", "The lake! \U0001f3d6", *missed
    ]  # fmt: skip


async def read_everything(laptop: Page, tablet: Page) -> None:
    """What one device reads is unread on none."""
    for device in (laptop, tablet):
        await device.until(f"{badge('Weekend trip')} === 0 && {badge('Ada')} === 1")
    await laptop.click("#peers a", "Ada")
    await laptop.shows("Only for you", "#log")
    await tablet.until(f"{badge('Ada')} === 0")


async def be_muted(ada: Page, tablet: Page) -> None:
    await tablet.click("#rooms a", "Weekend trip")
    await tablet.shows("And some cake", "#log")
    await restrict(ada, "Mute", "calm down")
    await tablet.shows("Ada muted Bob for 10 minutes: calm down", "#log")
    await tablet.write("#text", "But I want hills now")
    await tablet.press("Enter")
    await tablet.shows(
        "Not sent. You are muted in the room: calm down. Try again in 10", "#log .failed"
    )


async def be_banned(ada: Page, laptop: Page, tablet: Page) -> None:
    """Both devices are out of the room, and hear what is said to Bob himself."""
    await restrict(ada, "Ban", "spam")
    await tablet.shows("You are banned from the room: spam. Try again in 10 minutes", "#out")
    await tablet.until("!document.querySelector('#compose').checkVisibility()")
    await laptop.until("document.querySelector('#rooms .is-out')")
    await say(ada, "Bob is out")
    await ada.click("#peers a", "Bob")
    await say(ada, "Sorry, Bob")
    await laptop.shows("Sorry, Bob", "#log")
    assert "Bob is out" not in await laptop.run("document.body.innerText")
    await tablet.shows("Sorry, Bob", "#peers")
    assert "Bob is out" not in await tablet.run("document.body.innerText")


async def restrict(page: Page, deed: str, reason: str, name: str = "Bob") -> None:
    """Mute or ban somebody for ten minutes, or put him out."""
    await page.click("#people button", name)
    await page.click("#member-actions button", deed)
    await page.write("#member-reason", reason)
    await page.press("Enter")
    await page.until("!document.querySelector('#member').open")


async def test_guests_meet_in_a_room_by_its_name_and_read_what_was_said_before(
    system: RunningSystem, browser: Browser
) -> None:
    push = f"{system.http_url}/goim/push/room?type=chat&room=lobby&operation=1000"
    async with httpx.AsyncClient(timeout=30) as http:
        for number in range(OLD_MESSAGES):
            answer = await http.post(push, content=f"old message {number}")
            assert answer.json()["code"] == 0
    url = f"http://127.0.0.1:{system.port}/#lobby"
    eve = await browser.open(url)
    await eve.click("#tab-guest")
    await eve.write("#guest-name", "Eve")
    await eve.press("Enter")
    await eve.shows(f"old message {OLD_MESSAGES - 1}", "#log")
    assert "old message 0" not in await eve.run(entries())
    await eve.run("document.querySelector('#log').scrollTop = 0")
    await eve.until(f"{entries()}.length === {OLD_MESSAGES}")
    assert await eve.run(entries()) == [f"old message {n}" for n in range(OLD_MESSAGES)]
    assert await eve.run("document.querySelector('#log').scrollTop") > 0
    max_ = await browser.open(url)
    await max_.click("#tab-guest")
    await max_.write("#guest-name", "Max")
    await max_.press("Enter")
    await max_.shows("Max", "#people")
    await say(max_, "Hello from Max")
    await eve.shows("Hello from Max", "#rooms")
    await eve.shows("1 new", "#to-end")
    await eve.click("#to-end")
    await eve.shows("Max", "#log li:last-child .author")
    await eve.shows("Hello from Max", "#log")
    for page in (eve, max_):
        await page.close()
    assert browser.devtools.faults == []


async def test_a_login_outlives_its_tokens_and_ends_in_all_tabs(
    system: RunningSystem, browser: Browser
) -> None:
    url = f"http://127.0.0.1:{system.port}/"
    first = await browser.open(url)
    await enter(first, "register", "Ida")
    second = await browser.open(url, beside=first)
    await second.shows("Connected", "#state")
    await first.click("#new-room-open")
    await first.write("#new-room-name", "News")
    await first.run("document.querySelector('#new-room-access').value = 'public'")
    await first.run("document.querySelector('#new-room-senders').value = 'admins'")
    await first.press("Enter")
    await say(first, "before")
    await second.run(f"location.href = {json.dumps(await first.run('location.href'))}")
    await second.shows("before", "#log")

    secrets = json.loads((system.folder / "data" / "secrets.json").read_text())
    key = {"Authorization": f"Bearer {secrets['GOIM_API_KEY']}"}
    role = {"name": "Ida", "role": "service"}  # whose tokens all end with that
    async with httpx.AsyncClient(timeout=30) as http:
        changed = await http.post(f"{url}api/v1/accounts/role", json=role, headers=key)
    assert changed.status_code == 200
    await say(first, "with a new token")
    await second.shows("with a new token", "#log")
    await say(second, "and so has the other tab")
    await first.shows("and so has the other tab", "#log")

    reader = await browser.open(url)
    await enter(reader, "register", "Tom")
    await reader.click("#find-open")
    await reader.write("#find-room-text", "news")
    await reader.press("Enter")
    await reader.click("#found-rooms button", "Join")
    await reader.shows("and so has the other tab", "#log")
    await reader.shows("Only the owner and admins write here", "#out")
    await first.click("#people button", "Tom")
    await first.click("#member-actions button", "Make an admin")
    await reader.shows("Ida made Tom an admin", "#log")
    await say(reader, "Me too")
    await first.shows("Me too", "#log")
    await first.click("#people button", "Tom")
    await first.click("#member button", "Write a message")
    await say(first, "Psst")
    await reader.until(f"{badge('Ida')} === 1")
    await first.click("#rooms a", "News")
    await restrict(first, "Put out", "", "Tom")
    await reader.shows("put out", "#out")
    await reader.click("#out-action")
    await reader.shows("Me too", "#log")
    await reader.click("#join-room")
    await first.shows("Tom joined", "#log li:last-child")

    await first.click("#log-out")
    await first.shows("Welcome")
    await second.shows("logged out")  # by the other tab or by the server, whoever is quicker
    await enter(second, "login", "Ida")
    for page in (second, reader):
        await page.close()
    assert browser.devtools.faults == []
