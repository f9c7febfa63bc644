"""Decide whether a proxy of the environment stands between scanmend and its model server.

A server on this machine or in a private network is always asked directly: it receives the text of documents, and a proxy
for the internet seldom reaches it. For any other server the proxy counts, as for every program, and messages name it.
"""

import ipaddress
import socket
import urllib.parse
import urllib.request

# endings of names that only a private network resolves (RFC 6762, RFC 8375, and the usual ones of routers)
_PRIVATE_ENDINGS = (".local", ".lan", ".internal", ".home", ".home.arpa", ".localdomain")
_PROXY_KINDS = ("http", "https", "all")


def proxy_for(url: str) -> str:
    """Return the environment's proxy for this address; "" if scanmend asks the server directly.

    Raises ValueError for an address that is none.
    """
    parts = urllib.parse.urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    host = parts.hostname or ""
    if not proxy or urllib.request.proxy_bypass(host) or is_private(host):
        return ""
    return proxy


def proxy_variables() -> str:
    """Return the names of the environment's variables that set a proxy, for people."""
    found = urllib.request.getproxies()
    return ", ".join(f"{kind.upper()}_PROXY" for kind in _PROXY_KINDS if kind in found)


def is_private(host: str) -> bool:
    """Return whether a host is this machine, or has only addresses of private networks."""
    name = host.lower().rstrip(".")
    try:
        return _is_private_address(name)
    except ValueError:
        pass
    if "." not in name or name.endswith(_PRIVATE_ENDINGS):
        return True
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:  # no address: the proxy may know one
        return False
    return all(_is_private_address(str(address[4][0])) for address in found)


def _is_private_address(text: str) -> bool:
    """Return whether an IP address is private; raise ValueError for anything else."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return address.is_private or address.is_loopback or address.is_link_local
