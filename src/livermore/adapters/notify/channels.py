"""The channels that a user's routes ask for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import TextIO

from livermore.adapters.notify.terminal import TerminalChannel
from livermore.adapters.notify.webhook import WebhookChannel
from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.signals.alert import Route
from livermore.signals.ports import Channel


def channels_of(
    routes: Mapping[str, Route],
    *,
    environment: Mapping[str, str],
    clock: Clock,
    stream: TextIO | None = None,
    zone: tzinfo | None = None,
) -> dict[str, Channel]:
    """Make a channel for each named route; one of an unknown kind is logged and left out."""
    channels: dict[str, Channel] = {}
    for name, route in routes.items():
        if route.channel == "terminal":
            channels[name] = TerminalChannel(stream, zone=zone, name=name)
        elif route.channel == "webhook":
            channels[name] = WebhookChannel(
                route.url_environment_variable, environment=environment, clock=clock, name=name
            )
        else:
            logger("notify").warning("there is no such channel", channel=route.channel)
    return channels
