"""What is worked out of a listing once, however often it is asked about."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from livermore.market.listing import Listing

KEPT = 16
Made = TypeVar("Made")


def for_each_listing(make: Callable[[Listing], Made]) -> Callable[[Listing], Made]:
    """Have something made of each listing once; the last listings asked about are remembered."""
    made: OrderedDict[int, tuple[Listing, Made]] = OrderedDict()

    @wraps(make)
    def remembered(listing: Listing) -> Made:
        # The listing itself is held, so that no other can come to have its identity.
        if id(listing) not in made:
            made[id(listing)] = (listing, make(listing))
        made.move_to_end(id(listing))
        while len(made) > KEPT:
            made.popitem(last=False)
        return made[id(listing)][1]

    return remembered
