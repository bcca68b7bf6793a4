"""AWS on the loopback address: moto's server, behind a layer that adds what it lacks and the faults that tests want.

What is added: training jobs that really run (`jobs.py`), prices and quotas (`aws_answers.py`), checksums that S3
compares, credentials that have expired or are unknown, rights that are missing, a network that fails.
"""

import contextlib
import json
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import botocore.session
from botocore.config import Config
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_api._internal import moto_api_backend
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from tests.fakes.sagemaker import wire
from tests.fakes.sagemaker.answers import Answers
from tests.fakes.sagemaker.hosts import GROUP, Document, InputError
from tests.fakes.sagemaker.jobs import OVER, Job
from tests.fakes.sagemaker.wire import REGION, Fault, Refused, Request, place

__all__ = ["REGION", "Aws", "Fault", "Request"]

ROLE = REPOSITORY = "harness"
# Access keys: the tests' own, the platform's and that of a job's role; EXPIRED and UNKNOWN are refused.
OWNER, PLATFORM, WORKER = "testing", "PLATFORM", "WORKER"
ROLE_CREDENTIALS = "/role-credentials"  # where a job's processes get theirs
NOWHERE = "/nowhere/aws"
# Of all clients, for what it reads takes time; it looks at no profile and no file of this machine's.
SESSION = boto3.Session(
    botocore_session=botocore.session.Session(
        {
            "profile": (None, None, None, None),
            "config_file": (None, None, f"{NOWHERE}/config", None),
            "credentials_file": (None, None, f"{NOWHERE}/credentials", None),
        }
    )
)
MAKING = threading.Lock()  # a session is not safe for threads
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"


class Aws:
    """A context manager. `docker` names the image that jobs run in, where they shall not be plain processes.

    `grace` is in seconds; `speed` is how many of AWS's seconds pass in one of ours, for what takes hours there. One at
    a time: moto's state is the process's.
    """

    account = DEFAULT_ACCOUNT_ID

    def __init__(self, docker: str | None = None, grace: float = 120.0, speed: float = 1.0) -> None:
        self.docker, self.grace, self.speed = docker, grace, speed
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.deny: set[str] = set()  # actions, as policies name them
        self.price: float | None = 1.41  # dollars for an hour of training, on demand
        self.spot_price: float | None = (
            1.5792  # the same on a spot instance: fewer seconds are billed, at their own rate
        )
        self.disk_price = 0.14  # dollars for a gigabyte's month of an instance's disk
        self.quota: float | None = 4.0  # instances of each type, in use at a time
        self.warm_quota = 0.0  # instances of each type that may be kept warm: none, unless one has asked for it
        self.others = 0  # instances of each type that somebody else's jobs use
        self.throttled: dict[str, int] = {}  # of a service's or action's requests (`logs`, `s3:GetObject`), each n-th
        self.expired: set[str] = set()  # access keys that were good until now
        self.mfa_code = "123456"  # what the device of multi-factor authentication shows, good for one session
        self.log_delay = 0.0  # seconds that CloudWatch takes for a line
        self.empty_pages = True  # a log's pages come after empty ones
        self.no_capacity = False
        self.beside: dict[str, str] = {}  # more variables that jobs find, as a network of one's own would give them
        self.mirrors_deletions = True  # of checkpoints: so says the documentation
        self.upload_seconds = 0.0  # that the upload of a checkpoint takes
        self.stall = 10.0  # seconds that an answer is late
        self.jobs: dict[str, Job] = {}
        self.closing = threading.Event()
        self._answers = Answers(self)
        self._began = time.time()
        self._lock = threading.RLock()
        self._dark_until = 0.0
        self._stamp = 0
        self._counted: dict[str, int] = {}  # requests that may be throttled
        self._used_codes: set[str] = set()
        self._clients: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> "Aws":
        moto_api_backend.reset()
        self.folder = Path(tempfile.mkdtemp(prefix="aws-"))
        self.bin = self.folder / "bin"  # in a job's PATH: the SDK's script wants a pip, which no environment must have
        self.bin.mkdir()
        (self.bin / "pip3").write_text('#!/bin/sh\nexec python3 -m pip "$@"\n')
        (self.bin / "pip3").chmod(0o755)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._application, threaded=True, request_handler=wire.Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        for job in self.jobs.values():
            job.thread.join(60)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for client in self._clients.values():
            client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # For tests

    def environment(self, **more: str) -> dict[str, str]:
        """For child processes: credentials and the way here, and no way to any other AWS."""
        return self._reach() | {
            "AWS_ACCESS_KEY_ID": OWNER,
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_RETRY_MODE": "standard",
            "AWS_MAX_ATTEMPTS": "4",
            **more,
        }

    def client(self, service: str, key: str = OWNER, region: str = REGION, attempts: int = 4, **config: Any) -> Any:
        """boto3's client with the credentials of `key`."""
        retries = {"mode": "standard", "total_max_attempts": attempts}
        settings = {"retries": retries, "proxies": {}, "connect_timeout": 5, "read_timeout": 30} | config
        with MAKING:
            return SESSION.client(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=key,
                aws_secret_access_key="testing",
                config=Config(**settings),
            )

    def prepare(self, *tags: str, region: str = REGION) -> list[str]:
        """SageMaker's default bucket, the project's role and ECR repository; returns an image's name for each tag."""
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != REGION else {}
        self.service("s3", region).create_bucket(Bucket=self.bucket(region), **elsewhere)
        iam = self.service("iam")
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust("sagemaker.amazonaws.com")))
        ecr = self.service("ecr", region)
        uri = ecr.create_repository(repositoryName=REPOSITORY)["repository"]["repositoryUri"]
        for tag in tags:
            self.put_image(tag, region=region)
        return [f"{uri}:{tag}" for tag in tags]

    def put_image(self, tag: str, kind: str = MANIFEST, region: str = REGION) -> None:
        """An image whose manifest is of that media type: Docker's, or OCI's."""
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"digest": tag}, "layers": []}
        ecr = self.service("ecr", region)
        ecr.put_image(
            repositoryName=REPOSITORY, imageManifest=json.dumps(manifest), imageTag=tag, imageManifestMediaType=kind
        )

    def bucket(self, region: str = REGION) -> str:
        """SageMaker's default bucket."""
        return f"sagemaker-{region}-{self.account}"

    @property
    def role(self) -> str:
        """The ARN of the project's role."""
        return f"arn:aws:iam::{self.account}:role/{ROLE}"

    def job(self, begins: str) -> Job:
        """The newest job whose name begins so."""
        found = [job for name, job in self.jobs.items() if name.startswith(begins)]
        assert found, f"no job {begins!r} among {sorted(self.jobs)}"
        return found[-1]

    def wait(self, begins: str, status: str, timeout: float = 30.0, count: int = 1) -> Document:
        """Wait until a job is in a state, primary or secondary, for the `count`th time; its description."""
        deadline = time.monotonic() + timeout
        while True:
            there = any(name.startswith(begins) for name in self.jobs)
            told = self.job(begins).describe() if there else {}
            primary, states = told.get("TrainingJobStatus"), told.get("SecondaryStatusTransitions", ())
            if primary == status or sum(each["Status"] == status for each in states) >= count:
                return told
            if primary in OVER or time.monotonic() > deadline:
                reason, lines = told.get("FailureReason", ""), "\n".join(self.log(begins)) if told else ""
                past = [each["Status"] for each in states]
                raise AssertionError(f"{begins} was not {status} but {past or sorted(self.jobs)}: {reason}\n{lines}")
            time.sleep(0.02)

    def log(self, begins: str, host: str = "algo-1") -> list[str]:
        """The lines of a job's host that CloudWatch has, of all attempts."""
        job = self.job(begins)
        logs = self.service("logs", job.region)
        try:
            found = logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{job.name}/{host}-")
        except logs.exceptions.ResourceNotFoundException:
            return []
        lines: list[str] = []
        for stream in sorted(each["logStreamName"] for each in found["logStreams"]):
            page = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)
            lines += [event["message"] for event in page["events"]]
        return lines

    def interrupt(self, begins: str, kill: bool = False) -> None:
        """Reclaim the instances of a spot job; `kill`: without notice, and without a last look at its checkpoints."""
        self.job(begins).interrupt(kill)

    def outage(self, seconds: float) -> None:
        """No connection but jobs' and the platform's is answered for a while."""
        self._dark_until = time.monotonic() + seconds

    def objects(self, prefix: str = "", region: str = REGION) -> dict[str, bytes]:
        """What the default bucket holds, by key."""
        s3, bucket = self.service("s3", region), self.bucket(region)
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in _keys(s3, bucket, prefix)}

    def uploaded(self, prefix: str = "") -> int:
        """Bytes that were sent to the default bucket below a prefix, again each time they were; jobs' own apart."""
        where = f"{self.bucket()}/{prefix}"
        sent = [each for each in self.requests if each.method == "PUT" and each.sender != WORKER]
        return sum(each.size for each in sent if each.key.startswith(where))

    def actions(self) -> list[str]:
        """What was asked for, as service:Action."""
        return [f"{each.service}:{each.action}" for each in self.requests]

    # For jobs

    def now(self) -> float:
        """AWS's clock."""
        return self._began + (time.time() - self._began) * self.speed

    def stamp(self) -> int:
        """Seconds since 1970, but each number once: log streams are named by it."""
        with self._lock:
            self._stamp = max(self._stamp + 1, int(time.time()))
            return self._stamp

    def service(self, name: str, region: str = REGION) -> Any:
        """The platform's own client: neither recorded nor disturbed."""
        with self._lock:
            if (name, region) not in self._clients:
                self._clients[name, region] = self.client(name, PLATFORM, region)
            return self._clients[name, region]

    def job_environment(self) -> dict[str, str]:
        """How a job's processes get here, with the credentials of its role."""
        return self._reach() | self.beside | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url + ROLE_CREDENTIALS}

    def _reach(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": f"{NOWHERE}/config",
            "AWS_SHARED_CREDENTIALS_FILE": f"{NOWHERE}/credentials",
            "NO_PROXY": "127.0.0.1",
        }

    def ports(self, count: int) -> list[int]:
        """Ports of the loopback address that nobody listens on."""
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            return [each.getsockname()[1] for each in sockets]

    def put(self, uri: str, content: bytes) -> None:
        """Write an object."""
        bucket, key = place(uri)
        self.service("s3").put_object(Bucket=bucket, Key=key, Body=content)

    def delete(self, uri: str) -> None:
        """Delete an object."""
        bucket, key = place(uri)
        self.service("s3").delete_object(Bucket=bucket, Key=key)

    def fetch(self, uri: str, folder: Path) -> None:
        """Every object whose key begins so: a prefix is no folder, "a/b" is the beginning of "a/b.json" too.

        Raises:
            InputError: they are no tree of files.
        """
        folder.mkdir(parents=True, exist_ok=True)
        bucket, prefix = place(uri)
        s3 = self.service("s3")
        inside = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
        above = prefix[: prefix.rfind("/") + 1]
        for key in _keys(s3, bucket, prefix):
            path = folder / key.removeprefix(inside if key.startswith(inside) else above)
            try:
                (path if key.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
                if not key.endswith("/"):
                    path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            except OSError as error:
                raise InputError(f"Data download failed:{key}: {error.strerror}") from error

    # The server

    def _application(self, environ: wire.Environ, start_response: wire.StartResponse) -> Iterable[bytes]:
        who = wire.sender(environ)
        if who["key"] == PLATFORM:
            return self._moto(environ, start_response)
        if environ["PATH_INFO"] == ROLE_CREDENTIALS:
            granted = {"AccessKeyId": WORKER, "SecretAccessKey": "testing", "Token": "testing"}
            return wire.answer(granted | {"Expiration": "2099-01-01T00:00:00Z"})(environ, start_response)
        if time.monotonic() < self._dark_until and who["key"] != WORKER:
            raise ConnectionResetError
        fault = self._fault(environ) if who["service"] == "s3" else None
        uploading = environ["REQUEST_METHOD"] == "PUT"
        body = wire.receive(environ, half=uploading and fault == "truncate")
        asked = wire.parse(environ, body)
        self.requests.append(asked)
        if fault == "drop" or (uploading and fault == "truncate"):
            raise ConnectionResetError
        if fault == "stall":
            self.closing.wait(self.stall)
        if uploading and fault == "wrong":
            body = wire.altered(body)
            environ["wsgi.input"] = BytesIO(body)
        own = self._own(asked, environ, body, fault)
        if own is not None:
            return own(environ, start_response)
        if not uploading and fault in ("truncate", "wrong"):
            return wire.spoiled(self._moto, environ, start_response, fault)
        return self._moto(environ, start_response)

    def _fault(self, environ: wire.Environ) -> str | None:
        key = environ["PATH_INFO"].lstrip("/").partition("/")[2]
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == environ["REQUEST_METHOD"] and re.search(fault.key, key):
                    fault.times -= 1
                    return fault.kind
        return None

    def _own(self, asked: Request, environ: wire.Environ, body: bytes, fault: str | None) -> Response | None:
        """The layer's own answer; None: moto has one."""
        try:
            if fault == "500":
                raise Refused("InternalError", "We encountered an internal error. Please try again.", 500)
            if fault == "503":
                raise Refused("SlowDown", "Please reduce your request rate.", 503)
            self._admit(asked)
            if asked.protocol == "s3":
                if environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", self.account) != self.account:
                    raise Refused("AccessDenied", "Access Denied", 403)
                if asked.method == "PUT":
                    wire.compare(environ, body)
            if asked.action == "AssumeRole":
                self._assume(environ, body)
            if asked.action == "SimulatePrincipalPolicy":  # a right of administrators, which moto does not answer
                raise Refused("AccessDenied", "not authorized to perform: iam:SimulatePrincipalPolicy", 403)
            action = self._answers.by_target.get(environ.get("HTTP_X_AMZ_TARGET", ""))
            return None if action is None else wire.answer(action(json.loads(body or b"{}"), asked.region))
        except Refused as refused:
            return wire.refusal(refused, asked)

    def _admit(self, asked: Request) -> None:
        """Let a request in whose sender is known, and may."""
        stranger = "EXPIRED" if asked.sender in self.expired else asked.sender
        if stranger in wire.STRANGERS:
            raise Refused(*wire.STRANGERS[stranger][asked.protocol])
        self._throttle(asked)
        needed = {f"{asked.service}:{asked.action}"}
        if asked.action == "CreateTrainingJob":
            needed.add("iam:PassRole")
        if denied := sorted(needed & self.deny):
            text = f"User: arn:aws:iam::{self.account}:user/{asked.sender} is not authorized to perform: {denied[0]}"
            json_ = asked.protocol == "json"
            raise Refused("AccessDeniedException" if json_ else "AccessDenied", text, 400 if json_ else 403)

    def _throttle(self, asked: Request) -> None:
        for name in (asked.service, f"{asked.service}:{asked.action}"):
            if name in self.throttled and asked.sender != WORKER:
                with self._lock:
                    self._counted[name] = self._counted.get(name, 0) + 1
                    over = self._counted[name] % self.throttled[name] == 0
                if over and asked.protocol == "s3":
                    raise Refused("SlowDown", "Please reduce your request rate.", 503)
                if over:
                    code = "ThrottlingException" if asked.protocol == "json" else "Throttling"
                    raise Refused(code, "Rate exceeded", 400)

    def _assume(self, environ: wire.Environ, body: bytes) -> None:
        """Take a code of multi-factor authentication once: a device shows another one for the next session."""
        asked = parse_qs(body.decode())
        if "SerialNumber" not in asked:
            return
        code = asked.get("TokenCode", [""])[0]
        with self._lock:
            good = code == self.mfa_code and code not in self._used_codes
            self._used_codes.add(code)
        if not good:
            text = "MultiFactorAuthentication failed with invalid MFA one time pass code."
            raise Refused("AccessDenied", text, 403)


def trust(*principals: str) -> Document:
    """The policy of a role that services may take."""
    statement = {"Effect": "Allow", "Principal": {"Service": list(principals)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]
