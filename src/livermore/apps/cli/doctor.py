"""`livermore doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from livermore.apps.cli.checkup import Finding, local_checks, network_checks
from livermore.apps.cli.errors import Exit
from livermore.apps.cli.frame import examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Workspace
from livermore.apps.cli.output import emit

app = new_app()


@app.command(epilog=examples("livermore doctor", "livermore doctor --network"))
def doctor(
    network: Annotated[
        bool,
        typer.Option("--network", help="Reach the exchanges as well, and compare the clock with theirs."),
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port on which `up` shall listen.")] = 7070,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Check Python, packages, the folder, disk space, the port, the database and, if asked, the network.

    Each line is ok, warn or fail; a fail makes the exit code 1.
    """
    findings = [*local_checks(workspace, port), *(network_checks(workspace) if network else ())]
    ok = all(finding.state != "fail" for finding in findings)
    document = {"ok": ok, "checks": [finding._asdict() for finding in findings]}
    emit(document, as_json, lambda: _show(findings))
    if not ok:
        raise typer.Exit(Exit.FAILED)


def _show(findings: list[Finding]) -> None:
    for finding in findings:
        print(f"{finding.state:4}  {finding.name:9}  {finding.detail}")
        if finding.hint:
            print(f"{'':17}hint: {finding.hint}")
