"""A small OpenID Connect provider on the loopback, which tells the truth or the lie that a test asks for."""

from __future__ import annotations

import base64
import functools
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote, urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from livermore.kernel.clock import ManualClock

CLIENT, SECRET = "livermore test/1", "s3cret of the client: +/"


def new_key(algorithm: str) -> Any:
    """Draw a key, named by chance."""
    parameters: Any = {"kid": secrets.token_hex(4), "use": "sig", "alg": algorithm}
    if algorithm == "RS256":
        return RSAKey.generate_key(2048, parameters)
    return ECKey.generate_key("P-256", parameters)


@functools.cache
def usual_key(algorithm: str) -> Any:
    """Draw the key that every provider begins with: to draw one takes longer than most tests."""
    return new_key(algorithm)


@dataclass
class Told:
    """What was asked for when a code was given."""

    nonce: str
    challenge: str
    redirect_uri: str


@dataclass
class SmallProvider:
    """Vouch for one person; `claims` and `sign` change what an ID token says and who says it."""

    clock: ManualClock
    algorithm: str = "RS256"
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "117"})
    claims: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda claims: claims)
    sign: Callable[[dict[str, Any]], str] | None = None
    returned: dict[str, str] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    published: Any = None
    issuer: str = ""
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = usual_key(self.algorithm)
        self._codes: dict[str, Told] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, clock: ManualClock, algorithm: str = "RS256") -> AsyncIterator[Self]:
        provider = cls(clock, algorithm)
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", provider.describe)
        app.router.add_get("/authorize", provider.authorize)
        app.router.add_post("/token", provider.token)
        app.router.add_get("/keys", provider.keys)
        async with TestServer(app, host="127.0.0.1") as server:
            provider.issuer = str(server.make_url("")).rstrip("/")
            yield provider

    async def describe(self, _: web.Request) -> web.Response:
        self.asked.append("description")
        return web.json_response({
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        } | self.described)  # fmt: skip

    async def keys(self, _: web.Request) -> web.Response:
        self.asked.append("keys")
        if self.published is not None:
            return web.json_response(self.published)
        shared = OctKey.import_key("never to be believed").as_dict(private=True)
        keys = KeySet([self.key]).as_dict(private=False)["keys"]
        return web.json_response({"keys": [shared, *keys]})

    async def authorize(self, request: web.Request) -> web.Response:
        """Take whoever comes for the person, and send them back with a code."""
        asked = request.query
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_hex(8)
        self._codes[code] = Told(asked["nonce"], asked["code_challenge"], asked["redirect_uri"])
        answer = {"code": code, "state": asked["state"]} | self.returned
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(answer)}")

    async def token(self, request: web.Request) -> web.Response:
        """Give an ID token for a code, once, to the client and the browser that the code was given to."""
        form = await request.post()
        told = self._codes.pop(str(form.get("code")), None)
        if told is None or not self._is_client(request.headers.get("authorization", ""), dict(form)):
            return web.json_response({"error": "invalid_grant"}, status=400)
        verifier = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if (challenge, form["redirect_uri"]) != (told.challenge, told.redirect_uri):
            return web.json_response({"error": "invalid_grant"}, status=400)
        id_token = (self.sign or self.signed)(self.claims(self.truth(told.nonce)))
        return web.json_response({"id_token": id_token, "access_token": "access", "token_type": "Bearer"})

    def _is_client(self, header: str, form: dict[str, Any]) -> bool:
        if "client_secret" in form:
            return bool((form["client_id"], form["client_secret"]) == (CLIENT, SECRET))
        name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return (unquote(name), unquote(secret)) == (CLIENT, SECRET)

    def truth(self, nonce: str) -> dict[str, Any]:
        now = self.clock.now() // 1000
        return {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce} | self.person

    def signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])
