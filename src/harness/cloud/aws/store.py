"""Objects in S3: folders that are uploaded once and are complete or do not count, and archives that come back.

A folder's content is named by hash, so what is there is never written again. Every object is checked on its way: S3
compares the md5 that is sent with the bytes that arrived, and the marker that says "complete" is written last.
"""

import base64
import gzip
import hashlib
import io
import json
import shutil
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cloud.aws.copies import Copies
from harness.cloud.aws.refusal import told
from harness.cloud.aws.threads import together
from harness.contract import legal
from harness.contract.errors import RunFailed
from harness.runs.limited import Limited

TRIES = 4  # where the bytes did not arrive whole
TOTAL = 2**36  # bytes that an archive may unpack to
MOST = 100_000  # files in it
PIECE = 2**20  # bytes that are read at once; also the most that a header may state of itself
REPORTS = 5  # lines about an upload, about
Content = bytes | Path


@dataclass(frozen=True)
class Store:
    """A place in a bucket: every key begins with `prefix`, which has no slash at its ends."""

    client: Any
    bucket: str
    prefix: str

    def uri(self, name: str) -> str:
        """The s3:// address of a name."""
        return f"s3://{self.bucket}/{self.key(name)}"

    def put_folder(self, name: str, files: Mapping[str, Content], say: Callable[[str], None], alike: str = "") -> None:
        """Make sure that `name`/ holds these files, by path.

        Files that are there are not sent again, so an upload that broke off goes on, and what a folder below `alike`
        has is copied from there. The marker `name`.json is written last: each path's md5, and the ETag that S3 gave it.

        Raises:
            NotReady: S3 refuses or does not answer.
        """
        with told(f"uploading to {self.uri(name)}"):
            etags = self._listing(f"{name}/")
            marked = self._marked(name)
        digests = {path: _md5(content) for path, content in files.items()}
        # An ETag is the md5, unless S3 encrypts with a key of yours: then it is the one that the marker says.
        missing = [path for path in files if etags.get(path) not in (digests[path], *marked.get(path, [])[1:])]
        if not missing and {path: each[0] for path, each in marked.items()} == digests:
            return
        with told(f"uploading to {self.uri(name)}"):
            if alike and missing:
                copies = Copies(self.client, self.bucket, self.key(f"{alike}/"))
                etags |= (taken := copies.take(self.key(name), {path: digests[path] for path in missing}, say))
                missing = [path for path in missing if path not in taken]
            total, done, told_at = sum(_size(files[path]) for path in missing), 0, 0.0
            for path, etag in together(lambda path: self._put(f"{name}/{path}", files[path], digests[path]), missing):
                etags[path] = etag
                done += _size(files[path])
                if done == total or done >= told_at + total / REPORTS:
                    told_at = float(done)
                    say(f"upload    {done / 1e6:.1f} of {total / 1e6:.1f} MB to {self.uri(name)}")
            each = {path: [digests[path], etags[path]] for path in files}
            marker = json.dumps(each, sort_keys=True, indent=1).encode()
            self._put(f"{name}.json", marker, _md5(marker))

    def put(self, name: str, content: Content) -> None:
        """Write one object.

        Raises:
            NotReady: S3 refuses or does not answer.
        """
        with told(f"uploading {self.uri(name)}"):
            self._put(name, content, _md5(content))

    def get_folder(self, name: str, folder: Path) -> list[Path]:
        """Download what lies under `name`/ to a folder; a file that is there whole is not fetched again.

        Raises:
            NotReady: S3 refuses or does not answer.
        """
        with told(f"downloading {self.uri(name)}"):
            there = self._listing(f"{name}/")
        taken = []
        for path, digest in sorted(there.items()):
            if not legal.PATH.test(path):
                continue
            taken.append(folder / path)
            taken[-1].parent.mkdir(parents=True, exist_ok=True)
            if not (taken[-1].exists() and _md5(taken[-1]) == digest):
                self.get(f"{name}/{path}", taken[-1])
        return taken

    def get(self, name: str, path: Path) -> bool:
        """Download an object to a file that gets its name when it is whole; False where there is none.

        Raises:
            NotReady: S3 refuses or does not answer.
        """
        from botocore.exceptions import ClientError, FlexibleChecksumError

        temporary = path.with_name(f".{path.name}.part")
        with told(f"downloading {self.uri(name)}"):
            for left in reversed(range(TRIES)):
                try:
                    # in this thread alone: Python would wait at its end for those of boto3's, whatever Ctrl-C says
                    self.client.download_file(self.bucket, self.key(name), str(temporary), Config=_alone())
                except FlexibleChecksumError:  # not S3's checksum: nobody but us tries again
                    if not left:
                        raise
                except ClientError as error:
                    if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                        return False
                    raise
                else:
                    temporary.replace(path)
                    break
        return True

    def key(self, name: str) -> str:
        """A name's key in the bucket."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def _listing(self, name: str) -> dict[str, str]:
        """ETags by path below `name`: md5, unless S3 encrypts with a key of yours."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.key(name))
        skip = len(self.key(name))
        return {each["Key"][skip:]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", ())}

    def _marked(self, name: str) -> dict[str, list[str]]:
        """What the marker of a folder says; nothing where there is none, or a torn one."""
        from botocore.exceptions import ClientError

        try:
            content = self.client.get_object(Bucket=self.bucket, Key=self.key(f"{name}.json"))["Body"].read()
            return dict(json.loads(content))
        except ValueError:
            return {}
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return {}
            raise

    def _put(self, name: str, content: Content, digest: str) -> str:
        """Send an object with its md5, which S3 compares; its ETag."""
        from botocore.exceptions import ClientError

        sum_ = base64.b64encode(bytes.fromhex(digest)).decode()
        for left in reversed(range(TRIES)):
            try:
                with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as body:
                    answer = self.client.put_object(Bucket=self.bucket, Key=self.key(name), Body=body, ContentMD5=sum_)
                break
            except ClientError as error:  # other bytes arrived: nobody but us tries again
                if error.response["Error"]["Code"] != "BadDigest" or not left:
                    raise
        return str(answer["ETag"]).strip('"')


def _alone() -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(use_threads=False)


def unpack(archive: Path, folder: Path) -> None:
    """The plain files of a .tar.gz into a folder; links, devices and places outside are refused.

    Raises:
        RunFailed: it is damaged, or holds what no run leaves.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=Limited(stream, TOTAL, PIECE), mode="r:") as tar:
            for number, member in enumerate(tar):
                if number > MOST:
                    raise ValueError(f"it holds more than {MOST} files")
                path = folder / member.name
                inside = path.resolve().is_relative_to(folder.resolve())
                if not inside or not (member.isreg() or member.isdir()):
                    raise RunFailed(f"{archive.name} holds {member.name}, which no run leaves: it was not unpacked")
                if member.isdir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                file = tar.extractfile(member)
                assert file is not None
                with path.open("wb") as target:
                    shutil.copyfileobj(file, target, PIECE)
            while stream.read(PIECE):  # the checksum stands at the end
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the file system's, not gzip's
        raise RunFailed(f"{archive.name} is damaged: {error}") from error


def _md5(content: Content) -> str:
    if isinstance(content, bytes):
        return hashlib.md5(content, usedforsecurity=False).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size
