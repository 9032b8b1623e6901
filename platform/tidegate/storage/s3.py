"""Objects in S3, and its failures as sentences. What is fetched and what kept is known to those who call.

Nothing here relies on what some S3-compatible servers ignore (conditions on reading, copying and writing): whatever a
condition guards is looked at again by its callers.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

from boto3.s3.transfer import TransferConfig
from botocore import exceptions as boto

from tidegate.errors import IncompleteError, TidegateError

# boto3 makes the class of its clients at run time.
S3Client: TypeAlias = Any

# 1 MiB: larger blocks leave the processor's cache between receiving, hashing and writing them.
BLOCK = 1 << 20

# How often a download that breaks off goes on from where it was. The client itself repeats what fails before that.
DOWNLOAD_ATTEMPTS = 4

# CopyObject takes no more than 5 GiB. Above, parts are copied: few enough requests, and S3's 10,000 parts are more than
# its largest object.
MAX_SINGLE_COPY = 5 << 30
COPIED_PART = 640 << 20

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_CHANGED = ("412", "PreconditionFailed")
_GONE = ("404", "NoSuchKey")
_ARCHIVED = "InvalidObjectState"
_ELSEWHERE = ("301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
_BROKEN_CONNECTION = (
    boto.ConnectionError,
    boto.HTTPClientError,
    boto.IncompleteReadError,
    boto.FlexibleChecksumError,
)


@dataclass(frozen=True)
class S3Object:
    """An object as a listing tells it. `etag` is without quotes, which not every server writes."""

    bucket: str
    key: str
    size: int
    etag: str
    changed_at: dt.datetime
    storage_class: str = "STANDARD"

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class S3Folder:
    """A prefix of a bucket, ending with `/` unless it is the whole bucket.

    `setting` is what to mend when it is wrong, and `down` the error for a server that cannot be reached.
    """

    client: S3Client
    bucket: str
    prefix: str
    setting: str
    down: type[TidegateError]

    @classmethod
    def at(cls, address: str, client: S3Client, setting: str, down: type[TidegateError]) -> Self:
        """Raises TidegateError when `address` is not `s3://bucket` or `s3://bucket/prefix`."""
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise TidegateError(f"{setting} is {address}; in S3 it must be s3://bucket or s3://bucket/prefix.")
        prefix = (match["prefix"] or "").strip("/")
        return cls(client, match["bucket"], f"{prefix}/" if prefix else "", setting, down)

    def address(self, key: str = "") -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def objects(self, prefix: str) -> Iterator[S3Object]:
        """The objects whose key begins with the folder's and this prefix, in the order of keys, a page at a time."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
        with self.telling("list", self.address(prefix), "s3:ListBucket"):
            for page in pages:
                for found in page.get("Contents", ()):
                    yield self._listed(found)

    def _listed(self, found: dict[str, Any]) -> S3Object:
        try:
            return S3Object(
                self.bucket,
                found["Key"],
                found["Size"],
                found["ETag"].strip('"'),
                found["LastModified"],
                found.get("StorageClass", "STANDARD"),
            )
        except KeyError as missing:
            raise TidegateError(
                f"Could not list {self.address()}: the server tells no {missing.args[0]} of an object. "
                "Nothing was changed. It must answer ListObjectsV2 as AWS does."
            ) from missing

    def chunks(self, found: S3Object) -> Iterator[bytes]:
        """The bytes of an object as it was listed. Raises IncompleteError when it is another one or gone."""
        received, attempts = 0, 0
        while received < found.size or not attempts:
            attempts += 1
            with self.telling("read", found.address, "s3:GetObject"):
                try:
                    for chunk in self._body(found, received):
                        received += len(chunk)
                        yield chunk
                except _BROKEN_CONNECTION:
                    if attempts == DOWNLOAD_ATTEMPTS:
                        raise
                    continue
            if received != found.size:
                raise changed(found.address)

    def _body(self, found: S3Object, start: int) -> Iterator[bytes]:
        rest = {"Range": f"bytes={start}-"} if start else {}
        response = self.client.get_object(Bucket=found.bucket, Key=found.key, IfMatch=f'"{found.etag}"', **rest)
        if response["ETag"].strip('"') != found.etag:
            raise changed(found.address)
        yield from response["Body"].iter_chunks(BLOCK)

    def head(self, key: str) -> S3Object | None:
        """What stands at a key of the folder; None when nothing does."""
        return self.look(self.bucket, self.prefix + key)

    def look(self, bucket: str, key: str) -> S3Object | None:
        """What stands at a key of any bucket now; None when nothing does."""
        try:
            with self.telling("look at", f"s3://{bucket}/{key}", "s3:GetObject and s3:ListBucket"):
                found = self.client.head_object(Bucket=bucket, Key=key)
        except IncompleteError:
            return None
        return S3Object(bucket, key, found["ContentLength"], found["ETag"].strip('"'), found["LastModified"])

    def read(self, key: str) -> bytes:
        """The bytes of what stands at a key of the folder. Raises IncompleteError when nothing does."""
        with self.telling("read", self.address(key), "s3:GetObject and s3:ListBucket"):
            content: bytes = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()
        return content

    def upload(self, path: Path, key: str, content_type: str = "binary/octet-stream") -> None:
        """Write a file to a key of the folder; a large one in parts."""
        options = {"ContentType": content_type}
        with self.telling("write", self.address(key), "s3:PutObject"), path.open("rb") as stream:
            self.client.upload_fileobj(stream, self.bucket, self.prefix + key, ExtraArgs=options)

    def delete(self, key: str) -> None:
        """Remove what stands at a key of the folder, if anything does."""
        with self.telling("delete", self.address(key), "s3:DeleteObject"):
            self.client.delete_object(Bucket=self.bucket, Key=self.prefix + key)

    def copy(self, found: S3Object, key: str) -> str | None:
        """Copy an object into the folder, inside of S3; the copy's ETag, or None where it tells nothing.

        Raises IncompleteError when it is no longer the object that was listed, or gone.
        """
        source = {"Bucket": found.bucket, "Key": found.key}
        # The tags of landing are landing's: they may say when to delete, and reading them takes one more right.
        options = {"CopySourceIfMatch": f'"{found.etag}"', "TaggingDirective": "REPLACE"}
        with self.telling("copy", f"{found.address} to {self.address(key)}", "s3:GetObject and s3:PutObject"):
            if found.size > MAX_SINGLE_COPY:
                self._copy_parts(source, key, options)
                return None
            copied = self.client.copy_object(CopySource=source, Bucket=self.bucket, Key=self.prefix + key, **options)
            return str(copied["CopyObjectResult"].get("ETag", "")).strip('"')

    def _copy_parts(self, source: dict[str, str], key: str, options: dict[str, str]) -> None:
        config = TransferConfig(multipart_threshold=MAX_SINGLE_COPY, multipart_chunksize=COPIED_PART)
        # A server that does not know how to copy parts answers without the part's ETag, which the client looks up.
        # Nothing is copied then; who called looks whether it was.
        with suppress(KeyError):
            self.client.copy(source, self.bucket, self.prefix + key, ExtraArgs=options, Config=config)

    @contextmanager
    def telling(self, verb: str, address: str, rights: str) -> Iterator[None]:
        """Turn the client's failures into sentences. Raises IncompleteError for what changed or is gone."""
        try:
            yield
        except boto.ClientError as error:
            raise self._meaning(error, verb, address, rights) from error
        except _BROKEN_CONNECTION as error:
            raise self.down(f"Could not {verb} {address}: {error}. {_AGAIN}") from error
        except boto.BotoCoreError as error:
            # Credentials, profiles, regions: what a person wrote, or did not.
            raise TidegateError(f"Could not {verb} {address}: {error}. Nothing was changed. {_SETTINGS}") from error

    def _meaning(self, error: boto.ClientError, verb: str, address: str, rights: str) -> TidegateError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        could_not = f"Could not {verb} {address} ({code or status})"
        if code == "NoSuchBucket":
            return TidegateError(f"{could_not}: there is no such bucket. Make it, or mend {self.setting}.")
        if code in _CHANGED or code in _GONE:
            return changed(address)
        if code == _ARCHIVED:
            return TidegateError(f"{could_not}: it is archived by S3. Restore it there, and run again.")
        if code in _ELSEWHERE:
            return TidegateError(f"{could_not}: the bucket is in another region. {_SETTINGS}")
        if status in (401, 403):
            return TidegateError(
                f"{could_not}: these credentials may not. Nothing was changed. "
                f"Let them have {rights} there, or use others."
            )
        if status >= 500 or status == 429 or "Throttl" in code or code in ("SlowDown", "RequestTimeout"):
            return self.down(f"{could_not}. {_AGAIN}")
        return TidegateError(f"{could_not}: {error.response.get('Error', {}).get('Message', '')} Nothing was changed.")


_AGAIN = "Nothing was changed. It may pass; run again."
_SETTINGS = "Set AWS_REGION, AWS_PROFILE or the credentials in the environment, as for any AWS tool."


def changed(address: str) -> IncompleteError:
    """The error for an object, or a folder of them, that is no longer what was listed."""
    return IncompleteError(
        f"{address} changed or went away while it was being captured, so its source is still writing. "
        "Nothing was loaded. Run again when the delivery is complete."
    )
