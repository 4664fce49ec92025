"""What happens to one connection and to its frames on their way out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import starmap
from typing import TYPE_CHECKING, Any, Protocol

from livermore.adapters.exchanges.simulated.faults.frame import Frame
from livermore.adapters.exchanges.simulated.faults.kinds import (
    AbsentClose,
    Corrupt,
    Cut,
    Delay,
    Drop,
    Duplicate,
    FrameFault,
    FrameKind,
    LateClose,
    Reorder,
    Silence,
    Skew,
)

if TYPE_CHECKING:
    from livermore.adapters.exchanges.simulated.faults.faults import Faults, Numbered

_OVERWRITTEN = 35  # a number sign: neither a digit nor part of any name


class Connection(Protocol):
    """The session whose wire it is."""

    def abort(self) -> None:
        """Cut the wire."""
        ...

    def freeze(self) -> None:
        """Read nothing more, and send nothing more of one's own, with the connection open."""
        ...


@dataclass(slots=True)
class _Held:
    """A frame that waits for a market time (ms), or until so many frames have gone before it."""

    frame: Frame
    due: int | None = None
    ahead: int = 0

    def is_due(self, time: int) -> bool:
        return self.ahead <= 0 if self.due is None else self.due <= time


class Wire:
    """One connection's way out; `number` counts the connections of an exchange."""

    def __init__(self, faults: Faults, connection: Connection, number: int) -> None:
        self._faults = faults
        self._connection = connection
        self._number = number
        self._frames = 0
        self._numbered = 0
        self._held: list[_Held] = []
        self._sent: list[Frame] = []
        self._looked_at: int | None = None
        self.lost = False

    @property
    def faulty(self) -> bool:
        """Say whether anything can go wrong at all, or is still held from when it could."""
        return self._faults.any or bool(self._held)

    def opened(self) -> None:
        """Take note that frames may flow."""
        self._looked_at = self._faults.now()
        self._faults.wires.add(self)
        self.look()

    def closed(self) -> None:
        """Take note that the connection is over."""
        self.lost = True
        self._faults.wires.discard(self)

    def look(self) -> None:
        """Cut or freeze the connection if that is due."""
        now, since = self._faults.now(), self._looked_at
        if self.lost or since is None:
            return
        self._looked_at = now
        for numbered in self._faults.of_connections:
            if self._hit(numbered, since, now):
                self._faults.count(numbered.fault)
                self._lose(cut=isinstance(numbered.fault, Cut))
                return

    def outgoing(self, frames: Iterable[Frame]) -> list[Frame]:
        """Return what goes out now, of these frames and of those held before."""
        self.look()
        if self.lost:
            return []
        self._sent = []
        for frame in frames:
            self._release(frame.time)
            self._send(frame)
        self._release(self._faults.now())
        return self._sent

    def told(self, frames: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Return what goes out now, by stream and payload, of these frames and of those held before."""
        shapes = self._faults.shapes
        return [(frame.stream, frame.payload) for frame in self.outgoing(starmap(shapes.frame, frames))]

    def silenced(self, symbol: str, kind: FrameKind, time: int) -> bool:
        """Say whether a symbol is silent, for a protocol that numbers only what it sends."""
        asked = Frame("", b"", symbol, kind, time)
        silences = (one for one in self._faults.of_frames if isinstance(one.fault, Silence))
        for numbered in silences:
            if self._concerns(numbered, asked):
                self._faults.count(numbered.fault)
                return True
        return False

    def skipped(self, time: int) -> int:
        """Return how many sequence numbers are lost before the next frame."""
        self._numbered += 1
        lost = 0
        for number, gap in self._faults.gaps:
            if self._faults.window(number, gap, time) is None:
                continue
            if self._faults.chance(number, self._number, self._numbered) < gap.share:
                self._faults.count(gap)
                lost += gap.count
        return lost

    def hold(self, frame: Frame, *, due: int | None = None, ahead: int = 0) -> None:
        """Keep a frame back."""
        self._held.append(_Held(frame, due, ahead))

    def repeat(self, frame: Frame) -> None:
        """Send a frame once more."""
        self._sent.append(frame)

    def skewed(self, frame: Frame, milliseconds: int) -> Frame:
        """Return a frame whose event time is wrong."""
        return frame._replace(payload=self._faults.shapes.skewed_frame(frame.payload, milliseconds))

    def _hit(self, numbered: Numbered[Any], since: int, now: int) -> bool:
        """Say whether a fault of connections strikes this one."""
        number, fault = numbered
        if isinstance(fault, Cut) and (fault.at or (fault.every and not fault.for_)):
            times = self._faults.strikes(number, fault, since, now)
        else:
            times = self._faults.windows(number, fault, since, now)
        return any(self._faults.chance(number, self._number, one) < fault.share for one in times)

    def _lose(self, *, cut: bool) -> None:
        self.lost = True
        self._held.clear()
        if cut:
            self._connection.abort()
        else:
            self._connection.freeze()

    def _send(self, frame: Frame) -> None:
        """Let every fault have its way with a frame, and send what is left of it."""
        self._frames += 1
        for numbered in self._faults.of_frames:
            if not self._concerns(numbered, frame):
                continue
            self._faults.count(numbered.fault)
            roll = self._faults.chance(numbered.number, self._number, self._frames, "how")
            left = _ACTS[type(numbered.fault)](self, numbered.fault, frame, roll)
            if left is None:
                return
            frame = left
        self._sent.append(frame)
        for held in self._held:
            held.ahead -= 1

    def _concerns(self, numbered: Numbered[FrameFault | Skew], frame: Frame) -> bool:
        number, fault = numbered
        if not _is_of(fault, frame):
            return False
        window = self._faults.window(number, fault, frame.time)
        if window is None:
            return False
        if isinstance(fault, Silence):
            return self._faults.chance(number, frame.symbol, window) < fault.share
        return self._faults.chance(number, self._number, self._frames) < fault.share

    def _release(self, time: int) -> None:
        """Send the held frames whose turn it is."""
        if not self._held:
            return
        due = sorted((one for one in self._held if one.is_due(time)), key=lambda one: one.due or 0)
        self._held = [one for one in self._held if not one.is_due(time)]
        self._sent.extend(one.frame for one in due)


def _is_of(fault: FrameFault | Skew, frame: Frame) -> bool:
    """Say whether a fault is meant for frames of this sort."""
    if isinstance(fault, Skew):
        return True
    if isinstance(fault, AbsentClose | LateClose) and not frame.closing:
        return False
    of_symbol = fault.symbols is None or frame.symbol in fault.symbols
    return of_symbol and (fault.frames is None or frame.kind in fault.frames)


def corrupted(payload: bytes, roll: float) -> bytes:
    """Return a payload cut short, or with one of its letters or digits written over."""
    if roll < 0.5:
        return payload[: 1 + int(2 * roll * (len(payload) - 1))]
    places = [place for place, letter in enumerate(payload) if chr(letter).isalnum() and letter < 128]
    damaged = bytearray(payload)
    damaged[places[int((2 * roll - 1) * len(places))]] = _OVERWRITTEN
    return bytes(damaged)


def _gone(wire: Wire, fault: Any, frame: Frame, roll: float) -> None:
    """Send nothing."""


def _later(wire: Wire, fault: Delay | LateClose, frame: Frame, roll: float) -> None:
    wire.hold(frame, due=frame.time + int(fault.seconds * 1000))


def _behind(wire: Wire, fault: Reorder, frame: Frame, roll: float) -> None:
    wire.hold(frame, ahead=1 + int(roll * fault.within))


def _twice(wire: Wire, fault: Duplicate, frame: Frame, roll: float) -> Frame:
    wire.repeat(frame)
    return frame


def _damaged(wire: Wire, fault: Corrupt, frame: Frame, roll: float) -> Frame:
    return frame._replace(payload=corrupted(frame.payload, roll))


def _skewed(wire: Wire, fault: Skew, frame: Frame, roll: float) -> Frame:
    return wire.skewed(frame, fault.milliseconds)


_ACTS: dict[type, Callable[[Wire, Any, Frame, float], Frame | None]] = {
    Skew: _skewed,
    Silence: _gone,
    AbsentClose: _gone,
    LateClose: _later,
    Drop: _gone,
    Delay: _later,
    Reorder: _behind,
    Duplicate: _twice,
    Corrupt: _damaged,
}
ORDER = tuple(_ACTS)  # in which faults act on a frame: what it says, whether it is sent, when, and how often
