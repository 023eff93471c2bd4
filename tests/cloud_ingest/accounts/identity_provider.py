"""A small OpenID provider of the tests: discovery, keys, and a token endpoint that checks PKCE (RFC 7636)."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

ISSUER = "https://id.example"
CLIENT, SECRET = "lophoc", "client secret"


@dataclass
class IdentityProvider(httpx.AsyncBaseTransport):
    """`claims` go over those that it would send; `down` answers nothing."""

    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    signs_with: RSAKey | None = None
    down: bool = False
    asked: dict[str, str] = field(default_factory=dict)

    def visit(self, url: str) -> tuple[str, str]:
        """What the browser does there: the code and the state with which it comes back."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert self.asked["response_type"] == "code"
        assert self.asked["code_challenge_method"] == "S256"
        return "the-code", self.asked["state"]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        match request.url.path:
            case "/.well-known/openid-configuration":
                return httpx.Response(
                    200,
                    json={
                        "issuer": ISSUER,
                        "authorization_endpoint": f"{ISSUER}/authorize",
                        "token_endpoint": f"{ISSUER}/token",
                        "jwks_uri": f"{ISSUER}/keys",
                    },
                )
            case "/keys":
                return httpx.Response(200, json={"keys": [self.key.as_dict(private=False)]})
            case "/token":
                return self._token(request)
        return httpx.Response(404)

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".replace(" ", "%20").encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = request.headers.get("authorization") in (f"Basic {expected}", f"Basic {plain}")
        if not known or form["code"] != "the-code" or challenge.decode() != self.asked["code_challenge"]:
            return httpx.Response(400, content=json.dumps({"error": "invalid_grant"}))
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": CLIENT, "sub": "s-1", "nonce": self.asked["nonce"], "iat": now, "exp": now + 300,
        } | self.claims  # fmt: skip
        written = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.signs_with or self.key)
        return httpx.Response(200, json={"access_token": "a", "token_type": "Bearer", "id_token": written})
