"""The far end of the wire: a server that keeps objects as S3 does, for a client that signs what it asks.

Owns one bucket in memory. Knows nothing of the storage that speaks to it. Invariant: a request whose signature is not
that of the bucket's one key is refused, so what is answered was signed.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ACCESS_KEY, SECRET = "AKIDEXAMPLE", "a secret of the bucket"
REGION = "us-east-1"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)"
)


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Bucket:
    port: int = 0
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    full: bool = False

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
        }

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(asked)
        if not _is_signed(asked):
            return 403, {}, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        path = urlsplit(asked.target).path
        match asked.method:
            case "PUT":
                return self._put(path, asked.body)
            case "DELETE":
                self.objects.pop(path, None)
                return 204, {}, b""
            case "POST":
                return self._delete_many(path, asked.body)
            case _ if path not in self.objects:
                return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
            case "HEAD":
                return 200, _about(self.objects[path]), b""
            case _:
                return self._get(self.objects[path], asked.headers.get("range"))

    def _put(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.full:
            return 507, {}, b"<Error><Code>InsufficientStorage</Code></Error>"
        self.objects[path] = body
        return 200, {"ETag": '"1"'}, b""

    def _delete_many(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """How a client deletes that is given a list: `POST /bucket?delete`."""
        keys = re.findall(rb"<Key>([^<]+)</Key>", body)
        for key in keys:
            self.objects.pop(f"{path.rstrip('/')}/{key.decode()}", None)
        gone = b"".join(b"<Deleted><Key>" + key + b"</Key></Deleted>" for key in keys)
        return 200, {"Content-Type": "application/xml"}, b"<DeleteResult>" + gone + b"</DeleteResult>"

    def _get(self, content: bytes, asked: str | None) -> tuple[int, dict[str, str], bytes]:
        if asked is None:
            return 200, _about(content), content
        first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        part = content[first : last + 1]
        found = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(content)}"}
        return 206, _about(part) | found, part


def _about(content: bytes) -> dict[str, str]:
    return {
        "Content-Length": str(len(content)),
        "ETag": '"1"',
        "Last-Modified": "Sun, 22 Nov 2026 12:00:00 GMT",
    }


@asynccontextmanager
async def bucket() -> AsyncIterator[Bucket]:
    kept = Bucket()
    server = await asyncio.start_server(lambda reader, writer: _serve(kept, reader, writer), "127.0.0.1", 0)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()


async def _serve(kept: Bucket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while asked := await _read(reader):
            status, headers, body = kept.answer(asked)
            told = {"Content-Length": str(len(body))} | headers | {"Connection": "keep-alive"}
            lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
            writer.write(f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode() + body)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body)


def _is_signed(asked: Asked) -> bool:
    """AWS Signature Version 4, https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html"""
    given = _AUTHORIZATION.fullmatch(asked.headers.get("authorization", ""))
    if given is None or given[1] != ACCESS_KEY:
        return False
    _, day, region, names, signature = given.groups()
    parts = urlsplit(asked.target)
    query = "&".join(sorted(part if "=" in part else f"{part}=" for part in parts.query.split("&") if part))
    headers = "".join(f"{name}:{asked.headers[name]}\n" for name in names.split(";"))
    told = asked.headers["x-amz-content-sha256"]
    if told != "UNSIGNED-PAYLOAD" and told != hashlib.sha256(asked.body).hexdigest():
        return False
    canonical = "\n".join([asked.method, parts.path, query, headers, names, told])
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", asked.headers["x-amz-date"], scope, digest])
    key = f"AWS4{SECRET}".encode()
    for word in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature)
