"""Chromium for the page's tests, driven over the DevTools protocol.

Waiting is done in the page, by an observer of its changes: nothing polls and nothing sleeps.
"""

import asyncio
import itertools
import json
import os
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WAIT_SECONDS = 25.0  # for a change of the page; only a failure takes so long
START_SECONDS = 30.0
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # it is root in containers, and opens this server's page alone
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--no-first-run",
    "--remote-debugging-port=0",
)
WHEN_TRUE = """
new Promise((resolve) => {
  const look = () => {
    const found = (%s);
    if (!found) return;
    observer.disconnect();
    resolve(found);
  };
  const all = {subtree: true, childList: true, attributes: true, characterData: true};
  const observer = new MutationObserver(look);
  observer.observe(document, all);
  look();
})
"""
CLICKED = """
(() => {
  const words = (one) => (one.ariaLabel ?? "") + one.innerText;
  const fits = (one) => one.checkVisibility() && !one.disabled && words(one).includes(%s);
  const found = [...document.querySelectorAll(%s)].find(fits);
  found?.click();
  return Boolean(found);
})()
"""


def find_browser() -> str | None:
    """Return the path of Chromium or Chrome, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class PageFailed(AssertionError):
    """The page did not become what was waited for, or its script failed."""


@dataclass
class Devtools:
    """The connection to a browser."""

    socket: ClientConnection
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    answers: dict[int, "asyncio.Future[Any]"] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)  # errors in pages' scripts, and refused content

    async def read(self) -> None:
        """Take what the browser says, until the connection ends."""
        with suppress(ConnectionClosed):  # the browser ends without a word
            async for text in self.socket:
                await self._take(json.loads(text))

    async def _take(self, told: dict[str, Any]) -> None:
        if "id" in told:
            answer = self.answers.pop(told["id"])
            if not answer.done():
                answer.set_result(told)
        elif told["method"] == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(told["params"]["exceptionDetails"]))
        elif told["method"] == "Log.entryAdded":
            entry = told["params"]["entry"]
            if entry["source"] in ("security", "javascript"):
                self.faults.append(entry["text"])
        elif told["method"] == "Page.javascriptDialogOpening":
            await self.post("Page.handleJavaScriptDialog", {"accept": True}, told["sessionId"])

    async def post(self, method: str, params: dict[str, Any], session: str = "") -> int:
        """Send a command and don't wait for its answer."""
        number = next(self.numbers)
        self.answers[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "method": method, "params": params}
        await self.socket.send(json.dumps(command | ({"sessionId": session} if session else {})))
        return number

    async def ask(self, method: str, params: dict[str, Any], session: str = "") -> dict[str, Any]:
        """Return the answer to a command."""
        number = await self.post(method, params, session)
        told = await self.answers[number]
        if "error" in told:
            raise PageFailed(f"{method}: {told['error']}")
        result: dict[str, Any] = told["result"]
        return result


@dataclass
class Page:
    """One tab, alone in a profile of its own unless it was opened beside another."""

    devtools: Devtools
    context: str
    target: str
    session: str

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to a command about this tab."""
        return await self.devtools.ask(method, params, self.session)

    async def run(self, script: str) -> Any:
        """Return what an expression becomes; a promise is awaited."""
        result = await self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True,
            userGesture=True,
        )  # fmt: skip
        if "exceptionDetails" in result:
            raise PageFailed(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def until(self, condition: str, seconds: float = WAIT_SECONDS) -> Any:
        """Return what a condition becomes when it is true."""
        try:
            return await asyncio.wait_for(self.run(WHEN_TRUE % condition), seconds)
        except TimeoutError:
            text = await self.run("document.body.innerText")
            raise PageFailed(f"never true: {condition}\n{text}") from None

    async def shows(self, text: str, where: str = "body", seconds: float = WAIT_SECONDS) -> None:
        """Return when a text can be seen."""
        found = (
            f"document.querySelector({json.dumps(where)})?.innerText.includes({json.dumps(text)})"
        )
        await self.until(found, seconds)

    async def click(self, selector: str, text: str = "") -> None:
        """Click what is there and can be seen, by selector and a part of its text or label."""
        await self.until(CLICKED % (json.dumps(text), json.dumps(selector)))

    async def write(self, selector: str, text: str) -> None:
        """Type a text into a field."""
        await self.until(f"document.querySelector({json.dumps(selector)})?.checkVisibility()")
        await self.run(f"document.querySelector({json.dumps(selector)}).select?.()")
        await self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.ask("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Press a key such as Enter."""
        text = "\r" if key == "Enter" else ""
        await self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, text=text)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    async def screenshot(self) -> bytes:
        """Return what it looks like, as PNG."""
        return b64decode((await self.ask("Page.captureScreenshot"))["data"])

    async def close(self) -> None:
        """Close the tab and forget its profile."""
        await self.devtools.ask("Target.closeTarget", {"targetId": self.target})
        await self.devtools.ask("Target.disposeBrowserContext", {"browserContextId": self.context})


@dataclass
class Browser:
    """A running Chromium."""

    devtools: Devtools

    async def open(
        self, url: str, width: int = 1280, height: int = 800, beside: Page | None = None
    ) -> Page:
        """Open an address on a device that was never there, or in one more tab of a page's."""
        ask = self.devtools.ask
        context = beside.context if beside else ""
        context = context or (await ask("Target.createBrowserContext", {}))["browserContextId"]
        wanted = {"url": "about:blank", "browserContextId": context, "newWindow": True}
        target = (await ask("Target.createTarget", wanted))["targetId"]
        attach = {"targetId": target, "flatten": True}
        session = (await ask("Target.attachToTarget", attach))["sessionId"]
        page = Page(self.devtools, context, target, session)
        for domain in ("Runtime", "Log", "Page", "Network"):
            await page.ask(f"{domain}.enable")
        await page.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 760}
        await page.ask("Emulation.setDeviceMetricsOverride", **size)
        await page.ask("Page.navigate", url=url)
        await page.until(f"location.href.startsWith({json.dumps(url)}) && document.body")
        return page


@asynccontextmanager
async def running_browser(path: str, folder: Path) -> AsyncIterator[Browser]:
    """Start it with an empty profile, end it in the end."""
    process = await asyncio.create_subprocess_exec(
        path,
        *ARGUMENTS,
        f"--user-data-dir={folder}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(folder)},
    )
    assert process.stderr is not None
    try:
        url = await asyncio.wait_for(_devtools_url(process.stderr), START_SECONDS)
        drain = asyncio.create_task(_drain(process.stderr))
        async with connect(url, max_size=None, ping_interval=None, proxy=None) as socket:
            devtools = Devtools(socket)
            reading = asyncio.create_task(devtools.read())
            try:
                yield Browser(devtools)
            finally:
                await devtools.post("Browser.close", {})
                await reading
        await process.wait()
        await drain
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _devtools_url(output: asyncio.StreamReader) -> str:
    async for line in output:
        _, found, url = line.decode(errors="replace").partition("DevTools listening on ")
        if found:
            return url.strip()
    raise PageFailed("the browser did not start")


async def _drain(output: asyncio.StreamReader) -> None:
    """A full pipe would stop it."""
    while await output.read(65_536):
        pass
