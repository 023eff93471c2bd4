"""Log in by the city's own accounts: OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636).

The provider says who somebody is (`sub`); what they may do stays here, in the account that names this subject.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

_TIMEOUT_S = 10.0
_WAITS_S = 600.0
_WAITING = 10_000
_KEYS_S = 600.0
_ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "PS256", "EdDSA"]
_SKEW_S = 60


class WrongProvider(ValueError):
    """The settings of the identity provider can never work; the text says why."""


class ProviderUnavailable(Exception):
    """It did not answer as it should: try again later."""


class NotConfirmed(Exception):
    """What came back is not the answer to what was asked; the text says why, without secrets."""


@dataclass(frozen=True, slots=True)
class Provider:
    """`issuer` such as https://id.example.vn/realms/city; `secret` is never printed."""

    issuer: str
    client_id: str
    secret: str
    name: str = "OpenID Connect"
    """What the button says."""

    def __post_init__(self) -> None:
        """Raises WrongProvider."""
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
            raise WrongProvider("an issuer begins with https://")
        if parts.query or parts.fragment or not parts.hostname or not self.client_id:
            raise WrongProvider("an issuer is https://HOST[/PATH], and has a client id")

    def __repr__(self) -> str:
        return f"Provider({self.issuer!r}, {self.client_id!r})"


@dataclass(frozen=True, slots=True)
class _Asked:
    nonce: str
    verifier: str
    back_to: str
    until_s: float


class Oidc:
    """One provider. `begin` sends somebody there, `end` says who came back."""

    def __init__(
        self, provider: Provider, callback: str, clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        """`callback`: the address of ours that the provider knows."""
        self.provider = provider
        self._callback = callback
        self._clock = clock
        self._transport = transport
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._found: tuple[float, dict[str, Any], KeySet] | None = None

    async def begin(self, back_to: str = "/") -> tuple[str, str]:
        """Where to send the browser, and the state that it has to keep in a cookie. Raises ProviderUnavailable."""
        found, _ = await self._discovered()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                found["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        self._asked[state] = _Asked(nonce, verifier, local(back_to), self._clock() + _WAITS_S)
        while len(self._asked) > _WAITING:
            self._asked.popitem(last=False)
        return url, state

    async def end(self, state: str, kept_state: str | None, code: str) -> tuple[str, str]:
        """The subject, and where they wanted to go. Raises NotConfirmed, ProviderUnavailable.

        `kept_state`: from the browser's cookie, so that nobody can be logged in as somebody else by a link.
        """
        asked = self._asked.pop(state, None)
        if asked is None or kept_state is None or not secrets.compare_digest(state.encode(), kept_state.encode()):
            raise NotConfirmed("this log-in was not begun here, or was used before")
        if self._clock() > asked.until_s:
            raise NotConfirmed("this log-in took too long")
        found, keys = await self._discovered()
        try:
            async with self._client() as client:
                token = await client.fetch_token(found["token_endpoint"], code=code, code_verifier=asked.verifier)
        except (AuthlibBaseError, httpx.HTTPStatusError) as wrong:
            raise NotConfirmed("the identity provider does not take the code") from wrong
        except (httpx.HTTPError, ValueError) as wrong:
            raise ProviderUnavailable(f"{self.provider.issuer} did not answer as it should") from wrong
        written = token.get("id_token")
        if not isinstance(written, str):
            raise NotConfirmed("the identity provider sent no id_token")
        return self._subject(written, keys, asked.nonce), asked.back_to

    def _subject(self, written: str, keys: KeySet, nonce: str) -> str:
        """OpenID Connect Core 1.0, section 3.1.3.7."""
        try:
            token = jwt.decode(written, keys, algorithms=_ALGORITHMS)
            jwt.JWTClaimsRegistry(
                leeway=_SKEW_S,
                iss={"essential": True, "value": self.provider.issuer},
                aud={"essential": True, "value": self.provider.client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(token.claims)
        except (JoseError, ValueError) as wrong:
            self._found = None  # its keys may be new
            raise NotConfirmed(f"the identity provider's token does not hold ({type(wrong).__name__})") from wrong
        azp, subject = token.claims.get("azp"), token.claims["sub"]
        if (azp is not None and azp != self.provider.client_id) or not isinstance(subject, str) or not subject:
            raise NotConfirmed("the identity provider's token is for somebody else")
        return f"{self.provider.issuer} {subject}"

    async def _discovered(self) -> tuple[dict[str, Any], KeySet]:
        """OpenID Connect Discovery 1.0, section 4. Raises ProviderUnavailable."""
        if self._found is not None and self._clock() < self._found[0]:
            return self._found[1], self._found[2]
        where = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S, transport=self._transport) as client:
                found = (await client.get(where)).raise_for_status().json()
                keys = KeySet.import_key_set((await client.get(found["jwks_uri"])).raise_for_status().json())
            if found["issuer"] != self.provider.issuer:
                raise ValueError("another issuer")
            found["authorization_endpoint"], found["token_endpoint"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError, JoseError) as wrong:
            raise ProviderUnavailable(f"{self.provider.issuer} did not answer as it should") from wrong
        self._found = (self._clock() + _KEYS_S, found, keys)
        return found, keys

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self.provider.client_id, self.provider.secret, scope="openid", redirect_uri=self._callback,
            code_challenge_method="S256", timeout=_TIMEOUT_S, transport=self._transport,
        )  # fmt: skip


def local(target: str) -> str:
    """A path of ours, so that a link cannot send anybody elsewhere after the log-in."""
    if not target.startswith("/") or target.startswith(("//", "/\\")) or not target.isprintable():
        return "/"
    return target
