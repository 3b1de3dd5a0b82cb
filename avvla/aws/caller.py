"""The address from which this machine is seen by AWS: given, or asked for."""

from __future__ import annotations

import httpx

from avvla.aws.names import Network, network
from avvla.errors import UserError

SOURCE = "https://checkip.amazonaws.com"
"""AWS's own answer; any address that answers with the caller's address in plain text will do."""
TIMEOUT_S = 10.0
_LONGEST = 45  # characters of an IPv6 address


def caller_network(given: str | None, source: str = SOURCE) -> Network:
    """The network that may use ssh: `given`, else the one address that `source` answers with.

    Raises:
        UserError: `given` is no network or too wide, or `source` gives no address.
    """
    return network(given if given is not None else _ask(source))


def _ask(source: str) -> str:
    advice = "give the address with --caller, as 203.0.113.7"
    try:
        answer = httpx.get(source, timeout=TIMEOUT_S).raise_for_status().text.strip()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        line = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{source} does not tell this machine's address ({line}): {advice}"
        ) from None
    if not answer or len(answer) > _LONGEST or "/" in answer:
        raise UserError(f"{source} answers {answer[:60]!r}, expected an address: {advice}")
    return answer
