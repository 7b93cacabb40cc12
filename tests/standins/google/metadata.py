"""A stand-in for the metadata server of Cloud Run, where Google's clients get their credentials (`GCE_METADATA_HOST`).

google-auth reads that variable once per process, when it first needs credentials. So use one server per process.
"""

from __future__ import annotations

import base64
import json
import time

from tests.standins.google.http_server import Answer, HttpServer, Request

# With the address of a real service account, google-auth would request its regional access boundary from Google.
ACCOUNT = "extract@localhost"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_V1 = "/computeMetadata/v1"


class MetadataServer:
    """Returns tokens that nobody checks. `paths` has the path of every request, in order."""

    def __init__(self) -> None:
        self._texts = {
            "/": "",
            f"{_V1}/": "",
            f"{_V1}/project/project-id": "demo-project",
            f"{_V1}/universe/universe-domain": "googleapis.com",
        }
        self.paths: list[str] = []
        self._server = HttpServer(self._respond)
        self.address = self._server.address

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def _respond(self, request: Request) -> Answer:
        self.paths.append(request.path)
        if request.headers.get("Metadata-Flavor", "").lower() != "google":
            return Answer(status=403)
        if request.path in self._texts:
            return _answer(self._texts[request.path])
        account, _, wish = request.path.removeprefix(f"{_V1}/instance/service-accounts/").partition("/")
        match wish if account in {"default", ACCOUNT} else None:
            case "":
                return _answer({"email": ACCOUNT, "aliases": ["default"], "scopes": [_SCOPE]})
            case "token":
                return _answer({"access_token": "a-local-token", "expires_in": 3600, "token_type": "Bearer"})
            case "identity":
                return _answer(_build_identity_token(request.query.get("audience", "")))
            case _:
                return Answer(status=404)


def _answer(content: str | dict[str, object]) -> Answer:
    kind, text = ("text/plain", content) if isinstance(content, str) else ("application/json", json.dumps(content))
    return Answer(body=text.encode(), headers={"Metadata-Flavor": "Google", "Content-Type": kind})


def _build_identity_token(audience: str) -> str:
    """Build a JSON Web Token for this audience, with an invalid signature."""
    now = int(time.time())
    claims = {"aud": audience, "email": ACCOUNT, "iat": now, "exp": now + 3600, "iss": "https://accounts.google.com"}
    pieces = (json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), b"unsigned")
    return ".".join(base64.urlsafe_b64encode(piece).decode().rstrip("=") for piece in pieces)
