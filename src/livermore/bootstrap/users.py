"""What a user's runtime is made of when it goes live."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import NamedTuple

from livermore.adapters.notify.channels import channels_of
from livermore.bootstrap.exchanges import named_variables
from livermore.bootstrap.ground import Ground
from livermore.kernel.log import conceal, set_up_logging
from livermore.kernel.scope import Scope
from livermore.market.plan import MarketForesight
from livermore.market.plane import MarketPlane
from livermore.market.retention import Retention
from livermore.runtime.applier import Applier
from livermore.runtime.floor import Floor
from livermore.runtime.parts import Parts
from livermore.runtime.plan import RuntimeForesight
from livermore.runtime.runtime import Runtime
from livermore.runtime.watch import Means, Watch
from livermore.settings.document import SettingsDocument
from livermore.settings.service import SettingsService
from livermore.signals.dispatcher import Dispatcher
from livermore.signals.outbox import routes_of
from livermore.signals.ports import Channel
from livermore.signals.recorder import AlertMaker, SignalRecorder, alert_maker


class Shared(NamedTuple):
    """What the runtimes of all users stand on."""

    ground: Ground
    plane: MarketPlane
    floor: Floor
    retention: Retention
    settings: SettingsService
    foresight: MarketForesight
    from_the_start: bool


def parts_of(shared: Shared, runtime: Runtime) -> Parts:
    """Join the parts of one user's runtime."""
    ground, scope = shared.ground, runtime.scope
    dispatcher = Dispatcher(scope=scope, work=ground.work, channels={}, clock=ground.clock)
    signals = SignalRecorder(
        scope, ground.work, lambda signal: [], dispatcher.wake, ground.recorder.flush, ground.clock
    )
    means = Means(
        ground.work, signals, dispatcher, partial(_channels, ground), partial(_alerts, ground, shared.plane),
        partial(obeyed, shared, scope),
    )  # fmt: skip
    watch = Watch(scope, shared.floor, means, ground.clock, from_the_start=shared.from_the_start)
    applier = Applier(scope, runtime, shared.settings, ground.bus, ground.clock)
    foresight = RuntimeForesight(scope, shared.floor, watch, shared.foresight, runtime.idles)
    return Parts(watch, signals, dispatcher, applier, foresight)


def obeyed(shared: Shared, scope: Scope, document: SettingsDocument) -> None:
    """Have what serves the whole process follow a document: what it logs, the installation's own user's."""
    conceal(*named_variables(document))
    shared.retention.keep(scope.user_id, document.storage.keep_days)
    if scope == shared.ground.user.scope():
        as_json = os.environ.get("LIVERMORE_LOG_FORMAT") == "json"
        level = document.livermore_runtime.logging.verbosity_level
        set_up_logging(level, "json" if as_json else "console")


def _channels(ground: Ground, document: SettingsDocument) -> dict[str, Channel]:
    """Make the channels of a document's routes."""
    routes = routes_of(document.alerts)
    return channels_of(routes, environment=os.environ, clock=ground.clock, stream=sys.stdout)


def _alerts(ground: Ground, plane: MarketPlane, document: SettingsDocument) -> AlertMaker:
    """Make what turns signals into the alerts that a document asks for."""
    zone = document.perseus_profile.timezone
    return alert_maker(document.alerts, zone, ground.clock, plane.last_price)
