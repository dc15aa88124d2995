"""A Kafka that asks who is there, TLS in front of ClickHouse, and the certificates of both."""

import asyncio
import re
import ssl
import threading
from contextlib import closing, suppress
from pathlib import Path

import trustme
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives import serialization

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.ports import free_port

USER = "viewer-of-scores"
KAFKA_PASSWORD = "sentinel-of-kafka-5b1f"
CLICKHOUSE_PASSWORD = "sentinel-of-clickhouse-77d0"
HASH_SECRET = "sentinel-of-hashes-e2c4"
_ITERATIONS = 4096
_LISTENERS = {"SCRAM": "SASL_PLAINTEXT", "TLS": "SSL", "SECURE": "SASL_SSL"}


class Certificates:
    """An authority, a certificate for 127.0.0.1 and localhost, and another authority that did not sign it."""

    def __init__(self, folder: Path) -> None:
        """Write them."""
        authority = trustme.CA()
        self.authority, self.stranger, self.server = folder / "authority.pem", folder / "stranger.pem", folder / "server.pem"
        authority.cert_pem.write_to_path(self.authority)
        trustme.CA().cert_pem.write_to_path(self.stranger)
        issued = authority.issue_cert("127.0.0.1", "localhost")
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        self.server.write_bytes(_for_java(issued.private_key_pem.bytes()) + chain)


def _for_java(key: bytes) -> bytes:
    """Return a key in PKCS #8, the one form that Kafka reads."""
    encodings = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return serialization.load_pem_private_key(key, None).private_bytes(*encodings)


class SecuredKafka(EmbeddedKafka):
    """The embedded Kafka with listeners beside its own: SCRAM, TLS, and both."""

    def __init__(self, folder: Path, cache_dir: Path, certificates: Certificates) -> None:
        """Choose the ports."""
        super().__init__(folder, cache_dir=cache_dir)
        self._certificates = certificates
        self._ports = {name: free_port() for name in _LISTENERS}

    def address(self, protocol: str) -> str:
        """Return host:port of the listener that speaks a protocol."""
        if protocol == "PLAINTEXT":
            return self.bootstrap_servers
        return next(f"127.0.0.1:{self._ports[name]}" for name, spoken in _LISTENERS.items() if spoken == protocol)

    def _write_properties(self) -> Path:
        path = super()._write_properties()
        text = path.read_text()
        more = "".join(f",{name}://127.0.0.1:{port}" for name, port in self._ports.items())
        text = re.sub(r"^((?:advertised\.)?listeners=.*)$", rf"\1{more}", text, flags=re.MULTILINE)
        spoken = "".join(f",{name}:{protocol}" for name, protocol in _LISTENERS.items())
        text = re.sub(r"^(listener\.security\.protocol\.map=.*)$", rf"\1{spoken}", text, flags=re.MULTILINE)
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        path.write_text(
            f"{text}inter.broker.listener.name=PLAINTEXT\nsasl.enabled.mechanisms=SCRAM-SHA-512\n"
            f"listener.name.scram.scram-sha-512.sasl.jaas.config={scram}\n"
            f"listener.name.secure.scram-sha-512.sasl.jaas.config={scram}\n"
            f"ssl.keystore.type=PEM\nssl.keystore.location={self._certificates.server}\n"
        )
        return path

    def add_user(self) -> None:
        """Let the user in."""
        entry = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        user = UserScramCredentialUpsertion(USER, entry, KAFKA_PASSWORD.encode())
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        for done in admin.alter_user_scram_credentials([user]).values():
            done.result(30)


class TlsProxy:
    """Speaks TLS to clients, and passes what they say to a plain port of loopback. Use it as a context manager."""

    def __init__(self, certificates: Certificates, port: int) -> None:
        """Describe it."""
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificates.server)
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()))
        self.port = free_port()

    def __enter__(self) -> "TlsProxy":
        """Listen."""
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    async def _run(self) -> None:
        async with await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._context):
            self._ready.set()
            await self._stop.wait()
        handlers = asyncio.all_tasks() - {asyncio.current_task()}
        for task in handlers:
            task.cancel()
        await asyncio.wait(handlers or [asyncio.create_task(asyncio.sleep(0))])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._target)
        with suppress(asyncio.CancelledError):
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer), suppress(OSError):
        while content := await reader.read(1 << 16):
            writer.write(content)
            await writer.drain()
