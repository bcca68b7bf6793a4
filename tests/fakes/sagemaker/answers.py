"""What moto does not answer, or too simply: SageMaker's training jobs, the price list, the quotas.

An "aws" here is an `aws.Aws`, which has the switches that tests turn and clients of the other services.
"""

import contextlib
import hashlib
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session

from tests.fakes.sagemaker.hosts import Document
from tests.fakes.sagemaker.jobs import LONGEST, Job
from tests.fakes.sagemaker.wire import REGION, Refused, place

MODEL = botocore.session.get_session().get_service_model("sagemaker")
INSTANCE_TYPES: list[str] = MODEL.shape_for("TrainingInstanceType").enum
IMAGE = re.compile(
    r"(?P<number>\d{12})\.dkr\.ecr\.[\w-]+\.amazonaws\.com/(?P<name>[\w./-]+?)"
    r"(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:\w+))?"
)
SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
    "SecondaryStatus",
)
CODES = {"us-east-1": "USE1", "us-east-2": "USE2", "us-west-2": "USW2", "eu-west-1": "EU", "eu-central-1": "EUC1"}
TYPES = {"structure": dict, "map": dict, "list": list, "string": str, "boolean": bool, "integer": int, "long": int}


class Answers:
    """`by_target`: what answers a request, by its X-Amz-Target; each takes the JSON that came, and the region."""

    def __init__(self, aws: Any) -> None:
        self._aws = aws
        self._creating = threading.Lock()
        self._pages = itertools.count()
        self.by_target: dict[str, Callable[[Document, str], Document]] = {
            "SageMaker.CreateTrainingJob": self._create,
            "SageMaker.DescribeTrainingJob": lambda asked, _: self._job(asked).describe(),
            "SageMaker.StopTrainingJob": self._stop,
            "SageMaker.ListTrainingJobs": self._list,
            "SageMaker.ListTags": lambda asked, _: {"Tags": self._tagged(asked).tags},
            "SageMaker.AddTags": self._add_tags,
            "AWSPriceListService.GetProducts": self._products,
            "ServiceQuotasV20190624.ListServiceQuotas": self._quotas,
            "ServiceQuotasV20190624.ListAWSDefaultServiceQuotas": self._quotas,
            "ServiceQuotasV20190624.GetServiceQuota": self._one_quota,
            "ServiceQuotasV20190624.GetAWSDefaultServiceQuota": self._one_quota,
            "Logs_20140328.GetLogEvents": self._log_events,
        }

    def _create(self, asked: Document, region: str) -> Document:
        found = list(broken(MODEL.operation_model("CreateTrainingJob").input_shape, asked))
        if found:
            count = f"{len(found)} validation error{'s' if len(found) > 1 else ''}"
            raise _invalid(f"{count} detected: {'; '.join(found)}")
        self._check(asked, region)
        with self._creating:
            name, jobs = asked["TrainingJobName"], self._aws.jobs
            if name in jobs:
                text = (
                    "Training job names must be unique within an AWS account and region, and a training job with this"
                )
                raise Refused("ResourceInUse", f"{text} name already exists ({jobs[name].arn})")
            self._check_quota(asked["ResourceConfig"], bool(asked.get("EnableManagedSpotTraining")))
            job = jobs[name] = Job(self._aws, asked, region)
        job.thread.start()
        return {"TrainingJobArn": job.arn}

    def _check(self, asked: Document, region: str) -> None:
        """Refuse what SageMaker refuses beyond its model."""
        for name in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
            if name not in asked:
                raise _invalid(f"Invalid request provided: {name} is required")
        limits, compute = asked["StoppingCondition"], asked["ResourceConfig"]
        spot, wait = bool(asked.get("EnableManagedSpotTraining")), limits.get("MaxWaitTimeInSeconds")
        if spot and (wait is None or wait < limits.get("MaxRuntimeInSeconds", LONGEST)):
            raise _invalid("MaxWaitTimeInSeconds must be present and be greater than or equal to MaxRuntimeInSeconds")
        if not spot and wait is not None:
            raise _invalid("MaxWaitTimeInSeconds requires EnableManagedSpotTraining")
        if spot and compute.get("KeepAlivePeriodInSeconds"):
            raise _invalid("KeepAlivePeriodInSeconds is not supported with EnableManagedSpotTraining")
        names = [channel["ChannelName"] for channel in asked.get("InputDataConfig", ())]
        if len(set(names)) < len(names):
            raise _invalid(f"Channel names must be unique: {names}")
        self._check_role(asked["RoleArn"])
        self._check_image(asked["AlgorithmSpecification"].get("TrainingImage", ""), region)
        for channel in asked.get("InputDataConfig", ()):
            self._check_input(channel["DataSource"]["S3DataSource"]["S3Uri"], asked["RoleArn"], region)

    def _check_quota(self, compute: Document, spot: bool) -> None:
        """Count what runs, as SageMaker does: the quota is of instances in use, not of those in one request."""
        kind, count = compute["InstanceType"], compute["InstanceCount"]
        limits = [(quota_name(kind, spot), self._aws.quota, self._in_use(kind, spot))]
        if compute.get("KeepAlivePeriodInSeconds"):
            limits.append((warm_quota_name(kind), self._aws.warm_quota, 0))
        for name, quota, used in limits:
            if quota is not None and used + count > quota:
                limit = f"'{name}' is {quota:.0f} Instances"
                asking = f"with current utilization of {used} Instances and a request delta of {count} Instances."
                wayout = "Please use AWS Service Quotas to request an increase for this quota."
                raise Refused("ResourceLimitExceeded", f"The account-level service limit {limit}, {asking} {wayout}")

    def _in_use(self, kind: str, spot: bool) -> int:
        running = [job for job in self._aws.jobs.values() if not job.over and job.spot == spot]
        computes = [job.request["ResourceConfig"] for job in running]
        return self._aws.others + sum(each["InstanceCount"] for each in computes if each["InstanceType"] == kind)

    def _check_role(self, arn: str) -> None:
        iam = self._aws.service("iam")
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            role = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
            if role["Arn"] == arn and "sagemaker.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"]):
                return
        text = "Please ensure that the role exists and allows principal 'sagemaker.amazonaws.com' to assume the role."
        raise _invalid(f"Could not assume role {arn}. {text}")

    def _check_image(self, uri: str, region: str) -> None:
        parts = IMAGE.fullmatch(uri)
        if parts is None:
            raise _invalid(f"Invalid image URI {uri}. Please provide a valid Amazon ECR path.")
        if parts["number"] != self._aws.account:
            return
        wanted = {"imageDigest": parts["digest"]} if parts["digest"] else {"imageTag": parts["tag"] or "latest"}
        ecr = self._aws.service("ecr", region)
        with contextlib.suppress(ecr.exceptions.RepositoryNotFoundException):
            if ecr.batch_get_image(repositoryName=parts["name"], imageIds=[wanted])["images"]:
                return
        raise _invalid(f"Requested image {uri} not found.")

    def _check_input(self, uri: str, role: str, region: str) -> None:
        bucket, prefix = place(uri)
        s3 = self._aws.service("s3")
        with contextlib.suppress(s3.exceptions.NoSuchBucket):
            if s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)["KeyCount"]:
                return
        raise _invalid(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
            f"exists in the selected region ({region}), that objects exist under that S3 prefix, and that the role "
            f'"{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )

    def _job(self, asked: Document) -> Job:
        job: Job | None = self._aws.jobs.get(asked.get("TrainingJobName"))
        if job is None:
            raise _invalid("Requested resource not found.")
        return job

    def _stop(self, asked: Document, _: str) -> Document:
        job = self._job(asked)
        if job.over:
            status = job.description["TrainingJobStatus"]
            raise _invalid(f"The request was rejected because the training job is in status {status}.")
        job.stop()
        return {}

    def _list(self, asked: Document, region: str) -> Document:
        jobs = [job.describe() for job in self._aws.jobs.values() if job.region == region]
        jobs = [each for each in jobs if asked.get("NameContains", "") in each["TrainingJobName"]]
        field = {"Name": "TrainingJobName", "Status": "TrainingJobStatus"}.get(asked.get("SortBy", ""), "CreationTime")
        jobs.sort(key=lambda each: each[field], reverse=asked.get("SortOrder") == "Descending")
        page, more = _page(jobs, asked, 10)
        # the page is cut before it is filtered: so says the documentation
        page = [each for each in page if asked.get("StatusEquals") in (None, each["TrainingJobStatus"])]
        return {
            "TrainingJobSummaries": [{name: each[name] for name in SUMMARY if name in each} for each in page]
        } | more

    def _tagged(self, asked: Document) -> Job:
        for job in self._aws.jobs.values():
            if job.arn == asked.get("ResourceArn"):
                found: Job = job
                return found
        raise _invalid("Requested resource not found.")

    def _add_tags(self, asked: Document, _: str) -> Document:
        job = self._tagged(asked)
        merged = {each["Key"]: each["Value"] for each in (*job.tags, *asked["Tags"])}
        job.tags = [{"Key": key, "Value": value} for key, value in merged.items()]
        return {"Tags": job.tags}

    def _products(self, asked: Document, _: str) -> Document:
        wanted = {each["Field"]: each["Value"] for each in asked.get("Filters", ())}
        instance, region = wanted.get("instanceName", "ml.g5.xlarge"), wanted.get("regionCode", REGION)
        price, spot, entries = self._aws.price, self._aws.spot_price, []
        if price is not None and asked["ServiceCode"] == "AmazonSageMaker" and instance in INSTANCE_TYPES:
            # other uses of an instance have other prices; spot instances have a rate of their own
            parts = {"Training": price, "Hosting": price / 2, "Processing": price * 2}
            parts |= {} if spot is None else {"SpotTraining": spot}
            entries = [product(instance, region, part, usd) for part, usd in parts.items()]
            entries.append(storage(region, self._aws.disk_price))
        found = [each for each in entries if wanted.items() <= each["product"]["attributes"].items()]
        page, more = _page(found, asked, 100)
        return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(each) for each in page]} | more

    def _quotas(self, asked: Document, _: str) -> Document:
        quotas = self._all_quotas() if asked.get("ServiceCode") == "sagemaker" else []
        page, more = _page(quotas, asked, 100)
        return {"Quotas": page} | more

    def _one_quota(self, asked: Document, _: str) -> Document:
        for quota in self._all_quotas():
            if quota["QuotaCode"] == asked.get("QuotaCode"):
                return {"Quota": quota}
        raise Refused(
            "NoSuchResourceException", "The request failed because the specified service quota does not exist"
        )

    def _all_quotas(self) -> list[Document]:
        aws = self._aws
        if aws.quota is None:
            return []
        values = {quota_name(each, spot): aws.quota for each in INSTANCE_TYPES for spot in (False, True)}
        values |= {warm_quota_name(each): aws.warm_quota for each in INSTANCE_TYPES}
        same = {"ServiceCode": "sagemaker", "ServiceName": "Amazon SageMaker", "Unit": "None", "Adjustable": True}
        codes = {name: f"L-{_digits(name, 8)}" for name in values}
        return [same | {"QuotaName": name, "QuotaCode": codes[name], "Value": value} for name, value in values.items()]

    def _log_events(self, asked: Document, region: str) -> Document:
        """Each page comes after an empty one: only the same token twice is the end, an empty page is none."""
        token, names = asked.get("nextToken"), ("logGroupName", "logStreamName", "startFromHead")
        inner = token.partition(":")[2] if token else ""
        if self._aws.empty_pages and not (token or "").startswith("after-empty"):
            return {"events": [], "nextForwardToken": f"after-empty{next(self._pages)}:{inner}"}
        logs = self._aws.service("logs", region)
        more = {"nextToken": inner} if inner else {}
        try:
            page = logs.get_log_events(**{name: asked[name] for name in names if name in asked}, **more)
        except logs.exceptions.ResourceNotFoundException as error:
            raise Refused("ResourceNotFoundException", "The specified log stream does not exist.") from error
        # moto adds a last page without events, whose token is the one before
        forward = token if inner == page["nextForwardToken"] else f"page{next(self._pages)}:{page['nextForwardToken']}"
        late = time.time() * 1000 - self._aws.log_delay * 1000
        events = [each for each in page["events"] if each["timestamp"] <= late]
        if len(events) < len(page["events"]):  # CloudWatch has not got the rest yet
            if not events:
                return {"events": [], "nextForwardToken": token or f"page{next(self._pages)}:"}
            index = int(inner[2:]) + 1 if inner else 0
            forward = f"page{next(self._pages)}:f/{index + len(events) - 1:056d}"
        return {"events": events, "nextForwardToken": forward}


def quota_name(instance: str, spot: bool) -> str:
    """What Service Quotas calls the number of a type's instances that training jobs may use."""
    return f"{instance} for {'spot training' if spot else 'training'} job usage"


def warm_quota_name(instance: str) -> str:
    """The quota of instances that are kept for the next job."""
    return f"{instance} for training warm pool usage"


def storage(region: str, usd: float) -> Document:
    """An entry of the price list for the disk of training instances: a gigabyte's month."""
    entry = product("storage", region, "Training", usd)
    attributes = entry["product"]["attributes"]
    for name in ("instanceName", "platoinstancename", "platoinstancetype"):
        del attributes[name]
    attributes |= {"usagetype": f"{CODES.get(region, region)}-Train:VolumeUsage.gp2", "volumeType": "General Purpose"}
    (term,) = entry["terms"]["OnDemand"].values()
    (dimension,) = term["priceDimensions"].values()
    dimension |= {"unit": "GB-Mo", "description": f"${usd} per GB-Mo of Training ML storage"}
    return entry


def product(instance: str, region: str, part: str, usd: float) -> Document:
    """An entry of the AmazonSageMaker price list: an hour of an instance for one of its uses."""
    uses = {"Training": "Train", "SpotTraining": "SpotTraining", "Hosting": "Host", "Processing": "Processing"}
    sku, use = _digits(instance + region + part, 16), uses[part]
    term, rate = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    attributes = {
        "servicecode": "AmazonSageMaker",
        "servicename": "Amazon SageMaker",
        "regionCode": region,
        "locationType": "AWS Region",
        "instanceName": instance,
        "platoinstancename": instance.partition(".")[2],
        "platoinstancetype": part,
        "component": part.removeprefix("Spot"),
        "operation": "RunInstance",
        "usagetype": f"{CODES.get(region, region)}-{use}:{instance}",
    }
    dimension = {
        "unit": "Hrs",
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${usd} per {part} {instance} hour in {region}",
        "rateCode": rate,
        "appliesTo": [],
        "pricePerUnit": {"USD": f"{usd:.10f}"},
    }
    on_demand = {term: {"sku": sku, "offerTermCode": "JRTCKXETXF", "priceDimensions": {rate: dimension}}}
    described = {"productFamily": "ML Instance", "sku": sku, "attributes": attributes}
    return {"serviceCode": "AmazonSageMaker", "product": described, "terms": {"OnDemand": on_demand}}


def broken(shape: Any, value: Any, where: str = "") -> Iterator[str]:
    """What a value breaks of botocore's model of it, which botocore itself hardly checks; in AWS's words."""
    limits, kind = shape.metadata, shape.type_name
    expected: Any = TYPES.get(kind, object)
    if not isinstance(value, expected):
        raise Refused("SerializationException", f"{where} is no {kind}")
    said = f"Value '{value}' at '{where}' failed to satisfy constraint: Member must"
    if kind in ("integer", "long", "string", "list", "map"):
        size, what = (value, "value") if kind in ("integer", "long") else (len(value), "length")
        if size < limits.get("min", size):
            yield f"{said} have {what} greater than or equal to {limits['min']}"
        if size > limits.get("max", size):
            yield f"{said} have {what} less than or equal to {limits['max']}"
    if kind == "string" and not re.fullmatch(_python_pattern(limits.get("pattern", r"[\s\S]*")), value):
        yield f"{said} satisfy regular expression pattern: {limits['pattern']}"
    if kind == "string" and value not in limits.get("enum", (value,)):
        yield f"{said} satisfy enum value set: [{', '.join(limits['enum'])}]"
    inner: list[tuple[Any, Any, str]] = []
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{_below(where, name)}' failed to satisfy constraint: Member must not be null"
        known = [(name, item) for name, item in value.items() if name in shape.members]
        inner = [(shape.members[name], item, _below(where, name)) for name, item in known]
    elif kind == "list":
        inner = [(shape.member, item, f"{where}.{at}.member") for at, item in enumerate(value, 1)]
    elif kind == "map":
        inner = [*((shape.key, key, where) for key in value), *((shape.value, item, where) for item in value.values())]
    yield from itertools.chain.from_iterable(broken(*each) for each in inner)


def _below(where: str, name: str) -> str:
    return ".".join(filter(None, (where, name[:1].lower() + name[1:])))


def _python_pattern(java: str) -> str:
    for theirs, ours in ((r"\p{L}", r"\w"), (r"\p{N}", ""), (r"\p{Z}", r"\s"), (r"\p{Alnum}", "a-zA-Z0-9")):
        java = java.replace(theirs, ours)
    return java


def _page(entries: list[Any], asked: Document, most: int) -> tuple[list[Any], Document]:
    begin = int(asked.get("NextToken", 0))
    end = begin + min(asked.get("MaxResults", most), 100)
    return entries[begin:end], {"NextToken": str(end)} if end < len(entries) else {}


def _digits(text: str, count: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:count].upper()


def _invalid(text: str) -> Refused:
    return Refused("ValidationException", text)
