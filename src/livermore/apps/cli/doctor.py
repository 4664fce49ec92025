"""`livermore doctor`."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from livermore.apps.cli.checkup import Finding, local_checks, network_checks
from livermore.apps.cli.errors import Exit
from livermore.apps.cli.frame import examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Workspace
from livermore.apps.cli.output import emit, table
from livermore.apps.cli.stored import SERVER_VARIABLE

if TYPE_CHECKING:
    from livermore.apps.isolation import Proof

app = new_app()

WHO, FIGURES = ("what", "tenant", "role"), ("asked", "refused", "own", "leaks")


@app.command(
    epilog=examples("livermore doctor", "livermore doctor --network", "livermore doctor --isolation")
)
def doctor(
    network: Annotated[
        bool,
        typer.Option("--network", help="Reach the exchanges as well, and compare the clock with theirs."),
    ] = False,
    isolation: Annotated[
        bool,
        typer.Option(
            "--isolation",
            help="Prove with made-up users, in a database of their own, that nobody sees another's data.",
        ),
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port on which `up` shall listen.")] = 7070,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Check Python, packages, the folder, disk space, the port, the database and, if asked, the network.

    Each line is ok, warn or fail; a fail makes the exit code 1.

    The proof of isolation is another thing, and touches no data of yours. It makes users of two tenants and
    of every role, gives each something of every kind, and lets each, and a stranger, ask a server of its own
    for everything. It takes a file of SQLite or, where LIVERMORE_DATABASE_URL names a server, a database
    there that is dropped afterwards. A leak makes the exit code 1.
    """
    if isolation:
        _prove(as_json)
        return
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


def _prove(as_json: bool) -> None:
    from livermore.apps.isolation import prove

    proof = asyncio.run(prove(os.environ.get(SERVER_VARIABLE)))
    emit(msgspec.to_builtins(proof), as_json, lambda: _show_proof(proof))
    if not proof.ok:
        raise typer.Exit(Exit.FAILED)


def _show_proof(proof: Proof) -> None:
    rows = [
        [row.what, row.tenant, row.role or "-", *(str(getattr(row, name)) for name in FIGURES)]
        for row in proof.rows
    ]
    table((*WHO, *FIGURES), rows, right=FIGURES)
    for finding in proof.findings:
        who = f"{finding.tenant} {finding.role}" if finding.role else finding.tenant
        print(f"{finding.kind}: {finding.what}, {finding.where}: {who}: {finding.detail}")
    print(_summary(proof))


def _summary(proof: Proof) -> str:
    """Say in one line what was proven, on what."""
    asked, leaks = (sum(getattr(row, name) for row in proof.rows) for name in ("asked", "leaks"))
    where = f"{proof.database}, logged in as {proof.login}" if proof.login else proof.database
    routes = len(proof.surfaces.get("routes", ()))
    others = len(proof.findings) - leaks
    found = f"{leaks} leaks, {others} other findings"
    return f"{found}: {asked:,} questions, {routes} operations of the API among what was asked, on {where}"
