"""Tokens, the accounts that they open, and that no secret is ever told."""

import base64
import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from livermore.adapters.exchanges.coinbase import Credentials, Timing
from livermore.adapters.exchanges.coinbase.credentials import Signer
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ExchangeRefusedError, InvalidError, LivermoreError
from tests.contracts.exchanges.coinbase_support import REST, Server, coinbase
from tests.contracts.exchanges.support import T0, serving, until

NAME = "organizations/1/apiKeys/canary-of-the-key"
CREDENTIALS = Credentials(key="COINBASE_KEY", secret="COINBASE_SECRET")
CURVE = ec.generate_private_key(ec.SECP256R1())
EDWARDS = ed25519.Ed25519PrivateKey.generate()
SEED = EDWARDS.private_bytes_raw()
PUBLIC = EDWARDS.public_key().public_bytes_raw()


def pem(key: Any, form: PrivateFormat) -> str:
    return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())


SEC1 = pem(CURVE, PrivateFormat.TraditionalOpenSSL)
SECRETS = {
    "SEC1": ("ES256", SEC1),
    "SEC1 on one line": ("ES256", SEC1.replace("\n", "\\n")),
    "PKCS8": ("ES256", pem(CURVE, PrivateFormat.PKCS8)),
    "Ed25519 PKCS8": ("EdDSA", pem(EDWARDS, PrivateFormat.PKCS8)),
    "Ed25519 seed": ("EdDSA", base64.b64encode(SEED).decode()),
    "Ed25519 pair": ("EdDSA", base64.b64encode(SEED + PUBLIC).decode()),
}


def environment(secret: str) -> dict[str, str]:
    return {"COINBASE_KEY": NAME, "COINBASE_SECRET": secret}


def part(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=="))


def assert_signed(token: str) -> None:
    """Verify a token with the public half of the key that its algorithm tells."""
    header, claims, signature = token.split(".")
    raw, said = base64.urlsafe_b64decode(signature + "=="), f"{header}.{claims}".encode()
    if part(header)["alg"] == "ES256":
        pair = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        CURVE.public_key().verify(encode_dss_signature(*pair), said, ec.ECDSA(hashes.SHA256()))
    else:
        EDWARDS.public_key().verify(raw, said)


@pytest.mark.parametrize(("algorithm", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_token_is_what_coinbase_expects(algorithm: str, secret: str) -> None:
    signer = Signer(CREDENTIALS, environment(secret), ManualClock(T0 + 999))
    for uri in (None, "GET api.coinbase.com/api/v3/brokerage/accounts"):
        token, other = signer.token(uri), signer.token(uri)
        assert_signed(token)
        header, claims = (part(text) for text in token.split(".")[:2])
        nonce = header.pop("nonce")
        assert int(nonce, 16) != int(part(other.split(".")[0])["nonce"], 16)
        assert header == {"alg": algorithm, "kid": NAME, "typ": "JWT"}
        expected = {"sub": NAME, "iss": "cdp", "nbf": T0 // 1000, "exp": T0 // 1000 + 120}
        assert claims == (expected if uri is None else {**expected, "uri": uri})


CANARY = "canary-of-the-secret"
BAD = {
    "nothing": "",
    "no key": CANARY,
    "base64 of too little": base64.b64encode(CANARY.encode()).decode(),
    "a broken PEM": f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\n-----END EC PRIVATE KEY-----",
    "another curve": pem(ec.generate_private_key(ec.SECP384R1()), PrivateFormat.PKCS8),
    "another kind": pem(rsa.generate_private_key(65537, 2048), PrivateFormat.PKCS8),
}


@pytest.mark.parametrize("secret", BAD.values(), ids=BAD)
def test_a_secret_that_is_no_key_is_named_by_its_variable_alone(secret: str) -> None:
    signer = Signer(CREDENTIALS, environment(secret), ManualClock(T0))
    with pytest.raises(InvalidError) as caught:
        signer.token()
    assert caught.value.where == "COINBASE_SECRET"
    told = "".join(traceback.format_exception(caught.value)) + repr(signer) + repr(vars(caught.value))
    assert not secret or secret[:12] not in told.replace("-----BEGIN", "")
    assert CANARY not in told
    assert NAME not in told


def test_a_name_that_is_not_set() -> None:
    with pytest.raises(InvalidError) as caught:
        Signer(CREDENTIALS, {}, ManualClock(T0)).token()
    assert caught.value.where == "COINBASE_KEY"


async def test_the_recorded_accounts(shared_data: Path) -> None:
    body = json.loads((shared_data / "rest_samples" / "coinbase_advanced_accounts_20260930.json").read_text())
    first, second = body["accounts"][:1], body["accounts"][1:]
    second[0]["available_balance"]["value"], second[0]["hold"]["value"] = "1.25", "0.5"
    tokens: list[str] = []

    async def accounts(request: web.Request) -> web.StreamResponse:
        tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        assert request.query["limit"] == "250"
        if "cursor" not in request.query:
            return web.json_response({"accounts": first, "has_next": True, "cursor": "next"})
        assert request.query["cursor"] == "next"
        return web.json_response({"accounts": second, "has_next": False, "cursor": ""})

    async with serving(web.get(f"{REST}/accounts", accounts)) as address:
        exchange = coinbase(f"http://{address}", environment=environment(SEC1), credentials=CREDENTIALS)
        found = await exchange.accounts()
        assert [account.currency for account in found] == [one["currency"] for one in body["accounts"]]
        assert (found[1].available.value, found[1].total) == (1.25, 1.75)
        assert len(set(tokens)) == 2
        for token in tokens:
            assert_signed(token)
            assert part(token.split(".")[1])["uri"] == "GET api.coinbase.com/api/v3/brokerage/accounts"
        await exchange.close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, "Unauthorized", "key"),
        (403, '{"error_details":"Missing required scopes"}', "Missing required scopes"),
    ],
)
async def test_a_key_that_is_not_accepted(status: int, body: str, words: str) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body)

    async with serving(web.get(f"{REST}/accounts", refuse)) as address:
        exchange = coinbase(f"http://{address}", environment=environment(SEC1), credentials=CREDENTIALS)
        with pytest.raises(ExchangeRefusedError, match=words) as caught:
            await exchange.accounts()
        assert NAME not in str(caught.value) + repr(exchange)
        await exchange.close()


async def test_without_a_key_there_are_no_accounts() -> None:
    exchange = coinbase("http://127.0.0.1:1")
    with pytest.raises(ExchangeRefusedError, match="no key"):
        await exchange.accounts()
    await exchange.close()


async def test_every_message_of_a_stream_has_a_token_of_its_own() -> None:
    async with Server().running() as server:
        exchange = server.adapter(
            timing=Timing(spacing=0.0), environment=environment(SEC1), credentials=CREDENTIALS
        )
        async with server.streaming(["BTC-USD"], exchange):
            await until(lambda: server.of("candles"))
        tokens = [one["jwt"] for one in server.asked]
        assert len(set(tokens)) == 4
        for token in tokens:
            assert_signed(token)
            assert "uri" not in part(token.split(".")[1])
        await exchange.close()


async def test_a_key_that_a_stream_refuses_is_left_away() -> None:
    async with Server().running() as server:
        exchange = server.adapter(
            timing=Timing(spacing=0.0), environment=environment(SEC1), credentials=CREDENTIALS
        )
        async with server.streaming(["BTC-USD"], exchange) as (_, run):
            await server.socket.send_str('{"type":"error","message":"authentication failure"}')
            with pytest.raises(LivermoreError):
                await run
        server.asked.clear()
        async with server.streaming(["BTC-USD"], exchange):
            await until(lambda: server.of("candles"))
        assert all("jwt" not in one for one in server.asked)
        await exchange.close()


async def test_public_data_is_to_be_had_with_a_key_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    async with Server().running() as server:
        exchange = server.adapter(
            timing=Timing(spacing=0.0), environment=environment(CANARY), credentials=CREDENTIALS
        )
        async with server.streaming(["BTC-USD"], exchange):
            await until(lambda: server.of("candles"))
        assert all("jwt" not in one for one in server.asked)
        await exchange.close()
    told = capsys.readouterr()
    assert "COINBASE_SECRET" in told.out + told.err
    assert CANARY not in told.out + told.err
