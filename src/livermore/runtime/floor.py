"""The trading floor of a process: a post for each exchange that anybody watches, shared by all who do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, Protocol

from livermore.indicators.announcer import Announcer
from livermore.indicators.service import Indicators
from livermore.kernel.errors import LivermoreError
from livermore.kernel.log import logger
from livermore.kernel.service import Health, Service
from livermore.kernel.timeframe import Timeframe
from livermore.market.desk import Desk
from livermore.market.plan import Connection, PostChange
from livermore.market.works import unbroken

log = logger("runtime")


class Post(NamedTuple):
    """Where one exchange is watched: its desk, the indicators beside it, and who tells what has closed."""

    desk: Desk
    indicators: Indicators
    announcer: Announcer


class Wanted(NamedTuple):
    """What somebody wants to see: these symbols of each exchange, on these timeframes."""

    symbols: Mapping[str, tuple[str, ...]]
    timeframes: frozenset[Timeframe]


NOTHING = Wanted({}, frozenset())


class PostMaker(Protocol):
    """Make the post of an exchange; None where the exchange is switched off."""

    async def __call__(
        self, exchange: str, timeframes: Collection[Timeframe], symbols: Collection[str]
    ) -> Post | None:
        """Join the parts and start none of them; raise LivermoreError when that is not possible."""
        ...


class Guest(Protocol):
    """Watch something on the floor."""

    async def settle(self) -> None:
        """Take place at the posts as they are now."""
        ...


class Floor:
    """Open a post when the first guest wants it and close it when the last one leaves.

    What a change needs is made before anything is let go: one that cannot be made changes nothing.
    """

    name = "floor"

    def __init__(self, make: PostMaker, desks: dict[str, Desk], indicators: dict[str, Indicators]) -> None:
        """Keep `desks` and `indicators` in step with the posts, for those who ask about them."""
        self.posts: dict[str, Post] = {}
        self._make = make
        self._desks = desks
        self._indicators = indicators
        self._guests: dict[Guest, Wanted] = {}
        self._shut: set[str] = set()
        self._changing = asyncio.Lock()

    async def want(self, guest: Guest, wanted: Wanted) -> None:
        """Show a guest exactly this from now on; raise LivermoreError when that cannot be made."""
        async with self._changing:
            guests = {**self._guests, guest: wanted}
            due = _together(guests.values())
            made = await self._made({name: one for name, one in due.items() if self._lacks(name, one)})
            # Cut off in the middle, a post would stay open that nobody knows of.
            await unbroken(self._change_over(guests, due, made))

    async def _change_over(
        self, guests: dict[Guest, Wanted], due: Mapping[str, Due], made: Mapping[str, Post]
    ) -> None:
        """Close what nobody wants any more, and open what was made."""
        self._guests = {one: seen for one, seen in guests.items() if seen.symbols}
        self._shut = self._shut.intersection(due).union(made)
        await self._close([name for name in self.posts if name not in due or name in made])
        for name, post in self.posts.items():
            await _choose(post.desk, due[name].symbols)
        await self._open(guests, made)

    async def renew(self, exchange: str) -> None:
        """Close the post of an exchange and open it anew, because something there has failed.

        Raises LivermoreError when it cannot be made; then the old one stays.
        """
        async with self._changing:
            due = _together(self._guests.values()).get(exchange)
            if due is None or exchange not in {*self.posts, *self._shut}:
                return
            made = await self._made({exchange: due})
            self._shut.discard(exchange)
            await unbroken(self._exchange(exchange, made))

    async def _exchange(self, name: str, made: Mapping[str, Post]) -> None:
        """Have another post take the place of one."""
        self._shut.update(made)
        await self._close([one for one in self.posts if one == name])
        await self._open(list(self._guests), made)

    def failed(self) -> list[str]:
        """Return the exchanges whose posts will not go on by themselves, or could not be opened."""
        broken = [
            name
            for name, post in self.posts.items()
            if "failed" in {post.desk.health().state, post.announcer.health().state}
        ]
        return [*broken, *sorted(self._shut.difference(self.posts))]

    def outlook(self, guest: Guest | None, wanted: Wanted) -> dict[str, PostChange]:
        """Say what would become of posts if a guest, or one more, wanted exactly this; nothing is done."""
        others = [seen for one, seen in self._guests.items() if one is not guest]
        due = _together([*others, wanted])
        changes = {name: self._change(name, due.get(name, Due({}, set()))) for name in {**self.posts, **due}}
        return {
            name: one
            for name, one in changes.items()
            if one.connection != "stays" or set(one.before) != set(one.after)
        }

    def _change(self, name: str, due: Due) -> PostChange:
        before = tuple(self.posts[name].desk.symbols) if name in self.posts else ()
        connection: Connection
        if not due.symbols:
            connection = "closes"
        elif name not in self.posts:
            connection = "opens"
        else:
            connection = "opens anew" if self._lacks(name, due) else "stays"
        return PostChange(connection, before, tuple(due.symbols), frozenset(due.timeframes))

    def services_for(self, guest: Guest) -> Iterator[Service]:
        """Yield what runs at the posts that a guest looks at."""
        wanted = self._guests.get(guest, NOTHING).symbols
        for name, post in self.posts.items():
            if name in wanted:
                yield post.announcer
                yield post.desk

    async def start(self) -> None:
        """Wait for guests."""

    async def stop(self) -> None:
        """Close every post."""
        async with self._changing:
            await self._close(list(self.posts))
            self._guests.clear()

    def health(self) -> Health:
        """Be well: each post speaks for itself."""
        return Health()

    def _lacks(self, name: str, due: Due) -> bool:
        """Say whether an exchange has no post that shows all that is due of it."""
        post = self.posts.get(name)
        if post is None:
            return True
        offered = post.desk.info.timeframes()
        return not due.timeframes.intersection(offered) <= set(post.desk.table.timeframes)

    async def _made(self, due: Mapping[str, Due]) -> dict[str, Post]:
        """Make posts, leaving out those of exchanges that are switched off."""
        posts = {name: await self._make(name, one.timeframes, one.symbols) for name, one in due.items()}
        return {name: post for name, post in posts.items() if post is not None}

    async def _open(self, guests: Collection[Guest], made: Mapping[str, Post]) -> None:
        """Open posts; where that fails they are closed, and stay among those that are shut."""
        self._set_up(made)
        try:
            await self._begin(guests, made.values())
        except BaseException:
            # A post that nobody started would be taken for one that runs.
            await self._close(made)
            raise
        self._shut.difference_update(made)

    async def _begin(self, guests: Collection[Guest], made: Collection[Post]) -> None:
        """Have guests take place before anything begins: nobody misses how a symbol is loaded."""
        for each in guests:
            await each.settle()
        for post in made:
            await post.announcer.start()
            await post.desk.start()

    def _set_up(self, made: Mapping[str, Post]) -> None:
        for name, post in made.items():
            self.posts[name] = post
            self._desks[name], self._indicators[name] = post.desk, post.indicators

    async def _close(self, names: Collection[str]) -> None:
        for name in names:
            post = self.posts.pop(name)
            for part in (post.desk, post.announcer):
                try:
                    await part.stop()
                except LivermoreError as error:
                    log.error("a post did not close in good order", exchange=name, error=str(error))
                except Exception:
                    log.exception("a post did not close in good order", exchange=name)
            del self._desks[name], self._indicators[name]


class Due(NamedTuple):
    """What all guests together want of an exchange."""

    symbols: dict[str, None]
    timeframes: set[Timeframe]


def _together(each: Collection[Wanted]) -> dict[str, Due]:
    """Join what several guests want, in their order."""
    due: defaultdict[str, Due] = defaultdict(lambda: Due({}, set()))
    for wanted in each:
        for exchange, symbols in wanted.symbols.items():
            if symbols:
                due[exchange].symbols.update(dict.fromkeys(symbols))
                due[exchange].timeframes.update(wanted.timeframes)
    return dict(due)


async def _choose(desk: Desk, symbols: Collection[str]) -> None:
    """Have a desk watch exactly some symbols."""
    await desk.remove([symbol for symbol in desk.symbols if symbol not in symbols])
    await desk.add([symbol for symbol in symbols if symbol not in desk.symbols])
