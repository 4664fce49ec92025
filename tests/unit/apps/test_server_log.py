"""What the HTTP server logs of itself takes the way of all lines, on which secrets are left out."""

import json
import logging
from typing import Any

import pytest

from livermore.apps.web import Server
from livermore.kernel.log import set_up_logging


def test_a_fault_of_the_server_is_told_without_its_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("error", "json")
    nothing: Any = None
    server = Server(nothing, nothing, lambda: None)
    assert server.config.log_config is None
    try:
        raise ValueError("cannot serve /?token=s3cr3ts3cr3t")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "Exception in ASGI application"
    assert "cannot serve /?token=***" in line["exception"]
