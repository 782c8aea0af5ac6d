"""`doctor` goes the way that the server would take, through a proxy where one is set, and sends no request."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from anyio.streams.tls import TLSStream

from keyapi_mcp.commands import doctor_way
from support.certificate import own_certificate
from support.loopback import Exchange, loopback

pytestmark = pytest.mark.anyio
# The name resolves nowhere: only a proxy can lead there.
FAR = "https://api.keyapi.invalid"


async def said(base_url: str = FAR) -> str:
    lines = await anyio.to_thread.run_sync(lambda: [finding.line() for finding in doctor_way.findings(base_url)])
    return "\n".join(lines)


def answering(status: bytes) -> Callable[[Exchange], Awaitable[None]]:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
        await exchange.stream.aclose()

    return answer


async def hang_up(exchange: Exchange) -> None:
    await exchange.stream.aclose()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answering(b"407 \x1b[2JWho are you"), "it answers 407, so it wants a user and a password"),
        (answering(b"503 Down"), "it answers 503"),
        (hang_up, "RemoteDisconnected"),
        (answering(b"200 Go on"), ""),  # and no TLS at the tunnel's end
    ],
)
async def test_a_proxy_that_does_not_lead_there_is_said_without_its_words_and_its_address(
    reply: Callable[[Exchange], Awaitable[None]], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with loopback(reply) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//me:Quagga@"))
        text = await said()
        assert len(proxy.exchanges) == 1
    assert text.startswith("FAIL  no connection to api.keyapi.invalid:443 through the proxy of HTTPS_PROXY: " + words)
    assert "\n" not in text
    assert not any(part in text for part in ("Quagga", "127.0.0.1", "\x1b", "Who"))


async def test_through_a_proxy_the_service_s_certificate_is_verified_and_no_request_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.pem").write_bytes(own_certificate())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "own.pem")
    through: list[bytes] = []

    async def lead(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(ssl.SSLError):  # the certificate is not taken, or the tunnel left without a word
            inner = await TLSStream.wrap(exchange.stream, server_side=True, ssl_context=tls, standard_compatible=False)
            through.append(await inner.receive())

    monkeypatch.setattr(doctor_way, "is_loopback", lambda _host: False)
    async with loopback(lead) as proxy:
        monkeypatch.setenv("all_proxy", proxy.url.replace("//", "//me:p%40ss@"))
        assert "FAIL  the certificate of localhost cannot be verified" in await said("https://localhost:8443")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
        text = await said("https://localhost:8443")
        tunnel = proxy.exchanges[-1]
    assert text.startswith("ok    TLSv1.")
    assert text.endswith("to localhost:8443 through the proxy of all_proxy, certificate verified")
    assert tunnel.head.startswith(b"CONNECT localhost:8443 HTTP/")
    assert tunnel.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'me:p@ss').decode()}"
    assert through == []


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("socks5://proxy.invalid:1080", "FAIL  the proxy of HTTPS_PROXY cannot be used"),
        ("http://proxy.invalid:port", "FAIL  the proxy of HTTPS_PROXY cannot be used"),
        ("http://proxy.invalid:3128", "FAIL  no connection to api.keyapi.invalid:443 through the proxy"),
        (
            "https://proxy.invalid",
            "note  the service is asked through the https:// proxy of HTTPS_PROXY, which was not",
        ),
    ],
)
async def test_a_proxy_that_cannot_be_used_or_tried_is_said(
    address: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    assert (await said()).startswith(line)


async def test_the_direct_way_is_tried_where_the_proxy_is_not_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loopback(hang_up) as proxy, loopback(hang_up) as service:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert "connected to 127.0.0.1" in await said(service.url)
        monkeypatch.setenv("NO_PROXY", "keyapi.invalid")
        assert "the name api.keyapi.invalid cannot be resolved" in await said()
        assert proxy.connections == 0
        assert service.exchanges == []
