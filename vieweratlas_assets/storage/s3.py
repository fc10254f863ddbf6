"""A lake in an S3 bucket, or in any server that speaks S3.

Belongs here: boto3, its errors in our words, reading again what arrived cut off.
Not here: the contract (objects). Imported only when a root is on S3: boto3 is slow to import.

Protocol: https://docs.aws.amazon.com/AmazonS3/latest/API/
"""

import contextlib
import functools
import io
import mimetypes
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSOError,
)
from urllib3.exceptions import HTTPError

from vieweratlas_assets.domain.lake import cache_control
from vieweratlas_assets.errors import StorageError
from vieweratlas_assets.storage.errors import ObjectNotFoundError
from vieweratlas_assets.storage.objects import (
    ObjectStore,
    StoredObject,
    check_folder,
    check_key,
    check_prefix,
    is_key,
)

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
# In boto3's standard mode: also after 503 SlowDown, with growing pauses of at most 20 s.
ATTEMPTS = 5
# After so long nothing is begun again whose answer broke off.
LONGEST_S = 300
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")

_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN where it applies), "
    "or AWS_PROFILE, or run under a role"
)
_RIGHTS = (
    "allow s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects "
    "to the identity in use"
)
_REGION = "set AWS_DEFAULT_REGION to the bucket's region"
_REMEDIES = {
    "NoSuchBucket": "create it, or set VIEWERATLAS_ROOT to a bucket that exists",
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
}


Answer = TypeVar("Answer")


class _BrokenOffError(Exception):
    """An answer began and did not end."""


def client_config() -> Config:
    """Timeouts and retries of every client of AWS that is made here."""
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    return Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries=retries)


class S3Store(ObjectStore):
    """Objects in a bucket, below a prefix.

    S3 itself makes a put or the end of a multipart upload visible at once and whole.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        client: Any = None,
    ) -> None:
        """Name the place; the network is not touched.

        Args:
            bucket: name of the bucket.
            prefix: what every key is put under, with or without slashes around it.
            region: region of the bucket; None leaves it to boto3's environment and profile.
            endpoint_url: address of another S3 server; None leaves it to AWS_ENDPOINT_URL.
            client: a boto3 S3 client to use in place of a new one.

        Raises:
            ValueError: the prefix is not one of a key.
            StorageError: boto3 cannot make a client of the environment.
        """
        folder = prefix.strip("/")
        self._bucket = bucket
        self._prefix = f"{check_key(folder)}/" if folder else ""
        self.root = f"s3://{bucket}/{folder}".rstrip("/")
        self._client = client or self._new_client(region, endpoint_url)

    def upload_bytes(self, key: str, data: bytes) -> str:
        uri = self.uri(key)

        def put() -> None:
            # In parts where the object is large: each part is retried by itself.
            self._client.upload_fileobj(io.BytesIO(data), self._bucket, self._prefix + key, ExtraArgs=_headers(key))

        self._ask("write", uri, put)
        return uri

    def create_bytes(self, key: str, data: bytes) -> bool:
        uri, request = self.uri(key), {"Bucket": self._bucket, "Key": self._prefix + key, **_headers(key)}

        def put() -> bool:
            try:
                self._client.put_object(Body=data, IfNoneMatch="*", **request)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in _TAKEN:
                    raise
                return False
            return True

        for _ in range(ATTEMPTS):
            if self._ask("write", uri, put):
                return True
            # It may be ours all the same: of an attempt whose answer was lost.
            with contextlib.suppress(ObjectNotFoundError):
                return self.download_bytes(key) == data
        raise StorageError(f"could not write {uri}: others write and delete it at the same time; run this again")

    def download_bytes(self, key: str) -> bytes:
        uri = self.uri(key)

        def get() -> bytes:
            response = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            try:
                with contextlib.closing(response["Body"]) as body:
                    data: bytes = body.read()
            except (IncompleteReadError, ResponseStreamingError, ReadTimeoutError, FlexibleChecksumError) as error:
                raise _BrokenOffError from error
            if len(data) != response["ContentLength"]:
                raise _BrokenOffError(f"{len(data)} of {response['ContentLength']} bytes came")
            return data

        return self._ask("read", uri, get)

    def delete(self, key: str) -> None:
        name = self._prefix + check_key(key)
        self._ask("delete", self.uri(key), lambda: self._client.delete_object(Bucket=self._bucket, Key=name))

    def exists(self, key: str) -> bool:
        # Not HEAD: its 404 does not tell a missing object from a missing bucket.
        name, uri = self._prefix + key, self.uri(key)
        page = self._ask(
            "look for", uri, lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=name, MaxKeys=1)
        )
        # The key itself sorts before every longer one.
        return any(item["Key"] == name for item in page.get("Contents", ()))

    def list_objects(self, prefix: str = "", suffix: str = "") -> list[StoredObject]:
        found = [
            StoredObject(item["Key"].removeprefix(self._prefix), item["Size"], item["ETag"], item["LastModified"])
            for page in self._pages(check_prefix(prefix))
            for item in page.get("Contents", ())
        ]
        # Other servers sort by folder, and other tools leave "folder/" markers.
        kept = (item for item in found if is_key(item.key) and item.key.endswith(suffix))
        return sorted(kept, key=lambda item: item.key)

    def folders(self, prefix: str) -> list[str]:
        found = (
            item["Prefix"].removeprefix(self._prefix).rstrip("/")
            for page in self._pages(check_folder(prefix), Delimiter="/")
            for item in page.get("CommonPrefixes", ())
        )
        return sorted(folder.rpartition("/")[2] for folder in found if is_key(folder))

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        request = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, **options}
        uri = f"{self.root}/{prefix}"
        while True:
            page = self._ask("list", uri, functools.partial(self._client.list_objects_v2, **request))
            yield page
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def _ask(self, what: str, uri: str, request: Callable[[], Answer]) -> Answer:
        """Make a request, again where its answer broke off: boto3 retries all else, but never that."""
        problem: BaseException | None = None
        began, tries = time.monotonic(), 0
        while tries < ATTEMPTS and (not tries or time.monotonic() - began < LONGEST_S):
            tries += 1
            try:
                with self._reporting(what, uri):
                    return request()
            except _BrokenOffError as error:
                problem = error.__cause__ or error
        raise StorageError(
            f"could not {what} {uri}: the answer of bucket {self._bucket!r} broke off {tries} times ({problem}); "
            "check AWS_ENDPOINT_URL and the network to it, and run this again"
        ) from problem

    def _new_client(self, region: str | None, endpoint_url: str | None) -> Any:
        try:
            # A session of its own: boto3's default one is not safe to use from several threads.
            session = boto3.session.Session(region_name=region)
            return session.client("s3", endpoint_url=endpoint_url, config=client_config())
        except (BotoCoreError, ValueError) as error:
            raise StorageError(
                f"could not open {self.root}: {error}; check AWS_PROFILE, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
            ) from error

    @contextlib.contextmanager
    def _reporting(self, what: str, uri: str) -> Iterator[None]:
        """Say boto3's errors in words that name the object, the bucket and what to set."""
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown error")
            if code == "NoSuchKey":
                raise ObjectNotFoundError(f"{uri} does not exist: write it first, or check the root") from error
            if code.isdigit():
                # No code of S3 but the status: what explains it was cut off, or it is not S3 that answers.
                raise _BrokenOffError from error
            remedy = _REMEDIES.get(code, "look the code up in the S3 documentation")
            raise StorageError(
                f"could not {what} {uri}: bucket {self._bucket!r} answered {code}; {remedy}"
            ) from error
        except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, SSOError) as error:
            raise StorageError(
                f"could not {what} {uri}: no credentials for bucket {self._bucket!r}; {_CREDENTIALS}"
            ) from error
        except BotoCoreError as error:
            raise StorageError(
                f"could not {what} {uri}: {type(error).__name__}; check the bucket's name {self._bucket!r}, "
                "AWS_ENDPOINT_URL, AWS_DEFAULT_REGION and the network"
            ) from error
        except HTTPError as error:
            raise _BrokenOffError from error


def _headers(key: str) -> dict[str, str]:
    """What is stored with an object; a browser shows a page of the site only under its type."""
    kind, encoding = mimetypes.guess_type(key)
    headers = {"ContentType": kind} if kind and not encoding else {}
    if kept := cache_control(key):
        headers["CacheControl"] = kept
    return headers
