"""What lies in the bucket already, under another name: copied there, so that only what is new travels."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from harness.cloud.aws.threads import together

MOST_MARKERS = 100  # folders whose markers are read, the newest first
LARGEST_MARKER = 2**26  # bytes


class Copies:
    """The objects in the folders below a prefix, by the md5 of their content.

    An ETag is the md5, unless S3 encrypts with a key of yours; then the marker beside a folder tells both.
    """

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client, self._bucket = client, bucket
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        there = {each["Key"]: each for page in pages for each in page.get("Contents", ())}
        etags = {key: each["ETag"].strip('"') for key, each in there.items()}
        self._found = {etag: (key, etag) for key, etag in etags.items()}
        markers = [key for key in there if key.endswith(".json") and "/" not in key.removeprefix(prefix)]
        for marker in sorted(markers, key=lambda key: there[key]["LastModified"], reverse=True)[:MOST_MARKERS]:
            if there[marker]["Size"] > LARGEST_MARKER:
                continue
            for path, (md5, etag) in self._marked(marker).items():
                key = f"{marker.removesuffix('.json')}/{path}"
                if etags.get(key) == etag:
                    self._found.setdefault(md5, (key, etag))

    def take(self, folder: str, wanted: Mapping[str, str], say: Callable[[str], None]) -> dict[str, str]:
        """Make what can be had of the paths of a folder, by the md5 of each; the ETags of those."""
        done = dict(together(lambda path: self._copy(wanted[path], f"{folder}/{path}") or "", list(wanted)))
        taken = {path: etag for path, etag in done.items() if etag}
        if taken:
            say(f"upload    {len(taken)} of {len(wanted)} files are in S3 already, of another version: copied there")
        return taken

    def _copy(self, md5: str, key: str) -> str | None:
        """Make `key` an object of that content, inside S3; its ETag, or None where there is none to be had."""
        from botocore.exceptions import ClientError

        if md5 not in self._found:
            return None
        source, etag = self._found[md5]
        try:
            answer = self._client.copy_object(
                Bucket=self._bucket,
                Key=key,
                CopySource={"Bucket": self._bucket, "Key": source},
                CopySourceIfMatch=etag,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "NoSuchKey", "404", "AccessDenied"):
                return None  # gone or changed meanwhile, or not ours to read: it is sent
            raise
        return str(answer["CopyObjectResult"]["ETag"]).strip('"')

    def _marked(self, marker: str) -> Mapping[str, tuple[str, str]]:
        """(md5, ETag) by path, as far as a marker is whole."""
        content = self._client.get_object(Bucket=self._bucket, Key=marker)["Body"].read()
        try:
            return {str(path): (str(md5), str(etag)) for path, (md5, etag) in dict(json.loads(content)).items()}
        except (ValueError, TypeError):
            return {}
