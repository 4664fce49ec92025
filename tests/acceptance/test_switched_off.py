"""A user who is switched off commands nothing any more, also not past the doors."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from livermore import bootstrap
from livermore.control.switchboard import Line
from livermore.control.wire import RESPONSES, command_channel, response_channel

from .inside import until


async def test_what_is_published_for_who_is_switched_off_is_refused(tmp_path: Path) -> None:
    system = await bootstrap.build(bootstrap.Plan(workspace=tmp_path))
    user = await system.accounts.create_user("larry", role="operator")
    await system.start()
    await system.accounts.change_user(user.id, is_active=False)
    sub, heard = user.identity_sub, list[dict[str, Any]]()
    board = system.control._switchboard
    board.connect(Line(RESPONSES, lambda _, raw: heard.append(json.loads(raw)), lambda: None))
    await board.join([response_channel(sub)])
    message = {"correlationId": str(uuid4()), "type": "resume", "timestamp": system.clock.now()}
    await board.publish(command_channel(sub), json.dumps(message).encode())
    await until(lambda: len(heard) > 0)
    assert [(one["status"], one["error"]["code"]) for one in heard] == [("error", "not_allowed")]
    assert (await system.control.journal.history(user.scope(), system.clock.now())).commands == []
    await system.stop()
