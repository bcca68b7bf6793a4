"""The process in which the SageMaker SDK sends jobs: `python -m harness.cloud.submit`; each line on stdin is one.

The SDK's import begins at once, while the host still plans. For each job a line on stdout says `answer` and JSON: the
job's `name`, or the `code` and `message` of what AWS said instead. It ends where stdin closes.
"""

import json
import os
from typing import Any

ANSWER = "answer "
BEGUN = "begun"  # from here on AWS may have got the job


def main() -> None:
    """Import the SDK, send each job."""
    parent = os.getppid()
    # botocore asks on stdin for codes of multi-factor authentication: there, it would take the jobs for them.
    jobs = os.fdopen(os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)

    from botocore.exceptions import BotoCoreError, ClientError
    from sagemaker.core.helper.session_helper import Session

    from harness.cloud.aws.session import fresh
    from harness.launch import trainer

    for line in jobs:
        if os.getppid() != parent:  # it was killed: nobody would know of the job
            return
        job: dict[str, Any] = json.loads(line)
        try:
            session = Session(
                boto_session=fresh(job["region"]),
                default_bucket=job["bucket"],
                default_bucket_prefix=job["staging"],
            )
            built, channels = trainer.build(job["request"], session)
            print(BEGUN, flush=True)
            built.train(input_data_config=channels, wait=False, logs=False)
            answer = {"name": built._latest_training_job.training_job_name}
        except ClientError as error:
            told = error.response["Error"]
            answer = {"code": told["Code"], "message": told.get("Message", ""), "action": error.operation_name}
        except EOFError:
            answer = {"code": "no terminal", "message": "AWS asks for a code of multi-factor authentication"}
        except (BotoCoreError, ValueError) as error:
            answer = {"code": type(error).__name__, "message": " ".join(str(error).split())}
        print(f"{ANSWER}{json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    main()
