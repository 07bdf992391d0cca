"""Who asks: the bearer token of a request becomes an identity.

Knows one header; what a token says is `dispatch.identity`'s. Invariant: nothing of a token reaches a message.
"""

from starlette.datastructures import Headers

from dispatch.clock import now_ms
from dispatch.errors import Code, Refused
from dispatch.identity import Identity, Verifier

MOST_TOKEN = 8192


def identify(headers: Headers, verifier: Verifier) -> Identity:
    """Raises Refused (unauthenticated); Unavailable while the token's key may yet come."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refused(Code.UNAUTHENTICATED, "Authorization: Bearer with a token is needed")
    if len(token) > MOST_TOKEN:
        raise Refused(Code.UNAUTHENTICATED, "the token is too long")
    return verifier.verify_again(token, now_ms())
