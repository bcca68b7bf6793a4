"""The SageMaker SDK's own object for a request. The SDK takes seconds to import: for child processes alone."""

from typing import Any


def build(request: dict[str, Any], session: Any = None) -> tuple[Any, list[Any]]:
    """`ModelTrainer` and the channels for its `train`, from a request of `request.py`; `session` is the SDK's."""
    from sagemaker.core import shapes
    from sagemaker.core.training import configs
    from sagemaker.train import ModelTrainer
    from sagemaker.train.model_trainer import Mode

    kinds = {
        "training_mode": Mode.__getitem__,
        "source_code": lambda value: configs.SourceCode(**value),
        "compute": lambda value: configs.Compute(**value),
        "stopping_condition": lambda value: shapes.StoppingCondition(**value),
        "output_data_config": lambda value: configs.OutputDataConfig(**value),
        "checkpoint_config": lambda value: configs.CheckpointConfig(**value),
        "networking": lambda value: configs.Networking(**value),
        "tags": lambda values: [shapes.Tag(**value) for value in values],
    }
    request = dict(request)
    channels = [_channel(configs, **channel) for channel in request.pop("input_data_config")]
    metrics = [shapes.MetricDefinition(**metric) for metric in request.pop("metric_definitions", [])]
    retry = request.pop("retry_strategy", None)
    arguments = {name: kinds[name](value) if name in kinds else value for name, value in request.items()}
    trainer = ModelTrainer(**arguments, **({"sagemaker_session": session} if session else {}))
    trainer = trainer.with_metric_definitions(metrics) if metrics else trainer
    return (trainer.with_retry_strategy(shapes.RetryStrategy(**retry)) if retry else trainer), channels


def _channel(configs: Any, channel_name: str, data_source: Any) -> Any:
    """A channel: an address or folder as it is, or the fields of a source whose input mode is the job's."""
    source = configs.S3DataSource(**data_source) if isinstance(data_source, dict) else data_source
    return configs.InputData(channel_name=channel_name, data_source=source)
