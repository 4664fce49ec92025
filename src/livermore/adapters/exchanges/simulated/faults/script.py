"""A script of faults, and how it is read from JSON: what is not understood is refused by place and remedy."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from livermore.adapters.exchanges.simulated.faults.kinds import AnyFault, Fault, kind_of
from livermore.kernel.errors import InvalidError

T = TypeVar("T")
KINDS: dict[str, type[Fault]] = {kind_of(kind): kind for kind in get_args(AnyFault)}


class FaultScript(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall go wrong, and the seed by which it is drawn."""

    faults: tuple[AnyFault, ...] = ()
    seed: int = 1

    @classmethod
    def of(cls, *faults: AnyFault, seed: int = 1) -> FaultScript:
        """Make a script of some faults."""
        return cls(faults=faults, seed=seed)

    @classmethod
    def read(cls, file: Path) -> FaultScript:
        """Read a script's file; raise InvalidError where it is not one."""
        return cls.parse(file.read_bytes(), str(file))

    @classmethod
    def parse(cls, text: bytes, name: str = "script") -> FaultScript:
        """Read a script; `name` is what an InvalidError calls it."""
        try:
            script = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise _refused(f"no JSON: {error}", name, _FORM) from None
        if not isinstance(script, dict) or not isinstance(script.get("faults"), list):
            raise _refused("no script of faults", name, _FORM)
        known = list(cls.__struct_fields__)
        _check_names(script, known, name)
        for number, fault in enumerate(script["faults"]):
            _check(fault, f"{name}: faults[{number}]")
        return _converted(script, cls, name, _FORM)


_FORM = 'a script looks like {"seed": 1, "faults": [{"kind": "drop", "share": 0.01}]}'


def _check(fault: Any, where: str) -> None:
    """Refuse a fault that cannot be one."""
    name = fault.get("kind") if isinstance(fault, dict) else None
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise _refused(f"{name!r} is no kind of fault", where, _nearest(str(name), list(KINDS)))
    fields = [field.encode_name for field in msgspec.structs.fields(kind)]
    _check_names(fault, ["kind", *fields], where)
    _converted(fault, kind, where, f"{name} knows: {', '.join(fields)}")


def _check_names(found: dict[str, Any], known: list[str], where: str) -> None:
    for name in found:
        if name not in known:
            raise _refused(f"{name!r} is not known here", where, _nearest(name, known))


def _converted(found: Any, kind: type[T], where: str, hint: str) -> T:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise _refused(str(error), where, hint) from None


def _nearest(name: str, known: list[str]) -> str:
    """Say what may have been meant, else what there is."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"


def _refused(what: str, where: str, hint: str) -> InvalidError:
    return InvalidError(what, where=where, hint=hint)
