"""A device's address or name on the network, as written in a room's file."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from classroom_profiles.wiring import Address


def host_address(host: str, port: int, part: str = "") -> Address:
    """Of what is at this host and port; `part` where there are several."""
    return Address("host", f"[{host}]:{port}" if ":" in host else f"{host.lower()}:{port}", part)


def _is_one(host: str) -> str:
    """A name may have digits, but one of nothing else is meant to be an address."""
    try:
        if ":" in host:
            ipaddress.IPv6Address(host)
        elif re.fullmatch(r"[0-9.]+", host):
            ipaddress.IPv4Address(host)
    except ValueError:
        kind = "IPv6" if ":" in host else "IPv4"
        right = "such as fd00::21" if ":" in host else "four numbers from 0 to 255, such as 192.168.10.21"
        raise ValueError(f"'{host}' is no {kind} address ({right})") from None
    return host


Host = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._:-]{0,252}[A-Za-z0-9])?$"), AfterValidator(_is_one)
]
