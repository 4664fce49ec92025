"""OpenID Connect: where a browser is sent, the code it brings back, and the ID token given for that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from ssl import SSLContext
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from livermore.apps.access.provider import Provider, check_encrypted
from livermore.kernel.clock import Clock
from livermore.kernel.errors import NotAllowedError, TransientError

SECONDS = 10.0
LARGEST = 1_000_000  # bytes of an answer
HOUR, MINUTE = 3600.0, 60.0
LEEWAY = 60  # seconds by which clocks may differ
# Signatures that need the provider's own key; "none" and what a shared secret signs are not among them.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
WRONG = "the identity provider's answer does not hold"


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider tells of itself (OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a provider (JSON Web Key Set), those of kinds that nobody here knows among them."""

    keys: tuple[dict[str, Any], ...]


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider gives for a code."""

    id_token: str
    access_token: str | None = None


class OpenId:
    """Speak to one provider; its description and keys are kept for an hour."""

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self.provider = provider
        self._clock = clock
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def address(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser is sent to log in."""
        metadata = await self.metadata()
        address: str = prepare_grant_uri(
            metadata.authorization_endpoint, self.provider.client_id, "code", redirect_uri=redirect_uri,
            scope="openid profile email", state=state, nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier), code_challenge_method="S256",
        )  # fmt: skip
        return address

    async def claims(self, code: str, *, redirect_uri: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """Exchange a code for an ID token and return what it claims, once all of it is proven.

        Errors: NotAllowedError for what is not proven, TransientError when the provider does not answer.
        """
        given = await self._redeem(code, redirect_uri, verifier)
        now = int(self._clock.now() / 1000)
        try:
            token = jwt.decode(given.id_token, await self._keys_for(given.id_token), list(ALGORITHMS))
            claims = CodeIDToken(token.claims, token.header, self._expected(), self._params(nonce, given))
            claims.validate(now, LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotAllowedError(WRONG, hint=f"it fails at: {_reason(error)}") from None
        return dict(claims)

    async def metadata(self) -> Metadata:
        """Return what the provider tells of itself; raise NotAllowedError when it calls itself otherwise."""
        if self._metadata is None or self._clock.monotonic() - self._metadata[0] > HOUR:
            issuer = self.provider.issuer
            told = await self._get(get_well_known_url(issuer, external=True), Metadata)
            if told.issuer != issuer:
                raise NotAllowedError("the identity provider calls itself otherwise", where=issuer)
            for url in (told.authorization_endpoint, told.token_endpoint, told.jwks_uri):
                check_encrypted(url, where=issuer)
            self._metadata = self._clock.monotonic(), told
        return self._metadata[1]

    def _expected(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "value": self.provider.issuer},
            "aud": {"essential": True, "value": self.provider.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "iat": {"essential": True},
        }

    def _params(self, nonce: str, given: TokenAnswer) -> dict[str, Any]:
        return {"nonce": nonce, "client_id": self.provider.client_id, "access_token": given.access_token}

    async def _redeem(self, code: str, redirect_uri: str, verifier: str) -> TokenAnswer:
        metadata, provider = await self.metadata(), self.provider
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "code_verifier": verifier, "client_id": provider.client_id,
        }  # fmt: skip
        auth = None
        if provider.secret is not None:
            if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
                auth = (quote(provider.client_id, safe=""), quote(provider.secret, safe=""))
            else:
                form["client_secret"] = provider.secret
        answer = await self._ask("POST", metadata.token_endpoint, data=form, auth=auth)
        if not answer.is_success:
            raise NotAllowedError("the identity provider did not take the code of this login")
        given: TokenAnswer = _read(answer, TokenAnswer)
        return given

    async def _keys_for(self, token: str) -> KeySet:
        """Return the provider's keys, asked for again when the token names one that is not among them."""
        kid = _header(token).get("kid")
        if self._keys is not None and self._clock.monotonic() - self._keys[0] < HOUR:
            age, keys = self._clock.monotonic() - self._keys[0], self._keys[1]
            if age < MINUTE or kid is None or any(key.kid == kid for key in keys.keys):
                return keys
        told: Keys = await self._get((await self.metadata()).jwks_uri, Keys)
        self._keys = self._clock.monotonic(), KeySet.import_key_set({"keys": _usable(told)})
        return self._keys[1]

    @cached_property
    def _trusted(self) -> SSLContext:
        """Read the authorities of this machine once: to read them halts everybody for a moment."""
        return httpx.create_ssl_context()

    async def _get(self, url: str, shape: Any) -> Any:
        answer = await self._ask("GET", url)
        if not answer.is_success:
            raise TransientError(f"the identity provider answers {answer.status_code}", where=url)
        return _read(answer, shape)

    async def _ask(self, method: str, url: str, **given: Any) -> httpx.Response:
        try:
            async with (
                httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, verify=self._trusted) as client,
                client.stream(method, url, headers={"accept": "application/json"}, **given) as answer,
            ):
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > LARGEST:
                        raise TransientError("the identity provider answers too much", where=url)
                return httpx.Response(answer.status_code, content=body)
        except httpx.HTTPError as error:
            raise TransientError(f"the identity provider cannot be reached: {error}", where=url) from None


def _usable(told: Keys) -> list[Any]:
    """Return the keys that verify signatures, of kinds that have two halves."""
    return [
        key for key in told.keys if key.get("kty") in {"RSA", "EC", "OKP"} and key.get("use", "sig") == "sig"
    ]


def _header(token: str) -> Mapping[str, Any]:
    from joserfc.jws import extract_compact

    header: Mapping[str, Any] = extract_compact(token.encode()).headers()
    return header


def _read(answer: httpx.Response, shape: Any) -> Any:
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise TransientError("the identity provider's answer cannot be read") from None


def _reason(error: Exception) -> str:
    """Name what failed without repeating what the token holds."""
    claim = getattr(error, "claim", None)
    return str(claim or getattr(error, "error", None) or type(error).__name__)
