"""Every route of the API, asked by every caller for the things of every other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlencode

from httpx import AsyncClient, Request, Response

from livermore.apps.isolation.marks import Said, foreign, leaks_in, shows_own
from livermore.apps.isolation.proof import Caller, Notebook
from livermore.apps.isolation.surface import Operation
from livermore.bootstrap.canaries import Canary, House

Prints = dict[int, str]

WHAT = "routes"
PARAMETER = re.compile(r"{(\w+)}")
# Addresses into the market, which is everybody's.
OF_THE_MARKET = {"exchange": "coinbase", "symbol": "BTC-USD", "timeframe": "1h"}
ENDLESS = frozenset({"/api/v1/events"})


class Door:
    """Ask the server as a caller."""

    def __init__(self, client: AsyncClient, cookie: str) -> None:
        self.client = client
        self.cookie = cookie

    def headers(self, caller: Caller, *, browser: bool = False) -> dict[str, str]:
        """Return what a caller shows: a token, or in a browser the cookie of a session."""
        if caller.canary is None:
            return {}
        if not browser:
            return {"authorization": f"Bearer {caller.canary.token}"}
        own = str(self.client.base_url).rstrip("/")
        return {"cookie": f"{self.cookie}={caller.canary.session}", "origin": own}

    async def ask(
        self, caller: Caller, operation: Operation, address: str, *, browser: bool = False
    ) -> tuple[Request, Response]:
        """Put a question."""
        request = self.client.build_request(
            operation.method, address, headers=self.headers(caller, browser=browser), json=operation.body
        )  # fmt: skip
        return request, await self.client.send(request)


class Question(NamedTuple):
    """An operation as one caller asks for it."""

    caller: Caller
    operation: Operation
    address: str
    browser: bool = False


class Routes:
    """Walk over the API."""

    def __init__(self, house: House, door: Door, notebook: Notebook) -> None:
        self._house = house
        self._door = door
        self._notebook = notebook

    async def walk(self, operations: Sequence[Operation], callers: Sequence[Caller]) -> None:
        """Read everything as everybody, then try to change everything: what is read must still be there."""
        self._compare(operations, callers[-1])
        asked = [each for each in operations if each.path not in ENDLESS]
        for operation in (each for each in asked if each.is_safe):
            for caller in callers:
                await self._read(operation, caller)
        untouched = await self._house.prints()
        for operation in (each for each in asked if not each.is_safe):
            for caller in callers:
                untouched = await self._change(operation, caller, untouched)

    def _compare(self, operations: Sequence[Operation], nobody: Caller) -> None:
        for operation in operations:
            if operation.is_too_open:
                detail = f"it is for {operation.stated or 'everybody'}, and should need {operation.least}"
                self._notebook.found("role", WHAT, operation.label, nobody, detail)

    async def _read(self, operation: Operation, caller: Caller) -> None:
        """Ask by a token for everybody's things, and once as a browser does."""
        addresses = list(self._addresses(operation, caller))
        for address in addresses:
            await self._ask(Question(caller, operation, address))
        await self._ask(Question(caller, operation, addresses[0], browser=True))

    async def _ask(self, question: Question) -> None:
        caller, operation, address, browser = question
        request, response = await self._door.ask(caller, operation, address, browser=browser)
        said = _said(request, response)
        self._notebook.asked(
            WHAT, operation.label, caller,
            refused=response.status_code >= 400, own=shows_own(said, caller),
            leaks=leaks_in(said, caller, self._house.canaries),
        )  # fmt: skip
        self._judge(question, response.status_code)

    def _judge(self, question: Question, status: int) -> None:
        caller, operation = question.caller, question.operation
        if status >= 500 and operation.path != "/readyz":
            self._notebook.found("fault", WHAT, operation.label, caller, f"the server failed with {status}")
        if status < 400 and not operation.opens_to(caller.role):
            detail = f"it needs the role {operation.stated} and answered with {status}"
            self._notebook.found("role", WHAT, operation.label, caller, detail)

    async def _change(self, operation: Operation, caller: Caller, before: Prints) -> Prints:
        """Try to change what is others', and see whether it is as it was; return how all of it is now."""
        for address in self._addresses(operation, caller):
            await self._ask(Question(caller, operation, address))
        after = await self._house.prints()
        for other in foreign(caller, self._house.canaries):
            if before[other.user.id] != after[other.user.id]:
                detail = f"changed what is {other.label}'s"
                self._notebook.found("leak", WHAT, operation.label, caller, detail)
        return after

    def _addresses(self, operation: Operation, caller: Caller) -> Iterator[str]:
        """Yield the addresses under which a caller asks for the things of others, and of its own."""
        if not PARAMETER.search(operation.path):
            yield operation.path
        for canary in self._house.canaries:
            if operation.is_safe or (canary is not caller.canary and not _may_change(operation, caller)):
                for path in _filled(operation.path, canary):
                    yield from (path + query for query in _queries(operation, canary) if path + query)


def _may_change(operation: Operation, caller: Caller) -> bool:
    """Say whether a caller is there to change others: an admin administers users."""
    return operation.is_administration and caller.role == "admin"


def _filled(path: str, canary: Canary) -> Iterator[str]:
    """Yield a path with the ids of a canary's things where it has gaps."""
    names = PARAMETER.findall(path)
    if not names or all(name in OF_THE_MARKET for name in names):
        yield path.format(**OF_THE_MARKET) if names else path
        return
    kinds = [kind for kind in canary.own if f"/{kind}/" in path]
    for kind in kinds or canary.own:
        yield PARAMETER.sub(quote(canary.own[kind], safe=""), path)


def _queries(operation: Operation, canary: Canary) -> Iterator[str]:
    """Yield what to write behind the question mark so that a canary's things are meant."""
    plain = "/{" in operation.path
    if plain:
        yield ""
    for name in operation.parameters:
        if name in {"before", "signal", "alert"}:
            yield from (f"?{urlencode({name: canary.own[kind]})}" for kind in ("signals", "alerts"))
        elif name in {"user", "user_id", "owner"}:
            yield f"?{urlencode({name: canary.own['users']})}"
        elif name in {"symbol", "exchange", "q"}:
            yield f"?{urlencode({name: canary.handle})}"
        elif name == "of":
            yield from ("?of=user", "?of=installation")


def _said(request: Request, response: Response) -> Said:
    question = f"{request.url} {request.content.decode()}"
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    return Said(question, f"{headers}\n\n{response.text}")
