"""`doctor`'s part on the way to the service: names, connection, TLS, and a proxy in between. No request is sent."""

from __future__ import annotations

import base64
import http.client
import os
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from keyapi_mcp.commands.finding import Finding
from keyapi_mcp.settings import is_loopback

_TIMEOUT_S: Final = 5.0
_REFUSED: Final = re.compile(r"Tunnel connection failed: (\d{3})")


def findings(base_url: str) -> Iterator[Finding]:
    """The way that the server would take."""
    parts = urlsplit(base_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy = _proxy(parts.scheme, host)
    if proxy is None:
        yield from _direct(parts.scheme, host, port)
    else:
        yield _through(proxy, _names(parts.scheme), host, port)


def _proxy(scheme: str, host: str) -> str | None:
    """The proxy's address, as the server's HTTP client finds it."""
    if is_loopback(host):
        return None
    proxies = getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    if not address or proxy_bypass(host):
        return None
    return address if "://" in address else f"http://{address}"


def _names(scheme: str) -> str:
    """Where the address stands. It is not shown itself: it may hold a password."""
    names = sorted(name for name in os.environ if name.lower() in (f"{scheme}_proxy", "all_proxy"))
    return ", ".join(names) or "the system's settings"


def _direct(scheme: str, host: str, port: int) -> Iterator[Finding]:
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    except OSError:
        yield Finding(False, f"the name {host} cannot be resolved: check the network, or KEYAPI_API_BASE_URL")
        return
    yield Finding(True, f"{host} is {address}")
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S) as plain:
            if scheme == "https":
                with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure:
                    yield Finding(True, f"{secure.version()} to {host}:{port}, certificate verified")
            else:
                yield Finding(True, f"connected to {host}:{port} (plain http, this machine)")
    except ssl.SSLCertVerificationError as error:
        yield _unverified(host, error)
    except OSError as error:
        yield Finding(False, f"no connection to {host}:{port}: {error.strerror or type(error).__name__}")


def _through(address: str, names: str, host: str, port: int) -> Finding:
    """Ask the proxy for a tunnel, and speak TLS at its end."""
    try:
        parts = urlsplit(address)
        proxy, at = parts.hostname, parts.port or 80
    except ValueError:
        proxy = None
    if not proxy or parts.scheme not in ("http", "https"):
        return Finding(
            False,
            f"the proxy of {names} cannot be used: its address has to be http:// or https://, SOCKS is not supported",
        )
    if parts.scheme == "https":
        return Finding(None, f"the service is asked through the https:// proxy of {names}, which was not tried")
    tunnel = http.client.HTTPSConnection(proxy, at, timeout=_TIMEOUT_S, context=ssl.create_default_context())
    tunnel.set_tunnel(host, port, _authorization(parts))
    try:
        tunnel.connect()
        version = tunnel.sock.version()
    except ssl.SSLCertVerificationError as error:
        return _unverified(host, error)
    except (OSError, http.client.HTTPException) as error:
        return Finding(False, f"no connection to {host}:{port} through the proxy of {names}: {_why(error)}")
    finally:
        tunnel.close()
    return Finding(True, f"{version} to {host}:{port} through the proxy of {names}, certificate verified")


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _why(error: Exception) -> str:
    if refused := _REFUSED.match(str(error)):  # without the proxy's own words
        return f"it answers {refused[1]}" + (", so it wants a user and a password" if refused[1] == "407" else "")
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    return getattr(error, "strerror", None) or type(error).__name__


def _unverified(host: str, error: ssl.SSLCertVerificationError) -> Finding:
    return Finding(False, f"the certificate of {host} cannot be verified: {error.verify_message}")
