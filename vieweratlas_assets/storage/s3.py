"""A lake in an S3 bucket, or in any server that speaks S3.

Belongs here: boto3, its errors in our words, repeating reads that arrive cut off.
Not here: the contract (objects). Imported only for a root on S3, because boto3 is slow to import.

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
# boto3's standard mode also retries 503 SlowDown, with growing pauses of at most 20 s.
ATTEMPTS = 5
# No request whose answer broke off is repeated later than this.
LONGEST_S = 300
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")

_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN for temporary credentials), "
    "or AWS_PROFILE, or run under a role"
)
_RIGHTS = (
    "allow s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects "
    "for the identity in use"
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
    """An answer started and broke off."""


def client_config() -> Config:
    """Timeouts and retries of every AWS client of this project."""
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    return Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries=retries)


class S3Store(ObjectStore):
    """Objects in a bucket, below a prefix.

    S3 itself makes a put, or the end of a multipart upload, visible at once and whole.
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
        """Create a client; the network is not used yet.

        Args:
            bucket: name of the bucket.
            prefix: folder of all keys in the bucket, with or without slashes around it.
            region: region of the bucket; None leaves it to boto3's environment and profile.
            endpoint_url: address of another S3 server; None leaves it to AWS_ENDPOINT_URL.
            client: a boto3 S3 client to use instead of a new one.

        Raises:
            ValueError: the prefix is not valid in a key.
            StorageError: boto3 cannot create a client from the environment.
        """
        folder = prefix.strip("/")
        self._bucket = bucket
        self._prefix = f"{check_key(folder)}/" if folder else ""
        self.root = f"s3://{bucket}/{folder}".rstrip("/")
        self._client = client or self._new_client(region, endpoint_url)

    def upload_bytes(self, key: str, data: bytes) -> str:
        """Put an object, a large one in parts."""
        uri = self.uri(key)

        def put() -> None:
            # boto3 retries each part by itself.
            self._client.upload_fileobj(io.BytesIO(data), self._bucket, self._prefix + key, ExtraArgs=_headers(key))

        self._request("write", uri, put)
        return uri

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Put an object with If-None-Match: of several writers, the first wins."""
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
            if self._request("write", uri, put):
                return True
            # The object may still be ours: from an attempt whose answer was lost.
            with contextlib.suppress(ObjectNotFoundError):
                return self.download_bytes(key) == data
        raise StorageError(f"could not write {uri}: another process writes and deletes it too; run this again")

    def download_bytes(self, key: str) -> bytes:
        """Get an object, again if its body breaks off."""
        uri = self.uri(key)

        def get() -> bytes:
            response = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            try:
                with contextlib.closing(response["Body"]) as body:
                    data: bytes = body.read()
            except (IncompleteReadError, ResponseStreamingError, ReadTimeoutError, FlexibleChecksumError) as error:
                raise _BrokenOffError from error
            if len(data) != response["ContentLength"]:
                raise _BrokenOffError(f"{len(data)} of {response['ContentLength']} bytes arrived")
            return data

        return self._request("read", uri, get)

    def delete(self, key: str) -> None:
        """Delete an object, in one request."""
        name = self._prefix + check_key(key)
        self._request("delete", self.uri(key), lambda: self._client.delete_object(Bucket=self._bucket, Key=name))

    def exists(self, key: str) -> bool:
        """List one key: whether there is an object with this key."""
        # Not HEAD, whose 404 does not distinguish a missing object from a missing bucket.
        name, uri = self._prefix + key, self.uri(key)
        page = self._request(
            "look for", uri, lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=name, MaxKeys=1)
        )
        # The key itself sorts before every longer one.
        return any(item["Key"] == name for item in page.get("Contents", ()))

    def list_objects(self, prefix: str = "", suffix: str = "") -> list[StoredObject]:
        """List page by page, 1,000 keys per request."""
        objects = [
            StoredObject(item["Key"].removeprefix(self._prefix), item["Size"], item["ETag"], item["LastModified"])
            for page in self._pages(check_prefix(prefix))
            for item in page.get("Contents", ())
        ]
        # Other servers sort by folder, and other tools leave "folder/" markers.
        kept = (item for item in objects if is_key(item.key) and item.key.endswith(suffix))
        return sorted(kept, key=lambda item: item.key)

    def folders(self, prefix: str) -> list[str]:
        """List common prefixes, without the objects below them."""
        folders = (
            item["Prefix"].removeprefix(self._prefix).rstrip("/")
            for page in self._pages(check_folder(prefix), Delimiter="/")
            for item in page.get("CommonPrefixes", ())
        )
        return sorted(folder.rpartition("/")[2] for folder in folders if is_key(folder))

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        request = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, **options}
        uri = f"{self.root}/{prefix}"
        while True:
            page = self._request("list", uri, functools.partial(self._client.list_objects_v2, **request))
            yield page
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def _request(self, what: str, uri: str, send: Callable[[], Answer]) -> Answer:
        """Send a request, and repeat it if its answer broke off: boto3 retries everything else, but not that."""
        problem: BaseException | None = None
        started, tries = time.monotonic(), 0
        while tries < ATTEMPTS and (not tries or time.monotonic() - started < LONGEST_S):
            tries += 1
            try:
                with self._reporting(what, uri):
                    return send()
            except _BrokenOffError as error:
                problem = error.__cause__ or error
        raise StorageError(
            f"could not {what} {uri}: the answer of bucket {self._bucket!r} broke off {tries} times ({problem}); "
            "check AWS_ENDPOINT_URL and the network to it, and run this again"
        ) from problem

    def _new_client(self, region: str | None, endpoint_url: str | None) -> Any:
        try:
            # Its own session: several threads must not share boto3's default session.
            session = boto3.session.Session(region_name=region)
            return session.client("s3", endpoint_url=endpoint_url, config=client_config())
        except (BotoCoreError, ValueError) as error:
            raise StorageError(
                f"could not open {self.root}: {error}; check AWS_PROFILE, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
            ) from error

    @contextlib.contextmanager
    def _reporting(self, what: str, uri: str) -> Iterator[None]:
        """Raise boto3's errors as ours, with the object, the bucket and what to set."""
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown error")
            if code == "NoSuchKey":
                raise ObjectNotFoundError(f"{uri} does not exist: write it first, or check the root") from error
            if code.isdigit():
                # The HTTP status instead of a code of S3: the explanation was cut off, or the answer is not from S3.
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
    """The headers to store with an object; a browser needs the content type to show a page of the site."""
    kind, encoding = mimetypes.guess_type(key)
    headers = {"ContentType": kind} if kind and not encoding else {}
    if kept := cache_control(key):
        headers["CacheControl"] = kept
    return headers
