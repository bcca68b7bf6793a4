"""The process in which the SageMaker SDK sends jobs: `python -m harness.cloud.submit`; each line on stdin is one.

The SDK's import begins at once, while the host still plans. For each job a line on stdout says `answer` and JSON: the
job's `name`, or the `code` and `message` of what AWS said instead. It ends where stdin closes.
"""

import json
import sys
from typing import Any

ANSWER = "answer "


def main() -> None:
    """Import the SDK, send each job."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError
    from sagemaker.core.helper.session_helper import Session

    from harness.launch import trainer

    for line in sys.stdin:
        job: dict[str, Any] = json.loads(line)
        session = Session(
            boto_session=boto3.Session(region_name=job["region"]),
            default_bucket=job["bucket"],
            default_bucket_prefix=job["prefix"],
        )
        try:
            built, channels = trainer.build(job["request"], session)
            built.train(input_data_config=channels, wait=False, logs=False)
            answer = {"name": built._latest_training_job.training_job_name}
        except ClientError as error:
            told = error.response["Error"]
            answer = {"code": told["Code"], "message": told.get("Message", "")}
        except (BotoCoreError, ValueError) as error:
            answer = {"code": type(error).__name__, "message": " ".join(str(error).split())}
        print(f"{ANSWER}{json.dumps(answer)}", flush=True)


if __name__ == "__main__":
    main()
