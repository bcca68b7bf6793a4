"""Instance types that SageMaker trains on: which there are, and which have GPUs that the framework here can use."""

import difflib
import re

from harness.contract.errors import SettingError
from harness.settings.command_line import command_name

# Trainium; GPUs older than cuDNN's code, which begins at compute capability 7.5; the one processor that is not x86.
UNFIT = re.compile(r"ml\.(trn|inf|p2\.|p3|p6e-gb200)")


def check(name: str, setting: str = "mode.instance_type") -> None:
    """Refuse what SageMaker does not know, or what the framework here cannot use; asks nobody.

    Raises:
        SettingError: as it says.
    """
    import botocore.session

    service = botocore.session.get_session().get_service_model("sagemaker")
    known: list[str] = service.shape_for("TrainingInstanceType").enum
    if name in known and not UNFIT.match(name):
        return
    fit = [each for each in known if not UNFIT.match(each)]
    close = difflib.get_close_matches(name, fit, 3) or ["ml.g5.xlarge"]
    why = "has no GPU that the framework here can use" if name in known else "is no instance type of SageMaker's"
    raise SettingError(
        f"{setting}={name} {why}",
        legal=f"{', '.join(close)}, … ({len(fit)} types; not Trainium, p2, p3, p6e-gb200)",
        command=f"{command_name()} mode=cloud {setting}={close[0]}",
    )


def has_gpu(name: str) -> bool:
    """Whether instances of a type have NVIDIA GPUs: families p and g."""
    return re.match(r"ml\.[pg]\d", name) is not None
