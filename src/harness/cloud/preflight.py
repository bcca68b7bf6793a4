"""Everything that must hold before a job is sent to SageMaker, each in one line, and what it may cost."""

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.cloud import children, code, cost, spot, trial
from harness.cloud.aws import account, images, instances, prices, quotas
from harness.cloud.aws.session import client
from harness.cloud.aws.store import Store
from harness.cloud.burst import Burst
from harness.contract import plan
from harness.contract.errors import DataError, HarnessError, SettingError
from harness.contract.plan import Placement, RunPlan
from harness.data.obtain import Obtained
from harness.launch import engine, request
from harness.provenance import repository
from harness.provenance.repository import GitState
from harness.settings.command_line import command_name
from harness.settings.project import ROOT
from harness.settings.schema import Cloud, Config
from harness.tracking import inside

T = TypeVar("T")


@dataclass(frozen=True)
class SageMakerTarget:
    """SageMaker. In a dry run each part that could not be found is a word in capitals, and nothing is started."""

    placement: Placement
    settings: Config
    say: Callable[[str], None]
    session: Any
    store: Store
    image: images.Image
    role: str
    budget: prices.Budget
    mode: Cloud
    at_a_time: int | None = None  # jobs like this one that the account's quota admits; None: unknown

    def request(self, planned: RunPlan, files: Mapping[str, bytes]) -> dict[str, Any]:
        """What SageMaker would be asked."""
        return request.cloud(
            planned, files, self.image.uri, self.role, self.store.uri, self._beside(), demanded(self.mode)
        )

    def prepare(self, planned: RunPlan, files: Mapping[str, bytes], data: Obtained) -> Burst:
        """Try the bundle here, ask about the cost, upload what is not in S3 yet.

        Raises:
            NotReady: the trial failed, the answer was no, or S3 refuses.
            DataError: the data is the sample.
        """
        self.try_here(planned, files, data)
        cost.agree(self.settings.yes)
        return self.upload(files, data)

    def try_here(self, planned: RunPlan, files: Mapping[str, bytes], data: Obtained) -> None:
        """The trial, where the settings want one, and the estimate.

        Raises:
            NotReady: it failed.
            DataError: the data is the sample.
        """
        if data.dataset.sample:
            raise DataError("mode=cloud does not train on the sample", command="python src/fetch.py archive=PATH")
        runs = ROOT / self.settings.runs_folder
        if self.mode.preflight:
            trial.run(runs, planned, files, data.folder, self.say)
        self.say(f"estimate  {cost.estimate(runs, planned)}")

    def upload(self, files: Mapping[str, bytes], data: Obtained) -> Burst:
        """Make sure that data and code are in S3; the runner that sends the job.

        Raises:
            NotReady: S3 refuses or does not answer, or the month has no room for what the job may cost.
        """
        cost.check_month(ROOT / self.settings.runs_folder, self.mode, self.budget.most)
        contents = {file.path: data.folder / file.path for file in data.dataset.files}
        self.store.put_folder(request.data_name(data.dataset), contents, self.say, alike=request.DATASETS)
        self.store.put_folder(request.code_name(files), files, self.say)
        for name in self._beside().values():
            self.store.put_folder(name, inside.files(ROOT), self.say)
        wait = None if self.mode.wait_minutes is None else 60 * self.mode.wait_minutes
        return Burst(self.session, self.store, lambda planned: self.request(planned, files), wait, self.settings.detach)

    def _beside(self) -> dict[str, str]:
        """What else travels: channel and place of what logs to Comet from inside, where there is a key for it."""
        asked = self.placement.cloud
        if asked is None or asked.comet_secret is None:
            return {}
        return {"companion": request.folder_name(inside.files(ROOT))}


def check(settings: Config, state: GitState, say: Callable[[str], None]) -> SageMakerTarget:
    """Code, account, role, bucket, image, instances, quota and price; nothing is written anywhere.

    A dry run says what is not ready, and goes on.

    Raises:
        SettingError, NotReady: what is not ready.
    """
    assert isinstance(settings.mode, Cloud)
    resume = spot.resume(settings, settings.mode)
    mode = cost.capped(ROOT / settings.runs_folder, resume.mode)

    def required(asked: Callable[[], T], otherwise: T) -> T:
        if not settings.dry_run:
            return asked()
        try:
            return asked()
        except HarnessError as error:
            say(f"not ready {error}")
            return otherwise

    if not (settings.yes or settings.dry_run or sys.stdin.isatty()):
        raise SettingError(
            "mode=cloud asks before it spends, and there is no terminal to answer at",
            legal="yes=true",
            command=f"{command_name()} mode=cloud yes=true",
        )
    required(lambda: code.check_code(state, settings.allow_dirty), None)
    required(lambda: instances.check(mode.instance_type), None)
    gpu = instances.has_gpu(mode.instance_type)
    say(f"code      {repository.commit_in_words(state.git)}")

    if not settings.dry_run:
        children.begin()  # the SDK's import goes on while the rest is made ready
    nobody = account.Account(None, mode.region or "REGION", "ACCOUNT", mode.role or "ROLE", mode.bucket or "BUCKET")
    found = required(lambda: _account(mode.region, mode.role, mode.bucket, mode.bucket_owner), nobody)
    say(f"account   {found.number} in {found.region}, {found.role}, s3://{found.bucket}/{mode.prefix}")

    name = mode.image or images.own_name(found.number, found.region, engine.recipe(ROOT, settings.program), gpu)
    image, price = images.Image(name, "DIGEST", name), None
    kind, count = mode.instance_type, mode.instance_count
    quota = quotas.Quota(f"{kind} jobs", None)
    disk: float | None = None
    if found is not nobody:
        image = required(lambda: images.resolve(found.session, name, own=mode.image is None), image)
        warm = bool(mode.warm_pool_seconds)
        quota = required(lambda: _quota(found.session, kind, count, mode.spot, warm, not settings.dry_run), quota)
        price = _price(found.session, kind, found.region, mode.spot)
        disk = _disk(found.session, found.region)
        if mode.comet_secret:
            required(lambda: account.check_secret(found.session, str(mode.comet_secret)), None)
    price = prices.Price(mode.usd_per_hour) if mode.usd_per_hour else price
    say(f"image     {image.uri}{f'; {image.warning}' if image.warning else ''}")
    say(f"instance  {count} x {kind} ({'GPU' if gpu else 'no GPU'}), {quota}")

    unknown = prices.Budget(None, mode.max_usd, prices.LONGEST)
    usd, disk_usd = price.usd if price else None, (disk or 0.0) * mode.volume_gb
    budget = required(
        lambda: prices.budget(usd, mode.max_usd, count, disk_usd, mode.warm_pool_seconds),
        unknown,
    )
    say(f"cost      {cost.in_words(budget, mode, price.usage if price else None)}")
    say(f"resume    {resume.in_words(budget)}")

    asked = plan.Cloud(
        region=found.region,
        gpu=gpu,
        spot=mode.spot,
        warm_pool_seconds=mode.warm_pool_seconds,
        volume_gb=mode.volume_gb,
        max_seconds=budget.max_seconds,
        max_usd=mode.max_usd,
        usd_per_hour=budget.usd_per_hour,
        comet_secret=mode.comet_secret,
        comet_project=settings.comet.project,
        comet_workspace=settings.comet.workspace,
        input_mode=mode.input_mode,
    )
    placement = Placement(
        mode=mode.name,
        runner="sagemaker",
        reason="asked for",
        threads=mode.threads,
        instance_count=mode.instance_count,
        instance_type=mode.instance_type,
        checkpoint_seconds=mode.checkpoint_seconds,
        image=image.asked,
        image_id=image.digest,
        cloud=asked,
        verify=mode.verify,
    )
    store = Store(client(found.session, "s3") if found.session is not None else None, found.bucket, mode.prefix)
    fits = quota.at_a_time(count)
    return SageMakerTarget(placement, settings, say, found.session, store, image, found.role, budget, mode, fits)


def demanded(mode: Cloud) -> request.Demanded:
    """What the settings say that the account demands of its jobs."""
    networking = {
        "subnets": mode.subnets,
        "security_group_ids": mode.security_groups,
        "enable_network_isolation": mode.network_isolation or None,
        "enable_inter_container_traffic_encryption": mode.encrypt_traffic or None,
    }
    return request.Demanded(
        networking={name: value for name, value in networking.items() if value},
        volume_key=mode.volume_key,
        output_key=mode.output_key,
        tags={key: str(value) for key, value in (mode.tags or {}).items()},
        retries=mode.retries,
        wait_seconds=None if mode.wait_minutes is None else int(60 * mode.wait_minutes),
    )


# A sweep's jobs ask for the same things: each question is put to AWS once.
_account = functools.cache(account.find)
_quota = functools.cache(quotas.check)
_price = functools.cache(prices.per_hour)
_disk = functools.cache(prices.per_gigabyte)
