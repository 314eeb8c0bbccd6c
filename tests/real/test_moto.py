"""moto's S3 server driven by boto3: recorded, then replayed once the origin is gone.

What boto3 sends anew each time are headers: `Authorization` (a signature over host and time), `X-Amz-Date`,
`amz-sdk-invocation-id`. None of them counts for the match, nor does `x-amz-content-sha256`, which only repeats the
body. Over plain HTTP boto3 sends checksums as headers, never as trailers of an `aws-chunked` body, and it waits for
`100 Continue` before each upload. What it was told it gives back in the query (`uploadId`), and that counts. A
pre-signed address carries time and signature in its query: there a route of the config has to leave them out.
"""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.processes import finish, running
from tests.real.exchanges import ADDED, HOP_BY_HOP
from tests.real.origins import moto_origin

BUCKET = "molecule-artifacts"
BINARY = bytes(range(256)) * 1200  # 300 KiB
TEXT = "Zażółć gęślą jaźń\n控制平面 ☃\n" * 20
KEY = "boot/ünïcode key+1.txt"
# S3 takes no smaller part but the last; it is over the cap of what a cassette holds, so its digest stands for it.
PART = bytes(reversed(range(256))) * 20480  # 5 MiB
CONFIG = """
[[routes]]
name = "pre-signed download"
match = "GET /{bucket}/{key}"
ignore = ["query:X-Amz-Algorithm", "query:X-Amz-Credential", "query:X-Amz-Date", "query:X-Amz-Expires",
          "query:X-Amz-SignedHeaders", "query:X-Amz-Signature"]
"""

type Told = tuple[str, int, dict[str, str], bytes]
"""Operation, status, end-to-end headers and raw body of one answer that boto3 was given."""


class Conversation:
    """One boto3 client at one address: the answers as they came, and the results that boto3 made of them."""

    def __init__(self, base: str) -> None:
        self.answers: list[Told] = []
        self.results: list[Any] = []
        self.client = boto3.client(  # type: ignore[no-untyped-call]
            "s3",
            endpoint_url=base,
            region_name="us-east-1",
            aws_access_key_id="sham-access-key",
            aws_secret_access_key="sham-secret-key",
            config=Config(  # type: ignore[no-untyped-call]
                s3={"addressing_style": "path"},
                signature_version="s3v4",
                retries={"total_max_attempts": 1},
                proxies={},
                connect_timeout=20,
                read_timeout=20,
            ),
        )
        self.client.meta.events.register("before-parse.s3", self._note)

    def _note(self, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        body = response_dict["body"]
        if not isinstance(body, bytes):  # a download, which is read here and handed on
            body = body.read()
            response_dict["body"] = io.BytesIO(body)
        self.answers.append(
            (operation_model.name, response_dict["status_code"], _end_to_end(response_dict["headers"]), body)
        )

    def ask(self, operation: str, **arguments: Any) -> Any:
        """One operation on the bucket, whose failure is a result like any other."""
        try:
            result = getattr(self.client, operation)(Bucket=BUCKET, **arguments)
        except ClientError as error:
            result = error.response
        shown = {name: value for name, value in result.items() if name not in {"ResponseMetadata", "Body"}}
        self.results.append((operation, shown, result["ResponseMetadata"]["RetryAttempts"]))
        return result

    def download(self, **arguments: Any) -> bytes:
        body: bytes = self.ask("get_object", **arguments)["Body"].read()
        return body

    def fetch(self, address: str) -> None:
        """A pre-signed address, by another client than the one that signed it."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(address, timeout=20)
        self.answers.append(("fetch", answer.status_code, _end_to_end(answer.headers), answer.content))


def _end_to_end(headers: Any) -> dict[str, str]:
    pairs = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in pairs.items() if name not in HOP_BY_HOP and not name.startswith(ADDED)}


def _write(s3: Conversation) -> None:
    s3.ask("head_bucket")
    s3.ask("create_bucket")
    s3.ask("head_bucket")
    s3.ask("list_objects_v2")
    s3.ask("put_object", Key=KEY, Body=TEXT.encode(), ContentType="text/plain; charset=utf-8", Metadata={"tenant": "a"})
    s3.ask("put_object", Key="boot/image.bin", Body=io.BytesIO(BINARY))
    s3.ask("put_object", Key="boot/empty", Body=b"")
    s3.ask("put_object", Key="config.xml", Body=b'<?xml version="1.0"?>\r\n<a>&lt;b/&gt;</a>', ContentType="text/xml")


def _read(s3: Conversation) -> None:
    assert s3.download(Key=KEY).decode() == TEXT
    assert s3.download(Key="boot/image.bin") == BINARY
    assert s3.download(Key="boot/image.bin", Range="bytes=250-260") == BINARY[250:261]
    assert s3.download(Key="boot/empty") == b""
    etag = s3.ask("head_object", Key="boot/image.bin")["ETag"]
    s3.ask("get_object", Key="boot/image.bin", IfNoneMatch=etag)
    s3.ask("get_object", Key="no/such/key")
    s3.ask("head_object", Key="no/such/key")
    s3.ask("list_objects")
    s3.ask("list_objects_v2")
    s3.ask("list_objects_v2", Prefix="boot/", MaxKeys=1)
    s3.ask("list_objects_v2", Delimiter="/")
    s3.ask("get_bucket_location")
    signed = s3.client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "config.xml"})
    s3.fetch(signed)


def _upload_in_parts(s3: Conversation) -> None:
    upload = s3.ask("create_multipart_upload", Key="large.bin")["UploadId"]
    parts = []
    for number, body in ((1, PART), (2, BINARY)):
        part = s3.ask("upload_part", Key="large.bin", UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
    s3.ask("list_parts", Key="large.bin", UploadId=upload)
    s3.ask("complete_multipart_upload", Key="large.bin", UploadId=upload, MultipartUpload={"Parts": parts})
    seam = len(PART)
    assert s3.download(Key="large.bin", Range=f"bytes={seam - 3}-{seam + 2}") == PART[-3:] + BINARY[:3]
    abandoned = s3.ask("create_multipart_upload", Key="abandoned")["UploadId"]
    s3.ask("abort_multipart_upload", Key="abandoned", UploadId=abandoned)


def _change(s3: Conversation) -> None:
    s3.ask("copy_object", Key="copied.txt", CopySource={"Bucket": BUCKET, "Key": KEY})
    assert s3.download(Key="copied.txt").decode() == TEXT
    s3.ask("put_object_tagging", Key="copied.txt", Tagging={"TagSet": [{"Key": "stage", "Value": "über 1/2 @ ß"}]})
    s3.ask("get_object_tagging", Key="copied.txt")
    s3.ask("put_object", Key="copied.txt", Body=b"another text")
    assert s3.download(Key="copied.txt") == b"another text"
    s3.ask("delete_object", Key="copied.txt")
    s3.ask("get_object", Key="copied.txt")
    s3.ask("delete_bucket")  # it is not empty
    s3.ask("delete_objects", Delete={"Objects": [{"Key": key} for key in (KEY, "boot/image.bin", "boot/empty")]})
    s3.ask("list_objects_v2")
    s3.ask("delete_objects", Delete={"Objects": [{"Key": "config.xml"}, {"Key": "large.bin"}]})
    s3.ask("delete_bucket")
    s3.ask("list_objects_v2")


STEPS: tuple[Callable[[Conversation], None], ...] = (_write, _read, _upload_in_parts, _change)


def _converse(base: str) -> Conversation:
    s3 = Conversation(base)
    for step in STEPS:
        step(s3)
    s3.client.close()
    return s3


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account of whoever runs the tests plays no part."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def test_s3_is_replayed_to_boto3_as_it_was_recorded(tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "cpproxy.toml").write_text(CONFIG)
    where = ["--cassettes", "cassettes", "--cassette", "real/s3", "--listen", "127.0.0.1:0"]
    with moto_origin() as origin:
        with running(["record", "--upstream", origin.url, *where, "--ledger", "record.db"], cwd=tmp_path) as recorder:
            recorded = _converse(recorder.url)
            assert recorder.stop() == 0, recorder.describe()
        origin.stop()
        with running(["replay", *where, "--ledger", "replay.db"], cwd=tmp_path) as proxy:
            replayed = _converse(proxy.url)
            assert proxy.stop() == 0, proxy.describe()

    assert {status for _, status, _, _ in recorded.answers} == {200, 204, 206, 304, 404, 409}
    for was, now in zip(recorded.answers, replayed.answers, strict=True):
        with subtests.test("answer", operation=was[0]):
            assert now == was
    for was, now in zip(recorded.results, replayed.results, strict=True):
        with subtests.test("result", operation=was[0]):
            assert now == was
    with subtests.test("verdict"):
        verdict = finish(["verify", "--ledger", "replay.db", "--cassettes", "cassettes"], cwd=tmp_path)
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr
